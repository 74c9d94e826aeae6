"""From what an architecture says of its output layer to the layer, and how its parameters stand in files."""

from __future__ import annotations

from typing import Any

import numpy as np

from lmkit._validation import check_options
from lmkit.errors import InvalidParameterError
from lmkit.neural.interfaces import OutputLayer, OutputRequest
from lmkit.neural.losses import OUTPUTS, make_output

IMPOSSIBLE = np.float32(-1e30)
"""Bias, in files, of an id that can't be predicted."""


def check_output(given: Any) -> None:
    """Raise InvalidParameterError unless `given` is the name of an output layer, or a dict with "name" and options that it has."""
    options = dict(given) if isinstance(given, dict) else {"name": given}
    name = options.pop("name", None)
    if name not in OUTPUTS:
        raise InvalidParameterError(f"The 'output' parameter of Architecture must be one of {', '.join(OUTPUTS)}. Got {name!r} instead.")
    check_options(f"The output layer {name!r}", OUTPUTS[name], options, beside=("request",))


def output_from(given: Any, request: OutputRequest) -> OutputLayer:
    """The output layer of a name, or of a dict of its name and options. Raises InvalidParameterError."""
    check_output(given)
    options = {"name": given} if isinstance(given, str) else dict(given)
    return make_output(options.pop("name"), request, **options)


def allow_training(layer: OutputLayer, vocabulary_size: int, excluded: tuple[int, ...]) -> None:
    """Undo in a layer read from a file what `output_tensors` did: a bias of -1e30 is no weight to go on training from."""
    for parameter in layer.parameters:
        if parameter.name == "decoder.bias" and len(parameter.value) == vocabulary_size:
            parameter.value[list(excluded)] = 0


def output_tensors(layer: OutputLayer, vocabulary_size: int, excluded: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The layer's own parameters by name, for a file.

    In a `decoder.bias` over the vocabulary, ids that can't be predicted have -1e30, so that a softmax that knows nothing of them gives
    them no probability.
    """
    tensors = {parameter.name: parameter.value for parameter in layer.parameters}
    if (bias := tensors.get("decoder.bias")) is not None and len(bias) == vocabulary_size:
        tensors["decoder.bias"] = bias.copy()
        tensors["decoder.bias"][list(excluded)] = IMPOSSIBLE
    return tensors
