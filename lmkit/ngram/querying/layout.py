"""From counts and estimates to the records of a trie, level after level, into memory or into a file."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from lmkit.ngram.counting.counts import Level, NgramCounts
from lmkit.ngram.counting.workspace import Workspace
from lmkit.ngram.querying import _kernels_layout as kernels
from lmkit.ngram.querying._kernels_query import ROOT
from lmkit.ngram.smoothing.base import Estimates
from lmkit.text.vocabulary import Vocabulary

_NO_WORD = -1


class Sink(Protocol):
    """Takes the records of a trie; the arrays are those of `BackoffTrie`. Blocks may come from several threads."""

    def records(self, start: int, stop: int) -> np.ndarray:
        """An array of nodes or leaves to fill for the trie's nodes start..stop, all of one order; zeros where nothing is filled in."""

    def put(self, start: int, words: np.ndarray, records: np.ndarray) -> None:
        """Keep the words and records of the nodes from `start` on."""


def starts_of(counts: NgramCounts) -> np.ndarray:
    """int64 (N+1,): first node of each order in the trie, and their number."""
    return np.concatenate([[0], np.cumsum([len(level) for level in counts.levels])]).astype(np.int64)


def lay_out(counts: NgramCounts, estimates: Estimates, sink: Sink, *, consume: bool) -> None:
    """Put all n-grams' records together.

    A context matters as a state if it has children; the back-off weight of every other n-gram is 1. Each n-gram links to its longest proper
    suffix that is a state.

    consume : free each level of `counts` as soon as it is not needed any more.
    """
    order_start = starts_of(counts).tolist()
    workspace = counts.workspace
    ends = _Ends()
    for n, (log10_prob, log10_bow) in enumerate(estimates.by_level()):
        level = counts.levels[n]
        block_of = _Block(level, n, log10_prob, log10_bow, order_start, counts.boundaries, ends, sink, workspace)
        workspace.run(block_of.fill, workspace.blocks(len(level)))
        if not counts.boundaries and log10_bow is not None:
            ends = ends.next(level, order_start[max(n - 1, 0)], workspace)
        if consume:
            counts.release(n + 1)
        del level, block_of, log10_prob, log10_bow


class _Block:
    """Fills blocks of one level."""

    def __init__(
        self,
        level: Level,
        n: int,
        log10_prob: np.ndarray,
        log10_bow: np.ndarray | None,
        order_start: list[int],
        boundaries: bool,
        ends: _Ends,
        sink: Sink,
        workspace: Workspace,
    ) -> None:
        self._level, self._log10_prob, self._log10_bow = level, log10_prob, log10_bow
        self._start, self._children = order_start[n], order_start[n + 1]
        self._suffixes_start = order_start[n - 1] if n > 0 else ROOT
        self._end_id = Vocabulary.EOS if boundaries else _NO_WORD
        self._ends, self._sink, self._workspace = ends, sink, workspace

    def fill(self, block: tuple[int, int]) -> None:
        low, high = block
        here = slice(low, high)
        level = self._level
        words = level.words[here]
        records = self._sink.records(self._start + low, self._start + high)
        if self._log10_bow is None or level.first_child is None:
            kernels.fill_leaves(self._log10_prob[here], records)
        else:
            kernels.fill_nodes(self._log10_prob[here], self._log10_bow[here], level.first_child[here], self._children, records)
        if self._suffixes_start == ROOT:
            records["link"] = ROOT
        else:
            kernels.fill_links(level.suffixes[here], self._suffixes_start, words, self._end_id, ROOT, records)
            self._ends.correct(level.suffixes[here], records)
        self._sink.put(self._start + low, words, records)
        self._workspace.drop(level.words, level.suffixes, level.first_child, self._log10_prob, self._log10_bow)


class _Ends:
    """The n-grams of one order that nothing follows, where no </s> shows it, and their own links.

    indices, links : int64 (E,), the first ascending.
    """

    def __init__(self, indices: np.ndarray | None = None, links: np.ndarray | None = None) -> None:
        self._indices = np.empty(0, np.int64) if indices is None else indices
        self._links = np.empty(0, np.int64) if links is None else links

    def resolve(self, suffixes: np.ndarray, links: np.ndarray) -> None:
        """Replace links to one of these n-grams by its own link."""
        if not len(self._indices):
            return
        at = np.minimum(np.searchsorted(self._indices, suffixes.astype(np.int64)), len(self._indices) - 1)
        hit = np.flatnonzero(self._indices[at] == suffixes)
        links[hit] = self._links[at[hit]]

    def correct(self, suffixes: np.ndarray, records: np.ndarray) -> None:
        """The same for the links of records."""
        if len(self._indices):
            links = records["link"].astype(np.int64)
            self.resolve(suffixes, links)
            records["link"] = links

    def next(self, level: Level, suffixes_start: int, workspace: Workspace) -> _Ends:
        """The n-grams that nothing follows of the level above these."""
        assert level.first_child is not None
        found = []
        for low, high in workspace.blocks(len(level)):
            borders = level.first_child[low : high + 1]
            found.append(np.flatnonzero(borders[1:] == borders[:-1]) + low)
            workspace.drop(level.first_child)
        indices = np.concatenate(found).astype(np.int64)
        if not len(level.suffixes):
            return _Ends(indices, np.full(len(indices), ROOT, np.int64))
        suffixes = level.suffixes[indices].astype(np.int64)
        links = suffixes + suffixes_start
        self.resolve(suffixes, links)
        return _Ends(indices, links)
