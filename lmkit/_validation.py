"""Checks of parameters, with messages in one form: "The 'x' parameter of Y must be .... Got ... instead."."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, TypeVar

from lmkit.errors import InvalidParameterError

Choice = TypeVar("Choice", bound=str)


def _fail(owner: str, name: str, expected: str, value: Any) -> InvalidParameterError:
    return InvalidParameterError(f"The {name!r} parameter of {owner} must be {expected}. Got {value!r} instead.")


def check_int(owner: str, name: str, value: Any, *, minimum: int | None = None, maximum: int | None = None) -> int:
    """Return `value` as an int within [minimum, maximum], or raise InvalidParameterError."""
    expected = "an int" + _range_words(minimum, maximum)
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise _fail(owner, name, expected, value)
    number = int(value)
    if (minimum is not None and number < minimum) or (maximum is not None and number > maximum):
        raise _fail(owner, name, expected, value)
    return number


def check_float(
    owner: str,
    name: str,
    value: Any,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    open_minimum: bool = False,
) -> float:
    """Return `value` as a finite float within [minimum, maximum], or (minimum, maximum] with `open_minimum`."""
    expected = "a finite number" + _range_words(minimum, maximum, open_minimum)
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise _fail(owner, name, expected, value)
    number = float(value)
    if minimum is not None and (number < minimum or (open_minimum and number == minimum)):
        raise _fail(owner, name, expected, value)
    if maximum is not None and number > maximum:
        raise _fail(owner, name, expected, value)
    return number


def check_choice(owner: str, name: str, value: Any, choices: Iterable[Choice]) -> Choice:
    """Return `value` if it is one of `choices`, or raise InvalidParameterError that lists them."""
    choices = list(choices)
    for choice in choices:
        if value == choice:
            return choice
    raise _fail(owner, name, "one of " + ", ".join(repr(c) for c in choices), value)


def check_options(owner: str, make: Callable[..., Any], given: Iterable[str], *, beside: Iterable[str] = ()) -> None:
    """Raise InvalidParameterError unless `make` takes all the options `given`; those `beside` are not for users to give."""
    known = [name for name in inspect.signature(make).parameters if name not in beside]
    if unknown := [name for name in given if name not in known]:
        has = f"its options are {', '.join(known)}" if known else "it has none"
        raise InvalidParameterError(f"{owner} has no option {unknown[0]!r}; {has}.")


def _range_words(minimum: float | None, maximum: float | None, open_minimum: bool = False) -> str:
    lower = "above" if open_minimum else "of at least"
    if minimum is not None and maximum is not None:
        return f" {lower} {minimum} and at most {maximum}"
    if minimum is not None:
        return f" {lower} {minimum}"
    return f" of at most {maximum}" if maximum is not None else ""
