"""Skip-gram and CBOW with negative sampling in plain float64, with the kernels' own random draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from reference.window_twin import Centre, alias_draw, draw, negative, rate_at

GROUP = 6
END_STREAM = 0x5851F42D4C957F2D


def sentences(text: Any, key: int) -> Iterator[list[tuple[int, int, int]]]:
    """The kept words (row, place, base) of each sentence, `</s>` and caps included; a broken sentence comes as several."""
    for number, (first, last) in enumerate(zip(text.offsets[:-1].tolist(), text.offsets[1:].tolist(), strict=True)):
        kept: list[tuple[int, int, int]] = []
        counted = 0
        for place in range(first, last):
            row, base = int(text.rows[text.ids[place]]), draw(key, place)
            stays = row >= 0 and base >> 32 <= int(text.keep[row])
            if text.cap and row >= 0 and (stays or text.cap_kind == 1):
                if counted >= text.cap:
                    if text.cap_kind == 2:
                        stays = False
                    else:
                        yield kept
                        kept, counted = [], 0
                counted += 1
            if stays:
                kept.append((row, place, base))
        if text.end_row >= 0 and last > first:
            base = draw(key ^ END_STREAM, number)
            if base >> 32 <= int(text.keep[text.end_row]):
                kept.append((text.end_row, last - 1, base))
        yield kept


def centres(text: Any, key: int, size: int, dynamic: bool = True) -> Iterator[Centre]:
    for kept in sentences(text, key):
        for i, (row, place, base) in enumerate(kept):
            reach = 1 + ((draw(base, 0) >> 32) * size >> 32) if dynamic else size
            yield Centre(row, place, base, [kept[j][0] for j in range(max(0, i - reach), min(len(kept), i + reach + 1)) if j != i])


def targets_of(table: np.ndarray, base: int, counter: int, positive: int, count: int, skip: bool) -> tuple[list[int], int]:
    """The right word, then the negatives; and the number of the next draw."""
    targets = [positive]
    for _ in range(count):
        if skip:
            row = alias_draw(table, draw(base, counter))
            counter += 1
            if row == positive:
                continue
        else:
            row, counter = negative(table, base, counter, positive)
        targets.append(row)
    return targets, counter


def loss_of(scores: np.ndarray) -> float:
    """scores (..., targets), the right word first: -log sigma(x_0) - sum of log sigma(-x_i)."""
    signs = np.ones(scores.shape[-1])
    signs[1:] = -1
    return float(np.logaddexp(0, -signs * scores).sum())


def slopes(scores: np.ndarray, sigmoid: Any = None) -> np.ndarray:
    """label - sigma(x), by the exact function or by a table (bound, bins, outside)."""
    labels = np.zeros(scores.shape)
    labels[..., 0] = 1
    if sigmoid is None:
        return labels - 1 / (1 + np.exp(-scores))
    place = np.clip((scores + sigmoid.bound) * (sigmoid.bins / (2 * sigmoid.bound)), 0, sigmoid.bins - 1).astype(int)
    found = 1 / (1 + np.exp(sigmoid.bound - 2 * sigmoid.bound * place / sigmoid.bins))
    beyond = np.abs(scores) >= sigmoid.bound
    found[beyond] = labels[beyond] if sigmoid.outside == "skip" else (scores[beyond] > 0)
    return labels - found


def window_step(inputs: np.ndarray, outputs: np.ndarray, contexts: list[int], targets: list[int], rate: float) -> float:
    """One set of targets for all context words: scores first, then the steps, group by group and context by context. The loss before."""
    scores = inputs[contexts] @ outputs[targets].T
    steps = rate * slopes(scores)
    for first in range(0, len(targets), GROUP):
        part = targets[first : first + GROUP]
        rows = outputs[part]
        changes = np.zeros_like(rows)
        for context, own in zip(contexts, steps[:, first : first + GROUP], strict=True):
            changes += own[:, None] * inputs[context]
            inputs[context] += own @ rows
        np.add.at(outputs, part, changes)
    return loss_of(scores)


def prediction_step(hidden: np.ndarray, outputs: np.ndarray, targets: list[int], rate: float, sigmoid: Any) -> tuple[np.ndarray, float]:
    """One prediction: the error to be added to what hidden is made of, and the loss before. Within a group the rows are read before any
    changes; a later group meets what an earlier one has changed."""
    scores = outputs[targets] @ hidden
    steps = rate * slopes(scores, sigmoid)
    error = np.zeros_like(hidden)
    for first in range(0, len(targets), GROUP):
        part, own = targets[first : first + GROUP], steps[first : first + GROUP]
        error += own @ outputs[part]
        np.add.at(outputs, part, own[:, None] * hidden)
    return error, loss_of(scores)


def train(text: Any, key: int, rate: Any, settings: Any, table: np.ndarray, inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """A whole epoch, in place. Returns (tokens, centres, predictions, loss)."""
    variant = settings.variant
    skip = variant.noise_collision == "skip"
    stats = np.array([len(text.ids), 0, 0, 0.0])
    for centre in centres(text, key, settings.window, variant.shrink_windows):
        stats[1] += 1
        contexts = centre.contexts
        if not contexts:
            continue
        step = rate_at(rate, centre.place)
        if settings.model == "cbow":
            targets, _ = targets_of(table, centre.base, 1, centre.row, settings.negative, skip)
            total = inputs[contexts].sum(0)
            hidden = total / len(contexts) if variant.cbow_mean else total
            error, loss = prediction_step(hidden, outputs, targets, step, variant.sigmoid)
            np.add.at(inputs, contexts, error / len(contexts) if variant.cbow_divided else error)
            stats[2:] += 1, loss
        elif variant.share_negatives:
            targets, _ = targets_of(table, centre.base, 1, centre.row, settings.negative, skip)
            stats[2:] += len(contexts), window_step(inputs, outputs, contexts, targets, step)
        else:
            counter, pairs = 1, []
            for context in contexts:
                own, positive = (centre.row, context) if variant.direction == "centre-in" else (context, centre.row)
                targets, counter = targets_of(table, centre.base, counter, positive, settings.negative, skip)
                pairs.append((own, targets))
            for own, targets in pairs:
                error, loss = prediction_step(inputs[own].copy(), outputs, targets, step, variant.sigmoid)
                inputs[own] += error
                stats[2:] += 1, loss
    return stats
