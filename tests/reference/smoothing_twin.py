"""Plain float64 twins of the smoothing methods, written from the papers that lmkit/ngram/smoothing cites: dictionaries and recursion.

p(w, h) of each is the defining equation; unseen mass is summed word by word. Slow. Words are strings, histories tuples.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict

from reference.ngram_twin import BOS, EOS, UNK, adjusted_counts, discounts, raw_counts


class Twin:
    """Counts of a text and what all methods share. A subclass defines p_seen(w, h) for histories that were seen."""

    def __init__(self, sentences, order, boundaries=True):
        self.sentences = [list(words) for words in sentences]
        self.order, self.boundaries = order, boundaries
        self.counts = raw_counts(self.sentences, order, boundaries)
        words = {word for (word,) in self.counts[1]} | {UNK} | ({EOS} if boundaries else set())
        self.vocabulary = sorted(words - {BOS})
        self.children = self.children_of(self.counts)
        self.remembered = {}
        self.prepare()

    def prepare(self):
        pass

    @staticmethod
    def children_of(counts):
        """history -> {word: count}, of all orders."""
        children = defaultdict(dict)
        for ngrams in counts.values():
            for ngram, count in ngrams.items():
                if ngram != (BOS,):
                    children[ngram[:-1]][ngram[-1]] = count
        return children

    def known(self, word):
        return word if word in self.vocabulary or word == BOS else UNK

    def p(self, word, history):
        history = tuple(self.known(w) for w in history)[max(0, len(history) - self.order + 1) :] if self.order > 1 else ()
        return self.after(self.known(word), history)

    def after(self, word, h):
        """p(word | h), after the longest suffix of h that was seen."""
        while h and h not in self.children:
            h = h[1:]
        if (word, h) not in self.remembered:
            self.remembered[word, h] = self.p_seen(word, h)
        return self.remembered[word, h]

    def uniform(self):
        return 1 / len(self.vocabulary)

    def lower(self, word, h):
        return self.after(word, h[1:]) if h else self.uniform()

    def log_probabilities(self, words):
        history = [BOS] if self.boundaries else []
        result = []
        for word in [*words, EOS] if self.boundaries else words:
            probability = self.p(word, history)
            result.append(math.log(probability) if probability > 0 else -math.inf)
            history.append(word)
        return result


class MaximumLikelihoodTwin(Twin):
    def p_seen(self, word, h):
        return self.children[h].get(word, 0) / sum(self.children[h].values())


class AdditiveTwin(Twin):
    def __init__(self, *arguments, delta=1.0, **options):
        self.delta = delta
        super().__init__(*arguments, **options)

    def after(self, word, h):
        whole = len(h) == self.order - 1 or h[:1] == (BOS,)
        following = self.children.get(h, {}) if whole else {}  # a history cut short was never seen with all its words
        return (following.get(word, 0) + self.delta) / (sum(following.values()) + self.delta * len(self.vocabulary))


class StupidBackOffTwin(Twin):
    """A sentence is preceded by order - 1 `<s>`, so that the recursion always starts at the highest order."""

    alpha = 0.4

    def after(self, word, h):
        padding = (BOS,) * (self.order - 1 - len(h)) if h[:1] == (BOS,) else ()
        return self.score(word, padding + h)

    def score(self, word, h):
        found = self.relative(word, h)
        return found if found > 0 or not h else self.alpha * self.score(word, h[1:])

    def relative(self, word, h):
        while h[:2] == (BOS, BOS):  # c(<s> <s> w) = c(<s> w)
            h = h[1:]
        following = self.children.get(h, {})
        return following.get(word, 0) / sum(following.values()) if following else 0.0


class WittenBellTwin(Twin):
    interpolated = True

    def p_seen(self, word, h):
        following = self.children[h]
        total, types = sum(following.values()), len(following)
        if self.interpolated:
            return (following.get(word, 0) + types * self.lower(word, h)) / (total + types)
        return self.backed_off(word, h, {w: c / (total + types) for w, c in following.items()})

    def backed_off(self, word, h, kept):
        """Katz 1987: kept[w] for the seen; the rest among the unseen, by the lower order, or equally below the unigrams."""
        unseen = [w for w in self.vocabulary if w not in kept]
        lower = {w: self.lower(w, h) for w in unseen}
        if sum(lower.values()) < 1e-10:  # nobody to give it to: nothing is taken
            return self.children[h].get(word, 0) / sum(self.children[h].values())
        if word in kept:
            return kept[word]
        return (1 - sum(kept.values())) * lower[word] / sum(lower.values())


class WittenBellBackOffTwin(WittenBellTwin):
    interpolated = False


class DiscountingTwin(WittenBellTwin):
    """Absolute discounting; `discount(n)` gives {count: discount}, the last entry for all higher counts."""

    def prepare(self):
        self.by_order = {n: self.discount(n, Counter(self.counts[n].values())) for n in self.counts}

    def discount(self, n, of_counts):
        n1, n2 = of_counts[1], of_counts[2]
        return {1: n1 / (n1 + 2 * n2) if n1 and n2 else 0.75}

    def taken(self, h, count):
        chosen = self.by_order[len(h) + 1]
        return chosen[min(count, max(chosen))] if count else 0

    def p_seen(self, word, h):
        following = {w: c for w, c in self.children[h].items() if c}
        total = sum(following.values())
        if not self.interpolated:
            return self.backed_off(word, h, {w: (c - self.taken(h, c)) / total for w, c in following.items()})
        count = following.get(word, 0)
        left = sum(self.taken(h, c) for c in following.values()) / total
        return (count - self.taken(h, count)) / total + left * self.lower(word, h)


class DiscountingBackOffTwin(DiscountingTwin):
    interpolated = False


class KneserNeyTwin(DiscountingTwin):
    def prepare(self):
        adjusted = {n: adjusted_counts(self.counts, n, self.order, self.boundaries) for n in self.counts}
        self.children = self.children_of(adjusted)
        self.by_order = {n: self.discount(n, Counter(c for g, c in adjusted[n].items() if g != (BOS,))) for n in adjusted}


class KneserNeyBackOffTwin(KneserNeyTwin):
    interpolated = False


class ModifiedKneserNeyBackOffTwin(KneserNeyTwin):
    """Without lmplz's exception for the last n-gram in suffix order; take texts where it changes nothing, or one order."""

    interpolated = False

    def discount(self, n, of_counts):
        chosen = discounts(dict(enumerate(of_counts.elements())))
        return chosen if all(chosen[k] < k for k in chosen) else {1: 0.5, 2: 1.0, 3: 1.5}


