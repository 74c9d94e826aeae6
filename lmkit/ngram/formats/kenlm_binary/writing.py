"""Writing KenLM's binary files, which its own programs and module open: hash tables and plain tries."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lmkit import _files
from lmkit.errors import FormatError
from lmkit.ngram.formats.kenlm_binary import _kernels_packed as packed_kernels
from lmkit.ngram.formats.kenlm_binary import _kernels_probing as kernels
from lmkit.ngram.formats.kenlm_binary.header import PROBING, TRIE, Header
from lmkit.ngram.formats.kenlm_binary.probing import table_buckets
from lmkit.ngram.formats.kenlm_binary.trie import bits_for
from lmkit.ngram.formats.levels import LevelBuilder, with_all_suffixes
from lmkit.ngram.querying.backoff import BackoffTrie
from lmkit.text.vocabulary import Vocabulary, gather_strings

_MULTIPLIER = 1.5
"""Entries a table has for each n-gram, as build_binary takes by default."""


def write_probing(path: str | os.PathLike[str], trie: BackoffTrie, vocabulary: Vocabulary) -> None:
    """Write hash tables, KenLM's default. Raises OutputError if it can't be written."""
    levels = _prepared(path, trie)
    sizes = _sizes(levels)
    header = Header(PROBING, tuple(sizes), _MULTIPLIER, True)
    with _files.replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(header.to_bytes())
        _write_word_table(file, path, vocabulary)
        unigrams = np.zeros((sizes[0] + 1, 2), np.float32)
        _fill_unigrams(unigrams[:-1], levels)
        file.write(memoryview(unigrams).cast("B"))
        for order in range(2, len(sizes) + 1):
            file.write(memoryview(_table(path, levels, order, sizes)).cast("B"))
        _write_words(file, vocabulary, np.arange(len(vocabulary)))


def write_trie(path: str | os.PathLike[str], trie: BackoffTrie, vocabulary: Vocabulary) -> None:
    """Write a trie, neither quantised nor with compressed pointers. Raises OutputError if it can't be written."""
    levels = _prepared(path, trie)
    sizes = _sizes(levels)
    hashes = _word_hashes(vocabulary)[1:]
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    if bool((hashes[1:] == hashes[:-1]).any()):
        raise _collision(path, "two words")
    by_hash = np.concatenate([[0], order + 1])  # KenLM's trie numbers words by their hashes
    numbers = np.empty(len(by_hash), np.int32)
    numbers[by_hash] = np.arange(len(by_hash))
    reversed_levels = _reversed(levels, numbers)
    header = Header(TRIE, tuple(sizes), _MULTIPLIER, True)
    with _files.replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(header.to_bytes())
        file.write(np.uint64(len(hashes)).tobytes() + hashes.tobytes() + bytes(8))
        unigrams = np.zeros(sizes[0] + 2, np.dtype([("weights", "<f4", 2), ("next", "<u8")]))
        weights = np.empty((sizes[0], 2), np.float32)
        _fill_unigrams(weights, levels)
        unigrams["weights"][: sizes[0]] = weights[by_hash]
        unigrams["weights"][: sizes[0], 0] = -np.abs(unigrams["weights"][: sizes[0], 0])
        unigrams["next"][: sizes[0] + 1] = reversed_levels.first_children[0]
        file.write(memoryview(unigrams).cast("B"))
        for number in range(2, len(sizes) + 1):
            file.write(memoryview(_records(reversed_levels, number, sizes)).cast("B"))
        _write_words(file, vocabulary, by_hash)


# -- what both need ------------------------------------------------------------------------------------------------------------------


def _prepared(path: str | os.PathLike[str], trie: BackoffTrie) -> LevelBuilder:
    """The model as levels in which every n-gram's suffixes are there too, since KenLM looks n-grams up from their last word on."""
    return with_all_suffixes(LevelBuilder.of_trie(trie, str(path)))


def _sizes(levels: LevelBuilder) -> list[int]:
    """N-grams of each order; KenLM knows no model below order 2, but one without bigrams."""
    sizes = [len(words) for words in levels.words]
    return sizes if len(sizes) > 1 else [*sizes, 0]


def _fill_unigrams(weights: np.ndarray, levels: LevelBuilder) -> None:
    """weights float32 (V, 2): marked probabilities and back-off weights."""
    back_offs = levels.log10_back_offs[0] if levels.order > 1 else np.zeros(len(weights), np.float32)
    right = _extends_right(levels, 1) if levels.order > 1 else np.zeros(len(weights), np.bool_)
    left = _extends_left(levels, 1)
    prob = np.where(np.isneginf(levels.log10_probabilities[0]), -99, levels.log10_probabilities[0]).astype(np.float32)
    weights[:, 0] = np.where(left, np.abs(prob), -np.abs(prob))
    back_offs = np.where(np.isneginf(back_offs), -99, back_offs)
    weights[:, 1] = np.where(back_offs == 0, np.where(right, 0.0, -0.0), back_offs)


