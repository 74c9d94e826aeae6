"""Writing with a network: histories that grow in place, and the next word chosen from 8-bit scores first (`losses/screen.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from lmkit.neural.interfaces import make_shards
from lmkit.neural.losses.base import FlatOutput
from lmkit.neural.losses.screen import Screened
from lmkit.sampling import Decoding, Writer, choose_from

if TYPE_CHECKING:
    from lmkit.neural.models import RecurrentLanguageModel
    from lmkit.neural.window_model import WindowLanguageModel

_REMEMBERED = 64 << 20  # bytes of products W_ih x of words that were read before
_LARGEST_TOP = 1024  # beyond, bounds spare little


class NeuralWriter(Writer):
    """Chooses words by the vectors that enter the output layer; subclasses say where these come from."""

    def __init__(self, model: RecurrentLanguageModel | WindowLanguageModel, batch: int) -> None:
        self.vocabulary = model.vocabulary
        self._output = model.network_.output
        self._hidden = np.empty((batch, 0), np.float32)
        self._screened: Screened | None = None  # what may follow `_hidden`, if it was asked for
        is_flat = isinstance(self._output, FlatOutput) and self._output.dtype == np.float32
        self._flat = cast(FlatOutput, self._output) if is_flat else None

    def _set_hidden(self, hidden: np.ndarray) -> None:
        self._hidden, self._screened = hidden, None

    def log_probs(self) -> np.ndarray:
        return self._output.log_probs(self._hidden)

    def choose(self, row: int, decoding: Decoding, refused: Sequence[int], rng: np.random.Generator) -> int:
        keep = 1 if decoding.argmax else decoding.top_k
        is_bounded = (keep is not None or decoding.top_p is None) and (keep or 1) <= _LARGEST_TOP
        if self._flat is None or not is_bounded or not self._flat.can_do_without(refused):
            return choose_from(self._output.log_probs(self._hidden[row : row + 1])[0], decoding, refused, rng)
        if self._screened is None:
            self._screened = self._flat.screen().look(self._hidden)
        left_out = np.array(refused, np.int64)
        if keep is None:
            return self._screened.draw(row, decoding.temperature, left_out, rng)
        ids, scores = self._screened.likeliest(row, keep, left_out)
        return int(ids[np.argmax(scores)] if keep == 1 else ids[decoding.choose(scores.astype(np.float64), rng)])


class RecurrentWriter(NeuralWriter):
    """Texts that a recurrent network goes on with."""

    def __init__(self, model: RecurrentLanguageModel, batch: int) -> None:
        super().__init__(model, batch)
        start = model.initial_state(batch)
        self._network, self._states = model.network_, start.layers
        self._set_hidden(start.hidden)
        self._products: dict[int, np.ndarray] = {}  # W_ih x of the first layer, by word: texts repeat their words
        self._shard, self._alone = make_shards(1, batch, 1)[0], make_shards(1, 1, 1)[0]
        first = self._network.layers[0]
        self._most = max(1, _REMEMBERED // (4 * first.width))

    def push(self, token_ids: Sequence[int] | np.ndarray) -> None:
        network, rows = self._network, len(self._hidden)
        ids = [int(token_id) for token_id in token_ids]
        network.room_for(rows, rows, 1)
        self._read_new(ids)
        target = network.layers[0].activations
        for row, token_id in enumerate(ids):
            target[row] = self._products[token_id]
        self._set_hidden(network.run_layers(self._states, self._shard).copy())

    def _read_new(self, ids: list[int]) -> None:
        if len(self._products) + len(ids) > self._most:
            self._products.clear()
        for token_id in ids:
            if token_id not in self._products:
                self._products[token_id] = self._network.project_first(np.array([token_id], np.int32), self._alone)[0].copy()

    def keep(self, rows: Sequence[int]) -> None:
        chosen = np.asarray(rows, np.int64)
        self._states = [tuple(np.ascontiguousarray(state[chosen]) for state in states) for states in self._states]
        self._set_hidden(np.ascontiguousarray(self._hidden[chosen]))
        self._shard = make_shards(1, len(chosen), 1)[0]


class WindowWriter(NeuralWriter):
    """Texts that a network of a fixed window goes on with."""

    def __init__(self, model: WindowLanguageModel, batch: int) -> None:
        super().__init__(model, batch)
        self._window_model, self._windows = model, model.initial_state(batch)
        self._set_hidden(model.hidden(self._windows))

    def push(self, token_ids: Sequence[int] | np.ndarray) -> None:
        self._windows = self._window_model.advance(self._windows, token_ids)
        self._set_hidden(self._window_model.hidden(self._windows))

    def keep(self, rows: Sequence[int]) -> None:
        self._windows = self._windows[list(rows)]
        self._set_hidden(np.ascontiguousarray(self._hidden[list(rows)]))
