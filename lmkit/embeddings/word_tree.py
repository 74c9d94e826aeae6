"""What a language model along a tree can predict: words that its text held, by their paths; words that it did not hold, alike.

A Huffman tree over words of which some were never seen learns nothing about these but that none of its texts went their way, and of equal
counts of 0 it makes a chain: each further word would be half as probable as the one before. So only the words that were seen lie in the
tree, and the n_0 others share a constant part m of the probability:

    p(w | h) = (1 - m) * product over the path of sigma(s_n <h, v_n>)    if w was seen,        m / n_0    if not.

m = 0 where every word was seen. It is estimated by Turing (Good 1953): the share of the words that were seen once; or, with a held-out
text, the share of its words that the training text lacked.
"""

from __future__ import annotations

import numpy as np

from lmkit.numeric.huffman import HuffmanTree
from lmkit.text.vocabulary import Vocabulary, frozen

Paths = tuple[np.ndarray, np.ndarray, np.ndarray]
"""offsets int64 (V + 1,) by id, nodes int32 and codes uint8 behind each other, as in HuffmanTree."""


class WordTree:
    """The words of a vocabulary that can be predicted, and how probable they are given the scores of the tree's nodes.

    Parameters
    ----------
    counts : int64 (V,), by id, of the training text.
    sentences : whether `</s>` is predicted; `<s>` never is.
    unseen_share : m of the module's text, 0 <= m < 1; it counts only where there are unseen words.

    Attributes
    ----------
    counts, sentences : as given. unseen_share : m; 0 where every word was seen.
    seen : bool (V,), the words in the tree.
    huffman : HuffmanTree over them, by rising id. Of equal counts the lower id is the earlier leaf.
    paths : offsets, nodes and codes by id; the path of a word that is not in the tree is empty.
    log_before : float64 (V,), logarithm of what stands before the product; -inf for what is never predicted.
    """

    def __init__(self, counts: np.ndarray, sentences: bool, unseen_share: float) -> None:
        self.counts, self.sentences = counts, sentences
        predicted = predicted_words(len(counts), sentences)
        self.seen = predicted & (counts > 0)
        self._ids = np.flatnonzero(self.seen)
        unseen = predicted & ~self.seen
        self.unseen_share = unseen_share if unseen.any() else 0.0
        self.log_before = np.full(len(counts), -np.inf)
        self.log_before[self.seen] = np.log1p(-self.unseen_share)
        if unseen.any():
            self.log_before[unseen] = np.log(self.unseen_share / np.count_nonzero(unseen))
        self.huffman = HuffmanTree.from_counts(counts[self._ids])
        lengths = np.zeros(len(counts), np.int64)
        lengths[self._ids] = self.huffman.lengths
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        self.paths: Paths = (frozen(offsets), frozen(self.huffman.nodes), frozen(self.huffman.codes))

    def log_probs(self, scores: np.ndarray) -> np.ndarray:
        """float64 (batch, V), natural logarithms. scores : float64 (batch, nodes), <h, v_n>."""
        result = np.tile(self.log_before, (len(scores), 1))
        for row, own in zip(result, scores, strict=True):
            row[self._ids] += self.huffman.log_probabilities(own)
        return result


def predicted_words(size: int, sentences: bool) -> np.ndarray:
    """bool (V,): `<s>` is never predicted, `</s>` only where the text has sentences."""
    predicted = np.ones(size, np.bool_)
    predicted[Vocabulary.BOS] = False
    predicted[Vocabulary.EOS] = sentences
    return predicted


def unseen_share(counts: np.ndarray, sentences: bool, held_out: np.ndarray | None = None) -> float:
    """m of the module's text, > 0 and < 1: half an event is added to the events and to the unseen ones among them.

    counts, held_out : int64 (V,), how often the words stand in the training text and in a held-out one.
    """
    predicted = predicted_words(len(counts), sentences)
    if held_out is None:
        events, unseen = counts[predicted].sum(), np.count_nonzero(counts[predicted] == 1)
    else:
        events, unseen = held_out[predicted].sum(), held_out[predicted & (counts == 0)].sum()
    return float((unseen + 0.5) / (events + 1))
