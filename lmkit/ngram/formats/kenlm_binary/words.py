"""The words of a binary file: strings at its end, in the order of KenLM's ids."""

from __future__ import annotations

import dataclasses

import numpy as np

from lmkit.errors import FormatError
from lmkit.ngram.formats.kenlm_binary.header import BinaryFile
from lmkit.text.vocabulary import SPECIALS, Vocabulary, gather_strings


@dataclasses.dataclass(frozen=True)
class Words:
    """lmkit numbers `<s>` 1 and `</s>` 2; KenLM numbers by the ARPA file's order, or in tries by hash.

    vocabulary : V words.
    file_ids : int32 (V,), KenLM's id of each; 0 (`<unk>`) for `<s>` or `</s>` where the file has none.
    ids : int32 (bound,), the id in vocabulary of each of KenLM's.
    """

    vocabulary: Vocabulary
    file_ids: np.ndarray
    ids: np.ndarray


def read_words(file: BinaryFile, start: int, bound: int) -> Words:
    """Read the strings from byte `start` on: `bound` of them, `<unk>` first, each with a NUL behind it.

    Raises
    ------
    FormatError : if the file has none, they are cut, or not as many as the vocabulary has.
    """
    if not file.header.has_words:
        raise FormatError(
            f"{file.path}: was built without its words (build_binary -v), so that no text can be made of its n-grams; "
            "build it anew from ARPA without -v."
        )
    raw = file.bytes[start:]
    ends = np.flatnonzero(raw == 0)
    if len(ends) != bound or len(raw) == 0 or ends[-1] != len(raw) - 1:
        raise FormatError(
            f"{file.path}: should end in {bound:,} words, but holds {len(ends):,} in {len(raw):,} bytes; the file is cut or "
            "damaged, so copy it again."
        )
    if raw[:6].tobytes() != b"<unk>\0":
        raise file.damaged("its words don't begin with <unk>")
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts
    if lengths.min() == 0:
        raise file.damaged("one of its words is empty")
    blob = np.concatenate([raw, np.frombuffer("".join(SPECIALS).encode(), np.uint8)])
    own = [0, *(_place_of(raw, starts, lengths, special.encode()) for special in SPECIALS[1:])]
    order = np.setdiff1d(np.arange(bound), own, assume_unique=True)
    file_ids = np.concatenate([np.maximum(own, 0), order]).astype(np.int32)
    borders = np.concatenate([np.stack([starts, ends], 1).reshape(-1), [len(raw), len(raw) + 5, len(raw) + 8, len(raw) + 12]])
    rows = 2 * file_ids.astype(np.int64)  # each word lies between an even border and the next one
    for special, place in enumerate(own):
        if place < 0:
            rows[special] = 2 * bound + special
    packed, offsets = gather_strings(blob, borders, rows)
    vocabulary = Vocabulary.from_tensors({"vocabulary.bytes": packed, "vocabulary.offsets": offsets}, str(file.path))
    ids = np.zeros(bound, np.int32)
    for special, place in enumerate(own):
        if place >= 0:
            ids[place] = special
    ids[order] = np.arange(3, 3 + len(order))
    return Words(vocabulary, file_ids, ids)


def _place_of(raw: np.ndarray, starts: np.ndarray, lengths: np.ndarray, token: bytes) -> int:
    """KenLM's id of a word, -1 if it isn't there."""
    rows = np.flatnonzero(lengths == len(token))
    found = rows[(raw[starts[rows][:, None] + np.arange(len(token))] == np.frombuffer(token, np.uint8)).all(axis=1)]
    return int(found[0]) if len(found) else -1
