"""What a discounting method takes from each count: the same for all, what counts of counts say, or what suits a held-out text best."""

from __future__ import annotations

from typing import Any

import numpy as np

from lmkit._memory import let_go
from lmkit._validation import check_choice, check_float
from lmkit.errors import InvalidParameterError
from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing import _kernels_discounting as kernels
from lmkit.ngram.smoothing.base import HeldOut
from lmkit.ngram.smoothing.discounting import CountsOfOrder, DiscountsOfOrder

FALLBACK_DISCOUNT = 0.75
"""Used for an order whose counts of counts give none; what Church and Gale 1991 measured."""

_BLOCK = 1 << 20  # n-grams looked at between two times that they are let go of, where they lie on disk


def count_of_counts(here: np.ndarray, highest: int) -> np.ndarray:
    """int64 (highest + 1,): how many n-grams have count 0, 1, ..., highest."""
    result = np.zeros(highest + 1, np.int64)
    for start in range(0, len(here), _BLOCK):
        result += kernels.count_of_counts(here[start : start + _BLOCK], highest)
        let_go(here)
    return result


def constant(values: np.ndarray) -> DiscountsOfOrder:
    """The same discounts for every order."""
    return lambda order, here: (values, None)


def choose_discount(order: int, here: np.ndarray) -> tuple[np.ndarray, str | None]:
    """(0, D) with D = n1 / (n1 + 2 n2), the leaving-one-out estimate of Ney, Essen and Kneser 1994, or 0.75 and a sentence why."""
    n = count_of_counts(here, 2)
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
