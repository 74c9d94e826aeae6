"""Count cut-offs: n-grams that occur too rarely go, as KenLM's `lmplz --prune` takes them out.

Raw counts decide; adjusted counts and discounts stay as they were, and what the n-grams that go had of their own goes to the back-off
weight of their context (`lmkit.ngram.pruning.cutoffs`). With modified Kneser-Ney smoothing the numbers are those of lmplz.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from lmkit._validation import check_int
from lmkit.errors import InvalidParameterError, UsageError
from lmkit.ngram.pruning.base import Pruned, Pruning, Subject
from lmkit.ngram.pruning.cutoffs import cut


@dataclasses.dataclass(frozen=True)
class CountCutoffs(Pruning):
    """N-grams go that occur `highest[n - 1]` times or less.

    Attributes
    ----------
    highest : one count an order, never falling; the last one holds for all orders above. (0, 0, 1) takes out what is longer than two words
        and occurs once.
    """

    name: ClassVar[str] = "count"
    summary: ClassVar[str] = "what occurs rarely goes, as lmplz --prune does it"
    needs_counts: ClassVar[bool] = True

    highest: tuple[int, ...] = (0, 0, 1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "highest", tuple(self.highest))
        if not self.highest:
            raise InvalidParameterError("CountCutoffs takes one count an order, such as (0, 0, 1), and got none.")
        for value in self.highest:
            check_int("CountCutoffs", "highest", value, minimum=0)
        if any(second < first for first, second in zip(self.highest, self.highest[1:], strict=False)):
            raise InvalidParameterError(
                f"The counts of cut-offs must not fall from one order to the next, or n-grams would lose their beginnings. "
                f"Got {self.highest} instead."
            )

    def keep(self, subject: Subject) -> np.ndarray:
        """bool (T,): the n-grams that stay. `<unk>`, `<s>` and `</s>` do."""
        table = subject.table
        if len(self.highest) > table.order:
            raise UsageError(f"There are {len(self.highest)} cut-offs, but the model has order {table.order}; give one an order at most.")
        if subject.raw_counts is None:
            raise UsageError(
                "A model file does not tell how often its n-grams occurred; prune by counts as the model is trained, or name the text."
            )
        padded: Sequence[int] = [*self.highest, *[self.highest[-1]] * (table.order - len(self.highest))]
        least = np.repeat(padded, table.sizes)
        keep = (subject.raw_counts > least) | (least == 0)  # a word may be listed that never occurs
        keep[:3] = True
        return keep

    def prune(self, subject: Subject) -> Pruned:
        return cut(subject, self.keep(subject))
