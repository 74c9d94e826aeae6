"""lmkit's own file of an n-gram model: the trie's arrays and the vocabulary in a container, memory-mapped when opened."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from lmkit._container import Container, write_container
from lmkit.errors import FormatError
from lmkit.ngram.backoff import BackoffTrie
from lmkit.text.vocabulary import Vocabulary

KIND = "ngram"
_ARRAYS = {
    "word": np.uint32,
    "log10_prob": np.float32,
    "log10_bow": np.float32,
    "first_child": None,  # int32, or int64 from 2^31 n-grams on
    "link": None,
    "order_start": np.int64,
}


def write_native(path: str | os.PathLike[str], trie: BackoffTrie, vocabulary: Vocabulary, metadata: dict[str, Any]) -> None:
    """Write a model. Raises OutputError if it can't be written."""
    tensors = {f"trie.{name}": getattr(trie, name) for name in _ARRAYS}
    write_container(path, KIND, metadata, {**tensors, **vocabulary.to_tensors()})


def read_native(container: Container) -> tuple[BackoffTrie, Vocabulary]:
    """The trie and the vocabulary of an opened file, memory-mapped. Raises FormatError if they don't fit together."""
    where = str(container.path)
    arrays = {name: container.array(f"trie.{name}", dtype, ndim=1) for name, dtype in _ARRAYS.items()}
    vocabulary = Vocabulary.from_tensors(container, where)
    for name in ("first_child", "link"):
        if arrays[name].dtype not in (np.int32, np.int64):
            raise FormatError(f"{where}: tensor 'trie.{name}' is {arrays[name].dtype}, not int32 or int64. The file is damaged.")
    trie = BackoffTrie(**arrays)
    trie.check(where, len(vocabulary))
    return trie, vocabulary
