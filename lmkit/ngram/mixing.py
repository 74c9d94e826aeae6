"""Several n-gram models as one back-off model.

`mix` is what SRILM's `ngram -mix-lm` does (Stolcke 2002, "SRILM - an extensible language modeling toolkit", ICSLP): the n-grams of all
models, each with exactly the weighted mean of what the models say of it, backing off where they must, and back-off weights such that all
sums to one. What is approximate: an n-gram that none of the models has gets back_off(h) p(w|h') with one weight for all such words, while
the mixture itself would weigh each model's back-off by its own lower order. docs/mixing.md tells how much that is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

import lmkit
from lmkit._memory import machine_memory, parse_size, resident_memory, show_size
from lmkit._validation import check_float
from lmkit.errors import InvalidParameterError, UsageError
from lmkit.ngram import _kernels_mixing as kernels
from lmkit.ngram.querying import _kernels_table
from lmkit.ngram.querying.backoff import NODE, BackoffTrie
from lmkit.ngram.querying.compact import CompactTrie
from lmkit.ngram.querying.table import NgramTable
from lmkit.text.vocabulary import Vocabulary
from lmkit.text.vocabulary_union import VocabularyUnion

if TYPE_CHECKING:
    from lmkit.ngram.model import NgramLanguageModel


BYTES_AN_NGRAM = 84
"""What `mix` takes at most for each n-gram of its models: measured, 80."""


def memory_needed(models: Sequence[NgramLanguageModel]) -> int:
    """Bytes that `mix` takes at most, beside what the process has: for models that share no n-gram; the more they share, the less."""
    sizes = [sum(model.trie_.sizes) for model in models]
    expanded = max(size if isinstance(model.trie_, CompactTrie) else 0 for size, model in zip(sizes, models, strict=True))
    return BYTES_AN_NGRAM * sum(sizes) + NODE.itemsize * expanded


def check_memory(models: Sequence[NgramLanguageModel], memory: int | str | None) -> None:
    """Raise UsageError if `mix` could make this process take more than `memory`."""
    bound = machine_memory() if memory is None else parse_size("mix", "memory", memory)
    needed = resident_memory() + memory_needed(models)
    if needed > bound:
        raise UsageError(
            f"One model of these {len(models)} may take {show_size(needed)} of memory to make, but {show_size(bound)} are allowed: allow "
            "more, prune the models first, or mix them without making one model of them."
        )


def mix(
    models: Sequence[NgramLanguageModel], weights: Sequence[float], vocabulary: str = "same", *, memory: int | str | None = None
) -> NgramLanguageModel:
    """One back-off model for a mixture with fixed weights.

    Parameters
    ----------
    models : two n-gram models or more that read text in the same way and whose scores are probabilities.
    weights : one a model, none negative, summing to one.
    vocabulary : as in `lmkit.wrappers.mixture.Mixture`.
    memory : what the process may take: bytes, or such as "2G" or "50%"; by default what the machine has. See `memory_needed`.

    Raises
    ------
    InvalidParameterError : for weights that are none, or a memory that is none.
    UsageError : for models that don't predict the same events, or that could take more than `memory`; nothing has been done then.
    """
    given = [check_float("mix", "weights", value, minimum=0) for value in np.asarray(weights, np.float64).reshape(-1).tolist()]
    if len(given) != len(models) or len(models) < 2 or abs(sum(given) - 1) > 1e-6:
        raise InvalidParameterError(
            f"The 'weights' parameter of mix must be one number for each of two models or more, summing to one. Got {given!r} for "
            f"{len(models)} models instead."
        )
    if not all(model.is_normalised for model in models):
        raise UsageError("The scores of one of the models are no probabilities, so a mixture with it would be none; leave it out.")
    union = VocabularyUnion([model.vocabulary for model in models], vocabulary)
    check_memory(models, memory)
    backward = [union.vocabulary.map_from(model.vocabulary) for model in models]
    words, contexts, order_start = join([_rows_of_trie(model.fast_trie()) for model in models], backward, len(union.vocabulary))
    total = np.zeros(len(words))
    begins = 0.0
    for m, model in enumerate(models):  # one table at a time
        if given[m] > 0 or m == 0:
            part = NgramTable.from_trie(model.fast_trie())
            part.normalise()
            total += given[m] / sum(given) * _probabilities(part, words, contexts, union, m)
            begins = part.probability[Vocabulary.BOS] if m == 0 else begins
            del part
    table = _table(words, contexts, order_start, total)
    del words, contexts, total
    table.probability[Vocabulary.BOS] = begins
    left = np.empty(len(table.back_off))
    _kernels_table.remaining_mass(table.first_child, table.probability, left)
    _kernels_table.renormalise(table.first_child, table.order_start, table.suffix, table.probability, left, table.back_off)
    del left
    record = {
        "made_by": f"lmkit {lmkit.__version__}",
        "mixture": {"weights": given, "models": [model.info() for model in models]},
    }
    return models[0].with_ngrams(table.to_trie(), union.vocabulary, record, replace=True)


def _rows_of_trie(trie: BackoffTrie) -> _Rows:
    first_child = trie.nodes["first_child"]
    contexts = np.repeat(np.arange(len(first_child) - 1), np.diff(first_child))
    return _Rows(trie.word, np.concatenate([np.full(int(trie.order_start[1]), -1), contexts]), np.array(trie.order_start, np.int64))


class _Rows:
    """N-grams of all orders, lowest first: last words, contexts (-1 for 1-grams), first of each order."""

    def __init__(self, words: np.ndarray, contexts: np.ndarray, order_start: np.ndarray) -> None:
        self.words, self.contexts, self.order_start = words, contexts, order_start

    @property
    def order(self) -> int:
        return len(self.order_start) - 1


def join(parts: Sequence[_Rows], numbers: Sequence[np.ndarray], vocabulary_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The union of n-grams.

    Parameters
    ----------
    numbers : for each part, the union's number of each of its words.

    Returns
    -------
    words uint32 (T,), contexts int64 (T,), order_start int64 (N+1,) of the union, sorted as a table is.
    """
    words, contexts, starts = [np.arange(vocabulary_size, dtype=np.uint32)], [np.full(vocabulary_size, -1, np.int64)], [0, vocabulary_size]
    places = [np.asarray(number, np.int64) for number in numbers]
    for order in range(2, max(part.order for part in parts) + 1):
        keys = []
        for part, number, place in zip(parts, numbers, places, strict=True):
            level = slice(*part.order_start[order - 1 : order + 1]) if order <= part.order else slice(0, 0)
            above = place[part.contexts[level]] if level.stop else np.empty(0, np.int64)
            keys.append(above * vocabulary_size + number[part.words[level]])
        union = np.unique(np.concatenate(keys))
        places = [np.concatenate([place, starts[-1] + np.searchsorted(union, key)]) for place, key in zip(places, keys, strict=True)]
        words.append((union % vocabulary_size).astype(np.uint32))
        contexts.append(union // vocabulary_size)
        starts.append(starts[-1] + len(union))
    return np.concatenate(words), np.concatenate(contexts), np.array(starts, np.int64)


def _probabilities(part: NgramTable, words: np.ndarray, contexts: np.ndarray, union: VocabularyUnion, model: int) -> np.ndarray:
    """What one model says of all n-grams of the union, float64 (T,)."""
    result, states = np.empty(len(words)), np.empty(len(words), np.int64)
    own_words = union.maps[model][words].astype(np.uint32)
    kernels.evaluate(
        own_words,
        contexts,
        len(union.vocabulary),
        states,
        np.array(part.words),
        part.first_child,
        part.suffix,
        part.probability,
        part.back_off,
        result,
    )
    share = float(np.exp(union.log_shares[model]))
    if share != 1:
        result[own_words == Vocabulary.UNK] *= share
    return result


def _table(words: np.ndarray, contexts: np.ndarray, order_start: np.ndarray, probability: np.ndarray) -> NgramTable:
    below = int(order_start[-2])
    children = np.bincount(contexts[int(order_start[1]) :], minlength=below)
    first_child = np.concatenate([[0], np.cumsum(children)]) + order_start[1]
    suffix = np.empty(len(words), np.int64)
    frozen = words.view()
    frozen.flags.writeable = False
    _kernels_table.find_suffixes(frozen, first_child.astype(np.int64), order_start, suffix)
    return NgramTable(words, first_child.astype(np.int64), order_start, suffix, probability, np.ones(below))
