"""What is trained for a comparison, on which text, and in how much time."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lmkit._validation import check_float
from lmkit.comparison.contestants import Contestant
from lmkit.errors import InvalidParameterError, UsageError
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.vocabulary import Vocabulary

LEAST_SECONDS = 20.0
"""A budget below it trains nothing that could be compared."""
_RESERVE = 0.2
"""Share of the budget kept for scoring, ranks, the audit and the report."""
_BLOCKS = 40


@dataclasses.dataclass(frozen=True)
class Entry:
    """A model that is to be trained.

    Attributes
    ----------
    name : as the table will show it.
    family : a module of `lmkit.comparison.families`.
    settings : of the model.
    weight : its share of the time for models that take as much as they get (nets); 0 for those that are done when they are done.
    """

    name: str
    family: str
    settings: Mapping[str, Any]
    weight: float = 0.0


@dataclasses.dataclass
class Task:
    """What a family's `train` gets.

    Attributes
    ----------
    train, valid : the texts.
    vocabulary : the words that the model knows, the same for all.
    path : where the model goes.
    deadline : when training must be over, by `time.time`, for entries with a weight.
    seed, threads : as everywhere.
    """

    train: EncodedCorpus
    valid: EncodedCorpus
    vocabulary: Vocabulary
    path: Path
    deadline: float
    seed: int
    threads: int | None

    @property
    def seconds(self) -> float:
        """What is left until the deadline, at least one: starting a process and importing the package have had their part already."""
        return max(self.deadline - time.time(), 1.0)


@dataclasses.dataclass(frozen=True)
class Texts:
    """The texts of a comparison, and the words that every model knows."""

    train: EncodedCorpus
    valid: EncodedCorpus
    test: EncodedCorpus
    vocabulary: Vocabulary


def prepare_texts(
    train: EncodedCorpus,
    valid: EncodedCorpus,
    test: EncodedCorpus,
    *,
    tokens: int | None = 400_000,
    held_out_tokens: int | None = 40_000,
    words: int | None = 5_000,
) -> Texts:
    """Cut texts to a size at which nets see them several times in minutes, and choose the words that all models know.

    Parameters
    ----------
    tokens, held_out_tokens : of the training text, and of each of the others; taken in blocks spread evenly over the text. None: all.
    words : size of the vocabulary, `<unk>`, `<s>` and `</s>` included: the most frequent words of the training text. None: all.
    """
    small = [cut_text(part, size) for part, size in ((train, tokens), (valid, held_out_tokens), (test, held_out_tokens))]
    for part in small:
        if not len(part):
            raise UsageError(
                f"{part.name}: has no words, and a comparison needs text to train on, to tune on and to test on; name a longer text."
            )
    own = small[0].compact().vocabulary
    vocabulary = own.cut(max_size=words, order="frequency") if words is not None else own.cut(order="frequency")
    return Texts(small[0], small[1], small[2], vocabulary)


def cut_text(corpus: EncodedCorpus, tokens: int | None) -> EncodedCorpus:
    """About so many tokens of a text, whole sentences, in blocks spread evenly over it; the text itself if it has no more."""
    if tokens is None or len(corpus) <= tokens or corpus.n_sentences < 2:
        return corpus
    share = tokens / len(corpus)
    borders = np.linspace(0, corpus.n_sentences, min(_BLOCKS, corpus.n_sentences) + 1).astype(np.int64)
    kept = np.zeros(corpus.n_sentences, np.bool_)
    offsets = np.asarray(corpus.sentence_offsets)
    for start, stop in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        wanted = offsets[start] + share * (offsets[stop] - offsets[start])
        kept[start : start + max(1, int(np.searchsorted(offsets[start + 1 : stop + 1], wanted)))] = True
    lengths = np.diff(offsets)
    words = np.repeat(kept, lengths)
    new_offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[kept])])
    documents = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])[np.asarray(corpus.document_offsets)]
    part = dataclasses.replace(
        corpus,
        ids=np.asarray(corpus.ids)[words],
        sentence_offsets=new_offsets,
        document_offsets=np.unique(documents),
        split_record={"of": corpus.split_record, "cut": f"{_BLOCKS} blocks spread evenly", "tokens": int(words.sum())},
    )
    part.raw_bytes, part.raw_characters = part.written_size()
    return part


class Budget:
    """Time for a whole comparison, from the start of the program on.

    Parameters
    ----------
    seconds : for everything, compilation and scoring included; at least `LEAST_SECONDS`.
    started : when it began, by `time.monotonic`.
    reserve : share of it that is kept for what comes after training; None for that of scoring, ranks, audit and report.

    Raises
    ------
    InvalidParameterError : for a budget in which nothing can be trained.
    """

    def __init__(self, seconds: float, started: float | None = None, reserve: float | None = None) -> None:
        check_float("Budget", "seconds", seconds, minimum=0)
        if seconds < LEAST_SECONDS:
            raise InvalidParameterError(
                f"{seconds:.0f} seconds are too few to train and score models in; give at least {LEAST_SECONDS:.0f}, such as --minutes 1."
            )
        self.seconds = seconds
        self.reserve = _RESERVE if reserve is None else reserve
        self._started = self.now() if started is None else started

    @staticmethod
    def now() -> float:
        """The clock that budgets are kept by, in seconds."""
        return time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.now() - self._started

    def part(self, parts: int) -> Budget:
        """The budget of the first of so many equal parts of what is left; this one itself if there is but one."""
        if parts == 1:
            return self
        found = copy.copy(self)
        found.seconds = max(self.seconds - self.spent, 0.0) / parts
        found._started = self.now()
        return found

    @property
    def end(self) -> float:
        """When nothing more should be begun, by `now`: its end, less a hundredth and two seconds for intervals and the report."""
        return self._started + 0.99 * self.seconds - 2.0

    @property
    def left_for_training(self) -> float:
        """Seconds until scoring must begin; never below 0."""
        return max(0.0, self.seconds * (1 - self.reserve) - self.spent)

    def share(self, entry: Entry, ahead: Sequence[Entry]) -> float:
        """Seconds for an entry; `ahead` are those that are still to be trained, itself among them."""
        total = sum(other.weight for other in ahead)
        return self.left_for_training * entry.weight / total if total else self.left_for_training


def default_entries() -> list[Entry]:
    """The default models of every family, the quick ones first."""
    from lmkit.comparison.families import FAMILIES, module

    entries = [entry for family in FAMILIES for entry in module(family).ENTRIES]
    return sorted(entries, key=lambda entry: entry.weight > 0)


def with_cache(contestants: Sequence[Contestant], texts: Texts) -> list[Contestant]:
    """All contestants, and the n-gram model that does best on the validation text with a cache of the recent past on top.

    What the n-gram models say of the validation text is kept with them: mixtures need it again.
    """
    from lmkit.wrappers.cache import UnigramCache

    result = [
        dataclasses.replace(one, held_out=one.model.score(texts.valid))
        if one.model is not None and one.model.is_normalised and hasattr(one.model, "context_length")
        else one
        for one in contestants
    ]
    scored = [(one.held_out.perplexity(), number) for number, one in enumerate(result) if one.held_out is not None]
    if not scored or not np.isfinite(min(scored)[0]):
        return result
    best = result[min(scored)[1]]
    assert best.model is not None
    assert best.held_out is not None
    cached = UnigramCache(best.model).fit_events(best.held_out)
    origin = {"card": cached.info()}
    adapted = cached.adapt(best.held_out)
    return [*result, Contestant(f"{best.name} + cache", "cache", cached, cost=best.cost, origin=origin, held_out=adapted)]