class KatzTwin(WittenBellTwin):
    k = 5

    def prepare(self):
        self.ratios = {n: self.good_turing(Counter(self.counts[n].values())) for n in self.counts}

    def good_turing(self, n):
        """{r: d(r)} by the equation of Katz, with the highest k that gives ratios between 0 and 1; or None."""
        for k in range(self.k, 0, -1):
            if all(n[r] for r in range(1, k + 1)) and n[1] > (k + 1) * n[k + 1]:
                common = (k + 1) * n[k + 1] / n[1]
                ratios = {r: ((r + 1) * n[r + 1] / n[r] / r - common) / (1 - common) for r in range(1, k + 1)}
                if all(0 < ratio < 1 for ratio in ratios.values()):
                    return ratios
        discount = n[1] / (n[1] + 2 * n[2]) if n[1] and n[2] else 0.75
        return {r: (r - discount) / r for r in n}

    def p_seen(self, word, h):
        following, ratios = self.children[h], self.ratios[len(h) + 1]
        total = sum(following.values())
        kept = {w: ratios.get(c, 1) * c / total for w, c in following.items()}
        if h and all(ratios.get(c, 1) == 1 for c in following.values()) and len(following) < len(self.vocabulary):
            kept = {w: c / (total + 1) for w, c in following.items()}
        return self.backed_off(word, h, kept)


class JelinekMercerTwin(Twin):
    """EM over a list of events, each a list of (relative frequency, bucket of the history's count or None), lowest order first."""

    fewest = 100  # events in a group of buckets

    def __init__(self, sentences, order, boundaries=True, held_out=None):
        self.held_out = held_out
        super().__init__(sentences, order, boundaries)

    def prepare(self):
        events = [self.event(w, h, 0) for w, h in self.events(self.held_out)] if self.held_out is not None else None
        events = events or [self.event(w, h, 1) for w, h in self.events(self.sentences)]
        self.groups = [self.group(Counter(e[n][1] for e in events)) for n in range(self.order)]
        self.weights = [defaultdict(lambda: 0.5) for _ in range(self.order)]
        before = -math.inf
        for _ in range(100):
            total = self.step(events)
            if total - before < 1e-6 * abs(total):
                break
            before = total

    def events(self, sentences):
        for words in sentences:
            history = [BOS] if self.boundaries else []
            for word in [*map(self.known, words), EOS] if self.boundaries else map(self.known, words):
                if self.order > 1:
                    yield word, tuple(history[-self.order + 1 :])
                else:
                    yield word, ()
                history.append(word)

    def event(self, word, h, left_out):
        """Frequencies of `word` after every suffix of h with `left_out` occurrences taken away."""
        result = []
        for length in range(self.order):
            following = self.children.get(h[len(h) - length :], {}) if length <= len(h) else {}
            total = sum(following.values()) - left_out
            result.append(((following.get(word, 0) - left_out) / total, int(math.log2(total))) if total > 0 else (0.0, None))
        return result

    def group(self, sizes):
        sizes.pop(None, None)
        group, current, inside = {}, 0, 0
        for bucket in range(64):
            group[bucket] = current
            inside += sizes[bucket]
            if inside >= self.fewest and sum(sizes[b] for b in range(bucket + 1, 64)) >= self.fewest:
                current, inside = current + 1, 0
        return group

    def step(self, events):
        total = 0.0
        taken = [defaultdict(float) for _ in range(self.order)]
        reached = [defaultdict(float) for _ in range(self.order)]
        for event in events:
            probabilities = [self.uniform()]
            for n, (relative, bucket) in enumerate(event):
                weight = self.weights[n][self.groups[n][bucket]] if bucket is not None else 0.0
                probabilities.append(weight * relative + (1 - weight) * probabilities[-1])
            total += math.log(probabilities[-1])
            share = 1.0
            for n in reversed(range(self.order)):
                relative, bucket = event[n]
                if bucket is not None:
                    group = self.groups[n][bucket]
                    here = share * self.weights[n][group] * relative / probabilities[n + 1]
                    taken[n][group] += here
                    reached[n][group] += share
                    share -= here
        for n in range(self.order):
            for group in reached[n]:
                if reached[n][group] > 0:
                    self.weights[n][group] = min(max(taken[n][group] / reached[n][group], 1e-4), 1 - 1e-4)
        return total

    def p_seen(self, word, h):
        following = self.children[h]
        total = sum(following.values())
        weight = self.weights[len(h)][self.groups[len(h)][int(math.log2(total))]]
        return weight * following.get(word, 0) / total + (1 - weight) * self.lower(word, h)
