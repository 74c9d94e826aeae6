"""Several vocabularies as one, so that models with different ones predict the same events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmkit._validation import check_choice
from lmkit.errors import UsageError
from lmkit.text.vocabulary import Vocabulary


class VocabularyUnion:
    """The words of several models.

    Where a model lacks some of them, it says of each what it says of `<unk>`, shared out evenly among all that are `<unk>` to it: the words
    it lacks and the union's own `<unk>`. Its probabilities then sum to one over the union.

    Parameters
    ----------
    vocabularies : one a model.
    kind : "same" refuses vocabularies that don't hold the same words; their order may differ. "union" takes any.

    Attributes
    ----------
    vocabulary : the first one's words, then those that others add, in their order.
    maps : one int32 (V,) a model, its id of each word of the union; 0 (`<unk>`) for what it lacks.
    log_shares : float64 (models,), minus the logarithm of the number of words that are `<unk>` to a model.

    Raises
    ------
    UsageError : for "same" and vocabularies that differ.
    """

    def __init__(self, vocabularies: Sequence[Vocabulary], kind: str = "same") -> None:
        check_choice("a mixture", "vocabulary", kind, ("same", "union"))
        first = vocabularies[0]
        union = first
        for number, other in enumerate(vocabularies[1:], 2):
            missing = np.flatnonzero(union.map_from(other)[3:] == 0) + 3
            if kind == "same" and (len(missing) or len(other) != len(first)):
                shared = len(other) - len(missing)
                raise UsageError(
                    f"Model {number} knows {len(other):,} words, model 1 {len(first):,}, and they share {shared:,}, so they don't predict "
                    "the same events. Train them with one vocabulary, or mix over the union of their words (vocabularies='union', "
                    "--union-vocabulary)."
                )
            if len(missing):
                union = Vocabulary.from_tokens([*union.tokens()[3:], *other.decode(missing)])
        self.vocabulary = union
        self.maps = [own.map_from(union) for own in vocabularies]
        self.log_shares = np.array([-np.log(1 + np.count_nonzero(ids[3:] == 0)) for ids in self.maps])

    def share(self, model: int, words: np.ndarray, log_probabilities: np.ndarray) -> np.ndarray:
        """Natural logarithms (N,) that a model gives events, as those of words (N,) of the union."""
        share = self.log_shares[model]
        if share == 0:
            return log_probabilities
        return np.where(self.maps[model][words] == Vocabulary.UNK, log_probabilities + share, log_probabilities)

    def spread(self, model: int, log_probabilities: np.ndarray) -> np.ndarray:
        """A model's natural logarithms (..., own V) for each word of the union (..., V)."""
        ids = self.maps[model]
        result = log_probabilities[..., ids]
        share = self.log_shares[model]
        if share != 0:
            result[..., ids == Vocabulary.UNK] += share
        return result
