"""fastText's .bin: the whole model. Read: dense and quantised, supervised ones' word vectors too. Written: dense, as fastText and gensim
load it, with the same vectors, neighbours and vectors of unknown words."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit import _files
from lmkit._progress import Progress
from lmkit.embeddings.formats import _fasttext_layout as layout
from lmkit.embeddings.formats import _text
from lmkit.embeddings.formats._result import vectors_of
from lmkit.embeddings.formats._rows import Collector
from lmkit.embeddings.formats._source import Source
from lmkit.embeddings.subwords import NgramOptions, Subwords, hash_ngrams
from lmkit.errors import FormatError, InputError, InvalidParameterError
from lmkit.numeric._kernels_memory import PADDING
from lmkit.text.strings import frozen

if TYPE_CHECKING:
    from lmkit.embeddings.formats import Writing
    from lmkit.embeddings.vectors import WordVectors

FORM = "fastText .bin"
_PIECE = 1 << 13  # rows
_BUFFER = 1 << 20


def recognises(path: Path, start: bytes) -> bool:
    """fastText's magic number, or a header from before it."""
    return layout.recognises(start)


def read(path: Path, errors: str) -> WordVectors:
    """See `read_vectors`. Output vectors become `context` where negative sampling made them."""
    with Source(path) as source:
        header = layout.read_header(source)
        dictionary = layout.read_dictionary(source, header.is_old)
        matrix = layout.read_matrix(source, "the input matrix", header.is_old)
        subwords = _subwords(path, header, dictionary, matrix)
        context = _read_output(source, header, dictionary, errors)
        source.finish()
    collector = Collector(path, header.dim, len(dictionary.counts), errors)
    for first, piece in _word_rows(dictionary, matrix, subwords):
        offsets = dictionary.offsets[first : first + len(piece) + 1]
        collector.put(piece, dictionary.words, offsets, functools.partial(_place, first))
    rows = collector.finish()
    counts = dictionary.counts
    if rows.kept is not None:
        counts = counts[rows.kept]
        context = context[rows.kept] if context is not None else None
        if subwords is not None and subwords.word_vectors is not None:
            subwords.word_vectors = subwords.word_vectors[rows.kept]
    made: dict[str, Any] = {"fasttext": header.record(), "tokens": dictionary.tokens}
    if dictionary.labels:
        made["labels"] = dictionary.labels
    return vectors_of(rows, path, FORM, counts=counts, context=context, subwords=subwords, made=made)


def _place(first: int, row: int) -> str:
    return f"entry {first + row + 1:,}"


def _subwords(path: Path, header: layout.Header, dictionary: layout.Dictionary, matrix: np.ndarray) -> Subwords | None:
    words = len(dictionary.counts)
    if matrix.shape[1] != header.dim:
        raise FormatError(f"{path}: the header says {header.dim} dimensions, the input matrix has {matrix.shape[1]}; the file is damaged.")
    pruned = dictionary.pruned
    expected = words + (header.bucket if pruned is None else len(pruned))
    if header.maxn < 1 or header.maxn < header.minn or header.bucket == 0 or (pruned is not None and len(pruned) == 0):
        expected, bound = words, len(matrix)  # rows of word n-grams may follow
    else:
        bound = expected
    if len(matrix) < expected or bound != len(matrix):
        raise FormatError(f"{path}: the input matrix has {len(matrix):,} rows, {expected:,} belong there; the file is damaged.")
    if expected == words:
        return None
    kept = None
    if pruned is not None:
        rows = pruned[:, 1].astype(np.int64)
        if np.any(np.sort(rows) != np.arange(len(rows))):
            raise FormatError(f"{path}: the rows of the pruned n-grams are not numbered 0 to {len(rows) - 1:,}; the file is damaged.")
        kept = np.empty(len(rows), np.int64)
        kept[rows] = pruned[:, 0]
    own, ngrams, counts_missing = matrix[:words], matrix[words:], False
    used = np.flatnonzero(np.asarray(ngrams.any(axis=1)))
    if pruned is None and len(used) < len(ngrams) // 2:
        # as lmkit writes it: the buckets that no word of the training has are zero, and a sparse table of the others says the same
        kept, counts_missing = used, True
        own, ngrams = own.copy(), ngrams[kept]  # of the whole matrix nothing stays in memory
    try:
        options = NgramOptions(header.minn, header.maxn, header.bucket)
        return Subwords(options, ngrams, kept=kept, word_vectors=own, counts_missing=counts_missing)
    except InvalidParameterError as error:
        raise FormatError(f"{path}: the n-grams' options can't be ({error}); the file is damaged.") from None


def _word_rows(dictionary: layout.Dictionary, matrix: np.ndarray, subwords: Subwords | None) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, float32 (n, d)): the words' vectors, subwords included, piece by piece."""
    count = len(dictionary.counts)
    for first in range(0, count, _PIECE):
        stop = min(first + _PIECE, count)
        if subwords is None:
            yield first, matrix[first:stop]
        else:
            yield first, subwords.combine(dictionary.words, dictionary.offsets[first : stop + 1], np.arange(first, stop))


