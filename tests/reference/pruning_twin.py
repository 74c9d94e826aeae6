"""Plain float64 twins of pruning and mixing: dictionaries of tuples, sums over the whole vocabulary. Slow, and written from the papers."""

from __future__ import annotations

import math
from collections import defaultdict

BOS, EOS = 1, 2


class BackoffTwin:
    """A back-off model: {n-gram: probability}, {context: weight}; n-grams are tuples of word ids. <s> is never predicted."""

    def __init__(self, probability, back_off, predictable):
        self.probability, self.back_off, self.predictable = dict(probability), dict(back_off), list(predictable)

    def p(self, word, history):
        """p(word | history): from the longest n-gram that is there, at the price of the contexts that were asked before."""
        weight = 1.0
        while (*history, word) not in self.probability:
            weight *= self.back_off.get(history, 1.0)
            history = history[1:]
        return weight * self.probability[(*history, word)]

    def total(self, history):
        return sum(self.p(word, history) for word in self.predictable)

    def contexts(self):
        result = defaultdict(list)
        for ngram in self.probability:
            if len(ngram) > 1:
                result[ngram[:-1]].append(ngram[-1])
        return result

    def without(self, gone):
        """The model without some n-grams, back-off weights by their definition, shortest contexts first."""
        kept = {ngram: p for ngram, p in self.probability.items() if ngram not in gone}
        smaller = BackoffTwin(kept, {}, self.predictable)
        contexts = smaller.contexts()
        for context in sorted(contexts, key=len):
            seen = set(contexts[context])
            left = 1.0 - sum(kept[(*context, word)] for word in seen)
            unseen = sum(smaller.p(word, context[1:]) for word in self.predictable if word not in seen)
            smaller.back_off[context] = left / unseen if unseen > 1e-12 else 1.0
        return smaller

    def history_probability(self, history):
        """Product of the model's own probabilities; a sentence begins as often as one ends."""
        result = 1.0
        for i, word in enumerate(history):
            result *= self.probability[(EOS,)] if (i, word) == (0, BOS) else self.p(word, history[:i])
        return result

    def relative_entropy(self, ngram):
        """D(p || p') by definition: p' lacks the n-gram, and no other context changes (equation 2 of Stolcke 1998)."""
        context, gone = ngram[:-1], ngram[-1]
        seen = [word for word in self.contexts()[context] if word != gone]
        left = 1.0 - sum(self.probability[(*context, word)] for word in seen)
        unseen = sum(self.p(word, context[1:]) for word in self.predictable if word not in seen)
        total = 0.0
        for word in self.predictable:
            before = self.p(word, context)
            after = self.probability[(*context, word)] if word in seen else left / unseen * self.p(word, context[1:])
            if before > 0:
                total += before * math.log(before / after)
        return self.history_probability(context) * total


class KneserNeyCounts:
    """Siivola, Hirsimaki and Virpioja 2007: counts that pruning changes, and the probabilities that follow."""

    def __init__(self, adjusted, raw, discounts, predictable):
        """adjusted, raw: {n-gram: count}; discounts: [{1: D1, 2: D2, 3: D3}] an order; predictable: words."""
        self.counts = {ngram: count for ngram, count in adjusted.items() if count > 0}
        self.raw, self.discounts, self.predictable = raw, discounts, list(predictable)
        self.pruned = defaultdict(int)

    def children(self, context):
        return {ngram: count for ngram, count in self.counts.items() if len(ngram) == len(context) + 1 and ngram[:-1] == context}

    def discount(self, ngram, count):
        return self.discounts[len(ngram) - 1][min(count, 3)] if count else 0.0

    def p(self, word, history):
        children = self.children(history)
        lower = self.p(word, history[1:]) if history else 1.0 / len(self.predictable)
        total = sum(children.values()) + self.pruned[history]
        if total == 0:
            return lower
        count = self.counts.get((*history, word), 0)
        gamma = (sum(self.discount(ngram, c) for ngram, c in children.items()) + self.pruned[history]) / total
        return (count - self.discount((*history, word), count)) / total + gamma * lower

    def take_out(self, ngram):
        """PRUNEGRAM."""
        self.pruned[ngram[:-1]] += self.counts[ngram]
        if self.counts.get(ngram[1:], 0) > 0:
            self.counts[ngram[1:]] += self.counts[ngram] - 1
        del self.counts[ngram]

    def prune(self, threshold, order_of_visits):
        """PRUNEORDER for all orders from the highest; threshold in bits."""
        for ngram in order_of_visits:
            if any(other[:-1] == ngram for other in self.counts):
                continue
            before = self.p(ngram[-1], ngram[:-1])
            saved = dict(self.counts), dict(self.pruned)
            self.take_out(ngram)
            after = self.p(ngram[-1], ngram[:-1])
            if self.raw[ngram] * (math.log2(before) - math.log2(after)) > threshold:
                self.counts, self.pruned = saved[0], defaultdict(int, saved[1])
