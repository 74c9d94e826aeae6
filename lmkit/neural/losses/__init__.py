"""Output layers: from hidden vectors to the probabilities of the next token. One file each, and one line here."""

from __future__ import annotations

from typing import Any

from lmkit._validation import check_choice
from lmkit.neural.interfaces import OutputRequest
from lmkit.neural.losses.base import BaseOutput
from lmkit.neural.losses.full import FullSoftmax

OUTPUTS: dict[str, type[BaseOutput]] = {
    "full": FullSoftmax,
}

__all__ = ["OUTPUTS", "BaseOutput", "FullSoftmax", "make_output"]


def make_output(name: str, request: OutputRequest, **options: Any) -> BaseOutput:
    """The output layer of a name with its own options; `name` and options are what `to_dict` gives.

    Raises
    ------
    InvalidParameterError : for an unknown name, a value outside its range, or tied weights where they can't be. An option that the layer
        hasn't is a TypeError.
    """
    return OUTPUTS[check_choice("make_output", "name", name, OUTPUTS)](request, **options)
