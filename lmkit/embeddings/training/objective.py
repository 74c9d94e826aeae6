"""What is learned: the seam between the training loop and its losses.

The loop (`trainer.py`) knows texts, epochs, threads, learning rates, checkpoints and reports. An objective knows which rows there are, what
one stretch of text does to them, and nothing else. A new one is a file with a subclass of `Objective` and a line in `OBJECTIVES`, or is
handed to the loop directly (`FastText` does so, since its rows depend on subwords).

What a subclass supplies:

- `input_rows`, `output_rows`: sizes of the two matrices. Rows are in falling order of how often they are updated (words by falling count;
  the inner nodes of a tree from the root down): threads merge the first rows more often than the last (`merging.py`).
- `updates()`: about how many pairs of rows an epoch trains each row in, for the same purpose.
- `initialise(parameters, rng)`: the first values.
- `scratch()`: whatever memory one thread needs beside the matrices, made once a thread.
- `train(stretch, parameters, scratch, stats)`: the kernel call. It must not hold the GIL, must be a function of its arguments only
  (all draws by counter, see `_kernels_windows.py`), must add to `stats` (tokens read, centres trained, pairs, loss in nats), and with a
  learning rate of 0 must leave the matrices as they are: so held-out losses are measured.
- `export(parameters)`: the arrays of `WordVectors` that come of it.
"""

from __future__ import annotations

import abc
import dataclasses
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from lmkit.embeddings.options import Settings, Sigmoid
from lmkit.embeddings.training import _kernels_windows as kernels
from lmkit.embeddings.training._kernels_hidden import SigmoidTable
from lmkit.embeddings.training.text import TrainingText
from lmkit.errors import InputError
from lmkit.text.vocabulary import SPECIALS, frozen

OBJECTIVES = {
    # (model, loss) -> module and class
    ("skipgram", "ns"): ("lmkit.embeddings.training.negative_sampling", "SkipGram"),
    ("cbow", "ns"): ("lmkit.embeddings.training.negative_sampling", "Cbow"),
    ("skipgram", "hs"): ("lmkit.embeddings.training.hierarchical", "skipgram_tree"),
    ("cbow", "hs"): ("lmkit.embeddings.training.hierarchical", "CbowTree"),
}

LANES = 16  # floats that a kernel reads at once
_LINE = 64
TOKENS, CENTRES, PAIRS, LOSS = range(4)
STATS = 4


@dataclasses.dataclass
class Parameters:
    """The two matrices, float32, as flat arrays of rows of `stride` floats, a multiple of 16, at multiples of 64 bytes.

    Attributes
    ----------
    input, output : float32 (rows * stride,). Columns from `dim` on are 0 and stay so.
    dim, stride : columns in use, floats a row.
    """

    input: np.ndarray
    output: np.ndarray
    dim: int
    stride: int

    @classmethod
    def zeros(cls, input_rows: int, output_rows: int, dim: int) -> Parameters:
        stride = padded(dim)
        return cls(aligned_zeros(input_rows * stride), aligned_zeros(output_rows * stride), dim, stride)

    @property
    def input_matrix(self) -> np.ndarray:
        """float32 (rows, dim): a view."""
        return self.input.reshape(-1, self.stride)[:, : self.dim]

    @property
    def output_matrix(self) -> np.ndarray:
        """float32 (rows, dim): a view."""
        return self.output.reshape(-1, self.stride)[:, : self.dim]

    def copy(self) -> Parameters:
        copied = Parameters(aligned_zeros(self.input.size), aligned_zeros(self.output.size), self.dim, self.stride)
        copied.assign(self)
        return copied

    def assign(self, other: Parameters) -> None:
        """Take the values of matrices of the same shape."""
        self.input[:] = other.input
        self.output[:] = other.output

    def largest(self) -> float:
        """The largest absolute value; nan if there is one."""
        return float(np.max([np.abs(end) for matrix in (self.input, self.output) for end in (matrix.min(), matrix.max())]))

    @property
    def nbytes(self) -> int:
        return int(self.input.nbytes + self.output.nbytes)


@dataclasses.dataclass(frozen=True)
class Stretch:
    """A part of an epoch: the tokens [start, stop) of a text, the key of the epoch's draws, the learning rate."""

    text: TrainingText
    key: np.uint64
    start: int
    stop: int
    rate: kernels.Rate


@dataclasses.dataclass(frozen=True)
class Merging:
    """How the threads that learn an objective are merged; see `merging.py`, and docs/embeddings.md for what was measured.

    Attributes
    ----------
    input_slope, output_slope : sigma'(x) for the rows of either matrix, at scores as they are in a trained model: 0.25 at x = 0 and 0.1
        at x = 2 where each row moves alone, more where the change of a row is that of many others too.
    slope_of_two : for two threads in place of both, None for the same: they never overshoot by more than a factor of two.
    together : tokens of all threads together between two merges, at most, for more than two. None leaves it to the length of the text.
    """

    input_slope: float = 0.15
    output_slope: float = 0.15
    slope_of_two: float | None = None
    together: int | None = None


