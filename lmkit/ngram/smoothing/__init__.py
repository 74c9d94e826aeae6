"""Smoothing methods: one file each, one line here. A method turns counts into back-off weights and probabilities."""

from __future__ import annotations

from lmkit._validation import check_choice
from lmkit.ngram.smoothing.base import Estimates, Smoothing
from lmkit.ngram.smoothing.modified_kneser_ney import ModifiedKneserNey

_METHODS: dict[str, type[Smoothing]] = {
    "modified-kneser-ney": ModifiedKneserNey,
}


def method_names() -> list[str]:
    """Names that `get_method` and `--smoothing` know."""
    return list(_METHODS)


def get_method(name: str) -> Smoothing:
    """The smoothing method of that name. Raises InvalidParameterError for an unknown one."""
    return _METHODS[check_choice("NgramLanguageModel", "smoothing", name, _METHODS)]()


__all__ = ["Estimates", "Smoothing", "get_method", "method_names"]
