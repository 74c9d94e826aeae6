"""Smoothing methods: one file each, one line here. A method turns counts into probabilities and back-off weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmkit._validation import check_choice
from lmkit.errors import InvalidParameterError
from lmkit.ngram.smoothing.absolute_discounting import AbsoluteDiscounting
from lmkit.ngram.smoothing.additive import Additive
from lmkit.ngram.smoothing.base import Estimates, HeldOut, Smoothing
from lmkit.ngram.smoothing.jelinek_mercer import JelinekMercer
from lmkit.ngram.smoothing.katz import Katz
from lmkit.ngram.smoothing.kneser_ney import KneserNey
from lmkit.ngram.smoothing.maximum_likelihood import MaximumLikelihood
from lmkit.ngram.smoothing.modified_kneser_ney import ModifiedKneserNey
from lmkit.ngram.smoothing.stupid_back_off import StupidBackOff
from lmkit.ngram.smoothing.witten_bell import WittenBell

METHODS: dict[str, type[Smoothing]] = {
    method.name: method
    for method in (
        ModifiedKneserNey,
        KneserNey,
        AbsoluteDiscounting,
        WittenBell,
        Katz,
        JelinekMercer,
        Additive,
        MaximumLikelihood,
        StupidBackOff,
    )
}


def method_names() -> list[str]:
    """Names that `get_method` and `--smoothing` know."""
    return list(METHODS)


def get_method(smoothing: str | Smoothing | Mapping[str, Any]) -> Smoothing:
    """A method by its name, with default parameters; by the dict that its `to_dict` made; or itself.

    Raises
    ------
    InvalidParameterError : for an unknown name or parameter, or a value out of range.
    """
    if isinstance(smoothing, Smoothing):
        return smoothing
    if isinstance(smoothing, Mapping):
        parameters = dict(smoothing)
        name = parameters.pop("name", None)
        return METHODS[check_choice("NgramLanguageModel", "smoothing", name, METHODS)].from_parameters(parameters)
    if not isinstance(smoothing, str):
        raise InvalidParameterError(
            f"The 'smoothing' parameter of NgramLanguageModel must be a name or a method such as KneserNey(). Got {smoothing!r} instead."
        )
    return METHODS[check_choice("NgramLanguageModel", "smoothing", smoothing, METHODS)]()


__all__ = [
    "METHODS",
    "AbsoluteDiscounting",
    "Additive",
    "Estimates",
    "HeldOut",
    "JelinekMercer",
    "Katz",
    "KneserNey",
    "MaximumLikelihood",
    "ModifiedKneserNey",
    "Smoothing",
    "StupidBackOff",
    "WittenBell",
    "get_method",
    "method_names",
]
