"""Revised Kneser-Ney pruning: pruning that keeps Kneser-Ney's counts what they stand for.

Siivola, Hirsimaki and Virpioja, "On growing and pruning Kneser-Ney smoothed n-gram models", IEEE Transactions on Audio, Speech, and
Language Processing 15(5), 2007, section III. A lower order of such a model counts after how many different words an n-gram stands, because
the higher order is asked first. Once a higher n-gram v h w is taken out, h w is asked in its place: so its occurrences count in full in h
w, where they counted as one type, and its count goes to what v h keeps for backing off. Orders from the highest to 2, each decision with
the counts as the earlier ones left them; discounts stay as they were.

    p(w|h) = (C(hw) - D(C(hw))) / S(h) + gamma(h) p(w|h'),  S(h) = sum of C(hv) + L(h),  gamma(h) = (sum of D(C(hv)) + L(h)) / S(h)

L(h): counts of what was taken out after h. An n-gram goes if it costs at most the threshold, with p after and q before its removal:

    loss="training":  c(hw) (log q(w|h) - log p(w|h)), what the training text loses by this n-gram, as in the paper
    loss="expected":  c(h) (q(w|h) (log q(w|h) - log p(w|h)) + what is unseen after h (log gamma before - log gamma after)), what a text of
                      the size of the training text loses that follows the model: Stolcke's measure with the frequencies of the text. A
                      thing seen once counts as seldom as the model says, not once.
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from lmkit import _progress
from lmkit._validation import check_choice
from lmkit.ngram.pruning import _kernels_pruning as kernels
from lmkit.ngram.pruning.base import Budget, Pruned, RankedPruning, Subject
from lmkit.ngram.pruning.recovery import with_counts
from lmkit.ngram.querying import _kernels_table
from lmkit.ngram.querying.table import NgramTable

_CLOSE = 1e-3
"""A number of n-grams or bytes is met within this share of it, from below."""
_TRIALS = 24


@dataclasses.dataclass(frozen=True)
class RevisedKneserNey(RankedPruning):
    """Of interpolated Kneser-Ney models. The threshold is what the training text may lose of its log2 probability by each n-gram, in bits.

    Counts that aren't given are read off the model's probabilities, which works for models as they were trained, not for pruned ones.

    Attributes
    ----------
    loss : "expected" or "training", what an n-gram costs; the paper's is "training" (docs/pruning.md has figures of both).
    """

    name: ClassVar[str] = "kneser-ney"
    summary: ClassVar[str] = "for Kneser-Ney models: lower orders take over the counts (Siivola)"

    loss: str = "expected"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("RevisedKneserNey", "loss", self.loss, ("training", "expected"))

    def prune(self, subject: Subject) -> Pruned:
        subject = with_counts(subject)
        start = _State.of(subject, self.loss == "expected")
        if self.threshold is not None:
            threshold = self.threshold * math.log(2)
            state = start.pruned(threshold)
        else:
            state, threshold = _search(start, self.budget(subject))
        reached = {"reached_threshold": threshold / math.log(2)} if math.isfinite(threshold) else {}
        return Pruned(state.to_table(), None, reached)


def _search(start: _State, budget: Budget) -> tuple[_State, float]:
    """The state that keeps nearly all that fits, and its threshold. Each decision depends on others, so it is found by trying.

    Thresholds are tried by their rank among the losses before anything is taken out, since what stays falls nearly in proportion to that.
    """
    if budget.fits(start.sizes):
        return start, -math.inf
    score = start.pruned(-math.inf).score  # asks every n-gram, takes none out
    losses = np.append(np.sort(score[np.isfinite(score)]), np.inf)
    best = start.pruned(math.inf)
    low, high = 0, len(losses) - 1  # ranks whose losses keep too much, and little enough
    slack = int(_CLOSE * budget.limit)
    wanted = budget.limit - slack / 2
    over, under = budget.used(start.sizes) - wanted, wanted - budget.used(best.sizes)
    spare = budget.limit - budget.used(best.sizes)
    last_fitted: bool | None = None
    with _progress.Progress("searching the threshold", _TRIALS, "trial") as progress:
        for _ in range(_TRIALS):
            if high - low <= 1 or spare <= slack:
                break
            share = over / (over + under) if over > 0 and under > 0 else 0.5
            middle = min(max(low + int((high - low) * share), low + 1), high - 1)
            state = start.pruned(float(losses[middle]))
            used = budget.used(state.sizes)
            fits = used <= budget.limit
            if fits:
                high, under, best, spare = middle, wanted - used, state, budget.limit - used
                over /= 2 if last_fitted else 1  # twice on one side: the Illinois rule pulls the next trial to the other
            else:
                low, over = middle, used - wanted
                under /= 2 if last_fitted is False else 1
            last_fitted = fits
            progress.advance()
    return best, float(losses[high])


@dataclasses.dataclass
class _State:
    """The arrays of `_kernels_pruning.py`, for one subject."""

    table: NgramTable
    expected: bool
    raw: np.ndarray
    occurrences: np.ndarray
    contexts: np.ndarray
    discounts: np.ndarray
    predictable: np.ndarray
    counts: np.ndarray
    total: np.ndarray
    pruned_counts: np.ndarray
    held_back: np.ndarray
    alive: np.ndarray
    children: np.ndarray
    score: np.ndarray

    @classmethod
    def of(cls, subject: Subject, expected: bool) -> _State:
        table = subject.table
        assert subject.raw_counts is not None
        assert subject.adjusted_counts is not None
        assert subject.discounts is not None
        width = max(len(row) for row in subject.discounts)
        discounts = np.array([[0.0, *row, *[row[-1]] * (width - len(row))] for row in subject.discounts])
        contexts = table.contexts
        contexts[: table.vocabulary_size] = len(table.back_off)
        total, pruned_counts, held_back = (np.empty(len(table.back_off) + 1) for _ in range(3))
        counts = subject.adjusted_counts.astype(np.int64)
        kernels.sum_counts(table.order_start, contexts, counts, discounts, total, pruned_counts, held_back)
        return cls(
            table,
            expected,
            subject.raw_counts.astype(np.int64),
            np.bincount(contexts, subject.raw_counts),
            contexts,
            discounts,
            subject.predictable,
            counts,
            total,
            pruned_counts,
            held_back,
            np.ones(len(table), np.bool_),
            np.diff(table.first_child),
            np.full(len(table), np.inf),
        )

    def pruned(self, threshold: float) -> _State:
        """A copy without what loses at most `threshold`, natural logarithm."""
        names = ("counts", "total", "pruned_counts", "held_back", "alive", "children", "score")
        copy = dataclasses.replace(self, **{name: getattr(self, name).copy() for name in names})
        kernels.prune_kneser_ney(
            threshold,
            copy.expected,
            copy.uniform,
            copy.table.first_child,
            copy.table.order_start,
            copy.table.suffix,
            copy.raw,
            copy.occurrences,
            copy.contexts,
            copy.discounts,
            copy.counts,
            copy.total,
            copy.pruned_counts,
            copy.held_back,
            copy.alive,
            copy.children,
            copy.score,
        )
        return copy

    @property
    def uniform(self) -> float:
        """What each word has where nothing was counted."""
        return 1.0 / int(np.count_nonzero(self.predictable))

    @property
    def sizes(self) -> np.ndarray:
        """int64 (N,): how many n-grams of each order stay."""
        return np.add.reduceat(self.alive.astype(np.int64), self.table.order_start[:-1])

    def to_table(self) -> NgramTable:
        """The model that the counts give."""
        table = self.table
        own, back_off, probability = np.zeros(len(table)), np.empty(len(table.back_off)), np.empty(len(table))
        kernels.kneser_ney_parts(
            table.order_start,
            self.contexts,
            self.counts,
            self.discounts,
            self.total,
            self.pruned_counts,
            self.held_back,
            self.children,
            own,
            back_off,
        )
        probability[table.level(1)] = self._unigrams()
        _kernels_table.interpolate(table.first_child, table.order_start, table.suffix, own, back_off, probability)
        part, origin = table.select(self.alive)
        part.probability[:] = probability[origin]
        part.back_off[:] = back_off[origin[: len(part.back_off)]]
        return part

    def _unigrams(self) -> np.ndarray:
        """Probabilities of all words; what is never predicted keeps its conventional one."""
        words = self.table.level(1)
        counts, row = self.counts[words], self.discounts[0]
        own = counts - row[np.minimum(counts, len(row) - 1)]
        gamma = self.held_back[-1] / self.total[-1]
        return np.where(self.predictable, own / self.total[-1] + gamma * self.uniform, self.table.probability[words])
