"""State dicts of PyTorch (.pt): recurrent language models made of them, and written as them. Needs torch.

A .pt file is a pickle, which may run code when it is read. It is read by torch's own loader with weights_only=True and by nothing else, so
a file that holds more than tensors is refused. lmkit's own files need none of this: they hold the same tensors under the same names.
"""

from __future__ import annotations

import os
import pickle
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import lmkit
from lmkit.errors import FormatError, InputError, MissingDependencyError, UsageError
from lmkit.neural.architecture import Architecture
from lmkit.neural.models import RecurrentLanguageModel
from lmkit.neural.output_layer import IMPOSSIBLE, allow_training
from lmkit.neural.recurrent import RecurrentNetwork
from lmkit.text.options import TextOptions
from lmkit.text.vocabulary import SPECIALS, Vocabulary

_ALIASES = ({"<unk>", "<UNK>", "[UNK]"}, {"<s>", "<bos>", "<BOS>"}, {"</s>", "<eos>", "<EOS>"})  # of lmkit's <unk>, <s>, </s>
_GATES = {4: "lstm", 3: "gru", 1: "elman"}  # rows of weight_ih a unit, as torch.nn's LSTM, GRU and RNN have them
_CELLS = (*_GATES.values(), "elman-relu")
_FLAT = ("full", "sampled", "nce", "blackout")  # output layers that are a Linear once they are trained


def is_torch_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file is what torch.save writes."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise MissingDependencyError(
            "PyTorch's .pt files are read and written by torch alone: pip install torch, or keep to .lm files, whose tensors PyTorch reads."
        ) from None
    return torch


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The tensors of a state dict by name, in the file's order, as float32.

    Raises
    ------
    MissingDependencyError : without torch. InputError : if there is no such file.
    FormatError : if it holds anything beside tensors, or none.
    """
    torch, path = _torch(), Path(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path.") from None
    except Exception as error:  # damaged files lead torch's unpickler to errors of any kind
        if isinstance(error, pickle.UnpicklingError) and "weights_only" in str(error).lower():
            raise FormatError(
                f"{path}: holds Python objects beside tensors, and reading such could run any code; "
                "write the weights alone where it was made: torch.save(model.state_dict(), path)."
            ) from None
        raise FormatError(f"{path}: can't be read as a state dict of PyTorch ({' '.join(str(error).split())[:100]}).") from None
    while isinstance(found, Mapping) and not any(hasattr(value, "numpy") for value in found.values()):
        inner = [found[key] for key in ("state_dict", "model_state_dict", "model") if isinstance(found.get(key), Mapping)]
        if not inner:
            break
        found = inner[0]
    tensors = {name: value for name, value in found.items() if hasattr(value, "numpy")} if isinstance(found, Mapping) else {}
    if not tensors:
        raise FormatError(f"{path}: holds no tensors by name; write them with torch.save(model.state_dict(), path).")
    return {
        name: value.detach().to(torch.float32).numpy() if value.is_floating_point() else value.numpy() for name, value in tensors.items()
    }


def write_state_dict(model: RecurrentLanguageModel, path: str | os.PathLike[str]) -> list[str]:
    """Write the tensors of a model under torch's names; the words of its ids in order, which the file has no place for.

    Raises
    ------
    UsageError : if it is none of torch.nn's Embedding, LSTM, GRU or RNN, and Linear.
    MissingDependencyError : without torch. OutputError : if it can't be written.
    """
    from lmkit import _files

    _check_torch_has(model.network_.architecture)
    torch = _torch()
    tensors = model.network_.to_tensors()
    with _files.replacing(path) as temporary:
        torch.save({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()}, temporary)
    return model.vocabulary.tokens()


def _check_torch_has(shape: Architecture) -> None:
    output = shape.output["name"] if isinstance(shape.output, dict) else shape.output
    if shape.cell not in _CELLS:
        what = f"{shape.cell!r} cells"
    elif output not in _FLAT:
        what = f"the output layer {output!r}"
    elif shape.initial_state != "zero":
        what = "learned initial states"
    elif len({size for _, size in shape.sizes}) > 1:
        what = "a last layer as wide as the embedding and others that are not"
    else:
        return
    raise UsageError(
        f"The model has {what}, for which torch.nn's Embedding, LSTM, GRU, RNN and Linear have no place; keep to the .lm file, a "
        "safetensors file that holds the same tensors by name."
    )


def model_of_state_dict(
    tensors: Mapping[str, np.ndarray], words: Sequence[str], options: TextOptions | None = None, *, where: str = "The state dict"
) -> RecurrentLanguageModel:
    """A recurrent language model with the weights of torch.nn's Embedding, LSTM, GRU or RNN, and Linear.

    Parameters
    ----------
    tensors : names are of no matter but those of the recurrent layers, "weight_ih_l0" and so on; of the two other matrices the first is the
        embedding, and where there is one alone it is both.
    words : of the ids, in order. <unk>, <eos> or </s>, and <s> take lmkit's places; those that are not among them can't be predicted.
    options : how text is read.

    Raises
    ------
    FormatError : if they are no such model, or the words are not as many as the rows.
    """
    layers, rest = _parted(tensors, where)
    matrices = [value for value in rest.values() if value.ndim == 2]
    vectors = [value for value in rest.values() if value.ndim == 1]
    if len(matrices) not in (1, 2) or len(vectors) > 1 or len(rest) != len(matrices) + len(vectors):
        raise FormatError(
            f"{where}: beside its recurrent layers it should have an embedding, an output matrix and its bias, but it has "
            f"{', '.join(rest) or 'nothing'}."
        )
    encoder, decoder = matrices[0], matrices[-1]
    bias = vectors[0] if vectors else np.zeros(len(decoder), np.float32)
    if not len(words) == len(encoder) == len(decoder) == len(bias):
        raise FormatError(f"{where}: is over {len(encoder):,} ids, but there are {len(words):,} words; give one for each, in their order.")
    order, tokens = _places(words)
    shape = _architecture(layers, encoder, decoder, where)
    has_ends = order[Vocabulary.EOS] >= 0
    options = options or TextOptions()
    if not has_ends and options.sentence_boundaries:
        options = options.replace(sentences="none")
    placed = {"encoder.weight": _placed(encoder, order, 0), "decoder.bias": _placed(bias, order, IMPOSSIBLE)}
    missing = tuple(int(place) for place in np.flatnonzero(placed["decoder.bias"] <= IMPOSSIBLE))  # also as lmkit wrote them
    network = RecurrentNetwork(shape, np.ones(len(tokens), np.int64), missing)
    placed |= {"decoder.weight": _placed(decoder, order, 0), **_with_biases(layers)}
    _take(network, placed, where)
    allow_training(network.output, len(tokens), missing)
    return _finished(network, Vocabulary.from_tokens(tokens[3:]), options, where)


def _parted(tensors: Mapping[str, np.ndarray], where: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Tensors of the recurrent layers, by torch.nn's names, and the others."""
    layers, rest = {}, {}
    for name, value in tensors.items():
        match = re.search(r"(?:^|\.)((?:weight|bias)_(?:ih|hh|hr)_l\d+(?:_reverse)?)$", name)
        if match is None:
            rest[name] = value
        elif match[1].endswith("_reverse") or "_hr_" in match[1]:
            what = "reads from both ends, so it predicts no next words" if match[1].endswith("_reverse") else "projects its state"
            raise FormatError(f"{where}: {name!r} belongs to a network that {what}; lmkit has no such language models.")
        else:
            layers[match[1]] = value
    if "weight_ih_l0" not in layers or "weight_hh_l0" not in layers:
        raise FormatError(f"{where}: has no recurrent layer: no tensor is called weight_ih_l0, as in torch.nn.LSTM, GRU and RNN.")
    return layers, rest


