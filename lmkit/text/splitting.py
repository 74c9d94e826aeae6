"""Train, valid and test parts of one text: deterministic, by blocks, recorded."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np

from lmkit._validation import check_float, check_int
from lmkit.errors import InputError, InvalidParameterError
from lmkit.text.corpus import EncodedCorpus

MAXIMUM_BLOCKS = 20
_PARTS = ("train", "valid", "test")


def split_corpus(
    corpus: EncodedCorpus, valid: float = 0.05, test: float = 0.05, unit: str | None = None, blocks: int | None = None
) -> dict[str, EncodedCorpus]:
    """Cut a corpus into train, valid and test.

    The text is cut into `blocks` stretches of as many units each. Of every stretch the last `test` part is test, what stands before it
    valid, the beginning train: all parts come from all over the text, yet neighbours mostly stay together. Nothing is random.

    Parameters
    ----------
    valid, test : shares of the units, >= 0, together below 1. A share of 0 leaves that part out.
    unit : "document", "sentence" or "token" (continuous text); default: documents if there are at least 20, else sentences, or
        tokens where the text has no sentence boundaries.
    blocks : number of stretches; default: 20, or fewer where a stretch would have less than 20 units.

    Returns
    -------
    Parts by name, each with a vocabulary of its own types, counted and numbered by first appearance in it. `split_record` tells how
    it was cut.

    Raises
    ------
    InputError : if there are too few units.
    """
    owner = "split_corpus"
    valid = check_float(owner, "valid", valid, minimum=0, maximum=1)
    test = check_float(owner, "test", test, minimum=0, maximum=1)
    if valid + test >= 1:
        raise InvalidParameterError(
            f"The 'valid' and 'test' parameters of {owner} must sum to less than 1. Got {valid} and {test} instead."
        )
    chosen = unit or _default_unit(corpus)
    smallest = "sentence" if corpus.options.sentence_boundaries else "token"
    if chosen not in ("document", smallest):
        raise InvalidParameterError(f"The 'unit' parameter of {owner} must be 'document' or {smallest!r} here. Got {chosen!r} instead.")
    units = {"document": corpus.n_documents, "sentence": corpus.n_sentences, "token": len(corpus)}[chosen]
    if blocks is None:
        blocks = max(1, min(MAXIMUM_BLOCKS, units // 20))
    blocks = check_int(owner, "blocks", blocks, minimum=1)
    ranges = _ranges(units, blocks, valid, test)
    shares = {"train": 1.0, "valid": valid, "test": test}
    parts = {}
    for name in _PARTS:
        if shares[name] == 0:
            continue
        if not ranges[name]:
            raise InputError(
                f"{corpus.name}: {units:,} {chosen}s are too few to cut into {blocks} blocks with a {name} part of {shares[name]:g}."
                " Take larger shares, or name separate files."
            )
        record = {"part": name, "unit": chosen, "units": units, "blocks": blocks, "valid": valid, "test": test}
        parts[name] = _part(corpus, chosen, ranges[name], record)
    return parts


def _default_unit(corpus: EncodedCorpus) -> str:
    if corpus.n_documents >= 20:
        return "document"
    return "sentence" if corpus.options.sentence_boundaries else "token"


def _ranges(units: int, blocks: int, valid: float, test: float) -> dict[str, list[tuple[int, int]]]:
    """Unit ranges [start, stop) of each part, empty ones left out."""
    ranges: dict[str, list[tuple[int, int]]] = {name: [] for name in _PARTS}
    borders = [units * block // blocks for block in range(blocks + 1)]
    for start, stop in itertools.pairwise(borders):
        size = stop - start
        test_start = stop - round(test * size)
        valid_start = test_start - round(valid * size)
        for name, first, last in zip(_PARTS, (start, valid_start, test_start), (valid_start, test_start, stop), strict=True):
            if last > first:
                ranges[name].append((first, last))
    return ranges


def _part(corpus: EncodedCorpus, unit: str, ranges: list[tuple[int, int]], record: dict[str, Any]) -> EncodedCorpus:
    pieces = [_slice(corpus, unit, start, stop) for start, stop in ranges]
    ids, sentence_offsets, document_offsets = [], [np.zeros(1, np.int64)], [np.zeros(1, np.int64)]
    for piece in pieces:
        ids.append(piece.ids)
        sentences = int(document_offsets[-1][-1])
        sentence_offsets.append(piece.sentence_offsets[1:] + sentence_offsets[-1][-1])
        document_offsets.append(piece.document_offsets[1:] + sentences)
    joined = dataclasses.replace(
        corpus,
        ids=np.concatenate(ids),
        sentence_offsets=np.concatenate(sentence_offsets),
        document_offsets=np.concatenate(document_offsets),
        name=f"{corpus.name}:{record['part']}",
        notes=(),
        split_record=record,
    )
    joined = joined.compact()
    joined.raw_bytes, joined.raw_characters = joined.written_size()
    return joined


def _slice(corpus: EncodedCorpus, unit: str, start: int, stop: int) -> EncodedCorpus:
    if unit == "document":
        first, last = corpus.document_offsets[start], corpus.document_offsets[stop]
        return dataclasses.replace(
            corpus,
            ids=corpus.ids[corpus.sentence_offsets[first] : corpus.sentence_offsets[last]],
            sentence_offsets=corpus.sentence_offsets[first : last + 1] - corpus.sentence_offsets[first],
            document_offsets=corpus.document_offsets[start : stop + 1] - first,
        )
    if unit == "sentence":
        return corpus.sentence_range(start, stop)
    offsets = np.unique(np.clip(corpus.sentence_offsets, start, stop)) - start
    return dataclasses.replace(
        corpus, ids=corpus.ids[start:stop], sentence_offsets=offsets, document_offsets=np.arange(len(offsets), dtype=np.int64)
    )
