"""The common road of the discounting methods: order after order, lowest first, each from the one below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lmkit import _progress
from lmkit._validation import check_choice, check_float
from lmkit.errors import InvalidParameterError
from lmkit.ngram.counting import NgramCounts
from lmkit.ngram.smoothing import _kernels_discounting as kernels
from lmkit.ngram.smoothing.base import Estimates, HeldOut, log10_of, predictable_words, with_conventions

CountsOfOrder = Callable[[int], np.ndarray]
"""order -> int (G,): the counts that a method discounts, raw or adjusted."""

FALLBACK_DISCOUNT = 0.75
"""Used for an order whose counts of counts give none; what Church and Gale 1991 measured."""

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
    notes: list[str] = []
    discounts: list[list[float]] = []
    log10_probabilities: list[np.ndarray] = []
    back_offs: list[np.ndarray] = []
    lower: np.ndarray = np.empty(0)
    words = int(np.count_nonzero(predictable_words(counts)))
    with _progress.Progress("smoothing", counts.order, "order") as progress:
        for order in range(1, counts.order + 1):
            here = counts_of(order)
            chosen, note = discounts_of(order, here)
            notes += [note] if note else []
            discounts.append(chosen.tolist()[1:])
            if order == 1:
                lower = discounted_unigrams(counts, here, chosen, interpolated=interpolated, types_weight=types_weight)
            else:
                level, below = counts.levels[order - 1], counts.levels[order - 2]
                assert below.first_child is not None
                probability = np.empty(len(level), np.float32 if order == counts.order else np.float64)
                back_off = np.empty(len(below))
                kernels.discount_level(
                    here,
                    below.first_child,
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
                back_offs.append(log10_of(back_off, at_most_one=interpolated))
                lower = probability
            log10_probabilities.append(log10_of(lower))
            progress.advance()
    details: dict[str, Any] = {"discounts": discounts} if any(any(row) for row in discounts) else {}
    return Estimates(log10_probabilities, back_offs, details, notes)


def discounted_unigrams(
    counts: NgramCounts, here: np.ndarray, discounts: np.ndarray, *, interpolated: bool, types_weight: float = 0.0
) -> np.ndarray:
    """Linear probabilities of all words, float64 (V,). `here` : int (V,), 0 for words that can't be predicted."""
    predictable = predictable_words(counts)
    held_back = discounts[np.minimum(here, len(discounts) - 1)] + types_weight * (here > 0)
    mass = here.sum() + types_weight * np.count_nonzero(here)
    taken = here - discounts[np.minimum(here, len(discounts) - 1)]
    unseen = predictable & (here == 0)
    if interpolated:
        probability = taken / mass + held_back.sum() / mass / np.count_nonzero(predictable)
    elif unseen.any():
        probability = taken / mass
        probability[unseen] = held_back.sum() / mass / np.count_nonzero(unseen)
    else:
        probability = here / here.sum()
    return with_conventions(probability, counts.boundaries)


def constant(values: np.ndarray) -> DiscountsOfOrder:
    """The same discounts for every order."""
    return lambda order, here: (values, None)


def choose_discount(order: int, here: np.ndarray) -> tuple[np.ndarray, str | None]:
    """(0, D) with D = n1 / (n1 + 2 n2), the leaving-one-out estimate of Ney, Essen and Kneser 1994, or 0.75 and a sentence why."""
    n = kernels.count_of_counts(here, 2)
    for k in (1, 2):
        if n[k] == 0:
            return np.array([0.0, FALLBACK_DISCOUNT]), (
                f"Order {order} uses the customary discount {FALLBACK_DISCOUNT}, since none of its n-grams has count {k}: "
                "the text is small or unlike natural language."
            )
    return np.array([0.0, n[1] / (n[1] + 2 * n[2])]), None


def check_discount(owner: str, discount: Any, classes: int = 1) -> None:
    """Raise InvalidParameterError unless it is "formula", "tuned", or in range: a float, or a tuple, one float a class of counts."""
    if isinstance(discount, str):
        check_choice(owner, "discount", discount, ("formula", "tuned"))
        return
    values = discount if isinstance(discount, tuple) else (discount,)
    if len(values) != classes:
        raise InvalidParameterError(
            f"The 'discount' parameter of {owner} must be 'formula', 'tuned' or {classes} number{'s' * (classes > 1)}. "
            f"Got {discount!r} instead."
        )
    for k, value in enumerate(values, 1):
        if not 0 < check_float(owner, "discount", value) < k:
            raise InvalidParameterError(
                f"The 'discount' parameter of {owner} must be above 0 and below {k} for counts of {k}. Got {value!r} instead."
            )


def discounts_chosen(
    discount: str | float | tuple[float, ...],
    counts: NgramCounts,
    counts_of: CountsOfOrder,
    formula: DiscountsOfOrder,
    held_out: HeldOut | None,
    interpolated: bool,
    classes: int = 1,
) -> DiscountsOfOrder:
    """What the parameter `discount` of a method asks for: its formula, one value for all orders, or values tuned on the held-out text."""
    if discount == "formula":
        return formula
    if discount == "tuned":
        from lmkit.ngram.smoothing.tuning import tune_discounts

        assert held_out is not None
        tuned = tune_discounts(counts, counts_of, formula, held_out, interpolated=interpolated, classes=classes)
        return lambda order, here: (tuned[order - 1], None)
    values = discount if isinstance(discount, tuple) else (discount,)
    return constant(np.array([0.0, *(float(value) for value in values)]))
