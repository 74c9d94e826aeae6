"""Relative-entropy pruning: take out the n-grams whose loss changes the distribution least.

Stolcke, "Entropy-based pruning of backoff language models", DARPA Broadcast News Transcription and Understanding Workshop, 1998. For each
n-gram hw the relative entropy D(p || p') between the model and the model that lacks hw alone, its back-off weight put right; those go for
which exp(D) - 1, the relative rise of perplexity, is below the threshold, from the highest order down, and only if they begin no n-gram
that stays. p(h) is the product of the model's own probabilities; that of `<s>` is p(`</s>`), since sentences begin as often as they end.

What stays keeps its probability and back-off weights are computed anew. For Kneser-Ney models p(h) is far off, since their lower orders
tell after how many words a word stands, not how often: prune those with `RevisedKneserNey` (docs/pruning.md).
"""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import numpy as np

from lmkit.errors import UsageError
from lmkit.ngram.pruning import _kernels_pruning as kernels
from lmkit.ngram.pruning.base import Pruned, RankedPruning, Subject, keep_best
from lmkit.ngram.querying import _kernels_table
from lmkit.text.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class RelativeEntropy(RankedPruning):
    """Of any back-off model whose scores are probabilities. The threshold is the relative rise of perplexity, such as 1e-8."""

    name: ClassVar[str] = "entropy"
    summary: ClassVar[str] = "what changes the distribution least goes (Stolcke)"

    def prune(self, subject: Subject) -> Pruned:
        if not subject.is_normalised:
            raise UsageError(
                "This model's scores are no probabilities, so it has no relative entropy; prune it by counts, as it is trained."
            )
        table = subject.table
        score = relative_entropies(subject)
        effective = np.empty_like(score)
        _kernels_table.depends(table.first_child, score, effective)
        if self.threshold is not None:
            keep = effective >= math.log1p(self.threshold)
        else:
            keep = keep_best(effective, table, self.budget(subject))
        part = table.remove(keep)
        dropped = effective[~keep]
        reached = float(np.expm1(dropped.max())) if len(dropped) else 0.0
        notes = []
        if "kneser-ney" in str(subject.smoothing.get("name")):
            notes.append(
                "Entropy pruning suits Kneser-Ney models badly where much goes, since their lower orders are no frequencies; "
                "prune the whole model by the method kneser-ney then."
            )
        return Pruned(part, None, {"reached_threshold": reached}, notes)


def relative_entropies(subject: Subject) -> np.ndarray:
    """float64 (T,): D(p || p') for each n-gram's own loss, natural logarithm; infinity for 1-grams and for what would become impossible."""
    table = subject.table
    score, history = np.empty(len(table)), np.empty(len(table.back_off))
    words = min(table.vocabulary_size, len(history))
    history[:words] = table.probability[:words]
    if words:
        history[Vocabulary.BOS] = table.probability[Vocabulary.EOS]
    kernels.relative_entropies(table.first_child, table.order_start, table.suffix, table.probability, table.back_off, history, score)
    return score
