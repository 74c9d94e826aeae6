"""KenLM's hash tables, scored where they lie.

The tables hold n-grams as 64-bit hashes, without their words. Scoring needs no more than that, so a mapped file is ready at once whatever
its size. What needs the n-grams themselves (writing ARPA or lmkit's own file, next words) has them found again by `recovery`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lmkit.ngram.formats.kenlm_binary import _kernels_probing as kernels
from lmkit.ngram.formats.kenlm_binary.header import REST_PROBING, BinaryFile
from lmkit.ngram.formats.kenlm_binary.words import Words, read_words
from lmkit.text.vocabulary import Vocabulary

_SENTENCES_A_TASK = 4096
_WORD_ENTRY = 12


def table_buckets(entries: int, multiplier: float) -> int:
    """Entries of a table for so many n-grams, in KenLM's float32 arithmetic."""
    return max(entries + 1, int(np.float32(multiplier) * np.float32(entries)))


class ProbingTables:
    """The tables of a probing file.

    Attributes
    ----------
    words : `Words`, or None if the file has none and `need_words` was False.
    word_table : uint32 (3 B,), from the hash of a word to its id.
    tables : the arrays that `_kernels_probing` takes first: words, floats, starts, buckets, strides.
    bound : number of words, `<unk>` included.
    """

    def __init__(self, file: BinaryFile, need_words: bool = True) -> None:
        header = file.header
        self.path = file.path
        self.order = header.order
        rest = header.kind == REST_PROBING
        strides = [3 if rest else 2, *[5 if rest else 4] * (header.order - 2), 3]
        buckets = [header.counts[0] + 1, *(table_buckets(count, header.probing_multiplier) for count in header.counts[1:])]
        word_buckets = table_buckets(header.counts[0], header.probing_multiplier)
        start = header.size + 8 + _WORD_ENTRY * word_buckets
        starts = []
        end = start
        for own_buckets, stride in zip(buckets, strides, strict=True):
            starts.append(end // 4)
            end += 4 * own_buckets * stride
        file.check_size(end, "hash tables")
        version, self.bound = (int(value) for value in file.array(header.size, 2, np.uint32))
        if version != 0 or not 1 <= self.bound <= header.counts[0] + 1:
            raise file.damaged(f"its vocabulary table has version {version} and {self.bound:,} words for {header.counts[0]:,} 1-grams")
        raw = file.bytes[: len(file.bytes) // 4 * 4].view(np.uint32)
        self.word_table = raw[(header.size + 8) // 4 : start // 4]
        self.tables = (raw, raw.view(np.float32), np.array(starts), np.array(buckets), np.array(strides))
        self.words: Words | None = read_words(file, end, self.bound) if need_words or header.has_words else None
        self.counts = header.counts

    def score(
        self, ids: np.ndarray, offsets: np.ndarray, *, boundaries: bool, carry: bool = False, threads: int = 1
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Score sentences as `BackoffTrie.score` does. ids are the vocabulary's; `boundaries`: sentences stand between <s> and </s>."""
        assert self.words is not None
        file_ids = self.words.file_ids
        own = file_ids[ids]
        begin, end = (int(file_ids[special]) for special in (Vocabulary.BOS, Vocabulary.EOS))
        offsets = np.ascontiguousarray(offsets, np.int64)
        sentences = len(offsets) - 1
        events = len(own) + (sentences if boundaries else 0)
        log_prob, hit_length, back_off = np.empty(events), np.empty(events, np.int8), np.empty(events, np.float32)

        def run(first: int) -> None:
            last = sentences if carry else min(first + _SENTENCES_A_TASK, sentences)
            kernels.score_sentences(
                *self.tables, own, offsets, first, last, carry, boundaries, begin if boundaries else -1, end, log_prob, hit_length, back_off
            )

        firsts = [0] if carry else range(0, sentences, _SENTENCES_A_TASK)
        if threads <= 1 or len(firsts) <= 1:
            for first in firsts:
                run(first)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(run, firsts))
        return log_prob, hit_length, back_off
