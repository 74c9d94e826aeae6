"""Plain float64 twin of lmkit's n-gram models: dictionaries of tuples, no tries, no sorting, no Numba. Slow, and written from the papers.

Counts: Chen and Goodman 1998, section 4.1.6; <s> and <unk>: Heafield et al. 2013, section 3. Words are strings here.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict

UNK, BOS, EOS = "<unk>", "<s>", "</s>"
FALLBACK = {1: 0.5, 2: 1.0, 3: 1.5}


def raw_counts(sentences, order, boundaries=True):
    """Counter of n-gram tuples for n = 1..order. <s> is counted as a context only, never as an n-gram of its own."""
    counts = {n: Counter() for n in range(1, order + 1)}
    for words in sentences:
        padded = [BOS, *words, EOS] if boundaries else list(words)
        for n in counts:
            for start in range(len(padded) - n + 1):
                ngram = tuple(padded[start : start + n])
                if ngram != (BOS,):
                    counts[n][ngram] += 1
    return counts


def adjusted_counts(counts, n, order, boundaries=True):
    """Number of distinct words in front; raw counts at the highest order and behind <s>; at least 1 in continuous text."""
    if n == order:
        return dict(counts[n])
    left = defaultdict(set)
    for ngram in counts[n + 1]:
        left[ngram[1:]].add(ngram[0])
    result = {}
    for ngram in counts[n]:
        if ngram[0] == BOS:
            result[ngram] = counts[n][ngram]
        else:
            result[ngram] = len(left[ngram]) if boundaries else max(len(left[ngram]), 1)
    return result


def discounts(adjusted, exception=None):
    """D(1), D(2), D(3+) by equation 26. exception: (n-gram, count) that enters with another count, as in lmplz."""
    n = Counter(count for ngram, count in adjusted.items() if exception is None or ngram != exception[0])
    if exception is not None:
        n[exception[1]] += 1
    if not (n[1] and n[2] and n[3]):
        return FALLBACK
    y = n[1] / (n[1] + 2 * n[2])
    result = {k: k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)}
    return result if all(0 <= result[k] <= k for k in result) else FALLBACK


class KneserNeyTwin:
    """Interpolated modified Kneser-Ney over tuples."""

    def __init__(self, sentences, order, boundaries=True):
        sentences = [list(words) for words in sentences]
        self.order, self.boundaries = order, boundaries
        counts = raw_counts(sentences, order, boundaries)
        numbering = self._numbering(sentences)
        self.vocabulary = [UNK, *([EOS] if boundaries else []), *(w for w in numbering if w not in (UNK, BOS, EOS))]
        self.probability = {}
        self.back_off = {}
        last = self._last_in_suffix_order(counts, numbering)
        for n in range(1, order + 1):
            adjusted = adjusted_counts(counts, n, order, boundaries)
            exception = None
            if boundaries and n < order and last is not None and last[-n:] in counts[n]:
                exception = (last[-n:], counts[n][last[-n:]])
            discount = discounts(adjusted, exception)
            self._estimate(n, adjusted, discount)

    @staticmethod
    def _numbering(sentences):
        order = {UNK: 0, BOS: 1, EOS: 2}
        for words in sentences:
            for word in words:
                order.setdefault(word, len(order))
        return order

    def _last_in_suffix_order(self, counts, numbering):
        """Largest n-gram when compared from the last word to the first; those cut short by the sentence's start are padded with <s>."""
        candidates = [ngram for n in counts for ngram in counts[n] if n == self.order or ngram[0] == BOS]

        def key(ngram):
            return [numbering[word] for word in reversed(ngram)] + [numbering[BOS]] * (self.order - len(ngram))

        return max(candidates, key=key, default=None)

    def _estimate(self, n, adjusted, discount):
        children = defaultdict(dict)
        for ngram, count in adjusted.items():
            children[ngram[:-1]][ngram[-1]] = count
        for context, following in children.items():
            total = sum(following.values())
            gamma = sum(discount[min(c, 3)] for c in following.values() if c) / total
            if n == 1:
                for word in self.vocabulary:
                    count = following.get(word, 0)
                    kept = count - (discount[min(count, 3)] if count else 0)
                    self.probability[(word,)] = kept / total + gamma / len(self.vocabulary)
            else:
                self.back_off[context] = gamma
                for word, count in following.items():
                    kept = count - (discount[min(count, 3)] if count else 0)
                    self.probability[(*context, word)] = kept / total + gamma * self.p(word, context[1:])

    def p(self, word, history):
        """p(word | history), backing off from the longest known context."""
        word = word if (word,) in self.probability else UNK
        history = tuple(w if (w,) in self.probability or w == BOS else UNK for w in history)[-(self.order - 1) :] if self.order > 1 else ()
        weight = 1.0
        while (*history, word) not in self.probability:
            weight *= self.back_off.get(history, 1.0)
            history = history[1:]
        return weight * self.probability[(*history, word)]

    def log_probabilities(self, words):
        """Natural logs of all words of a sentence, and of its end where there are boundaries."""
        history = [BOS] if self.boundaries else []
        result = []
        for word in [*words, EOS] if self.boundaries else words:
            probability = self.p(word, history)
            result.append(math.log(probability) if probability > 0 else -math.inf)
            history.append(word)
        return result
