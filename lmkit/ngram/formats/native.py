"""lmkit's own file of an n-gram model: the trie's arrays and the vocabulary in a container, memory-mapped when opened."""

from __future__ import annotations

import os
import queue
from typing import Any, BinaryIO

import numpy as np

from lmkit._container import Container, ContainerWriter, write_container
from lmkit._memory import prefer_large_pages
from lmkit.errors import FormatError
from lmkit.ngram.querying import backoff
from lmkit.ngram.querying._kernels_query import ROOT
from lmkit.ngram.querying.backoff import LEAF, NODE, WIDE_LEAF, WIDE_NODE, BackoffTrie
from lmkit.ngram.querying.compact import CompactTrie
from lmkit.ngram.querying.landmarks import Landmarks
from lmkit.text.vocabulary import Vocabulary

KIND = "ngram"
HEADER_MULTIPLE = 1 << 13
"""Room for metadata that are known only when the n-grams have been written."""


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
            **trie.landmarks.tensors(),
        }
    write_container(path, KIND, metadata, {**tensors, **vocabulary.to_tensors()}, header_multiple=HEADER_MULTIPLE)


class NativeWriter:
    """Writes a model while it is laid out (a `lmkit.ngram.querying.layout.Sink`): the same bytes as `write_native` of the finished model.

    Parameters
    ----------
    file : open for reading and writing, unbuffered, empty.
    order_start : of the model to come, see `BackoffTrie`.
    vocabulary : the model's words.
    metadata : what is known of the metadata.
    """

    def __init__(self, file: BinaryIO, order_start: np.ndarray, vocabulary: Vocabulary, metadata: dict[str, Any]) -> None:
        self._order_start, self._vocabulary = order_start, vocabulary
        total, self._below = int(order_start[-1]), int(order_start[-2])
        self._node, self._leaf = (WIDE_NODE, WIDE_LEAF) if total >= backoff.NARROW_LIMIT else (NODE, LEAF)
        column = np.dtype(np.int64 if total >= backoff.NARROW_LIMIT else np.int32)
        self._buffers: queue.SimpleQueue[np.ndarray] = queue.SimpleQueue()  # memory of records, one a thread
        self._landmarks = Landmarks.room_for(order_start)
        self._others = {"trie.order_start": order_start, **self._landmarks.tensors(), **vocabulary.to_tensors()}
        shapes = {
            "trie.order_start": (order_start.dtype, order_start.shape),
            "trie.word": (np.dtype(np.uint32), (total,)),
            "trie.nodes": (column, (self._below + 1, self._node.itemsize // column.itemsize)),
            "trie.leaves": (column, (total - self._below, self._leaf.itemsize // column.itemsize)),
        }  # in the order of write_native
        shapes |= {name: (tensor.dtype, tensor.shape) for name, tensor in self._others.items() if name not in shapes}
        self._writer = ContainerWriter(file, KIND, metadata, shapes, header_multiple=HEADER_MULTIPLE)

    def records(self, start: int, stop: int) -> np.ndarray:
        record = self._node if start < self._below else self._leaf
        size = (stop - start) * record.itemsize
        try:
            buffer = self._buffers.get_nowait()
        except queue.Empty:
            buffer = np.empty(0, np.uint8)
        if len(buffer) < size:
            buffer = np.empty(size, np.uint8)
        if "unused" in (record.names or ()):
            buffer[:size] = 0
        return buffer[:size].view(record)

    def put(self, start: int, words: np.ndarray, records: np.ndarray) -> None:
        self._writer.write("trie.word", start * words.itemsize, words)
        self._landmarks.add(start, words, records["log10_prob"])
        if start < self._below:
            self._writer.write("trie.nodes", start * records.itemsize, records)
        else:
            self._writer.write("trie.leaves", (start - self._below) * records.itemsize, records)
        assert records.base is not None  # they are those that `records` gave
        self._buffers.put(records.base)

    def finish(self, metadata: dict[str, Any]) -> None:
        """Write what is left: the sentinel, the vocabulary and, last, the header, without which the file opens as nothing."""
        sentinel = np.array([(0, 0, self._order_start[-1], ROOT)], self._node)
        self._writer.write("trie.nodes", self._below * sentinel.itemsize, sentinel)
        for name, tensor in self._others.items():
            self._writer.write(name, 0, tensor)
        self._writer.finish(metadata)

    def trie(self) -> BackoffTrie:
        """The finished model, mapped from the file."""
        tensors = self._writer.tensors()
        nodes, leaves = (
            tensors[name].reshape(-1).view(record) for name, record in (("trie.nodes", self._node), ("trie.leaves", self._leaf))
        )
        return BackoffTrie(tensors["trie.word"], nodes, leaves, tensors["trie.order_start"], stored=self._landmarks)


def read_native(container: Container) -> tuple[BackoffTrie | CompactTrie, Vocabulary]:
    """The trie and the vocabulary of an opened file, memory-mapped. Raises FormatError if their sizes don't fit together."""
    where = str(container.path)
    vocabulary = Vocabulary.from_tensors(container, where)
    if "compact.layout" in container:
        compact = CompactTrie.from_tensors(container, where)
        if compact.sizes[0] != len(vocabulary):
            raise FormatError(f"{where}: has {compact.sizes[0]:,} 1-grams for {len(vocabulary):,} words; the file is damaged, train anew.")
        return compact, vocabulary
    trie = read_trie(container)
    trie.check_shape(len(vocabulary))
    prefer_large_pages(trie.word)
    return trie, vocabulary


def read_trie(container: Container) -> BackoffTrie:
    """The trie of an opened file, mapped and not checked."""
    return BackoffTrie(
        word=container.array("trie.word", np.uint32, ndim=1),
        nodes=_as_records(container, "trie.nodes", NODE, WIDE_NODE),
        leaves=_as_records(container, "trie.leaves", LEAF, WIDE_LEAF),
        order_start=container.array("trie.order_start", np.int64, ndim=1),
        where=str(container.path),
        stored=_landmarks(container),
    )


def _landmarks(container: Container) -> Landmarks | None:
    """Those of the file, None for one of an early version."""
    if "trie.coarse_bounds" not in container:
        return None
    bounds, coarse = (container.array(name, np.float32, ndim=1) for name in ("trie.bounds", "trie.coarse_bounds"))
    return Landmarks(container.array("trie.samples", np.uint32, ndim=1), bounds, coarse)


def _as_columns(records: np.ndarray) -> np.ndarray:
    """Records as a table of integers: safetensors has no records. int32 (G, 4) or (G, 2); int64 (G, 3) or (G, 2) from 2^31 n-grams on."""
    column = np.int64 if records.dtype in (WIDE_NODE, WIDE_LEAF) else np.int32
    return records.view(column).reshape(len(records), -1)


def _as_records(container: Container, name: str, narrow: np.dtype, wide: np.dtype) -> np.ndarray:
    table = container.array(name, ndim=2)
    record = wide if table.dtype == np.int64 else narrow
    if table.dtype not in (np.int32, np.int64) or table.shape[1] * table.itemsize != record.itemsize:
        raise FormatError(
            f"{container.path}: tensor {name!r} is {table.dtype} with {table.shape[1]} columns; the file is damaged, train anew."
        )
    return table.reshape(-1).view(record)
