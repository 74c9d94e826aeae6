"""Huffman trees: the binary codes of hierarchical softmax (Huffman 1952; Morin and Bengio 2005; Mikolov et al. 2013)."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from lmkit.errors import InvalidParameterError

_LARGEST_TOTAL = 2**62  # sums of counts are int64


class HuffmanTree:
    """A binary tree whose V leaves are words, frequent ones near the root; the same tree that word2vec.c builds for these counts.

    Made by `from_counts`. A word's path leads from the root through inner nodes, taking the bit of its code at each. Under hierarchical
    softmax an inner node n has a vector v_n, and a hidden vector h takes bit 0 there with probability sigmoid(h . v_n), bit 1 with the
    rest (word2vec's convention; fastText's has the bits exchanged, which turns the sign of v_n).

    Attributes
    ----------
    counts : int64 (V,), of the words.
    offsets : int64 (V+1,), the path of word i stands at [offsets[i]:offsets[i+1]] of the next two.
    nodes : int32 (L,), inner nodes from the root down, 0 <= node < V - 1; the root is V - 2.
    codes : uint8 (L,), the bit taken at each of them.
    parents : int64 (2V-1,), the inner node above each place; places are the words by falling count, then the inner nodes; -1 for the root.
    bits : uint8 (2V-1,), the bit that leads from there to the place.
    leaf_of : int64 (V,), the place of each word: its rank by falling count.

    Examples
    --------
    >>> tree = HuffmanTree.from_counts([3, 2, 1, 3, 14, 7, 4, 2])
    >>> tree.code(4), tree.code(2)
    ('0', '10110')
    >>> round(tree.expected_length, 4), round(tree.entropy, 4)
    (2.6111, 2.5459)
    """

    def __init__(
        self,
        counts: np.ndarray,
        offsets: np.ndarray,
        nodes: np.ndarray,
        codes: np.ndarray,
        *,
        parents: np.ndarray,
        bits: np.ndarray,
        leaf_of: np.ndarray,
    ) -> None:
        self.counts = counts
        self.offsets = offsets
        self.nodes = nodes
        self.codes = codes
        self.parents = parents
        self.bits = bits
        self.leaf_of = leaf_of

    @classmethod
    def from_counts(cls, counts: Sequence[int] | np.ndarray) -> HuffmanTree:
        """Build the tree, in linear time once the counts are sorted.

        Parameters
        ----------
        counts : int (V,), V >= 1, >= 0, in any order. Of equal counts the first is the earlier leaf, as in a vocabulary by falling count.

        Raises
        ------
        InvalidParameterError : for no counts, a negative one, or a sum of 2^62 or more.
        """
        from lmkit.numeric import _kernels_huffman as kernels

        given = np.asarray(counts)
        if given.ndim != 1 or len(given) == 0 or given.dtype.kind not in "iu" or given.min() < 0:
            raise InvalidParameterError(
                f"The 'counts' parameter of HuffmanTree must be at least one whole number >= 0. Got {_shown(counts)} instead."
            )
        if float(given.sum(dtype=np.float64)) >= _LARGEST_TOTAL:
            raise InvalidParameterError("The 'counts' parameter of HuffmanTree must sum to less than 2^62; divide all counts by a number.")
        counts = np.ascontiguousarray(given, np.int64)
        size = len(counts)
        order = np.argsort(-counts, kind="stable")
        leaf_of = np.empty(size, np.int64)
        leaf_of[order] = np.arange(size)
        parents, bits, depths = np.empty(2 * size - 1, np.int64), np.empty(2 * size - 1, np.uint8), np.empty(2 * size - 1, np.int64)
        kernels.build_tree(counts[order], np.empty(2 * size - 1, np.int64), parents, bits)
        kernels.measure_depths(parents, depths)
        offsets = np.zeros(size + 1, np.int64)
        np.cumsum(depths[leaf_of], out=offsets[1:])
        nodes, codes = np.empty(int(offsets[-1]), np.int32), np.empty(int(offsets[-1]), np.uint8)
        kernels.write_paths(parents, bits, leaf_of, offsets, nodes, codes)
        return cls(counts, offsets, nodes, codes, parents=parents, bits=bits, leaf_of=leaf_of)

    def __len__(self) -> int:
        """Number of words, V."""
        return len(self.counts)

    def __repr__(self) -> str:
        return f"HuffmanTree({len(self):,} words, {self.expected_length:.3f} bits a word)"

    @property
    def n_nodes(self) -> int:
        """Number of inner nodes, V - 1."""
        return len(self) - 1

    @functools.cached_property
    def lengths(self) -> np.ndarray:
        """int64 (V,): length of each word's code in bits."""
        return np.diff(self.offsets)

    def code(self, word_id: int) -> str:
        """The code of a word, such as '0110'; empty where there is only one word. 0 <= word_id < V."""
        return "".join(map(str, self.codes[self.offsets[word_id] : self.offsets[word_id + 1]].tolist()))

    def path(self, word_id: int) -> list[int]:
        """The inner nodes above a word, from the root down."""
        found: list[int] = self.nodes[self.offsets[word_id] : self.offsets[word_id + 1]].tolist()
        return found

    @property
    def expected_length(self) -> float:
        """Mean length of the code of a running word, in bits; at least the entropy and less than a bit above it. nan for counts of 0."""
        total = float(self.counts.sum())
        return float(self.counts @ self.lengths) / total if total else float("nan")

    @property
    def entropy(self) -> float:
        """Entropy of the words' relative frequencies, in bits. nan for counts of 0."""
        total = float(self.counts.sum())
        shares = self.counts[self.counts > 0] / total if total else np.array([np.nan])
        return float(-(shares @ np.log2(shares))) + 0.0

    @functools.cached_property
    def children(self) -> np.ndarray:
        """int64 (V-1, 2): the places below each inner node, for bit 0 and bit 1. A place p < V is the p-th word by falling count."""
        found = np.empty((self.n_nodes, 2), np.int64)
        places = np.arange(2 * len(self) - 2)
        found[self.parents[:-1], self.bits[:-1]] = places
        return found

    def log_probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Natural logarithms of the words' probabilities under hierarchical softmax; they sum to one by construction.

        Parameters
        ----------
        scores : float (V-1,), h . v_n of each inner node.

        Returns
        -------
        float64 (V,), in the order of the words.
        """
        from lmkit.numeric import _kernels_huffman as kernels

        everywhere = np.empty(2 * len(self) - 1, np.float64)
        kernels.leaf_log_probabilities(np.ascontiguousarray(scores, np.float64), self.parents, self.bits, everywhere)
        return everywhere[self.leaf_of]

    def draw(self, words: Sequence[str], counted: bool = True) -> str:
        """The tree as lines of text, the root at the left, bit 0 above bit 1.

        Parameters
        ----------
        words : V labels.
        counted : write each place's count behind it.

        Examples
        --------
        >>> print(HuffmanTree.from_counts([3, 2, 1]).draw(["fat", "fridge", "zebra"]))
        ·  6
        ├─0─ ·  3
        │    ├─0─ zebra  1
        │    └─1─ fridge  2
        └─1─ fat  3
        """
        size = len(self)
        word_at = np.empty(size, np.int64)
        word_at[self.leaf_of] = np.arange(size)
        weights = np.concatenate([self.counts[word_at], np.zeros(size - 1, np.int64)])
        for node in range(size - 1):  # a child stands before its parent
            weights[size + node] = weights[self.children[node]].sum()
        lines: list[str] = []
        ahead: list[tuple[int, str, str]] = [(2 * size - 2, "", "")]
        while ahead:
            place, before, below = ahead.pop()
            label = words[int(word_at[place])] if place < size else "·"
            lines.append(before + label + (f"  {weights[place]:,}" if counted else ""))
            if place >= size:
                first, second = self.children[place - size].tolist()
                ahead.append((second, f"{below}└─1─ ", f"{below}     "))
                ahead.append((first, f"{below}├─0─ ", f"{below}│    "))
        return "\n".join(lines)


def _shown(counts: object) -> str:
    text = repr(counts)
    return text if len(text) <= 60 else text[:60] + " ..."
