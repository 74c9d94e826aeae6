"""The language model of a fixed window as people use it."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmkit.errors import InputError
from lmkit.neural.batching import Batch, BatchSource, TrainingText
from lmkit.neural.interfaces import make_shards
from lmkit.neural.language_model import NeuralLanguageModel
from lmkit.neural.window import WindowArchitecture, WindowNetwork
from lmkit.neural.workers import ThreadWorkers

if TYPE_CHECKING:
    from lmkit.neural.writing import WindowWriter

_ROWS = 1024


def windows(text: TrainingText, places: np.ndarray, window: int, carry: bool) -> np.ndarray:
    """int32 (n, window): the tokens before each place of the stream, the nearest last.

    carry : the window reaches back beyond the beginning of a sentence. What lies before the beginning is `text.begin_id`.
    """
    first = 0 if carry else text.offsets[np.searchsorted(text.offsets, places, side="right") - 1][:, np.newaxis]
    before = places[:, np.newaxis] - np.arange(window, 0, -1)
    return np.where(before >= first, text.stream[np.maximum(before, 0)], text.begin_id).astype(np.int32)


class Positions:
    """All positions of a text in random order, anew in each epoch: B T of them a batch, so that recipes compare with recurrent ones."""

    def __init__(self, text: TrainingText, window: int, rows: int, shards: int, carry: bool, seed: int) -> None:
        if len(text.stream) < 2:
            raise InputError(f"The training text has {len(text.stream):,} tokens, too few to learn from; take a longer text.")
        self._text, self._window, self._shards, self._carry, self._seed = text, window, shards, carry, seed
        self.tokens = len(text.stream)
        self.max_rows = self.max_texts = min(rows, self.tokens)

    def count(self, epoch: int) -> int:
        return -(-self.tokens // self.max_rows)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        order = np.random.default_rng((self._seed, 7, epoch)).permutation(self.tokens)
        for first in range(start * self.max_rows, self.tokens, self.max_rows):
            places = order[first : first + self.max_rows]
            shards = make_shards(1, len(places), self._shards)
            inputs = windows(self._text, places, self._window, self._carry)
            yield Batch(inputs, self._text.stream[places], None, shards, False, len(places))


class WindowLanguageModel(NeuralLanguageModel):
    """Feed-forward network that predicts the next token from the last n: the neural n-gram model of Bengio et al. 2003.

    Parameters
    ----------
    architecture : the shape of the network.
    recipe : how it is trained; a batch has `batch` times `steps` positions, in random order.
    min_count, max_vocabulary_size, reading, seed, threads : as for `RecurrentLanguageModel`.

    Examples
    --------
    >>> from lmkit.neural.recipe import Recipe
    >>> from lmkit.neural.window import WindowArchitecture
    >>> from lmkit.neural.window_model import WindowLanguageModel
    >>> model = WindowLanguageModel(WindowArchitecture(window=2, hidden=16, embedding=8), Recipe(batch=2, steps=5, epochs=30), threads=1)
    >>> model = model.fit("the cat sat\\nthe dog ran\\n" * 20)
    >>> model.next_words("the cat", top=1)[0].token
    'sat'
    """

    kind = "window"

    architecture_class, network_class = WindowArchitecture, WindowNetwork
    network_: WindowNetwork

    # -- training --------------------------------------------------------------------------------------------------------------------------

    def _make_source(self, text: TrainingText, threads: int) -> BatchSource:
        shape, recipe = self._shape, self._recipe
        return Positions(text, shape.window, recipe.batch * recipe.steps, threads, recipe.text == "streams", self.seed)

    def _validate(self, text: TrainingText, workers: ThreadWorkers) -> np.ndarray:
        return self._score(text, self._recipe.text == "streams", workers)

    def _score(self, text: TrainingText, carry: bool, workers: ThreadWorkers) -> np.ndarray:
        network = self.network_
        network.pack_for_reading()

        def run(first: int) -> np.ndarray:
            places = np.arange(first, min(first + _ROWS, len(text.stream)))
            hidden = network.read(windows(text, places, network.architecture.window, carry))
            return network.output.score(hidden, text.stream[places])

        parts = workers.run([functools.partial(run, first) for first in range(0, len(text.stream), _ROWS)])
        return np.concatenate(parts)

    # -- token by token --------------------------------------------------------------------------------------------------------------------

    def initial_state(self, batch: int = 1) -> np.ndarray:
        """The windows before the first token, int32 (batch, n)."""
        self._check_fitted("network_")
        if not self.network_.is_packed:
            self.network_.pack_for_reading()
        return np.full((batch, self.network_.architecture.window), self.vocabulary_.EOS, np.int32)

    def advance(self, state: np.ndarray, token_ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """The windows after one more token each. token_ids : int (batch,)."""
        return np.concatenate([state[:, 1:], np.asarray(token_ids, np.int32)[:, np.newaxis]], axis=1)

    def log_probs(self, state: np.ndarray) -> np.ndarray:
        """Natural logarithms of the next token's probabilities, float64 (batch, V)."""
        return self.network_.output.log_probs(self.network_.read(state))

    def writer(self, batch: int = 1) -> WindowWriter:
        """Histories to go on with; see `lmkit.sampling.Writer`."""
        from lmkit.neural.writing import WindowWriter

        return WindowWriter(self, batch)

    def hidden(self, state: np.ndarray) -> np.ndarray:
        """What enters the output layer, float32 (batch, H)."""
        return self.network_.read(state)
