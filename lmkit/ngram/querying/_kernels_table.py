"""Kernels on the n-grams of a back-off model as plain arrays: suffixes, lower-order probabilities, back-off weights, parts of a table.

The n-grams of all orders lie one after the other, lowest order first, each order sorted by context and word; T in all, C of them below
the highest order (the contexts). Probabilities are linear.

name         dtype    shape    what
words        uint32   (T,)     last word of the n-gram
first_child  int64    (C+1,)   first n-gram with this one as context, and T
order_start  int64    (N+1,)   first n-gram of each order, and T
suffix       int64    (T,)     the longest proper suffix that is in the table; -1 for 1-grams
probability  float64  (T,)     p(last word | words before it)
back_off     float64  (C,)     back-off weight as a context

Plain twin: tests/reference/pruning_twin.py.
"""

from __future__ import annotations

import numpy as np

from lmkit._jit import kernel

NOTHING_LEFT = 1e-13
"""Mass of the words unseen after a context that is taken for none: below it a quotient is rounding noise of float64."""
SOUND = 1e-2
"""Totals this near one belong to distributions that were rounded; others were never normalised and are left alone."""


@kernel
def find_suffixes(words, first_child, order_start, suffix):
    """suffix, by Aho and Corasick's (1975) failure links: that of (h, w) is a child by w of h's suffix, or of the suffix of that, ..."""
    for node in range(order_start[1]):
        suffix[node] = -1
    for order in range(1, len(order_start) - 1):
        for context in range(order_start[order - 1], order_start[order]):
            for node in range(first_child[context], first_child[context + 1]):
                target = words[node]
                shorter = suffix[context]
                found = np.int64(target)
                while shorter >= 0:
                    low, high = first_child[shorter], first_child[shorter + 1]
                    stop = high
                    while low < high:
                        middle = (low + high) >> 1
                        if words[middle] < target:
                            low = middle + 1
                        else:
                            high = middle
                    if low < stop and words[low] == target:
                        found = low
                        break
                    shorter = suffix[shorter]
                suffix[node] = found


@kernel
def lower_probability(node, context, order, order_start, suffix, probability, back_off):
    """p(w | h') of the n-gram `node` = h w of an order above 1 whose context h is `context`; h' is h without its first word.

    If h' w is in the table, its probability; else the back-off weights of h' and its suffixes down to where it is found.
    """
    below = suffix[node]
    value = probability[below]
    if below >= order_start[order - 2]:
        return value
    found_order = order - 2
    while below < order_start[found_order - 1]:
        found_order -= 1
    shorter = suffix[context]
    while shorter >= order_start[found_order - 1]:
        value *= back_off[shorter]
        shorter = suffix[shorter]
    return value


@kernel
def normalise(first_child, order_start, suffix, predictable, probability, back_off):
    """Take the rounding of stored float32 numbers out, lowest order first: after each context all sums to one as float64 has it.

    Without it what the words unseen after a context share, one minus the others, would be noise where it is small.
    predictable : bool (V,), False for `<s>`, which is not in the sum of 1-grams. Returns the largest distance of a total from one.
    """
    total, worst = 0.0, 0.0
    for word in range(order_start[1]):
        total += probability[word] if predictable[word] else 0.0
    worst = abs(total - 1.0)
    if worst < SOUND:
        for word in range(order_start[1]):
            if predictable[word]:
                probability[word] /= total
    for order in range(1, len(order_start) - 1):
        for context in range(order_start[order - 1], order_start[order]):
            low, high = first_child[context], first_child[context + 1]
            if low == high:
                back_off[context] = 1.0
                continue
            unseen, total = 1.0, 0.0
            for node in range(low, high):
                total += probability[node]
                unseen -= lower_probability(node, context, order + 1, order_start, suffix, probability, back_off)
            total += back_off[context] * max(unseen, 0.0)
            worst = max(worst, abs(total - 1.0))
            if abs(total - 1.0) < SOUND:
                for node in range(low, high):
                    probability[node] /= total
                back_off[context] /= total
    return worst


@kernel
def left_over(first_child, order_start, suffix, probability, back_off, keep, left):
    """left[h], float64 (C,): what h has for words that are not its children, once those without `keep` are taken out.

    That is its back-off weight times the lower-order probability of the words unseen, and the probability of those taken out.
    """
    for order in range(1, len(order_start) - 1):
        for context in range(order_start[order - 1], order_start[order]):
            unseen, freed = 1.0, 0.0
            for node in range(first_child[context], first_child[context + 1]):
                unseen -= lower_probability(node, context, order + 1, order_start, suffix, probability, back_off)
                if not keep[node]:
                    freed += probability[node]
            left[context] = back_off[context] * max(unseen, 0.0) + freed


