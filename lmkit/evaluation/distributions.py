"""Whole distributions of one model or several, side by side, after each history of a text: what ranks, mixtures and audits are made of.

Any language model is asked through `initial_state`, `advance` and `log_probs`, many sentences at once. A row costs some 30 ns a word of
the vocabulary with n-grams and nets that have a full softmax, and ten times that with trees, so it is dear for whole texts with large
vocabularies: `draw_sentences` takes a part.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np

from lmkit.errors import UsageError
from lmkit.events import ScoredEvents
from lmkit.protocols import LanguageModel

How = Literal["reset", "carry"]
_CELLS = 1 << 19
"""Probabilities of one model held at once: 4 MB, so that a few models' rows stay in the cache."""
_WIDEST = 64


@dataclasses.dataclass(frozen=True)
class Step:
    """The next word of several sentences at once.

    Attributes
    ----------
    positions : int64 (B,), which events these are.
    targets : int64 (B,), ids of the tokens that followed.
    rows : one float64 (B, V) a model: natural logarithms of the probabilities of all tokens.
    """

    positions: np.ndarray
    targets: np.ndarray
    rows: list[np.ndarray]


def walk(
    models: Sequence[LanguageModel],
    events: ScoredEvents,
    *,
    sentences: np.ndarray | None = None,
    state: How | Sequence[How] = "reset",
) -> Iterator[Step]:
    """Go through a text and give every model's distribution before each of its tokens.

    Parameters
    ----------
    models : with one vocabulary, that of `events`.
    events : what one of them said of the text; gives its tokens and sentences.
    sentences : int, places of the sentences that are wanted, counted from 0 as they stand in `events`; None for all.
    state : as for `LanguageModel.score`, one for all or one a model. What carries its state reads the whole text up to the last sentence
        that is wanted, and has one history only, so that nothing is done side by side.

    Raises
    ------
    UsageError : for a network that adapts to whole documents and a state of "reset".
    """
    starts = sentence_starts(events)
    stops = np.append(starts[1:], len(events))
    wanted = np.arange(len(starts)) if sentences is None else np.asarray(sentences)
    modes = [state] * len(models) if isinstance(state, str) else list(state)
    readers = [_Reader(model, events, mode) for model, mode in zip(models, modes, strict=True)]
    if any(reader.carries for reader in readers):
        yield from _walk_on(readers, events, starts, stops, wanted)
        return
    order = wanted[np.argsort(starts[wanted] - stops[wanted], kind="stable")]
    width = max(1, min(_WIDEST, _CELLS // max(len(models[0].vocabulary), 1)))
    for first in range(0, len(order), width):
        batch = order[first : first + width]
        yield from _walk_batch(readers, events, starts[batch], stops[batch])


def _walk_batch(readers: Sequence[_Reader], events: ScoredEvents, starts: np.ndarray, stops: np.ndarray) -> Iterator[Step]:
    """Sentences side by side, the longest first, so that those that have ended stand last and are dropped."""
    states = [reader.begin(len(starts)) for reader in readers]
    for step in range(int((stops - starts).max(initial=0))):
        active = int(np.count_nonzero(stops - starts > step))
        positions = starts[:active] + step
        if step:
            before = np.asarray(events.token_ids)[positions - 1]
            states = [reader.advance(_first(own, active), before) for reader, own in zip(readers, states, strict=True)]
        yield _step(readers, states, events, positions)


def _walk_on(readers: Sequence[_Reader], events: ScoredEvents, starts: np.ndarray, stops: np.ndarray, wanted: np.ndarray) -> Iterator[Step]:
    """One history after the other; readers that begin anew with each sentence leave those out that nobody wants."""
    asked = np.zeros(len(starts), np.bool_)
    asked[wanted] = True
    tokens = np.asarray(events.token_ids)
    states: list[Any] = [reader.begin(1) for reader in readers]
    for sentence in range(int(np.flatnonzero(asked)[-1]) + 1 if asked.any() else 0):
        for position in range(int(starts[sentence]), int(stops[sentence])):
            for place, reader in enumerate(readers):
                if not reader.carries and position == starts[sentence]:
                    states[place] = reader.begin(1)
                elif position and (reader.carries or asked[sentence]):
                    states[place] = reader.advance(states[place], tokens[position - 1 : position])
            if asked[sentence]:
                yield _step(readers, states, events, np.array([position]))


def _step(readers: Sequence[_Reader], states: Sequence[Any], events: ScoredEvents, positions: np.ndarray) -> Step:
    targets = np.asarray(events.token_ids)[positions].astype(np.int64)
    return Step(positions, targets, [reader.rows(own, positions) for reader, own in zip(readers, states, strict=True)])


class _Reader:
    """One model on its way through a text."""

    def __init__(self, model: LanguageModel, events: ScoredEvents, state: How) -> None:
        # a cache looks at all that came before it in the document, not at a sentence: it is a function of the events, not a state
        self._adapts = getattr(model, "adapt_rows", None)
        self._model: Any = model.model if self._adapts is not None else model  # type: ignore[attr-defined]
        self._events = events
        if getattr(self._model, "is_adaptive", False) and state == "reset":
            raise UsageError(
                f"A {type(self._model).__name__} adapts to a whole document, so that it has no distributions for sentences apart; "
                "take --state carry, or leave it out."
            )
        # n-grams see nothing beyond an end, so that they begin anew behind it; networks read on
        self.carries = state == "carry" and (hasattr(self._model, "default_state") or not events.is_end.any())

    def begin(self, count: int) -> Any:
        return self._model.initial_state(count)

    def advance(self, state: Any, tokens: np.ndarray) -> Any:
        return self._model.advance(state, tokens)

    def rows(self, state: Any, positions: np.ndarray) -> np.ndarray:
        rows = np.asarray(self._model.log_probs(state), np.float64)
        return rows if self._adapts is None else np.asarray(self._adapts(rows, self._events, positions))


def _first(state: Any, count: int) -> Any:
    """The first histories of a state; a mixture's state is one of each part."""
    return tuple(_first(part, count) for part in state) if isinstance(state, tuple) else state[:count]


def sentence_starts(events: ScoredEvents) -> np.ndarray:
    """int64 (S,): the first event of each sentence that has events."""
    if not len(events):
        return np.zeros(0, np.int64)
    return np.concatenate([np.zeros(1, np.int64), np.flatnonzero(np.diff(events.sentence)) + 1])


def draw_sentences(events: ScoredEvents, count: int, seed: int = 0) -> np.ndarray:
    """Places of sentences drawn at random that together have `count` events or little more, rising; all where the text has no more."""
    lengths = np.diff(np.append(sentence_starts(events), len(events)))
    if count >= len(events):
        return np.arange(len(lengths))
    drawn = np.random.default_rng(seed).permutation(len(lengths))
    enough = int(np.searchsorted(np.cumsum(lengths[drawn]), count)) + 1
    return np.sort(drawn[:enough])
