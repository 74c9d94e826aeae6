"""From a text's ids to the batches of training: contiguous streams with carried state, or sentences of like length with padding.

The order of batches is a function of (seed, epoch) alone, and each source can begin at any batch of an epoch: a training that is resumed
sees what it would have seen.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lmkit.errors import InputError
from lmkit.neural.interfaces import Shard, make_shards

if TYPE_CHECKING:
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.vocabulary import Vocabulary

LONGER = 15  # by so many steps at most a batch of random length is longer than others
_LEAST, _SPREAD, _HALVED = 5, 5.0, 0.05  # of lengths: the smallest, the standard deviation, the share around T / 2


@dataclasses.dataclass(frozen=True)
class Batch:
    """One training step's text, its R = T B rows in the order of shards.

    Attributes
    ----------
    inputs : int32 (R,), or (R, n) for models of a fixed window.
    targets : int32 (R,).
    is_real : bool (R,) or None; False for padding. None: all rows count.
    shards : how the rows are cut.
    continues : the state goes on from the batch before; else each text begins.
    tokens : number of rows that count.
    """

    inputs: np.ndarray
    targets: np.ndarray
    is_real: np.ndarray | None
    shards: list[Shard]
    continues: bool
    tokens: int

    @property
    def n_texts(self) -> int:
        return self.shards[-1].texts.stop


class BatchSource(Protocol):
    """Batches of an epoch."""

    tokens: int
    """Tokens predicted in an epoch."""
    max_rows: int
    max_texts: int

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number `start` on."""

    def count(self, epoch: int) -> int:
        """Number of batches of an epoch."""


@dataclasses.dataclass(frozen=True)
class TrainingText:
    """A text as a model of next tokens sees it.

    Attributes
    ----------
    stream : int32 (N,), all events in order: words, and behind each sentence `</s>` where the text has sentences.
    offsets : int64 (S+1,), where sentences begin in `stream` (documents, in continuous text).
    begin_id : what stands before the first event of a text or sentence: `</s>`, so that the model meets one symbol for "here it begins",
        whether sentences are trained one after the other or apart.
    """

    stream: np.ndarray
    offsets: np.ndarray
    begin_id: int

    @classmethod
    def of(cls, corpus: EncodedCorpus, vocabulary: Vocabulary) -> TrainingText:
        """The events of a corpus in a model's vocabulary."""
        ids = corpus.ids_in(vocabulary)
        offsets = np.asarray(corpus.sentence_offsets)
        if not corpus.options.sentence_boundaries:
            return cls(np.ascontiguousarray(ids, np.int32), offsets, vocabulary.EOS)
        ends = np.arange(1, len(offsets))
        stream = np.insert(ids, offsets[1:], vocabulary.EOS).astype(np.int32, copy=False)
        return cls(np.ascontiguousarray(stream), offsets + np.concatenate([[0], ends]), vocabulary.EOS)


def in_shard_order(grid: np.ndarray, shards: list[Shard]) -> np.ndarray:
    """Entries (T, B) as rows (R,): shard after shard, by time, then by text."""
    return np.concatenate([grid[:, shard.texts].reshape(-1) for shard in shards])


