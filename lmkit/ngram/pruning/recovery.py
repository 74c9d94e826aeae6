"""Kneser-Ney's counts, read off a finished model.

An n-gram that is not of the highest order and doesn't begin a sentence counts as many as there are different words before it, and those
n-grams are in the model. The counts of the others follow from the numbers: with S the sum of the counts after h,

    p(w|h) - gamma(h) p(w|h') = (C(hw) - D(C(hw))) / S,     gamma(h) = sum of D(C(hv)) / S

where C are whole numbers. Every context is checked; a model that was pruned, quantised or smoothed otherwise fails the check.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from lmkit.errors import UsageError
from lmkit.ngram.pruning import _kernels_pruning as kernels
from lmkit.ngram.pruning.base import Subject
from lmkit.ngram.querying import _kernels_table
from lmkit.ngram.querying.table import NgramTable
from lmkit.text.vocabulary import Vocabulary

_WHOLE = 0.2
"""Counts may be so far from whole numbers (and a thousandth of their context's sum)."""
_GAMMA = 1e-4
_REFUSED = (
    "This model's probabilities are not those of an interpolated Kneser-Ney model as it was trained, so its counts can't be read off them. "
    "Name the text that it was trained on with --corpus, or prune it with --method entropy."
)


def with_counts(subject: Subject) -> Subject:
    """The subject with raw and adjusted counts and discounts, those it has or recovered ones.

    Raises
    ------
    UsageError : if the model is no interpolated Kneser-Ney model, or was changed since it was trained.
    """
    name = subject.smoothing.get("name")
    if name is not None and ("kneser-ney" not in str(name) or not subject.is_interpolated):
        form = "" if subject.is_interpolated else ", backed off"
        raise UsageError(
            f"This model's smoothing is {name}{form}; --method kneser-ney is for interpolated Kneser-Ney models, so take --method entropy."
        )
    if subject.raw_counts is not None and subject.adjusted_counts is not None and subject.discounts is not None:
        return subject
    table = subject.table
    if table.order == 1 or not _is_closed(table):
        raise UsageError(_REFUSED)
    own = np.zeros(len(table))
    _kernels_table.own_shares(table.first_child, table.order_start, table.suffix, table.probability, table.back_off, own)
    extensions = np.empty(len(table), np.int64)
    kernels.count_extensions(table.order_start, table.suffix, extensions)
    if not subject.boundaries:
        np.maximum(extensions, 1, out=extensions)
    starts = [_sentence_starts(table, order) for order in range(1, table.order + 1)]
    discounts = subject.discounts or _guess_discounts(table, extensions, starts)
    adjusted = _adjusted(subject, own, extensions, starts, discounts)
    return dataclasses.replace(subject, raw_counts=_raw(subject, adjusted, starts), adjusted_counts=adjusted, discounts=discounts)


def _adjusted(subject: Subject, own: np.ndarray, extensions: np.ndarray, starts: list[slice], discounts: list[list[float]]) -> np.ndarray:
    """Counts of all n-grams, each context checked."""
    table = subject.table
    counts = extensions
    counts[Vocabulary.BOS] = 0
    if not subject.boundaries:
        counts[Vocabulary.EOS] = 0
        if counts[Vocabulary.UNK] == 1:
            counts[Vocabulary.UNK] = 0
    for order in range(2, table.order + 1):
        row = discounts[order - 1]
        amounts = np.array([0.0, *row, *[row[-1]] * (3 - len(row))])
        contexts = table.level(order - 1) if order == table.order else starts[order - 2]
        worst = kernels.recover_counts(contexts.start, contexts.stop, table.first_child, own, table.back_off, amounts, counts)
        everything = table.level(order - 1)
        gamma = kernels.check_gamma(everything.start, everything.stop, table.first_child, table.back_off, amounts, counts)
        if worst > _WHOLE or gamma > _GAMMA:
            raise UsageError(_REFUSED)
    return counts


def _raw(subject: Subject, adjusted: np.ndarray, starts: list[slice]) -> np.ndarray:
    """How often each n-gram occurred: as often as with some word before it; at the start of a sentence as its count says."""
    table = subject.table
    raw = np.zeros(len(table), np.int64)
    raw[table.level(table.order)] = adjusted[table.level(table.order)]
    for order in range(table.order, 1, -1):
        if subject.boundaries:
            raw[starts[order - 1]] = adjusted[starts[order - 1]]
        kernels.sum_over_extensions(table.order_start, table.suffix, order, raw)
    if not subject.boundaries:
        np.maximum(raw, adjusted, out=raw)
    return raw


def _guess_discounts(table: NgramTable, counts: np.ndarray, starts: list[slice]) -> list[list[float]]:
    """Discounts of a model that doesn't tell them, such as an ARPA file of lmplz.

    Below the highest order the counts are known: gamma(h) S(h) = D1 n1(h) + D2 n2(h) + D3 n3(h) for every context, solved by least
    squares. At
    the highest, contexts with one child have gamma = D1, D2/2, D3/3, ...: the three most frequent values.
    """
    words = table.level(1)
    predictable = np.ones(table.vocabulary_size, np.bool_)
    predictable[Vocabulary.BOS] = False
    unigrams = counts[words].copy()
    unigrams[Vocabulary.BOS] = 0
    share = table.probability[Vocabulary.UNK] * unigrams.sum()
    taken = unigrams - (table.probability[words] * unigrams.sum() - share)
    rows = [[float(np.median(taken[chosen])) if chosen.any() else k / 2 for k, chosen in _classes(unigrams)]]
    for order in range(2, table.order):
        contexts = np.arange(table.level(order - 1).start, table.level(order - 1).stop)
        inside = (contexts < starts[order - 2].start) | (contexts >= starts[order - 2].stop)
        contexts = contexts[inside & (np.diff(table.first_child)[contexts] > 0)]
        level = table.level(order)
        sums = np.stack([_sums(table, contexts, level, counts[level] * (counts[level] >= 1))])
        kinds = np.stack([_sums(table, contexts, level, chosen.astype(np.int64)) for _, chosen in _classes(counts[level])], axis=1)
        rows.append(
            [float(value) for value in np.linalg.lstsq(kinds.astype(np.float64), table.back_off[contexts] * sums[0], rcond=None)[0]]
        )
    contexts = np.arange(table.level(table.order - 1).start, table.level(table.order - 1).stop)
    single = table.back_off[contexts[np.diff(table.first_child)[contexts] == 1]]
    values, frequency = np.unique(np.round(single, 5), return_counts=True)
    chosen = values[np.argsort(-frequency)[:3]]
    if len(chosen) < 3:
        raise UsageError(_REFUSED)
    modes = [float(np.median(single[np.abs(single - value) < 1e-4])) for value in chosen]
    rows.append([k * mode for k, mode in enumerate(modes, 1)])
    return rows


def _classes(counts: np.ndarray) -> list[tuple[int, np.ndarray]]:
    return [(1, counts == 1), (2, counts == 2), (3, counts >= 3)]


def _sums(table: NgramTable, contexts: np.ndarray, level: slice, values: np.ndarray) -> np.ndarray:
    """Sums of values of a level's n-grams over each context."""
    running = np.concatenate([[0], np.cumsum(values)])
    return running[table.first_child[contexts + 1] - level.start] - running[table.first_child[contexts] - level.start]


def _sentence_starts(table: NgramTable, order: int) -> slice:
    """The n-grams of an order that begin with <s>."""
    low, high = Vocabulary.BOS, Vocabulary.BOS + 1
    for _ in range(order - 1):
        low, high = int(table.first_child[low]), int(table.first_child[high])
    return slice(low, high)


def _is_closed(table: NgramTable) -> bool:
    """Whether every n-gram's suffix of one word less is there."""
    return all(bool((table.suffix[table.level(order)] >= table.level(order - 1).start).all()) for order in range(2, table.order + 1))
