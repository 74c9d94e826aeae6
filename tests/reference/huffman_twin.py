"""Huffman codes by a plain heap, with word2vec.c's order among equals: inner nodes before leaves, the earlier node, the later leaf."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence


def codes_and_paths(counts: Sequence[int]) -> list[tuple[str, list[int]]]:
    """(code, inner nodes from the root down) of each word; counts fall."""
    heap: list[tuple[int, int, int, object]] = [(count, 1, -leaf, leaf) for leaf, count in enumerate(counts)]
    heapq.heapify(heap)
    for number in range(len(counts) - 1):
        light, heavy = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (light[0] + heavy[0], 0, number, (number, light[3], heavy[3])))
    found: dict[int, tuple[str, list[int]]] = {}
    ahead: list[tuple[object, str, list[int]]] = [(heap[0][3], "", [])]
    while ahead:
        tree, code, path = ahead.pop()
        if isinstance(tree, tuple):
            number, first, second = tree
            ahead += [(first, code + "0", [*path, number]), (second, code + "1", [*path, number])]
        else:
            assert isinstance(tree, int)
            found[tree] = code, path
    return [found[leaf] for leaf in range(len(counts))]


def word_log_probabilities(counts: Sequence[int], scores: Sequence[float]) -> list[float]:
    """log p of each word: along its path, log sigmoid(score) for a bit 0 and log(1 - sigmoid(score)) for a bit 1."""
    result = []
    for code, path in codes_and_paths(counts):
        terms = [-math.log1p(math.exp(-scores[node] if bit == "0" else scores[node])) for bit, node in zip(code, path, strict=True)]
        result.append(math.fsum(terms))
    return result
