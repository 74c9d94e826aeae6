"""Scoring the contestants on a text, and refusing those whose scores could not be set side by side."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit._progress import Progress
from lmkit.comparison.contestants import Contestant
from lmkit.errors import InputError, UsageError
from lmkit.evaluation.events_file import events_hash, explain_difference
from lmkit.evaluation.normalisation import Audit
from lmkit.events import ScoredEvents
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.options import TextOptions, reading_difference

if TYPE_CHECKING:
    from lmkit.protocols import LanguageModel

Read = Callable[[TextOptions], EncodedCorpus]
Combine = Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]
"""From the parts' rows, float64 (B, V) each, natural logarithms, before the events at some positions, int64 (B,), the mixture's."""


@dataclasses.dataclass
class Scored:
    """A contestant and what it said of the text.

    Attributes
    ----------
    corpus : the text in the contestant's reading; None for events scored elsewhere and for mixtures of events.
    microseconds : wall time a token.
    audit : filled in later.
    parts, combine : of a mixture: whose distributions it is made of, and how.
    """

    contestant: Contestant
    events: ScoredEvents
    corpus: EncodedCorpus | None = None
    microseconds: float | None = None
    audit: Audit | None = None
    parts: tuple[Scored, ...] = ()
    combine: Combine | None = None


_WARM_UP = 1 << 13
"""Words scored before the clock runs, so that it times the model and not the loading of kernels."""


class Reader:
    """The text of a comparison, read once in each reading.

    read : gives the text in a reading; None where only events are compared that were scored elsewhere.
    what : the text is, for messages.
    """

    def __init__(self, read: Read | None, what: str = "test text") -> None:
        self._read = read
        self._what = what
        self._texts: dict[TextOptions, EncodedCorpus] = {}

    def text(self, reading: TextOptions) -> EncodedCorpus:
        """Raises InputError if the text is empty, UsageError if there is none."""
        if self._read is None:
            raise UsageError("Models need a text to be compared on; only events that were scored before need none.")
        if reading not in self._texts:
            self._texts[reading] = self._read(reading)
            if not len(self._texts[reading]):
                name = self._texts[reading].name
                raise InputError(f"{name}: the {self._what} has no words; name another one.")
        return self._texts[reading]

    def text_of_events(self, contestant: Contestant) -> EncodedCorpus | None:
        """The text that events from elsewhere describe, where it can be told; raises UsageError if it is another text than this one."""
        if self._read is None or not contestant.stored_reading:
            return None
        corpus = self.text(TextOptions.from_dict(contestant.stored_reading, contestant.name))
        stated = contestant.text
        if stated.get("sha256") and corpus.sha256 and (stated["sha256"], stated.get("split")) != (corpus.sha256, corpus.split_record):
            raise UsageError(
                f"{contestant.name} scored another text than {corpus.name}: {stated.get('name')}, sha256 {str(stated['sha256'])[:12]} "
                f"against {corpus.sha256[:12]}{_other_split(stated, corpus)}; name the text that it scored, or score this one."
            )
        return corpus


def _other_split(stated: Mapping[str, Any], corpus: EncodedCorpus) -> str:
    return ", another part of it" if stated["sha256"] == corpus.sha256 else ""


def score_all(
    contestants: Sequence[Contestant], read: Read | None, threads: int | None, is_late: Callable[[], bool] = lambda: False
) -> list[Scored]:
    """Score a text under each contestant. is_late : whether no further one is to be begun; the first two are scored whatever it says.

    Raises
    ------
    InputError : if the text is empty.
    UsageError : for events from elsewhere that are of another text.
    """
    reader = Reader(read)
    scored: list[Scored] = []
    with Progress("scoring", total=len(contestants), unit="model") as progress:
        for contestant in contestants:
            if len(scored) > 1 and is_late():
                break
            progress.describe(f"scoring {contestant.name}")
            if contestant.model is None:
                assert contestant.events is not None
                scored.append(Scored(contestant, contestant.events, reader.text_of_events(contestant)))
            else:
                scored.append(_score(contestant, contestant.model, reader.text(contestant.model.text_options), threads))
            progress.advance()
    return scored


def _score(contestant: Contestant, model: LanguageModel, corpus: EncodedCorpus, threads: int | None) -> Scored:
    given: dict[str, Any] = {} if threads is None else {"threads": threads}
    first = int(np.searchsorted(corpus.sentence_offsets, _WARM_UP, side="right"))
    model.score(corpus.sentence_range(0, min(first, corpus.n_sentences)), contestant.state, **given)
    started = time.perf_counter()
    events = model.score(corpus, contestant.state, **given)
    seconds = time.perf_counter() - started
    return Scored(contestant, events, corpus, seconds * 1e6 / max(len(events), 1))


def refuse_incomparable(scored: Sequence[Scored]) -> None:
    """Raise UsageError unless all streams have the same events over the same words; the sentence names the convention that differs."""
    refuse_other_events(scored, "or take --measure bits-per-character")
    first = scored[0]
    for other in scored[1:]:
        if other.contestant.bound or first.contestant.bound:
            continue
        if other.events.vocabulary_hash != first.events.vocabulary_hash:
            sizes = f"{first.events.vocabulary_size:,} and {other.events.vocabulary_size:,} tokens"
            unknown = " and ".join(f"{int(np.count_nonzero(one.events.is_oov)):,}" for one in (first, other))
            differs = _reading_difference(first, other)
            raise UsageError(
                f"{first.contestant.name} and {other.contestant.name} can't be compared by perplexity: they know different words "
                f"({sizes}; {unknown} words of this text are unknown to them), and a word that a model doesn't know costs it no more "
                f"than <unk>{f'; {differs}' if differs else ''}. Train both with one vocabulary (--vocabulary MODEL), or take "
                "--measure bits-per-character."
            )


def refuse_other_events(scored: Sequence[Scored], otherwise: str) -> None:
    """Raise UsageError unless all streams have the same events. otherwise : what else could be done, for the message."""
    first = scored[0]
    first_hash = events_hash(first.events)
    for other in scored[1:]:
        if events_hash(other.events) != first_hash:
            pair = f"{first.contestant.name} and {other.contestant.name} can't be compared event by event"
            reasons = [explain_difference(first.events, other.events), _reading_difference(first, other)]
            raise UsageError(f"{pair}: {': '.join(filter(None, reasons))}. Score both with one reading, {otherwise}.")


def _reading_difference(first: Scored, second: Scored) -> str | None:
    readings = first.contestant.reading, second.contestant.reading
    if not all(readings):
        return None
    return reading_difference(*readings, (first.contestant.name, second.contestant.name))


def refuse_unequal_text(scored: Sequence[Scored]) -> None:
    """Raise UsageError unless bits a character mean the same for all: the same characters, nothing folded away."""
    first = scored[0]
    covered = [int(one.events.characters.sum(dtype=np.int64)) for one in scored]
    for one, count in zip(scored, covered, strict=True):
        if count != covered[0]:
            names = first.contestant.name, one.contestant.name
            differs = _reading_difference(first, one)
            raise UsageError(
                f"{names[0]} covers {covered[0]:,} characters of the text, {names[1]} {count:,}{f': {differs}' if differs else ''}. Their "
                "bits a character compare on a text that both cover whole: words parted by single spaces, none at the ends of lines, "
                "and ends of lines counted by both or neither."
            )
    for one in scored:
        reading = one.contestant.reading
        if reading.get("lowercase") or reading.get("fold_numbers"):
            what = "lower-cases its text" if reading.get("lowercase") else "folds numbers"
            raise UsageError(f"{one.contestant.name} {what}, so its bits a character leave part of the text unpaid; train it without.")
