"""Output layers: from hidden vectors to the probabilities of the next token. One file each, and one line here."""

from __future__ import annotations

from typing import Any

from lmkit._validation import check_choice, check_options
from lmkit.neural.interfaces import OutputRequest
from lmkit.neural.losses.adaptive import AdaptiveSoftmax
from lmkit.neural.losses.base import BaseOutput
from lmkit.neural.losses.blackout import BlackOut
from lmkit.neural.losses.classes import ClassSoftmax
from lmkit.neural.losses.full import FullSoftmax
from lmkit.neural.losses.huffman import HuffmanSoftmax
from lmkit.neural.losses.nce import NoiseContrastive
from lmkit.neural.losses.sampled import SampledSoftmax

OUTPUTS: dict[str, type[BaseOutput]] = {
    "full": FullSoftmax,
    "classes": ClassSoftmax,
    "huffman": HuffmanSoftmax,
    "adaptive": AdaptiveSoftmax,
    "sampled": SampledSoftmax,
    "nce": NoiseContrastive,
    "blackout": BlackOut,
}

__all__ = [
    "OUTPUTS",
    "AdaptiveSoftmax",
    "BaseOutput",
    "BlackOut",
    "ClassSoftmax",
    "FullSoftmax",
    "HuffmanSoftmax",
    "NoiseContrastive",
    "SampledSoftmax",
    "make_output",
]


def make_output(name: str, request: OutputRequest, **options: Any) -> BaseOutput:
    """The output layer of a name with its own options; `name` and options are what `to_dict` gives.

    Raises
    ------
    InvalidParameterError : for an unknown name, an option that the layer hasn't, a value outside its range, or tied weights where they
        can't be.
    """
    make = OUTPUTS[check_choice("make_output", "name", name, OUTPUTS)]
    check_options(f"The output layer {name!r}", make, options, beside=("request",))
    return make(request, **options)
