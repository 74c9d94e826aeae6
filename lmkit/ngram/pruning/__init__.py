"""Pruning: one file a method, one line here. A method takes n-grams out of a model, as it is trained or afterwards.

>>> from lmkit import NgramLanguageModel
>>> from lmkit.ngram.pruning import RelativeEntropy, prune
>>> model = NgramLanguageModel(order=3, smoothing="witten-bell").fit("the cat sat\\nthe cat ran\\nthe dog sat")
>>> prune(model, RelativeEntropy(ngrams=12)).trie_.sizes
[8, 4]
"""

from __future__ import annotations

from lmkit.ngram.pruning.base import Pruned, Pruning, RankedPruning, Subject
from lmkit.ngram.pruning.count_cutoffs import CountCutoffs
from lmkit.ngram.pruning.kneser_ney import RevisedKneserNey
from lmkit.ngram.pruning.relative_entropy import RelativeEntropy
from lmkit.ngram.pruning.subjects import as_prunings, prune, run, subject_of_counts, subject_of_model
from lmkit.ngram.pruning.vocabulary_limit import VocabularyLimit

METHODS: dict[str, type[Pruning]] = {method.name: method for method in (RelativeEntropy, RevisedKneserNey, CountCutoffs, VocabularyLimit)}


def method_names() -> list[str]:
    """Names that `lmkit prune --method` knows."""
    return list(METHODS)


__all__ = [
    "METHODS",
    "CountCutoffs",
    "Pruned",
    "Pruning",
    "RankedPruning",
    "RelativeEntropy",
    "RevisedKneserNey",
    "Subject",
    "VocabularyLimit",
    "as_prunings",
    "method_names",
    "prune",
    "run",
    "subject_of_counts",
    "subject_of_model",
]