def _architecture(layers: Mapping[str, np.ndarray], encoder: np.ndarray, decoder: np.ndarray, where: str) -> Architecture:
    count = sum(name.startswith("weight_ih_l") for name in layers)
    rows, hidden = layers["weight_hh_l0"].shape
    cell = _GATES.get(rows // hidden)
    if cell is None or rows % hidden:
        raise FormatError(f"{where}: weight_hh_l0 is of shape {(rows, hidden)}, which is none of torch.nn's LSTM, GRU and RNN.")
    tied = decoder is encoder or (encoder.shape == decoder.shape and np.array_equal(encoder, decoder))
    return Architecture(cell=cell, layers=count, hidden=hidden, embedding=encoder.shape[1], tied=bool(tied))


def _places(words: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """int64 (V',): the row of each of lmkit's ids, -1 for a special that there is not; and the tokens of these ids."""
    specials = [next((row for row, word in enumerate(words) if word in names), -1) for names in _ALIASES]
    others = [row for row in range(len(words)) if row not in specials]
    return np.array([*specials, *others], np.int64), [*SPECIALS, *(words[row] for row in others)]


def _placed(array: np.ndarray, order: np.ndarray, missing: Any) -> np.ndarray:
    placed = array[np.maximum(order, 0)].astype(np.float32)
    placed[order < 0] = missing
    return placed


def _with_biases(layers: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The layers' tensors as lmkit names them, zeros for biases that a module without them lacks."""
    found = {f"rnn.{name}": value for name, value in layers.items()}
    for name, value in layers.items():
        if name.startswith("weight_"):
            found.setdefault(f"rnn.{name.replace('weight', 'bias')}", np.zeros(len(value), np.float32))
    return found


def _take(network: RecurrentNetwork, tensors: Mapping[str, np.ndarray], where: str) -> None:
    def read(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name not in tensors or tensors[name].shape != shape:
            found = "missing" if name not in tensors else f"of shape {tensors[name].shape}"
            raise FormatError(f"{where}: the tensor {name.removeprefix('rnn.')!r} is {found}, expected {shape}.")
        return tensors[name]

    network.load_tensors(read)


def _finished(network: RecurrentNetwork, vocabulary: Vocabulary, options: TextOptions, where: str) -> RecurrentLanguageModel:
    model = RecurrentLanguageModel(network.architecture)
    model.network_, model.vocabulary_, model.text_options_, model.excluded_ = network, vocabulary, options, network.excluded
    model.counts_ = np.zeros(len(vocabulary), np.int64)
    model.history_, model.notes_ = [], []
    if network.architecture.cell == "elman":
        model.notes_.append("A state dict doesn't tell tanh from ReLU in torch.nn.RNN; tanh is assumed.")
    if Vocabulary.UNK in model.excluded_:
        model.notes_.append("The words have no <unk>, so unknown words have probability 0.")
    model.metadata_ = {"made_by": f"lmkit {lmkit.__version__}", "source": where, "notes": model.notes_}
    return model
