"""scikit-learn's manners without importing it: get_params, set_params, a repr, and a check that the model is fitted."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from lmkit.errors import InvalidParameterError, NotFittedError

Self = TypeVar("Self", bound="Estimator")


class Estimator:
    """Base of what is fitted. Constructor parameters are stored unchanged under their names; what `fit` learns ends in an underscore."""

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters and their values; `sklearn.base.clone` works by them."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self: Self, **parameters: Any) -> Self:
        """Change parameters; takes effect at the next `fit`. Raises InvalidParameterError for an unknown name."""
        known = self._parameter_names()
        for name, value in parameters.items():
            if name not in known:
                raise InvalidParameterError(f"{type(self).__name__} has no parameter {name!r}; it has: {', '.join(known)}.")
            setattr(self, name, value)
        return self

    def _check_fitted(self, attribute: str) -> None:
        if not hasattr(self, attribute):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet; call fit(corpus), or open a model with lmkit.load(path).")

    def __repr__(self) -> str:
        defaults = {name: parameter.default for name, parameter in inspect.signature(type(self).__init__).parameters.items()}
        changed = [f"{name}={value!r}" for name, value in self.get_params().items() if not _is_same(value, defaults[name])]
        return f"{type(self).__name__}({', '.join(changed)})"


def _is_same(value: Any, default: Any) -> bool:
    """Whether a parameter is left as it was."""
    try:
        return bool(value == default)
    except ValueError:  # an array, which has no one truth value
        return False