@kernel
def renormalise(first_child, order_start, suffix, probability, left, back_off):
    """back_off[h] = left[h] / (1 - sum over h's children of p(w|h')), lowest order first, so that all after h sums to one."""
    for order in range(1, len(order_start) - 1):
        for context in range(order_start[order - 1], order_start[order]):
            low, high = first_child[context], first_child[context + 1]
            if low == high:
                back_off[context] = 1.0
                continue
            unseen = 1.0
            for node in range(low, high):
                unseen -= lower_probability(node, context, order + 1, order_start, suffix, probability, back_off)
            back_off[context] = left[context] / unseen if unseen > NOTHING_LEFT else 1.0


@kernel
def remaining_mass(first_child, probability, left):
    """left[h] = 1 - sum over h's children of p(w|h)."""
    for context in range(len(first_child) - 1):
        mass = 1.0
        for node in range(first_child[context], first_child[context + 1]):
            mass -= probability[node]
        left[context] = max(mass, 0.0)


@kernel
def own_shares(first_child, order_start, suffix, probability, back_off, own):
    """own[hw] = p(w|h) - back_off(h) p(w|h'), what an interpolated model adds to the lower order's share; for orders above 1, at least
    0.
    """
    for order in range(1, len(order_start) - 1):
        for context in range(order_start[order - 1], order_start[order]):
            for node in range(first_child[context], first_child[context + 1]):
                lower = lower_probability(node, context, order + 1, order_start, suffix, probability, back_off)
                own[node] = max(probability[node] - back_off[context] * lower, 0.0)


@kernel
def interpolate(first_child, order_start, suffix, own, back_off, probability):
    """probability[hw] = own[hw] + back_off(h) p(w|h'), lowest order first; 1-grams are given."""
    for order in range(1, len(order_start) - 1):
        for context in range(order_start[order - 1], order_start[order]):
            for node in range(first_child[context], first_child[context + 1]):
                lower = lower_probability(node, context, order + 1, order_start, suffix, probability, back_off)
                probability[node] = own[node] + back_off[context] * lower


@kernel
def select(words, first_child, order_start, suffix, keep, new_words, new_first_child, new_order_start, new_suffix, origin):
    """The table of the n-grams with `keep`; a kept n-gram's context must be kept.

    new_words, new_suffix, origin : room for the kept ones; origin int64 (T',) tells where each stood. new_first_child : room for its
    contexts.
    Returns False if a context is missing.
    """
    place = np.empty(len(words), np.int64)
    at = 0
    for order in range(len(order_start) - 1):
        new_order_start[order] = at
        for node in range(order_start[order], order_start[order + 1]):
            if keep[node]:
                place[node] = at
                new_words[at] = words[node]
                origin[at] = node
                shorter = suffix[node]
                while shorter >= 0 and not keep[shorter]:
                    shorter = suffix[shorter]
                new_suffix[at] = place[shorter] if shorter >= 0 else -1
                at += 1
            else:
                place[node] = -1
    new_order_start[len(order_start) - 1] = at
    new_child = new_order_start[1]
    for context in range(len(first_child) - 1):
        here = place[context]
        if here >= 0 and here < len(new_first_child):
            new_first_child[here] = new_child
        for child in range(first_child[context], first_child[context + 1]):
            if keep[child]:
                if here < 0:
                    return False
                new_child += 1
    new_first_child[len(new_first_child) - 1] = new_child
    return True


@kernel
def depends(first_child, score, effective):
    """effective[g] = the highest score of g and all n-grams that it begins: g can't go before they do."""
    for node in range(len(score)):
        effective[node] = score[node]
    for context in range(len(first_child) - 2, -1, -1):
        for node in range(first_child[context], first_child[context + 1]):
            effective[context] = max(effective[context], effective[node])


@kernel
def pass_on(first_child, keep, own, back_off):
    """What children without `keep` had of their own goes to the back-off weight of their context; a context that keeps none takes 1."""
    for context in range(len(first_child) - 1):
        kept = False
        for node in range(first_child[context], first_child[context + 1]):
            if keep[node]:
                kept = True
            else:
                back_off[context] += own[node]
                own[node] = 0.0
        if not kept:
            back_off[context] = 1.0


@kernel
def spread(words, first_child, allowed, keep):
    """keep[hw] = keep[h] and allowed[w], for orders above 1."""
    for context in range(len(first_child) - 1):
        for node in range(first_child[context], first_child[context + 1]):
            keep[node] = keep[context] and allowed[words[node]]
