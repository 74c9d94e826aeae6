"""From models and counts to what a pruning method works on, and back to a model."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit.errors import InvalidParameterError, UsageError
from lmkit.ngram.counting.counts import NgramCounts, count_ngrams
from lmkit.ngram.pruning.base import Pruned, Pruning, Subject
from lmkit.ngram.pruning.count_cutoffs import CountCutoffs
from lmkit.ngram.pruning.cutoffs import cut
from lmkit.ngram.pruning.vocabulary_limit import VocabularyLimit
from lmkit.ngram.querying.table import NgramTable
from lmkit.ngram.smoothing.base import Estimates
from lmkit.text.encoding import as_corpus
from lmkit.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lmkit.ngram.model import NgramLanguageModel


def as_prunings(pruning: Any) -> list[Pruning]:
    """What `pruning=` means: None, a method, several, or the counts of `CountCutoffs`. Raises InvalidParameterError."""
    if pruning is None:
        return []
    if isinstance(pruning, Pruning):
        return [pruning]
    if isinstance(pruning, Sequence) and not isinstance(pruning, str):
        if all(isinstance(entry, Integral) for entry in pruning):
            return [CountCutoffs(tuple(int(entry) for entry in pruning))] if len(pruning) else []
        if all(isinstance(entry, Pruning) for entry in pruning):
            return list(pruning)
    raise InvalidParameterError(
        f"The 'pruning' parameter of NgramLanguageModel must be counts such as (0, 0, 1), a method of lmkit.ngram.pruning or several, "
        f"or None. Got {pruning!r} instead."
    )


def subject_of_counts(counts: NgramCounts, estimates: Estimates, vocabulary: Vocabulary, smoothing: dict[str, Any]) -> Subject:
    """A model between its estimation and its use: the counts are known."""
    table = NgramTable.from_estimates(counts, estimates)
    if estimates.is_normalised:
        table.normalise()
    raw, adjusted = _counts(counts, "kneser-ney" in smoothing["name"])
    return Subject(
        table,
        vocabulary,
        estimates.is_normalised,
        _is_interpolated(smoothing),
        counts.boundaries,
        smoothing,
        estimates.details.get("discounts"),
        raw,
        adjusted,
    )


def subject_of_model(model: NgramLanguageModel, corpus: Any = None) -> Subject:
    """A finished model, with the text that it was trained on if that is at hand.

    Raises
    ------
    UsageError : for what is no n-gram model, and if its n-grams are not those of the text.
    """
    if not hasattr(model, "fast_trie"):
        raise UsageError(f"A {type(model).__name__} has no n-grams to take out; prune n-gram models, and mix them then.")
    table = NgramTable.from_trie(model.fast_trie())
    if model.is_normalised:
        table.normalise()
    estimation = model.metadata_.get("estimation") or {}
    smoothing = estimation.get("smoothing") or {}
    smoothing = {"name": smoothing} if isinstance(smoothing, str) else dict(smoothing)
    boundaries = model.text_options.sentence_boundaries
    subject = Subject(
        table, model.vocabulary, model.is_normalised, _is_interpolated(smoothing), boundaries, smoothing, estimation.get("discounts")
    )
    if corpus is not None:
        encoded = as_corpus(corpus, model.text_options)
        vocabulary = model.vocabulary
        counts = count_ngrams(encoded.ids_in(vocabulary), encoded.sentence_offsets, len(vocabulary), table.order, boundaries=boundaries)
        words = [level.words for level in counts.levels]
        if [len(level) for level in words] != table.sizes or not np.array_equal(np.concatenate(words), table.words):
            raise UsageError(
                "The model's n-grams are not those of the text, so its counts can't be taken from there; name the text it was trained on."
            )
        subject.raw_counts, subject.adjusted_counts = _counts(counts, True)
    return subject


def run(subject: Subject, prunings: Sequence[Pruning]) -> tuple[Pruned, Vocabulary, list[dict[str, Any]]]:
    """Prune by one method after the other: what is left, its vocabulary, and records for the model card.

    Count cut-offs and a vocabulary limit that follow one another are one cut, as in lmplz.
    """
    records: list[dict[str, Any]] = []
    notes: list[str] = []
    vocabulary = subject.vocabulary
    pending = list(prunings)
    pruned = Pruned(subject.table)
    while pending:
        together = [pending.pop(0)]
        while (
            isinstance(together[-1], CountCutoffs | VocabularyLimit) and pending and isinstance(pending[0], CountCutoffs | VocabularyLimit)
        ):
            together.append(pending.pop(0))
        before = subject.table.sizes
        if len(together) > 1:
            pruned = cut(
                subject, np.logical_and.reduce([one.keep(subject) for one in together if isinstance(one, CountCutoffs | VocabularyLimit)])
            )
        else:
            pruned = together[0].prune(subject)
        records += [{**one.to_dict(), **pruned.details, "before": before, "after": pruned.table.sizes} for one in together]
        notes += pruned.notes
        if pruned.kept_words is not None:
            vocabulary = _part_of(vocabulary, pruned.kept_words)
            gone = int(np.count_nonzero(~pruned.kept_words))
            notes.append(f"{gone:,} words went; they are read as <unk>, which has their probability.")
        if pending:
            subject = Subject(
                pruned.table, vocabulary, subject.is_normalised, subject.is_interpolated, subject.boundaries, subject.smoothing
            )
    return Pruned(pruned.table, pruned.kept_words, pruned.details, notes), vocabulary, records


def prune(model: NgramLanguageModel, pruning: Any, corpus: Any = None) -> NgramLanguageModel:
    """A smaller model.

    Parameters
    ----------
    model : stays as it is.
    pruning : a method of this package, or several, one after the other.
    corpus : the text that the model was trained on, for methods that need its counts; anything that `fit` takes.

    Raises
    ------
    UsageError : if this model can't be pruned so, with the reason.
    """
    prunings = as_prunings(pruning)
    pruned, vocabulary, records = run(subject_of_model(model, corpus), prunings)
    return model.with_ngrams(
        pruned.table.to_trie(), vocabulary, {"pruning": [*model.metadata_.get("pruning", []), *records]}, notes=pruned.notes
    )


def _counts(counts: NgramCounts, adjusted: bool) -> tuple[np.ndarray, np.ndarray | None]:
    raw = np.concatenate([level.counts for level in counts.levels])
    raw[Vocabulary.BOS] = 0
    return raw, np.concatenate([counts.adjusted_counts(order) for order in range(1, counts.order + 1)]) if adjusted else None


def _is_interpolated(smoothing: dict[str, Any]) -> bool:
    return bool(smoothing.get("interpolated", smoothing.get("name") in ("jelinek-mercer", "additive")))


def _part_of(vocabulary: Vocabulary, kept: np.ndarray) -> Vocabulary:
    """The words with `kept`, in order."""
    counts = None if vocabulary.counts is None else vocabulary.counts[kept]
    if counts is not None and vocabulary.counts is not None:
        counts[Vocabulary.UNK] += vocabulary.counts[~kept].sum()
    return vocabulary.select(np.flatnonzero(kept), counts)
