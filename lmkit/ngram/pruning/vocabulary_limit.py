"""Vocabulary limit: n-grams with a word outside a list go, and such words are `<unk>` from then on.

As KenLM's `lmplz --limit_vocab_file`: the model is estimated with all words, then those n-grams go and what they had of their own goes to
the back-off weights (`lmkit.ngram.pruning.cutoffs`). Not the same as a smaller vocabulary at training, where `<unk>` is counted as a word.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from lmkit.errors import InvalidParameterError
from lmkit.ngram.pruning.base import Pruned, Pruning, Subject
from lmkit.ngram.pruning.cutoffs import cut
from lmkit.ngram.querying import _kernels_table


@dataclasses.dataclass(frozen=True)
class VocabularyLimit(Pruning):
    """Only n-grams of these words stay, and of `<unk>`, `<s>` and `</s>`.

    Attributes
    ----------
    words : the words that stay; those that the model doesn't know change nothing.
    """

    name: ClassVar[str] = "vocabulary"
    summary: ClassVar[str] = "what holds a word outside a list goes"

    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given: Any = self.words
        if isinstance(given, str):
            raise InvalidParameterError("The 'words' parameter of VocabularyLimit must be a sequence of words, not one string.")
        object.__setattr__(self, "words", tuple(given))
        if not self.words:
            raise InvalidParameterError("VocabularyLimit takes the words that stay, and got none; name at least one.")

    def keep(self, subject: Subject) -> np.ndarray:
        """bool (T,): the n-grams that stay."""
        table = subject.table
        allowed = np.zeros(table.vocabulary_size, np.bool_)
        allowed[subject.vocabulary.lookup(self.words)] = True
        allowed[:3] = True
        keep = np.empty(len(table), np.bool_)
        keep[: len(allowed)] = allowed
        _kernels_table.spread(table.words, table.first_child, allowed, keep)
        return keep

    def prune(self, subject: Subject) -> Pruned:
        return cut(subject, self.keep(subject))

    def to_dict(self) -> dict[str, Any]:
        return {"method": self.name, "words": len(self.words)}