def _extends_right(levels: LevelBuilder, order: int) -> np.ndarray:
    """Whether n-grams begin with each of this order."""
    return np.diff(levels.first_children[order - 1]) > 0


def _extends_left(levels: LevelBuilder, order: int) -> np.ndarray:
    """Whether n-grams end in each of this order."""
    result = np.zeros(len(levels.words[order - 1]), np.bool_)
    if order < levels.order:
        result[levels.find(levels.expanded(order + 1)[:, 1:])] = True
    return result


def _word_hashes(vocabulary: Vocabulary) -> np.ndarray:
    hashes = np.empty(len(vocabulary), np.uint64)
    kernels.murmur(vocabulary.blob, vocabulary.offsets, hashes)
    return hashes


def _write_words(file: BinaryIO, vocabulary: Vocabulary, order: np.ndarray) -> None:
    blob, offsets = gather_strings(vocabulary.blob, vocabulary.offsets, order)
    file.write(memoryview(np.insert(blob, offsets[1:], 0)))


def _collision(path: str | os.PathLike[str], what: str) -> FormatError:
    return FormatError(f"{Path(path)}: {what} have the same hash, so KenLM's format can't hold this model; write ARPA instead.")


# -- hash tables ---------------------------------------------------------------------------------------------------------------------


def _write_word_table(file: BinaryIO, path: str | os.PathLike[str], vocabulary: Vocabulary) -> None:
    buckets = table_buckets(len(vocabulary), _MULTIPLIER)
    table = np.zeros(3 * buckets, np.uint32)
    if not kernels.fill_words(_word_hashes(vocabulary)[1:], buckets, table):
        raise _collision(path, "two words")
    file.write(np.array([0, len(vocabulary)], np.uint32).tobytes())
    file.write(memoryview(table).cast("B"))


def _table(path: str | os.PathLike[str], levels: LevelBuilder, order: int, sizes: list[int]) -> np.ndarray:
    longest = order == len(sizes)
    stride = 3 if longest else 4
    buckets = table_buckets(sizes[order - 1], _MULTIPLIER)
    table = np.zeros(stride * buckets, np.uint32)
    if sizes[order - 1] == 0:
        return table
    ids = levels.expanded(order)
    hashes = np.empty(len(ids), np.uint64)
    kernels.hash_ngrams(ids, hashes)
    none = np.zeros(0, np.bool_)
    left, right = (none, none) if longest else (_extends_left(levels, order), _extends_right(levels, order))
    weights = levels.log10_probabilities[order - 1], levels.log10_back_offs[order - 1] if not longest else np.empty(0, np.float32)
    if bool((hashes == 0).any()) or not kernels.fill_ngrams(hashes, *weights, left, right, buckets, stride, table):
        raise _collision(path, f"two {order}-grams")
    return table


# -- tries ---------------------------------------------------------------------------------------------------------------------------


def _reversed(levels: LevelBuilder, numbers: np.ndarray) -> LevelBuilder:
    """The n-grams read backwards, in KenLM's numbers, with back-off weights marked."""
    result = LevelBuilder(levels.where)
    size = len(levels.words[0])
    result.add_unigrams(np.zeros(size, np.float32), np.zeros(size, np.float32))
    for order in range(2, levels.order + 1):
        ids = np.ascontiguousarray(numbers[levels.expanded(order)[:, ::-1]])
        prob = np.where(np.isneginf(levels.log10_probabilities[order - 1]), -99, levels.log10_probabilities[order - 1]).astype(np.float32)
        bow = np.zeros(len(ids), np.float32)
        if order < levels.order:
            own = np.where(np.isneginf(levels.log10_back_offs[order - 1]), -99, levels.log10_back_offs[order - 1])
            bow = np.where(own == 0, np.where(_extends_right(levels, order), 0.0, -0.0), own).astype(np.float32)
        result.add(ids, prob, bow)
    if levels.order == 1:
        result.add(np.empty((0, 2), np.int32), np.empty(0, np.float32), np.empty(0, np.float32))
    return result


def _records(levels: LevelBuilder, order: int, sizes: list[int]) -> np.ndarray:
    """The packed records of an order: word, probability without its sign, and below the highest order back-off weight and first child."""
    count, word_bits = sizes[order - 1], bits_for(sizes[0])
    longest = order == len(sizes)
    pointer_bits = 0 if longest else bits_for(sizes[order])
    width = word_bits + 31 + (0 if longest else 32 + pointer_bits)
    data = np.zeros(((count + 1) * width + 7) // 8 + 8, np.uint8)
    prob = levels.log10_probabilities[order - 1].view(np.uint32) & np.uint32(0x7FFFFFFF)
    packed_kernels.pack(data, 0, width, levels.words[order - 1])
    packed_kernels.pack(data, word_bits, width, prob)
    if not longest:
        packed_kernels.pack(data, word_bits + 31, width, levels.log10_back_offs[order - 1].view(np.uint32))
        packed_kernels.pack(data, word_bits + 63, width, levels.first_children[order - 1])
    return data
