"""Scoring a text with a network, exactly: every event once, whatever is read beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from lmkit.neural.batching import Batch, TrainingText, in_shard_order, padded_batches
from lmkit.neural.interfaces import Shard, Workers, make_shards

_ROWS = 512  # rows of a piece: enough for whole tiles, few enough that they fit into the buffers of most trainings


class StatefulNetwork(Protocol):
    """What is needed of a recurrent network here."""

    def zero_states(self, texts: int) -> list[tuple[np.ndarray, ...]]: ...
    def begin_states(self, states: list[tuple[np.ndarray, ...]]) -> None: ...
    def pack_for_reading(self) -> None: ...
    def room_for(self, rows: int, texts: int, shards: int) -> None: ...
    def read(self, ids: np.ndarray, states: list[tuple[np.ndarray, ...]], shard: Shard) -> np.ndarray: ...
    def score_step(self, batch: Batch, states: list[tuple[np.ndarray, ...]], workers: Workers) -> np.ndarray: ...


def score_carried(network: StatefulNetwork, text: TrainingText, workers: Workers) -> np.ndarray:
    """Log probability of every event of `text.stream`, float64 (N,), the state carried from the first to the last."""
    return _score_streams(network, text, workers, 1, _ROWS)


def score_streams(network: StatefulNetwork, text: TrainingText, workers: Workers, texts: int) -> np.ndarray:
    """As `score_carried`, but cut into so many streams, each beginning anew: faster, and a little worse at each beginning."""
    texts = max(1, min(texts, len(text.stream) // 100))
    return _score_streams(network, text, workers, texts, max(1, _ROWS // texts))


def _score_streams(network: StatefulNetwork, text: TrainingText, workers: Workers, texts: int, steps: int) -> np.ndarray:
    length = -(-len(text.stream) // texts)
    padded = np.full(length * texts, text.begin_id, np.int32)
    padded[: len(text.stream)] = text.stream
    targets = padded.reshape(texts, length)
    inputs = np.concatenate([[text.begin_id], padded[:-1]]).astype(np.int32).reshape(texts, length)
    inputs[:, 0] = text.begin_id
    places = np.arange(length * texts).reshape(texts, length)
    scores = np.empty(length * texts, np.float64)
    network.room_for(min(steps, length) * texts, texts, workers.count)
    network.pack_for_reading()
    states = network.zero_states(texts)
    network.begin_states(states)
    for first in range(0, length, steps):
        part = slice(first, first + steps)
        shards = make_shards(inputs[:, part].shape[1], texts, workers.count)
        cut = [in_shard_order(grid[:, part].T, shards) for grid in (inputs, targets, places)]
        batch = Batch(cut[0], cut[1], None, shards, first > 0, len(cut[1]))
        scores[cut[2]] = network.score_step(batch, states, workers)
    return scores[: len(text.stream)]


def score_apart(network: StatefulNetwork, text: TrainingText, workers: Workers, texts: int = 64) -> np.ndarray:
    """Log probability of every event, float64 (N,), each sentence from the state before a text."""
    lengths = np.diff(text.offsets)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    scores = np.empty(len(text.stream), np.float64)
    steps = _ROWS // min(texts, _ROWS)
    network.room_for(min(steps, int(lengths.max(initial=1))) * texts, texts, workers.count)
    network.pack_for_reading()
    for start in range(0, len(order), texts):
        group = order[start : start + texts]
        states = network.zero_states(len(group))
        network.begin_states(states)
        for batch, places in padded_batches(text, group, steps, workers.count):
            real = places >= 0
            scores[places[real]] = network.score_step(batch, states, workers)[real]
    return scores


def hidden_rows(network: StatefulNetwork, text: TrainingText, carry: bool) -> Iterator[np.ndarray]:
    """What every event of `text.stream` is predicted from, in order, (n, H) a piece; each is valid until the next.

    carry : the state goes on from sentence to sentence; else each begins anew.
    """
    borders = np.array([0, len(text.stream)]) if carry else np.unique(text.offsets)
    network.room_for(_ROWS, 1, 1)
    network.pack_for_reading()
    states = network.zero_states(1)
    for begin, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        network.begin_states(states)
        inputs = np.concatenate([[text.begin_id], text.stream[begin : end - 1]]).astype(np.int32)
        for first in range(0, len(inputs), _ROWS):
            piece = inputs[first : first + _ROWS]
            yield network.read(piece, states, make_shards(len(piece), 1, 1)[0])
