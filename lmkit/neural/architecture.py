"""The shape of a recurrent network, and what follows from it: sizes of layers, numbers of weights, memory."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

from lmkit._validation import check_choice, check_float, check_int
from lmkit.errors import InvalidParameterError
from lmkit.neural.layers import CELLS, get_cell
from lmkit.neural.layers.dropout import Dropout
from lmkit.neural.output_layer import check_output


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The shape of a recurrent network.

    Attributes
    ----------
    cell : name of a cell in `lmkit.neural.layers`.
    layers : number of layers.
    hidden : H, units of a layer.
    embedding : E, size of the word vectors; None takes `hidden`.
    tied : the output layer uses the embedding's table (Inan, Khosravi and Socher 2017; Press and Wolf 2017). Where E is not H, the last of
        several layers has E units, as in AWD-LSTM (Merity, Keskar and Socher 2018).
    output : name of an output layer in `lmkit.neural.losses`, or a dict with "name" and its options.
    initial_state : "zero", or "learned": one vector a layer and state, trained with the rest.
    forget_bias : of an LSTM's or QRNN's forget gates at the start.
    scale : initial weights are drawn from U(-scale, scale); None takes 1/sqrt(H) in the cells, as torch.nn does, and 0.1 elsewhere.
    dropout : what is dropped in training.
    activation_penalty, temporal_penalty : alpha of AR and beta of TAR on the last layer's output; see `lmkit.neural.penalties`.
    """

    cell: str = "lstm"
    layers: int = 2
    hidden: int = 200
    embedding: int | None = None
    tied: bool = False
    output: Any = "full"
    initial_state: str = "zero"
    forget_bias: float = 1.0
    scale: float | None = None
    dropout: Dropout = dataclasses.field(default_factory=Dropout)
    activation_penalty: float = 0.0
    temporal_penalty: float = 0.0

    def __post_init__(self) -> None:
        check_choice("RecurrentLanguageModel", "cell", self.cell, CELLS)
        check_int("RecurrentLanguageModel", "layers", self.layers, minimum=1, maximum=100)
        check_int("RecurrentLanguageModel", "hidden", self.hidden, minimum=1)
        if self.embedding is not None:
            check_int("RecurrentLanguageModel", "embedding", self.embedding, minimum=1)
        check_output(self.output)
        check_choice("RecurrentLanguageModel", "initial_state", self.initial_state, ("zero", "learned"))
        check_float("RecurrentLanguageModel", "forget_bias", self.forget_bias)
        for name in ("activation_penalty", "temporal_penalty"):
            check_float("RecurrentLanguageModel", name, getattr(self, name), minimum=0)
        if self.scale is not None:
            check_float("RecurrentLanguageModel", "scale", self.scale, minimum=0, open_minimum=True)
        if get_cell(self.cell).is_alone and self.layers > 1:
            raise InvalidParameterError(f"A network of {self.cell} cells has one layer. Got {self.layers}: take --layers 1.")
        if self.tied and self.embedding_size != self.hidden and self.layers == 1:
            raise InvalidParameterError(
                f"Tied weights need an embedding as wide as the only layer. Got embedding {self.embedding_size}, hidden {self.hidden}: "
                "leave out the size of the embedding, take more layers, or don't tie."
            )

    @property
    def embedding_size(self) -> int:
        return self.hidden if self.embedding is None else self.embedding

    @property
    def output_size(self) -> int:
        """Units of the last layer."""
        return self.embedding_size if self.tied else self.hidden

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(D, H) of each layer."""
        return list(itertools.pairwise([self.embedding_size] + [self.hidden] * (self.layers - 1) + [self.output_size]))

    def weights(self, vocabulary_size: int) -> int:
        """About how many weights a network of this shape has, its output layer taken for a full softmax."""
        cells = sum(get_cell(self.cell).count_weights(before, size) for before, size in self.sizes)
        tables = vocabulary_size * self.embedding_size + (0 if self.tied else vocabulary_size * self.output_size)
        return tables + cells + vocabulary_size

    def packed_weights(self, vocabulary_size: int) -> int:
        """About how many weights lie packed as well while it is validated: the cells' and the output layer's."""
        cells = sum(get_cell(self.cell).count_packed(before, size) for before, size in self.sizes)
        return cells + vocabulary_size * self.output_size

    def batch_bytes(self, rows: int, vocabulary_size: int, itemsize: int = 4) -> int:
        """About how many bytes a batch of so many rows takes, a full softmax included."""
        cell = get_cell(self.cell)
        each = vocabulary_size + self.embedding_size + sum((cell.taps * cell.gates + 4) * size for _, size in self.sizes)
        return rows * each * itemsize

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` reads it back."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Architecture:
        """Read what `to_dict` gave. Raises InvalidParameterError or TypeError for what does not fit."""
        return cls(**{**record, "dropout": Dropout(**record.get("dropout", {}))})
