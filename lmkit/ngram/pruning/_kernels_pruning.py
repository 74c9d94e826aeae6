"""Kernels that find out what n-grams are worth, on the arrays of `lmkit.ngram.querying._kernels_table`.

name         dtype    shape    what
score        float64  (T,)     what taking an n-gram out would cost
counts       int64    (T,)     Kneser-Ney's counts of the n-grams, as pruning changes them; 0 for what is out
raw          int64    (T,)     how often each occurs
contexts     int64    (T,)     context of each n-gram; C, one behind the last context, for 1-grams
total        float64  (C+1,)   sum of the counts of a context's children, those out included
pruned       float64  (C+1,)   sum of the counts of its children that are out
held_back    float64  (C+1,)   sum of the discounts of its other children
discounts    float64  (N, K+1) discounts of each order for counts of 0 .. K and more

Plain twin: tests/reference/pruning_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel
from lmkit.ngram.querying._kernels_table import lower_probability


@kernel
def relative_entropies(first_child, order_start, suffix, probability, back_off, history, score):
    """score[hw] = D(p || p') where p' lacks hw only: equation 3 of Stolcke 1998, natural logarithm.

    D = -p(h) (p(w|h) (log p(w|h') + log b'(h) - log p(w|h)) + (log b'(h) - log b(h)) q(h))
    b'(h) = (q(h) + p(w|h)) / (u(h) + p(w|h')),  u(h): lower-order probability of what is unseen after h, q(h) = b(h) u(h)

    history : float64 (C,), p(h); filled in for orders above 1. 1-grams have score infinity: they are the vocabulary.
    """
    for word in range(order_start[1]):
        score[word] = np.inf
    for order in range(1, len(order_start) - 1):
        for context in range(order_start[order - 1], order_start[order]):
            low, high = first_child[context], first_child[context + 1]
            unseen = 1.0
            for node in range(low, high):
                score[node] = lower_probability(node, context, order + 1, order_start, suffix, probability, back_off)
                unseen -= score[node]
            unseen = max(unseen, 0.0)
            left = back_off[context] * unseen
            for node in range(low, high):
                own, lower = probability[node], score[node]
                weight = (left + own) / (unseen + lower)
                if node < len(back_off):
                    history[node] = history[context] * own
                if not weight * lower > 0.0:  # it would become impossible
                    score[node] = np.inf if own > 0.0 else 0.0
                    continue
                loss = own * (np.log(own) - np.log(weight * lower)) if own > 0.0 else 0.0
                if left > 0.0:
                    loss += left * (np.log(back_off[context]) - np.log(weight))
                score[node] = history[context] * max(loss, 0.0)


@kernel
def discount_of(discounts, order, count):
    """The discount of a count of an order, 1-grams being order 1."""
    return discounts[order - 1, min(np.int64(count), discounts.shape[1] - 1)]


@kernel
def sum_counts(order_start, contexts, counts, discounts, total, pruned, held_back):
    """total, pruned (0) and held_back of every context, from the counts of all n-grams."""
    total[:] = 0.0
    pruned[:] = 0.0
    held_back[:] = 0.0
    for order in range(1, len(order_start)):
        for node in range(order_start[order - 1], order_start[order]):
            context = contexts[node]
            total[context] += counts[node]
            held_back[context] += discount_of(discounts, order, counts[node])


@kernel
def kneser_ney_probability(node, order, uniform, suffix, contexts, counts, discounts, total, pruned, held_back):
    """p(w|h) of an n-gram whose suffixes are all there, from the counts as they stand."""
    scale = 1.0
    result = 0.0
    while order >= 1:
        context = contexts[node]
        result += scale * (counts[node] - discount_of(discounts, order, counts[node])) / total[context]
        scale *= (held_back[context] + pruned[context]) / total[context]
        node = suffix[node]
        order -= 1
    return result + scale * uniform


@kernel
def prune_kneser_ney(
    threshold, expected, uniform, first_child, order_start, suffix, raw, occurrences, contexts, discounts, counts, total, pruned, held_back,
    alive, children, score,
):  # fmt: skip
    """PRUNEORDER of Siivola, Hirsimaki and Virpioja 2007 for every order from the highest to 2: see `RevisedKneserNey` for what is lost.

    An n-gram hw that begins no longer one is taken out if it costs at most `threshold`, natural logarithm. Its count goes to what h keeps
    for
    backing off, and its occurrences, which counted as one type in h'w, count there in full: counts[h'w] += counts[hw] - 1.
    occurrences : float64 (C+1,), how often something stands after each context. children : int64 (C,), how many n-grams each begins.
    alive : bool (T,). counts, total, pruned, held_back, alive, children and score change in place.
    """
    for order in range(len(order_start) - 1, 1, -1):
        for context in range(order_start[order - 2], order_start[order - 1]):
            unseen = 1.0
            if expected:
                for node in range(first_child[context], first_child[context + 1]):
                    unseen -= kneser_ney_probability(
                        suffix[node], order - 1, uniform, suffix, contexts, counts, discounts, total, pruned, held_back
                    )
            for node in range(first_child[context], first_child[context + 1]):
                if node < len(children) and children[node] > 0:
                    continue
                below, count = suffix[node], counts[node]
                before = kneser_ney_probability(node, order, uniform, suffix, contexts, counts, discounts, total, pruned, held_back)
                gamma_before = (held_back[context] + pruned[context]) / total[context]
                # as if it were out
                own, lower, added = discount_of(discounts, order, count), contexts[below], count - 1
                change = discount_of(discounts, order - 1, counts[below] + added) - discount_of(discounts, order - 1, counts[below])
                counts[below] += added
                total[lower] += added
                held_back[lower] += change
                pruned[context] += count
                held_back[context] -= own
                gamma = (held_back[context] + pruned[context]) / total[context]
                shorter = kneser_ney_probability(below, order - 1, uniform, suffix, contexts, counts, discounts, total, pruned, held_back)
                loss = np.inf
                if gamma * shorter > 0.0:
                    ratio = np.log(before) - np.log(gamma * shorter)
                    loss = raw[node] * ratio
                    if expected:
                        loss = before * ratio
                        if gamma_before * unseen > 0.0:
                            loss += gamma_before * unseen * (np.log(gamma_before) - np.log(gamma))
                        loss *= occurrences[context]
                score[node] = loss
                if loss <= threshold:
                    counts[node] = 0
                    alive[node] = False
                    children[context] -= 1
                    unseen += shorter
                else:
                    counts[below] -= added
                    total[lower] -= added
                    held_back[lower] -= change
                    pruned[context] -= count
                    held_back[context] += own


@kernel
def kneser_ney_parts(order_start, contexts, counts, discounts, total, pruned, held_back, children, own, back_off):
    """own[hw] = (counts - D) / total of its context, 0 for what is out; back_off[h] = gamma(h), 1 where nothing is left after h."""
    for order in range(2, len(order_start)):
        for node in range(order_start[order - 1], order_start[order]):
            own[node] = 0.0
            if counts[node] > 0:
                own[node] = (counts[node] - discount_of(discounts, order, counts[node])) / total[contexts[node]]
    for context in range(len(back_off)):
        back_off[context] = 1.0
        if children[context] > 0:
            back_off[context] = (held_back[context] + pruned[context]) / total[context]


@kernel
def count_extensions(order_start, suffix, extensions):
    """extensions[g] = how many n-grams have g as their suffix."""
    extensions[:] = 0
    for node in range(order_start[1], len(suffix)):
        extensions[suffix[node]] += 1


@kernel
def sum_over_extensions(order_start, suffix, order, raw):
    """raw[g] += raw of the n-grams of `order` whose suffix g is."""
    for node in range(order_start[order - 1], order_start[order]):
        raw[suffix[node]] += raw[node]


@kernel
def counts_from_shares(own, gamma, discounts, counts):
    """The counts that give shares own = (count - D) / total and gamma = sum of D / total; how far the numbers are from whole ones.

    discounts : float64 (4,), of 0 and of counts of 1, 2, 3 and more. The smallest count is 1, 2, or 3 and more: each is tried.
    """
    size = len(own)
    smallest = own[0]
    for share in own:
        smallest = min(smallest, share)
    found = np.empty(size, np.int64)
    best = np.inf
    for least in range(1, 4):
        if least == 3:
            total = size * discounts[3] / gamma if gamma > 0 else 0.0
        else:
            total = (least - discounts[least]) / smallest if smallest > 0 else 0.0
        if not total > 0.0 or total > 1e15:
            continue
        for _ in range(2):  # classify, then correct the total by gamma, which is precise
            taken = 0.0
            for i in range(size):
                found[i] = _nearest_count(own[i] * total, discounts, least)
                taken += discounts[min(found[i], 3)]
            if gamma > 0 and taken > 0:
                total = taken / gamma
        summed = 0
        for i in range(size):
            found[i] = _nearest_count(own[i] * total, discounts, least)
            summed += found[i]
        distance = abs(summed - total)
        for i in range(size):
            distance = max(distance, abs(own[i] * total - (found[i] - discounts[min(found[i], 3)])))
        if distance < best:
            best = distance
            counts[:] = found
    return best


@kernel
def _nearest_count(value, discounts, least):
    """The count whose discounted value is nearest."""
    count = max(np.int64(np.floor(value + discounts[3] + 0.5)), 3)
    best, distance = count, abs(count - discounts[3] - value)
    for low in range(least, 3):
        if abs(low - discounts[low] - value) < distance:
            best, distance = np.int64(low), abs(low - discounts[low] - value)
    return best


@kernel
def recover_counts(from_context, to_context, first_child, own, back_off, discounts, counts):
    """Counts of the children of contexts from..to by `counts_from_shares`. Returns the largest distance, as a share of the context's
    total.
    """
    worst = 0.0
    for context in range(from_context, to_context):
        low, high = first_child[context], first_child[context + 1]
        if low == high:
            continue
        distance = counts_from_shares(own[low:high], back_off[context], discounts, counts[low:high])
        total = 0
        for node in range(low, high):
            total += counts[node]
        worst = max(worst, distance / (1.0 + 1e-3 * total))
    return worst


@kernel
def check_gamma(from_context, to_context, first_child, back_off, discounts, counts):
    """Largest difference between back_off and the sum of discounts over the sum of counts, over contexts from..to."""
    worst = 0.0
    for context in range(from_context, to_context):
        low, high = first_child[context], first_child[context + 1]
        if low == high:
            continue
        taken, total = 0.0, 0
        for node in range(low, high):
            taken += discounts[min(counts[node], 3)]
            total += counts[node]
        worst = max(worst, abs(back_off[context] - taken / total) if total > 0 else np.inf)
    return worst
