"""How estimation goes about its memory: what a text's n-grams will take, and whether that is kept in memory or on disk."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np

from lmkit import _memory
from lmkit.errors import InvalidParameterError, OutputError
from lmkit.ngram.counting.counts import NARROW_LIMIT
from lmkit.ngram.counting.partitions import Layout, Text
from lmkit.ngram.counting.workspace import DiskWorkspace, Workspace

LEAST_MEMORY = 16 << 20
"""Bytes without which work on disk would crawl."""
_SKETCHED_ORDERS = 8
_MARGIN = 1.06  # the estimate's standard error is 1.6 %
_WORD_BYTES = 72  # a word's share of the arrays that stay in memory: counts, children, partitions
_PROGRAM_BYTES = 1 << 24  # kernels that are yet to be loaded
_SORTING_BYTES = 1 << 27  # buffers of two threads that sort
_NODE_BYTES, _LEAF_BYTES = 20, 12  # in the model file
_TEXT_FACTOR = 4  # a line of an ARPA file against a record of the model file
_PRUNING_BYTES = 96  # an n-gram's share of the tables that pruning works on, the one it leaves included


@dataclasses.dataclass(frozen=True)
class Needs:
    """Bytes that estimation will take, as foreseen.

    Attributes
    ----------
    in_memory : at most at one time, if all is kept in memory.
    on_disk : of temporary files at most at one time, if it is kept on disk.
    model : of the model file, without its vocabulary.
    words : of what stays in memory either way.
    pruning : in memory beside the n-grams, if they are pruned.
    """

    in_memory: int
    on_disk: int
    model: int
    words: int
    pruning: int


def count_distinct(text: Text, order: int, workspace: Workspace) -> list[int]:
    """About how many different n-grams the text has, for orders 1 to `order`; beyond order 8 at most how many."""
    from lmkit.ngram.counting._kernels_sketch import REGISTER_BITS, sketch_ngrams

    sketched = min(order, _SKETCHED_ORDERS)

    def sketch(piece: tuple[int, int]) -> np.ndarray:
        registers = np.zeros((sketched, 1 << REGISTER_BITS), np.uint8)
        sketch_ngrams(text.ids, text.offsets, *piece, text.boundaries, registers)
        workspace.drop(text.ids, text.offsets)
        return registers

    registers = np.zeros((sketched, 1 << REGISTER_BITS), np.uint8)
    for part in workspace.map(sketch, text.pieces(workspace.pieces(text.ids.nbytes))):
        np.maximum(registers, part, out=registers)
    size = registers.shape[1]
    result = []
    for row in registers:
        estimate = 0.7213 / (1 + 1.079 / size) * size**2 / np.sum(2.0 ** -row.astype(np.float64))
        empty = int(np.count_nonzero(row == 0))
        if estimate <= 2.5 * size and empty:  # few: counting the empty registers is more exact
            estimate = size * np.log(size / empty)
        result.append(int(estimate))
    positions = int(text.offsets[-1] - text.offsets[0]) + (len(text.offsets) - 1) * 2
    return [min(size, positions) for size in result] + [positions] * (order - sketched)


def foresee(text: Text, vocabulary_size: int, order: int, workspace: Workspace, *, keep_model: bool) -> Needs:
    """What estimation will take. `keep_model` : the model stays with the counts, in memory or among the temporary files."""
    sizes = [int(size * _MARGIN) for size in count_distinct(text, order, workspace)]
    sizes[0] = vocabulary_size
    positions = int(text.offsets[-1] - text.offsets[0]) + len(text.offsets) * 2
    item = 8 if positions >= NARROW_LIMIT else 4
    levels = [size * (4 + 2 * item + (item if n + 1 < order else 0)) for n, size in enumerate(sizes)]  # words, suffixes, counts, children
    nodes = [_NODE_BYTES * size for size in sizes[:-1]] + [_LEAF_BYTES * sizes[-1]]
    estimating = []
    for n in range(order):  # those from order n on are there, and probabilities and back-off weights of the two at work
        passing = sizes[n] * item + (8 * sizes[n - 1] if n else 0)
        estimating.append(sum(levels[max(n - 1, 0) :]) + passing + (sum(nodes[:n]) if keep_model else 0))
    records = positions * Layout.of(vocabulary_size, order).keys * 8
    words = _WORD_BYTES * vocabulary_size
    most = max(estimating)
    return Needs(
        max(most, records, _SORTING_BYTES + sum(levels)) + words,
        most + (nodes[-1] if keep_model else 0),
        sum(nodes),
        words,
        _PRUNING_BYTES * sum(sizes),
    )


def make_workspace(
    text: Text,
    vocabulary_size: int,
    order: int,
    *,
    memory: int | None,
    folder: Path,
    threads: int | None = None,
    target: Path | None = None,
    as_text: bool = False,
    pruned: bool = False,
    reuse: bool = False,
) -> Workspace:
    """In memory if that holds it or no bound is set, otherwise on disk.

    Parameters
    ----------
    memory : bytes that the whole process may take.
    folder : where temporary files would go.
    target : the model file, if the model goes straight there.
    as_text : whether that is an ARPA file.
    pruned : whether n-grams are taken out, which is done in memory.
    reuse : as for `Workspace`, where that is chosen and no bound is set.

    Raises
    ------
    InvalidParameterError : if the process takes more than `memory` already, or pruning would.
    OutputError : if the disk has too little space.
    """
    if memory is None:
        return Workspace(threads, reuse=reuse)
    careful = DiskWorkspace(folder, LEAST_MEMORY, threads)  # it lets go of the text after every look at it
    careful.drop(text.ids, text.offsets)
    needs = foresee(text, vocabulary_size, order, careful, keep_model=target is None)
    taken = _memory.resident_memory()
    if pruned and taken + needs.in_memory + needs.pruning > memory:
        least = _memory.show_size(taken + needs.in_memory + needs.pruning)
        raise InvalidParameterError(
            f"The 'memory' parameter of NgramLanguageModel must be at least about {least} for this text if its model is pruned, since "
            f"pruning keeps all n-grams in memory. Got {_memory.show_size(memory)} instead."
        )
    model_bytes = needs.model * (_TEXT_FACTOR if as_text else 1)
    if target is not None:
        _check_space(target.parent, model_bytes, "the model", "--out")
    if taken + needs.in_memory <= memory:
        return Workspace(threads)
    room = memory - taken - needs.words - _PROGRAM_BYTES
    if room < LEAST_MEMORY:
        least = _memory.show_size(memory - room + LEAST_MEMORY)
        raise InvalidParameterError(
            f"The 'memory' parameter of NgramLanguageModel must be at least {least} for this text with its {vocabulary_size:,} words. "
            f"Got {_memory.show_size(memory)} instead."
        )
    same_disk = target is not None and os.stat(target.parent).st_dev == os.stat(folder).st_dev
    _check_space(folder, needs.on_disk + (model_bytes if same_disk else 0), "temporary files", "--temp")
    return DiskWorkspace(folder, room, threads)


def _check_space(folder: Path, needed: int, what: str, option: str) -> None:
    """Raise OutputError if the disk has too little space."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise OutputError(f"{folder}: can't be used for {what} ({error.strerror or error}); name another folder with {option}.") from None
    if free < needed:
        raise OutputError(
            f"{folder}: has {_memory.show_size(free)} free, and {what} will take about {_memory.show_size(needed)}; free some space or "
            f"name another place with {option}."
        )
