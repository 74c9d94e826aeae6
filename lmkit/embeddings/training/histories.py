"""A text as a language model trains on it: every sentence between its marks, every word the vocabulary's."""

from __future__ import annotations

import numpy as np

from lmkit.embeddings.training import _kernels_windows as kernels
from lmkit.embeddings.training.text import WordRows
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.strings import StringTable
from lmkit.text.vocabulary import Vocabulary, frozen

_FULL = 2**32 - 1


def marked_stream(corpus: EncodedCorpus, vocabulary: Vocabulary, state: str = "reset") -> tuple[np.ndarray, np.ndarray]:
    """The text with `<s>` before and `</s>` behind each sentence; continuous text without them.

    state : "carry" joins all of a continuous text.

    Returns
    -------
    (stream, offsets) : int32 (T,), ids of the vocabulary; int64 (S+1,), where segments begin.
    """
    ids, offsets = corpus.ids_in(vocabulary), np.asarray(corpus.sentence_offsets)
    if not corpus.options.sentence_boundaries:
        return np.asarray(ids), offsets[[0, -1]] if state == "carry" else offsets
    segments = offsets + 2 * np.arange(len(offsets))
    stream = np.empty(int(segments[-1]), np.int32)
    words = np.ones(len(stream), np.bool_)
    words[segments[:-1]] = words[segments[1:] - 1] = False
    stream[words] = ids
    stream[segments[:-1]] = Vocabulary.BOS
    stream[segments[1:] - 1] = Vocabulary.EOS
    return stream, segments


class HistoryText:
    """What `TrainingText` is to word vectors: rows by falling count, no sub-sampling, no word left out. Attributes as there.

    row_of : int32 (V,), row of each id.
    """

    def __init__(self, corpus: EncodedCorpus, vocabulary: Vocabulary, counts: np.ndarray | None = None) -> None:
        self.corpus = corpus
        stream, offsets = marked_stream(corpus, vocabulary)
        self.stream, self.segments = stream, offsets
        if counts is None:
            counts = np.bincount(stream, minlength=len(vocabulary)).astype(np.int64)
        self.counts = counts
        order = np.argsort(-counts, kind="stable")
        self.row_of = np.empty(len(vocabulary), np.int32)
        self.row_of[order] = np.arange(len(vocabulary))
        words = StringTable(vocabulary.blob, vocabulary.offsets).pick(order)
        self.rows = WordRows(words, counts[order], int(counts.sum()))
        self.tokens = self.known = len(stream)
        self.expected_kept = counts[order].astype(np.float64)
        self.arrays = kernels.Text(
            frozen(stream), frozen(offsets), frozen(self.row_of), frozen(np.full(len(vocabulary), _FULL, np.uint32)), -1, 0, 0
        )