def _read_output(source: Source, header: layout.Header, dictionary: layout.Dictionary, errors: str) -> np.ndarray | None:
    """The words' output vectors of negative sampling; None for all others, which are checked to be there."""
    output = layout.read_matrix(source, "the output matrix", header.is_old)
    if source.read(1) and errors == "strict":
        raise FormatError(f"{source.path}: more bytes follow the output matrix from byte {source.at - 1:,} on; the file is damaged.")
    if layout.LOSSES[header.loss] != "ns" or layout.MODELS[header.model] == "supervised":
        return None
    if output.shape != (len(dictionary.counts), header.dim):
        raise FormatError(
            f"{source.path}: the output matrix is {output.shape[0]:,} x {output.shape[1]:,}, {len(dictionary.counts):,} x {header.dim:,} "
            "belongs there; the file is damaged."
        )
    return output


# -- writing -------------------------------------------------------------------------------------------------------------------------------


def write(vectors: WordVectors, path: Path, options: Writing) -> None:
    """See `write_vectors`. Without subwords a model with n-grams off; counts that nobody knows are 1; output vectors that are missing 0."""
    words, matrix, subwords = vectors.words, vectors.matrix, vectors.subwords
    if np.any(words.blob == 0):
        raise InputError("A word holds the character NUL, which ends words in fastText's .bin; choose another format.")
    counts = np.ones(len(words), np.int64) if vectors.counts is None else np.ascontiguousarray(vectors.counts, "<i8")
    header = _header(vectors)
    with _files.replacing(path) as temporary, _text.open_for_writing(temporary, path.name) as file:
        file.write(header.encode())
        tokens = max(int(counts.sum()), _tokens(vectors.made))
        file.write(struct.pack("<3i2q", len(words), len(words), 0, tokens, -1))
        for block in _entries(vectors, counts):
            file.write(block)
        file.write(struct.pack("<B2q", 0, len(words) + header.bucket, header.dim))
        with Progress(f"writing {path.name}", len(words) + header.bucket, "row") as progress:
            for first in range(0, len(words), _PIECE):
                file.write(_own_rows(vectors, first, min(first + _PIECE, len(words))))
                progress.advance(_PIECE)
            for first in range(0, header.bucket, _PIECE):
                assert subwords is not None
                file.write(_bytes(subwords.bucket_rows(first, min(first + _PIECE, header.bucket))))
                progress.advance(_PIECE)
        file.write(struct.pack("<B2q", 0, len(words), header.dim))
        for first in range(0, len(words), _PIECE):
            context = vectors.context
            rows = matrix[first : first + _PIECE]
            file.write(_bytes(np.zeros_like(rows) if context is None else context[first : first + _PIECE]))


def _tokens(made: Mapping[str, Any]) -> int:
    """Of the whole text, words that were cut off too; 0 where nobody knows."""
    corpus = made.get("corpus")
    told = made.get("tokens", corpus.get("tokens") if isinstance(corpus, dict) else None)
    return told if type(told) is int else 0


def _header(vectors: WordVectors) -> layout.Header:
    """What is known of the training, with fastText's own defaults for what is not."""
    made = {**vectors.made, **(vectors.made.get("settings") or {}), **(vectors.made.get("fasttext") or {})}

    def known(default: Any, *names: str) -> Any:
        return next((made[name] for name in names if type(made.get(name)) in (int, float, str)), default)

    subwords = vectors.subwords
    model = str(known("skipgram", "model"))
    return layout.Header(
        dim=vectors.dimensions,
        ws=int(known(5, "ws", "window")),
        epoch=int(known(5, "epoch", "epochs")),
        minCount=int(known(5, "minCount", "min_count")),
        neg=int(known(5, "neg", "negative")),
        wordNgrams=1,
        loss=2,
        model=1 if model == "cbow" else 2,
        bucket=subwords.buckets if subwords is not None else 0,
        minn=subwords.min_n if subwords is not None else 0,
        maxn=subwords.max_n if subwords is not None else 0,
        lrUpdateRate=int(known(100, "lrUpdateRate")),
        t=float(known(1e-4, "t", "sample")),
    )


def _own_rows(vectors: WordVectors, first: int, stop: int) -> memoryview:
    """The words' own rows, such that with the n-grams' rows they make the words' vectors.

    Where they are not known, or n-grams without a row don't count (which a dense file can't say), they are computed: the mean's
    definition, solved for the own row.
    """
    subwords = vectors.subwords
    if subwords is None:
        return _bytes(vectors.matrix[first:stop])
    if subwords.word_vectors is not None and (subwords.counts_missing or subwords.kept is None):
        return _bytes(subwords.word_vectors[first:stop])
    blob, offsets = vectors.words.blob, vectors.words.offsets[first : stop + 1]
    hashed = hash_ngrams(blob, offsets, subwords.options)
    members = np.diff(hashed.starts)
    dense = Subwords(subwords.options, subwords.matrix, kept=subwords.kept, counts_missing=True)
    means = dense.combine(blob, offsets, np.full(stop - first, -1))  # over the n-grams alone
    return _bytes(vectors.matrix[first:stop] * (members + 1)[:, None] - means * members[:, None])


def _entries(vectors: WordVectors, counts: np.ndarray) -> Iterator[memoryview]:
    from lmkit.embeddings.formats import _kernels_rows as kernels

    blob = np.concatenate([vectors.words.blob, np.zeros(PADDING, np.uint8)])
    offsets = vectors.words.offsets
    buffer = np.empty(max(_BUFFER, 2 * int(np.diff(offsets).max()) + 64), np.uint8)
    entry = 0
    while entry < len(counts):
        entry, used = kernels.write_entries(entry, frozen(blob), frozen(offsets), frozen(counts), buffer)
        yield memoryview(buffer[:used])


def _bytes(rows: np.ndarray) -> memoryview:
    return memoryview(np.ascontiguousarray(rows, "<f4").reshape(-1).view(np.uint8))
