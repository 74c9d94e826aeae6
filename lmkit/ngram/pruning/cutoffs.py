"""What count cut-offs and vocabulary limits share: given which n-grams stay, what those that go leave behind.

In an interpolated model the share of its own that an n-gram had, (a - D) / sum of a, goes to the back-off weight of its context, and all
higher probabilities follow from the new lower ones: with adjusted counts and discounts as they were, these are the numbers of KenLM's
lmplz. In a back-off model what stays keeps its probability and back-off weights are computed anew.
"""

from __future__ import annotations

import numpy as np

from lmkit.ngram.pruning.base import Pruned, Subject
from lmkit.ngram.querying import _kernels_table as kernels
from lmkit.text.vocabulary import Vocabulary


def cut(subject: Subject, keep: np.ndarray) -> Pruned:
    """Take out what is not in `keep`, bool (T,), 1-grams among it: such words become `<unk>`. Contexts of what stays must stay."""
    table = subject.table
    words = table.level(1)
    kept_words = keep[words]
    unigrams = _unigrams(subject, kept_words)
    if not subject.is_normalised:  # stupid back-off: no weight depends on what else was seen
        part, origin = table.select(keep)
        part.probability[: part.vocabulary_size] = unigrams[kept_words]
    elif subject.is_interpolated:
        own, probability, back_off = np.zeros(len(table)), np.empty(len(table)), table.back_off.copy()
        kernels.own_shares(table.first_child, table.order_start, table.suffix, table.probability, table.back_off, own)
        kernels.pass_on(table.first_child, keep, own, back_off)
        probability[words] = unigrams
        kernels.interpolate(table.first_child, table.order_start, table.suffix, own, back_off, probability)
        part, origin = table.select(keep)
        part.probability[:] = probability[origin]
        part.back_off[:] = back_off[origin[: len(part.back_off)]]
    else:
        left = np.empty(len(table.back_off))
        kernels.left_over(table.first_child, table.order_start, table.suffix, table.probability, table.back_off, keep, left)
        part, origin = table.select(keep)
        part.probability[: part.vocabulary_size] = unigrams[kept_words]
        left = left[origin[: len(part.back_off)]]
        kernels.renormalise(part.first_child, part.order_start, part.suffix, part.probability, left, part.back_off)
    return Pruned(part, None if kept_words.all() else kept_words)


def _unigrams(subject: Subject, kept: np.ndarray) -> np.ndarray:
    """Probabilities of all words once only those with `kept` are words and the others are `<unk>`; float64 (V,), of use where `kept`.

    Interpolated, with an `<unk>` that never occurred and so has nothing of its own: as in lmplz what is left is shared out evenly among
    the words
    that stay. Otherwise `<unk>` takes all that the others had.
    """
    probability = subject.table.probability[subject.table.level(1)].copy()
    if kept.all():
        return probability
    stays, gone = kept & subject.predictable, ~kept & subject.predictable
    if subject.is_interpolated and subject.raw_counts is not None and subject.raw_counts[Vocabulary.UNK] == 0:
        own = probability - probability[Vocabulary.UNK]
        probability[stays] = own[stays] + (1.0 - own[stays].sum()) / np.count_nonzero(stays)
    else:
        probability[Vocabulary.UNK] += probability[gone].sum()
    return probability
