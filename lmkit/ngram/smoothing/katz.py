"""Good-Turing estimates with Katz's back-off.

Katz, "Estimation of probabilities from sparse data for the language model component of a speech recognizer", IEEE Transactions on
Acoustics, Speech, and Signal Processing 35(3), 1987; Good, "The population frequencies of species and the estimation of population
parameters", Biometrika 40, 1953. As in Chen and Goodman 1998 (TR-10-98), sections 2.2 and 2.4. With n(r) n-grams of an order that occur r
times:

r* = (r + 1) n(r+1) / n(r)
d(r) = (r*/r - (k+1) n(k+1)/n(1)) / (1 - (k+1) n(k+1)/n(1))  for r = 1 .. k, and 1 above k
p(w|h) = d(c) c(hw) / c(h) where c(hw) > 0, else b(h) p(w|h'), b(h) so that all sum to one

For unigrams what is left goes to the words that were never seen, as a rule `<unk>` alone; if there are none, nothing is discounted.

Where the counts of counts misbehave, some d(r) is undefined or not in (0, 1), or (k+1) n(k+1) is n(1) or more: d(r) then is in (0, 1) just
where r* is above r, so that what Good and Turing raise would be lowered, and SRILM leaves it as it is. Then k is lowered until all is well,
and if it never is, the order takes absolute discounts (`choose_discount`), with a note. Where all words after a history occur more than k
times, nothing would be left for the others; such a history gets one count more, all of it for them, an old remedy known from the CMU
toolkit and SRILM.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from lmkit._validation import check_int
from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.smoothing import _kernels_discounting as kernels
from lmkit.ngram.smoothing.base import Estimates, HeldOut, Smoothing, predictable_words, raw_counts
from lmkit.ngram.smoothing.discounting import discounted
from lmkit.ngram.smoothing.discounts import choose_discount


@dataclasses.dataclass(frozen=True)
class Katz(Smoothing):
    """Counts up to k are lowered to what Good and Turing expect of them; what is taken goes to unseen words by the lower order.

    Attributes
    ----------
    k : int >= 1, the highest count that is discounted.
    """

    name: ClassVar[str] = "katz"
    summary: ClassVar[str] = "Good-Turing estimates with Katz's back-off"

    k: int = 5

    def __post_init__(self) -> None:
        check_int("Katz", "k", self.k, minimum=1, maximum=1000)

    def estimate(self, counts: NgramCounts, held_out: HeldOut | None = None) -> Estimates:
        predictable = predictable_words(counts)

        def discounts_of(order: int, here: np.ndarray) -> tuple[np.ndarray, str | None]:
            if order == 1 and here[predictable].all():  # no unseen word to give to
                return np.zeros(2), None
            return good_turing_discounts(here, order, self.k)

        return discounted(counts, lambda order: raw_counts(counts, order), discounts_of, interpolated=False, keep_some=True)


def good_turing_discounts(here: np.ndarray, order: int, k: int) -> tuple[np.ndarray, str | None]:
    """What is taken from counts of 0 .. k and of k + 1 and more (nothing): float64 (k+2,), r - d(r) r; and a note where k was lowered."""
    n = kernels.count_of_counts(here, k + 1).astype(np.float64)
    for lowered in range(k, 0, -1):
        ratios = good_turing_ratios(n, lowered)
        if (lowered + 1) * n[lowered + 1] < n[1] and (ratios > 0).all() and (ratios < 1).all():
            r = np.arange(1, lowered + 1)
            discounts = np.concatenate([[0.0], r - ratios * r, [0.0]])
            note = f"Order {order} discounts counts up to {lowered} in place of {k}, since its counts of counts don't fall smoothly."
            return discounts, note if lowered < k else None
    discounts, _ = choose_discount(order, here)
    note = (
        f"Order {order} takes the absolute discount {discounts[1]:.3f} from every count, since its counts of counts allow no Good-Turing "
        "estimate: the text is small or unlike natural language."
    )
    return discounts, note


def good_turing_ratios(n: np.ndarray, k: int) -> np.ndarray:
    """d(1) .. d(k), float64 (k,), from the counts of counts n(0) .. n(k+1) or more; nan or inf where they are undefined."""
    r = np.arange(1, k + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        common = (k + 1) * n[k + 1] / n[1]
        return ((r + 1) * n[r + 1] / n[r] / r - common) / (1 - common)