class Objective(abc.ABC):
    """See the module's text."""

    input_rows: int
    output_rows: int
    merging = Merging()

    def __init__(self, text: TrainingText, settings: Settings) -> None:
        self.text = text
        self.settings = settings
        self.stride = padded(settings.dim)
        self.windows = kernels.Windows(settings.window, int(settings.variant.shrink_windows), int(settings.right_context))

    def initialise(self, parameters: Parameters, rng: np.random.Generator) -> None:
        """Input vectors uniform in +-init_range / dim, output vectors 0."""
        limit = self.settings.variant.init_range / self.settings.dim
        matrix = parameters.input_matrix
        for start in range(0, len(matrix), 4096):  # in parts, so that no second matrix is needed
            part = matrix[start : start + 4096]
            part[:] = (rng.random(part.shape, np.float32) * 2 - 1) * np.float32(limit)

    @abc.abstractmethod
    def updates(self) -> tuple[np.ndarray, np.ndarray]:
        """float64 (input_rows,), (output_rows,): in about how many pairs of an input and an output row an epoch trains each row."""

    def partners(self, parameters: Parameters, updates: Sequence[np.ndarray], most: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """What output rows, and what input rows meet in a pair, the `most` frequent of them: float32 (n, dim), and how often each.

        updates : in proportion to those of `updates`.
        """
        matrices = (parameters.input_matrix, parameters.output_matrix)
        return [(matrix[:most], often[:most]) for matrix, often in zip(matrices, updates, strict=True)]

    @abc.abstractmethod
    def scratch(self) -> Any:
        """Memory of one thread, handed back to `train`."""

    @abc.abstractmethod
    def train(self, stretch: Stretch, parameters: Parameters, scratch: Any, stats: np.ndarray) -> None:
        """Train on a stretch. stats: float64 (4,), added to: tokens, centres, pairs, loss."""

    def export(self, parameters: Parameters) -> dict[str, Any]:
        """Arguments of `WordVectors` that the training gives: the words and their input vectors, unless a subclass has more."""
        return {"words": self.text.rows.words, "matrix": np.ascontiguousarray(parameters.input_matrix[: len(self.text.rows)])}

    def kept_scratch(self) -> kernels.Kept:
        """What `_kernels_windows.gather` fills."""
        room = 2 * kernels.CHUNK + 2 * self.settings.window + 2
        return kernels.Kept(
            np.zeros(room, np.int32),
            np.zeros(room, np.int64),
            np.zeros(room, np.uint64),
            np.zeros(room, np.int32),
            np.zeros(room, np.int32),
            np.zeros(3, np.int64),
        )

    def mean_window(self) -> float:
        """About how many context words a centre has."""
        size = self.settings.window
        sides = 2 if self.settings.right_context else 1
        return sides * ((size + 1) / 2 if self.settings.variant.shrink_windows else size)


def make_objective(text: TrainingText, settings: Settings) -> Objective:
    """The objective of a model and a loss."""
    module, name = OBJECTIVES[settings.model, settings.loss]
    return getattr(importlib.import_module(module), name)(text, settings)


def check_words(text: TrainingText, task: str) -> None:
    """Raise InputError unless there are two words at least, for `task`, what needs them."""
    if len(text.rows) > 1:
        return
    only = text.rows.words[0]
    if len(text.corpus.vocabulary) - len(SPECIALS) < 2:
        raise InputError(
            f"{text.corpus.name}: has no other word than {only!r}, and {task} needs another one to tell it from; take another text."
        )
    raise InputError(
        f"{text.corpus.name}: only the word {only!r} is frequent enough, and {task} needs another one to tell it from; lower the minimum "
        "count (min_count, --min-count) or take a longer text."
    )


def sigmoid_table(sigmoid: Sigmoid | None) -> SigmoidTable:
    """The kernels' table of a logistic function; empty for the exact one. An index may round up to the end, hence one more than bins."""
    if sigmoid is None:
        return SigmoidTable(frozen(np.zeros(0, np.float32)), 0.0, 0.0, 0)
    x = -sigmoid.bound + 2 * sigmoid.bound * np.arange(sigmoid.bins + 1) / sigmoid.bins
    values = (1 / (1 + np.exp(-x))).astype(np.float32)
    return SigmoidTable(frozen(values), float(sigmoid.bound), sigmoid.bins / (2 * sigmoid.bound), int(sigmoid.outside == "skip"))


def padded(dim: int) -> int:
    """Floats of a row of `dim` columns."""
    return -(-dim // LANES) * LANES


def aligned_zeros(size: int) -> np.ndarray:
    """float32 (size,), beginning at a multiple of 64 bytes."""
    raw = np.zeros(size + LANES, np.float32)
    first = -raw.ctypes.data % _LINE // raw.itemsize
    return raw[first : first + size]
