"""lmkit's own file of an n-gram model: the trie's arrays and the vocabulary in a container, memory-mapped when opened."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from lmkit._container import Container, write_container
from lmkit.errors import FormatError
from lmkit.ngram.backoff import LEAF, NODE, WIDE_LEAF, WIDE_NODE, BackoffTrie
from lmkit.ngram.compact import CompactTrie
from lmkit.text.vocabulary import Vocabulary

KIND = "ngram"


def write_native(path: str | os.PathLike[str], trie: BackoffTrie | CompactTrie, vocabulary: Vocabulary, metadata: dict[str, Any]) -> None:
    """Write a model. Raises OutputError if it can't be written."""
    if isinstance(trie, CompactTrie):
        tensors = trie.to_tensors()
    else:
        tensors = {
            "trie.order_start": trie.order_start,
            "trie.word": trie.word,
            "trie.nodes": _as_columns(trie.nodes),
            "trie.leaves": _as_columns(trie.leaves),
        }
    write_container(path, KIND, metadata, {**tensors, **vocabulary.to_tensors()})


def read_native(container: Container) -> tuple[BackoffTrie | CompactTrie, Vocabulary]:
    """The trie and the vocabulary of an opened file, memory-mapped. Raises FormatError if their sizes don't fit together."""
    where = str(container.path)
    vocabulary = Vocabulary.from_tensors(container, where)
    if "compact.layout" in container:
        compact = CompactTrie.from_tensors(container, where)
        if compact.sizes[0] != len(vocabulary):
            raise FormatError(f"{where}: has {compact.sizes[0]:,} 1-grams for {len(vocabulary):,} words. The file is damaged.")
        return compact, vocabulary
    trie = BackoffTrie(
        word=container.array("trie.word", np.uint32, ndim=1),
        nodes=_as_records(container, "trie.nodes", NODE, WIDE_NODE),
        leaves=_as_records(container, "trie.leaves", LEAF, WIDE_LEAF),
        order_start=container.array("trie.order_start", np.int64, ndim=1),
        where=where,
    )
    trie.check_shape(len(vocabulary))
    return trie, vocabulary


def _as_columns(records: np.ndarray) -> np.ndarray:
    """Records as a table of integers: safetensors has no records. int32 (G, 4) or (G, 2); int64 (G, 3) or (G, 2) from 2^31 n-grams on."""
    column = np.int64 if records.dtype in (WIDE_NODE, WIDE_LEAF) else np.int32
    return records.view(column).reshape(len(records), -1)


def _as_records(container: Container, name: str, narrow: np.dtype, wide: np.dtype) -> np.ndarray:
    table = container.array(name, ndim=2)
    record = wide if table.dtype == np.int64 else narrow
    if table.dtype not in (np.int32, np.int64) or table.shape[1] * table.itemsize != record.itemsize:
        raise FormatError(f"{container.path}: tensor {name!r} is {table.dtype} with {table.shape[1]} columns. The file is damaged.")
    return table.reshape(-1).view(record)
