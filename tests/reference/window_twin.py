"""Centres, windows and random draws of the embedding kernels, in plain Python: what each draw is a function of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix64(value: int) -> int:
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK
    return value ^ (value >> 31)


def draw(key: int, counter: int) -> int:
    return mix64(key + (counter + 1) * GOLDEN & MASK)


def alias_draw(table: np.ndarray, bits: int) -> int:
    cell = (bits >> 32) * len(table) >> 32
    entry = int(table[cell])
    return cell if bits & 0xFFFFFFFF < entry >> 32 else entry & 0xFFFFFFFF


def negative(table: np.ndarray, base: int, counter: int, positive: int) -> tuple[int, int]:
    """A row that is not the positive, and the number of the next draw."""
    for _ in range(32):
        row = alias_draw(table, draw(base, counter))
        counter += 1
        if row != positive:
            return row, counter
    return (positive + 1) % len(table), counter


class Centre(NamedTuple):
    row: int
    place: int
    base: int
    contexts: list[int]


def centres(text: Any, key: int, size: int, *, dynamic: bool = True, right: bool = True) -> Iterator[Centre]:
    """The centres of a whole text without caps and `</s>`, with the rows of their windows."""
    for first, last in zip(text.offsets[:-1].tolist(), text.offsets[1:].tolist(), strict=True):
        kept = []
        for place in range(first, last):
            row, base = int(text.rows[text.ids[place]]), draw(key, place)
            if row >= 0 and base >> 32 <= int(text.keep[row]):
                kept.append((row, place, base))
        for i, (row, place, base) in enumerate(kept):
            reach = 1 + ((draw(base, 0) >> 32) * size >> 32) if dynamic else size
            stop = i + reach + 1 if right else i
            yield Centre(row, place, base, [kept[j][0] for j in range(max(0, i - reach), min(len(kept), stop)) if j != i])


def rate_at(rate: Any, place: int) -> float:
    tokens = rate.before + place
    tokens -= tokens % max(rate.every, 1)
    return max(rate.floor, rate.initial - rate.slope * tokens)