class ContiguousStreams:
    """The text cut into B streams of equal length, read side by side, T steps at a time, the state carried from batch to batch.

    The last up to B - 1 tokens are left out of an epoch; the last batch may be shorter than T.

    Parameters
    ----------
    texts, steps : B and T.
    shards : number of threads that share a batch.
    seed : draws the length of each batch, anew in each epoch (Merity, Keskar and Socher 2018, section 5): from a normal distribution around
        T, or in one of twenty batches T / 2, with a standard deviation of 5, between 5 and T + 15. None: all have T.

    Raises
    ------
    InputError : if the text is shorter than one row of a batch.
    """

    def __init__(self, text: TrainingText, texts: int, steps: int, shards: int, seed: int | None = None) -> None:
        length = len(text.stream) // texts
        if length < 2:
            raise InputError(
                f"The training text has {len(text.stream):,} tokens, too few for {texts} streams side by side: "
                "take a longer text or a smaller --batch."
            )
        self._targets = text.stream[: length * texts].reshape(texts, length)
        before = np.concatenate([[text.begin_id], text.stream[: length * texts - 1]]).astype(np.int32)
        self._inputs = before.reshape(texts, length)
        self._steps, self._shards, self._length, self._seed = steps, shards, length, seed
        self._drawn: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))
        self.tokens = length * texts
        self.max_rows, self.max_texts = min(steps + (0 if seed is None else LONGER), length) * texts, texts

    def _borders(self, epoch: int) -> np.ndarray:
        """int64: where the batches of an epoch begin in the streams, and the streams' end."""
        if self._seed is None:
            return np.append(np.arange(0, self._length, self._steps), self._length)
        if self._drawn[0] != epoch:
            rng, least = np.random.default_rng((self._seed, 8, epoch)), min(_LEAST, self._steps)
            most = -(-self._length // least)
            middle = np.where(rng.random(most) < _HALVED, self._steps / 2, self._steps)
            lengths = np.clip(rng.normal(middle, _SPREAD).astype(np.int64), least, self._steps + LONGER)
            ends = np.cumsum(lengths)
            self._drawn = epoch, np.concatenate([[0], ends[ends < self._length], [self._length]])
        return self._drawn[1]

    def count(self, epoch: int) -> int:
        return len(self._borders(epoch)) - 1

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        for first, last in itertools.pairwise(self._borders(epoch)[start:].tolist()):
            inputs, targets = self._inputs[:, first:last].T, self._targets[:, first:last].T
            shards = make_shards(len(inputs), inputs.shape[1], self._shards)
            yield Batch(in_shard_order(inputs, shards), in_shard_order(targets, shards), None, shards, first > 0, inputs.size)


class Sentences:
    """Sentences apart from each other: B of like length side by side, padded at their ends; longer ones than T in pieces, state carried.

    Sentences are shuffled, sorted by length within pools of `_POOL` batches, and the batches shuffled: anew in each epoch.

    Parameters
    ----------
    texts, steps, shards : as for `ContiguousStreams`; a batch of shorter sentences has fewer steps.
    seed : of the order.
    """

    _POOL = 50

    def __init__(self, text: TrainingText, texts: int, steps: int, shards: int, seed: int) -> None:
        lengths = np.diff(text.offsets)
        self._sentences = np.flatnonzero(lengths > 0)
        if len(self._sentences) == 0:
            raise InputError("The training text has no sentence with a token in it; take a longer text.")
        self._text, self._lengths = text, lengths
        self._texts, self._steps, self._shards, self._seed = texts, steps, shards, seed
        self._shuffled: tuple[int, list[np.ndarray]] = (-1, [])
        self.tokens = len(text.stream)
        self.max_texts = min(texts, len(self._sentences))
        self.max_rows = self.max_texts * min(steps, int(lengths.max()))

    def _groups(self, epoch: int) -> list[np.ndarray]:
        """Indices of the sentences of each batch, in the order of the epoch."""
        if self._shuffled[0] == epoch:
            return self._shuffled[1]
        rng = np.random.default_rng((self._seed, 7, epoch))
        order = rng.permutation(self._sentences)
        groups: list[np.ndarray] = []
        for start in range(0, len(order), self._POOL * self._texts):
            pool = order[start : start + self._POOL * self._texts]
            pool = pool[np.argsort(self._lengths[pool], kind="stable")]
            groups += [pool[first : first + self._texts] for first in range(0, len(pool), self._texts)]
        self._shuffled = epoch, [groups[place] for place in rng.permutation(len(groups))]
        return self._shuffled[1]

    def _pieces(self, group: np.ndarray) -> int:
        return -(-int(self._lengths[group].max()) // self._steps)

    def count(self, epoch: int) -> int:
        return sum(self._pieces(group) for group in self._groups(epoch))

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        number = 0
        for group in self._groups(epoch):
            pieces = self._pieces(group)
            if number + pieces > start:
                for piece, (batch, _) in enumerate(padded_batches(self._text, group, self._steps, self._shards)):
                    if number + piece >= start:
                        yield batch
            number += pieces


def padded_batches(text: TrainingText, group: np.ndarray, steps: int, shards: int) -> Iterator[tuple[Batch, np.ndarray]]:
    """Sentences side by side, padded at their ends, in pieces of at most T steps.

    Yields
    ------
    The batch, and int64 (R,): where each row's target stands in `text.stream`, of padding -1.
    """
    lengths = np.diff(text.offsets)[group]
    longest = int(lengths.max())
    is_real = np.arange(longest)[:, np.newaxis] < lengths  # (longest, B)
    places = np.where(is_real, text.offsets[group] + np.arange(longest)[:, np.newaxis], -1)
    targets = np.where(is_real, text.stream[places], text.begin_id).astype(np.int32)
    inputs = np.vstack([np.full((1, len(group)), text.begin_id, np.int32), targets[:-1]])
    for first in range(0, longest, steps):
        piece = slice(first, first + steps)
        cut = make_shards(len(targets[piece]), len(group), shards)
        real = in_shard_order(is_real[piece], cut)
        batch = Batch(in_shard_order(inputs[piece], cut), in_shard_order(targets[piece], cut), real, cut, first > 0, int(real.sum()))
        yield batch, in_shard_order(places[piece], cut)
