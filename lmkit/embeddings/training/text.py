"""A corpus as the training kernels read it: the encoded ids as they lie on disk, the rows of a vocabulary, and what sub-sampling keeps."""

from __future__ import annotations

import dataclasses

import numpy as np

from lmkit._validation import check_int
from lmkit.embeddings.options import SentenceCap, Variant
from lmkit.embeddings.training import _kernels_windows as kernels
from lmkit.errors import InputError, InvalidParameterError
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.strings import StringTable
from lmkit.text.vocabulary import Vocabulary, frozen

END = "</s>"
_FULL = 2**32 - 1


@dataclasses.dataclass(frozen=True, eq=False)
class WordRows:
    """The V words that get vectors, by falling count; of equal ones the first seen first.

    Attributes
    ----------
    words : StringTable of them, in row order.
    counts : int64 (V,).
    tokens : how many tokens `Settings.epochs` and `Settings.sample` take a pass to have: the sum of the counts, or more, see
        `Variant.counts_rare_words`.
    end_row : row of `</s>` where it is a word behind each sentence, else -1.
    """

    words: StringTable
    counts: np.ndarray
    tokens: int
    end_row: int = -1

    def __len__(self) -> int:
        return len(self.counts)

    @classmethod
    def from_corpus(
        cls, corpus: EncodedCorpus, min_count: int, max_vocabulary_size: int | None, variant: Variant, also: StringTable | None = None
    ) -> WordRows:
        """Count the words of a corpus and cut them by count and size. The words of `also` are kept beside them, however rare.

        Raises
        ------
        InvalidParameterError : for a parameter outside its range.
        InputError : if no word is left.
        """
        check_int("Word2Vec", "min_count", min_count, minimum=1)
        if max_vocabulary_size is not None:
            check_int("Word2Vec", "max_vocabulary_size", max_vocabulary_size, minimum=1)
        vocabulary, counts = corpus.vocabulary, corpus.vocabulary.counts
        assert counts is not None
        counts = np.array(counts)
        first = Vocabulary.EOS + 1
        frequent = first + np.flatnonzero(counts[first:] >= min_count)
        ids = frequent[np.argsort(-counts[frequent], kind="stable")]
        if variant.end_of_sentence != "absent":
            counts[Vocabulary.EOS] = np.count_nonzero(np.diff(corpus.sentence_offsets))
            if variant.end_of_sentence == "row":  # word2vec.c puts it first, whatever its count
                ids = np.concatenate([[Vocabulary.EOS], ids])
            elif counts[Vocabulary.EOS] >= min_count:
                place = int(np.searchsorted(-counts[ids], -counts[Vocabulary.EOS]))
                ids = np.insert(ids, place, Vocabulary.EOS)
        ids = ids[:max_vocabulary_size]
        if not np.any(ids != Vocabulary.EOS):
            most = int(counts[first:].max(initial=0))
            raise InputError(
                f"{corpus.name}: no word occurs {min_count:,} times (the most frequent occurs {most:,} times), so there is nothing to "
                f"train; "
                f"lower the minimum count (min_count, --min-count) or take a longer text."
            )
        end = np.flatnonzero(ids == Vocabulary.EOS)
        end_row = int(end[0]) if variant.end_of_sentence == "word" and len(end) else -1
        tokens = int(counts[ids].sum())
        if variant.counts_rare_words:
            tokens += int(counts[first:][counts[first:] < min_count].sum())
        rows = cls(vocabulary.pick(ids), counts[ids], tokens, end_row)
        return rows if also is None else rows._with(also, vocabulary, counts)

    def _with(self, also: StringTable, vocabulary: Vocabulary, counts: np.ndarray) -> WordRows:
        """These words, then those of `also` that are not among them, by falling count in the text."""
        new = np.flatnonzero(self.words.find_packed(also.blob, also.offsets, -1) < 0)
        if len(new) == 0:
            return self
        extra = also.pick(new)
        ids = vocabulary.find_packed(extra.blob, extra.offsets, Vocabulary.UNK)
        own = np.where(ids > Vocabulary.EOS, counts[ids], 0)
        order = np.argsort(-own, kind="stable")
        extra = extra.pick(order)
        blob = np.concatenate([self.words.blob, extra.blob])
        offsets = np.concatenate([self.words.offsets, extra.offsets[1:] + self.words.offsets[-1]])
        counts_of_all = np.concatenate([self.counts, own[order]])
        return WordRows(StringTable(blob, offsets), counts_of_all, max(self.tokens, int(counts_of_all.sum())), self.end_row)


class TrainingText:
    """A corpus over the rows of a vocabulary.

    Parameters
    ----------
    corpus : the text; its ids are used as they are, memory-mapped where they come from a file.
    rows : the words that have rows.
    sample : threshold of sub-sampling as a share of the text, 0 for none.
    variant : formula of sub-sampling, cap of sentences.

    Attributes
    ----------
    arrays : `_kernels_windows.Text`.
    tokens : int, tokens of the corpus, those without a row included.
    known : int, those with a row.
    expected_kept : float64 (V,), expected occurrences of each word in an epoch after sub-sampling.
    """

    def __init__(self, corpus: EncodedCorpus, rows: WordRows, sample: float, variant: Variant) -> None:
        self.corpus = corpus
        self.rows = rows
        row_of_id = rows.words.find_packed(corpus.vocabulary.blob, corpus.vocabulary.offsets, -1)
        row_of_id[: Vocabulary.EOS + 1] = -1
        counts = corpus.vocabulary.counts
        assert counts is not None
        own = np.zeros(len(rows), np.float64)
        known = row_of_id >= 0
        np.add.at(own, row_of_id[known], counts[known])
        if rows.end_row >= 0:
            own[rows.end_row] = np.count_nonzero(np.diff(corpus.sentence_offsets))
        self.tokens = len(corpus)
        self.known = int(own.sum())
        share = keep_probabilities(rows.counts, rows.tokens, sample, variant.subsampling)
        self.expected_kept = own * share
        cap = variant.sentence_cap
        self.arrays = kernels.Text(
            frozen(corpus.ids),
            frozen(corpus.sentence_offsets),
            frozen(row_of_id.astype(np.int32, copy=False)),
            frozen(np.maximum(np.rint(share * (_FULL + 1)) - 1, 0).astype(np.uint32)),
            rows.end_row,
            0 if cap is None else cap.words,
            _cap_kind(cap),
        )


def keep_probabilities(counts: np.ndarray, tokens: int, sample: float, formula: str) -> np.ndarray:
    """float64 (V,): with which probability an occurrence of each word is kept (see `Variant.subsampling`). sample = 0 keeps all.

    tokens : N, as a rule the sum of the counts.
    """
    if sample == 0:
        return np.ones(len(counts))
    threshold = sample * tokens  # tN
    if sample >= 1:
        if formula != "gensim":
            raise InvalidParameterError(
                f"The 'sample' parameter of Word2Vec must be below 1, a share of the text, but with compat='gensim'. Got {sample!r} "
                f"instead."
            )
        threshold = int(sample * (3 + 5**0.5) / 2)  # gensim's reading: words below this count are all kept
    ratio = threshold / np.maximum(counts, 1).astype(np.float64)
    return np.minimum(np.sqrt(ratio) + ratio, 1.0)


def _cap_kind(cap: SentenceCap | None) -> int:
    if cap is not None and cap.rest == "drop":
        return kernels.CAP_DROP
    return kernels.CAP_SPLIT_READ if cap is not None and cap.counted == "read" else kernels.CAP_SPLIT
