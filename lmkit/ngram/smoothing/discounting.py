"""The common road of the discounting methods: order after order, lowest first, each from the one below."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lmkit import _progress
from lmkit.ngram.counting.counts import Level, NgramCounts
from lmkit.ngram.counting.workspace import Workspace
from lmkit.ngram.smoothing import _kernels_discounting as kernels
from lmkit.ngram.smoothing.base import (
    Estimates,
    LevelEstimate,
    LevelwiseEstimates,
    log10_of,
    predictable_words,
    with_conventions,
)

CountsOfOrder = Callable[[int], np.ndarray]
"""order -> int (G,): the counts that a method discounts, raw or adjusted."""

DiscountsOfOrder = Callable[[int, np.ndarray], tuple[np.ndarray, str | None]]
"""(order, its counts) -> float64 (K+1,) discounts of counts 0 .. K and more, and a sentence for the user or None."""


def discounted(
    counts: NgramCounts,
    counts_of: CountsOfOrder,
    discounts_of: DiscountsOfOrder,
    *,
    interpolated: bool,
    types_weight: float = 0.0,
    keep_some: bool = False,
) -> Estimates:
    """Estimate all orders by `_kernels_discounting.discount_level`, whose docstring has the formulas.

    The recursion ends below the unigrams with the uniform distribution (Chen and Goodman 1998, section 2): interpolated, every word gets
    its share of it; backed off, the words that were never seen do (as a rule `<unk>` alone), and if there are none, nothing is taken.
    """
    details: dict[str, Any] = {}
    notes: list[str] = []
    return LevelwiseEstimates(
        _levels(counts, counts_of, discounts_of, interpolated, types_weight, keep_some, details, notes), details, notes
    )


def _levels(
    counts: NgramCounts,
    counts_of: CountsOfOrder,
    discounts_of: DiscountsOfOrder,
    interpolated: bool,
    types_weight: float,
    keep_some: bool,
    details: dict[str, Any],
    notes: list[str],
) -> Iterator[LevelEstimate]:
    """One order after the other; each is complete, with its back-off weights, when the next one has been estimated."""
    workspace = counts.workspace
    discounts: list[list[float]] = []
    lower: np.ndarray = np.empty(0)
    words = int(np.count_nonzero(predictable_words(counts)))
    precision = np.float32 if interpolated else np.float64  # a sum over back-offs is taken from 1, an interpolation only rounds
    with _progress.Progress("smoothing", counts.order, "order") as progress:
        for order in range(1, counts.order + 1):
            here = counts_of(order)
            chosen, note = discounts_of(order, here)
            workspace.drop(here)
            notes += [note] if note else []
            discounts.append(chosen.tolist()[1:])
            if order == 1:
                lower = discounted_unigrams(counts, here, chosen, interpolated=interpolated, types_weight=types_weight).astype(precision)
            else:
                level, below = counts.levels[order - 1], counts.levels[order - 2]
                bands = workspace.bands(len(below), lower.itemsize) if interpolated else [(0, len(below))]
                width = np.dtype(np.float32 if order == counts.order else precision)
                if len(bands) == 1 and not np.may_share_memory(here, level.counts) and here.itemsize == width.itemsize:
                    probability = here.view(width)  # a count is read for the last time before its probability is written
                else:
                    probability = workspace.empty(len(level), width)
                back_off = workspace.empty(len(below), np.float32)
                _discount_level(
                    workspace,
                    bands,
                    here,
                    below,
                    level.suffixes,
                    chosen,
                    types_weight,
                    interpolated,
                    keep_some,
                    words,
                    lower,
                    probability,
                    back_off,
                )
                del here
                yield _as_log10(workspace, lower), _as_log10(workspace, back_off, at_most_one=interpolated)
                lower = probability
                del probability, back_off, level, below
            progress.advance()
        if any(any(row) for row in discounts):
            details["discounts"] = discounts
        yield _as_log10(workspace, lower), None


def _discount_level(
    workspace: Workspace,
    bands: list[tuple[int, int]],
    here: np.ndarray,
    below: Level,
    suffixes: np.ndarray,
    discounts: np.ndarray,
    types_weight: float,
    interpolated: bool,
    keep_some: bool,
    words: int,
    lower: np.ndarray,
    probability: np.ndarray,
    back_off: np.ndarray,
) -> None:
    """`_kernels_discounting.discount_level` over all contexts, in the workspace's way, a band of the suffixes at a time."""
    assert below.first_child is not None
    first_child = below.first_child
    blocks = workspace.blocks_by_children(first_child)
    for band in bands:

        def discount(block: tuple[int, int], band: tuple[int, int] = band) -> None:
            kernels.discount_level(
                here, first_child, suffixes, discounts, types_weight, interpolated, keep_some, words, lower, probability, back_off,
                *block, *band,
            )  # fmt: skip
            workspace.drop(here, first_child, suffixes, probability, back_off)

        workspace.run(discount, blocks)
        workspace.drop(lower)


def _as_log10(workspace: Workspace, linear: np.ndarray, *, at_most_one: bool = True) -> np.ndarray:
    """float32 logarithms, in the place of `linear` if that is float32, too."""
    result = linear if linear.dtype == np.float32 else workspace.empty(len(linear), np.float32)

    def convert(block: tuple[int, int]) -> None:
        result[slice(*block)] = log10_of(linear[slice(*block)], at_most_one=at_most_one)
        workspace.drop(result, linear)

    workspace.run(convert, workspace.blocks(len(linear)))
    return result


def discounted_unigrams(
    counts: NgramCounts, here: np.ndarray, discounts: np.ndarray, *, interpolated: bool, types_weight: float = 0.0
) -> np.ndarray:
    """Linear probabilities of all words, float64 (V,). `here` : (V,), 0 for words that can't be predicted."""
    predictable = predictable_words(counts)
    taken_from_each = discounts[np.minimum(here, len(discounts) - 1).astype(np.int64)]
    held_back = taken_from_each + types_weight * (here > 0)
    mass = here.sum() + types_weight * np.count_nonzero(here)
    taken = here - taken_from_each
    unseen = predictable & (here == 0)
    if interpolated:
        probability = taken / mass + held_back.sum() / mass / np.count_nonzero(predictable)
    elif unseen.any():
        probability = taken / mass
        probability[unseen] = held_back.sum() / mass / np.count_nonzero(unseen)
    else:
        probability = here / here.sum()
    return with_conventions(probability, counts.boundaries)
