"""What all output layers share: checked requests, parameters and their start, excluded ids, grouping rows by the word they train."""

from __future__ import annotations

import abc
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from lmkit.errors import InvalidParameterError
from lmkit.neural.interfaces import OutputRequest, Parameter, Workers
from lmkit.neural.layers.initial import uniform
from lmkit.neural.packed import room_in
from lmkit.numeric import _kernels_gemm as gemm

if TYPE_CHECKING:
    from lmkit.neural.losses.screen import Screen


class BaseOutput(abc.ABC):
    """An output layer over the V tokens of a vocabulary; see `lmkit.neural.interfaces.OutputLayer` for what each method gets and gives.

    Attributes
    ----------
    is_normalised_in_training : whether the training loss is minus the log of the very probabilities that `score` gives.
    """

    name: ClassVar[str]
    is_normalised_in_training: ClassVar[bool] = True
    takes_tied_weight: ClassVar[bool] = False

    def __init__(self, request: OutputRequest) -> None:
        self.request = request
        self.dtype = np.dtype(request.dtype)
        self.hidden_size, self.vocabulary_size = request.hidden_size, request.vocabulary_size
        self.parameters: list[Parameter] = []
        self._random = request.draws or np.random.default_rng([request.seed, 0x6F7574])
        self.counts = np.asarray(request.counts, np.int64)
        if self.counts.shape != (self.vocabulary_size,):
            raise InvalidParameterError(
                f"An output layer over {self.vocabulary_size:,} tokens needs one count a token. Got {self.counts.size:,} counts."
            )
        self.excluded = np.array(sorted(set(request.excluded)), np.int64)
        if len(self.excluded) and not (self.excluded[0] >= 0 and self.excluded[-1] < self.vocabulary_size):
            raise InvalidParameterError(f"Excluded ids must be in the vocabulary of {self.vocabulary_size:,}. Got {request.excluded}.")
        self.predicted = np.setdiff1d(np.arange(self.vocabulary_size), self.excluded)
        if len(self.predicted) < 2:
            raise InvalidParameterError(
                f"An output layer needs at least two tokens to choose from. Got {len(self.predicted)}; train on a text with more words."
            )
        if request.tied_weight is not None:
            self._check_tied(request.tied_weight)

    def _check_tied(self, tied: Parameter) -> None:
        if not self.takes_tied_weight:
            raise InvalidParameterError(
                f"The output {self.name!r} has no matrix of one row a word to share with the embedding; choose 'full', 'sampled', 'nce' or "
                "'blackout' for tied weights."
            )
        if tied.value.shape != (self.vocabulary_size, self.hidden_size):
            raise InvalidParameterError(
                f"Tied weights need an embedding of {self.vocabulary_size:,} x {self.hidden_size} (the last hidden size). Got "
                f"{tied.value.shape[0]:,} x {tied.value.shape[1]}."
            )

    def _uniform(self, name: str, rows: int, columns: int) -> Parameter:
        return Parameter.of(name, uniform(self._random, (rows, columns), self.request.scale, self.dtype))

    def _log_unigram(self) -> np.ndarray:
        """float64 (V,): log of the share of each id in the training text, one occurrence added so that none is impossible; the start of
        biases: then the first steps need not learn the frequencies of words. 0 for excluded ids."""
        shares = np.zeros(self.vocabulary_size)
        counts = self.counts[self.predicted] + 1.0
        shares[self.predicted] = np.log(counts / counts.sum())
        return shares

    def start_step(self, targets: np.ndarray, step: int) -> None:  # noqa: B027 - only sampled losses need it
        """Nothing is shared between the rows, unless a subclass draws samples here."""

    def pack_for_reading(self) -> None:  # noqa: B027 - only layers with one large matrix need it
        """Lay the weights out for `log_probs` and `score`, which are quicker for it; to be called again whenever they have changed."""

    @abc.abstractmethod
    def begin(self, rows: int, shards: int) -> None: ...

    @abc.abstractmethod
    def forward_backward(
        self, shard: int, rows: slice, hidden: np.ndarray, targets: np.ndarray, weights: np.ndarray, d_hidden: np.ndarray
    ) -> float: ...

    @abc.abstractmethod
    def weight_gradients(self, hidden: np.ndarray, targets: np.ndarray, workers: Workers) -> None: ...

    @abc.abstractmethod
    def log_probs(self, hidden: np.ndarray) -> np.ndarray: ...

    @abc.abstractmethod
    def score(self, hidden: np.ndarray, targets: np.ndarray) -> np.ndarray: ...

    @abc.abstractmethod
    def buffer_bytes(self, rows: int) -> int:
        """Bytes that a training step over so many rows needs beside parameters, gradients and hidden vectors."""

    def _options(self) -> dict[str, Any]:
        return {}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: name and options, for `make_output`; the sizes and counts come with the request again."""
        return {"name": self.name, **self._options()}


class FlatOutput(BaseOutput):
    """One weight row and one bias a word; exact probabilities are the softmax of hidden @ weight.T + bias over all words.

    Parameters are "decoder.weight" (V, H), or the tied embedding under its own name, and "decoder.bias" (V,).
    """

    takes_tied_weight = True
    _rows_at_once = 256  # of (rows, V) scores during evaluation

    def __init__(self, request: OutputRequest) -> None:
        super().__init__(request)
        self.is_tied = request.tied_weight is not None
        self.weight = request.tied_weight or self._uniform("decoder.weight", self.vocabulary_size, self.hidden_size)
        self.bias = Parameter.of("decoder.bias", self._log_unigram().astype(self.dtype))
        self.parameters = [self.bias] if self.is_tied else [self.weight, self.bias]  # a tied weight is the embedding's
        self._packed: np.ndarray | None = None
        self._screen: Screen | None = None

    def start_step(self, targets: np.ndarray, step: int) -> None:
        self._packed = self._screen = None  # the weights are about to change

    def pack_for_reading(self) -> None:
        self._packed, self._screen = self._pack(), None

    def screen(self) -> Screen:
        """The weights in 8 bits, for choosing words. Stale once the weights have changed, as is what is packed."""
        from lmkit.neural.losses.screen import Screen

        if self._screen is None:
            self._screen = Screen(self.weight.value, self.masked_bias())
        return self._screen

    def can_do_without(self, refused: Sequence[int]) -> bool:
        """Whether another word can follow than these."""
        return len(self.predicted) > len(set(refused).difference(self.request.excluded))

    def _spare(self) -> np.ndarray:
        """What training needs and scoring does not: the packed weights lie there where they fit."""
        return np.empty(0, self.dtype)

    def _pack(self) -> np.ndarray:
        packed = room_in(self._spare(), self.hidden_size, self.vocabulary_size)
        gemm.pack_transposed(self.weight.value, packed)
        return packed

    def masked_bias(self) -> np.ndarray:
        """A copy of the bias with -inf for excluded ids."""
        bias = self.bias.value.copy()
        bias[self.excluded] = -math.inf
        return bias

    def _scores(self, hidden: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """hidden @ weight.T, without bias, each row the same whatever the others are."""
        packed, size, out = self._pack() if self._packed is None else self._packed, self.vocabulary_size, scores[: len(hidden)]
        out[:] = 0
        gemm.add_product(hidden, 0, self.hidden_size, len(hidden), packed, size, out, 0, scores.shape[1], gemm.empty_edge(self.dtype))
        return out

    def log_probs(self, hidden: np.ndarray) -> np.ndarray:
        from lmkit.neural.losses import _kernels_softmax as softmax

        hidden = np.ascontiguousarray(hidden, self.dtype)
        scores = np.empty((len(hidden), self.vocabulary_size), self.dtype)
        normalizers = np.empty(len(hidden))
        bias = self.masked_bias()
        softmax.log_normalizers(self._scores(hidden, scores), self.vocabulary_size, bias, normalizers)
        scores += bias
        return scores - normalizers[:, None]

    def log_normalizers(self, hidden: np.ndarray) -> np.ndarray:
        """float64 (n,): log of the sum of e^score over all words; near a constant where training was by noise contrast."""
        from lmkit.neural.losses import _kernels_softmax as softmax

        hidden = np.ascontiguousarray(hidden, self.dtype)
        scores, normalizers = np.empty((len(hidden), self.vocabulary_size), self.dtype), np.empty(len(hidden))
        softmax.log_normalizers(self._scores(hidden, scores), self.vocabulary_size, self.masked_bias(), normalizers)
        return normalizers

    def score(self, hidden: np.ndarray, targets: np.ndarray) -> np.ndarray:
        from lmkit.neural.losses import _kernels_softmax as softmax

        hidden, targets = np.ascontiguousarray(hidden, self.dtype), np.ascontiguousarray(targets, np.int32)
        out = np.empty(len(hidden))
        bias = self.masked_bias()
        scores = np.empty((min(self._rows_at_once, len(hidden)), self.vocabulary_size), self.dtype)
        for start in range(0, len(hidden), self._rows_at_once):
            part = slice(start, start + self._rows_at_once)
            softmax.target_log_probs(self._scores(hidden[part], scores), self.vocabulary_size, bias, targets[part], out[part])
        return out


def group_by(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions of equal ids together.

    Returns
    -------
    rows int64 (G,), distinct and rising; starts int64 (G + 1,); members int64 (n,): rows[g] stands at the positions
    members[starts[g] : starts[g + 1]], rising.
    """
    members = np.argsort(ids, kind="stable").astype(np.int64)
    ordered = ids[members]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])) if len(ids) else np.empty(0, np.int64)
    starts = np.concatenate([first, [len(ids)]]).astype(np.int64)
    return ordered[first].astype(np.int64), starts, members


def pieces(count: int, workers: int, *, smallest: int = 1) -> list[tuple[int, int]]:
    """0 .. count cut into ranges of nearly equal length, a few for each worker so that none waits long, none below `smallest`."""
    parts = max(1, min(4 * workers if workers > 1 else 1, count // max(smallest, 1)))
    borders = [count * i // parts for i in range(parts + 1)]
    return [(a, b) for a, b in itertools.pairwise(borders) if b > a]
