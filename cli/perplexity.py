"""`lmkit perplexity`: score a text under one model, or under several side by side."""

from __future__ import annotations

import dataclasses
import enum
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lmkit.errors import InputError, UsageError
from lmkit_cli import adapting, options, output, reading

if TYPE_CHECKING:
    import numpy as np

    from lmkit.evaluation.perplexity import Accounting
    from lmkit.evaluation.ranks import RankFigures
    from lmkit.events import ScoredEvents
    from lmkit.ngram.model import NgramLanguageModel
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.encoding import EncodedStream
    from lmkit.text.options import TextOptions
    from lmkit.text.sources import TextSource

_BLOCK_SENTENCES = 1 << 16


class State(enum.StrEnum):
    reset = "reset"
    carry = "carry"
    both = "both"


def command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="A model, or several to compare: lmkit's own files or ARPA, plain or compressed; `last` is the newest in models/.",
            show_default=False,
        ),
    ],
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="A catalogue name (its test split), NAME:SPLIT, a file, a folder, a glob, or - for standard input.",
            show_default=False,
        ),
    ],
    per_word: Annotated[
        bool, typer.Option("--per-word", help="Print each token's log10 probability, the length of the n-gram found, the back-off paid.")
    ] = False,
    ranks: Annotated[
        bool,
        typer.Option(
            "--ranks",
            help="Say too how often the word that followed was among the model's first 1, 5, 10 guesses, and its mean reciprocal and "
            "median rank; asks for a whole distribution a word, which is dear for large vocabularies.",
        ),
    ] = False,
    state: Annotated[
        State | None,
        typer.Option(
            help="Begin each sentence anew, or carry what a network remembers on to the next, or report both; n-grams remember nothing "
            "beyond an end.",
            show_default="as the model was trained",
        ),
    ] = None,
    as_tool: Annotated[
        str | None,
        typer.Option(
            "--as",
            help="Print the figures as kenlm, srilm, nltk or awd (the AWD-LSTM scripts) would for this run.",
            show_default="lmkit's own",
        ),
    ] = None,
    dynamic: adapting.Dynamic = False,
    neural_cache: adapting.NeuralCache = False,
    cache_size: adapting.CacheSize = None,
    tune: adapting.Tune = None,
    split: options.Split = None,
    encoding: options.Encoding = None,
    blank_lines: options.BlankLinesOption = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Score a text under a model and print the accounting.

    The text is read as the model's training text was. Perplexities of two tools compare only when they count the same events, so
    the block says what was counted: with and without words that the model doesn't know, with and without sentence ends. Several models
    get a row each. A model that adapts to the text (--dynamic, --neural-cache) gets a row of its own beside the one that doesn't: each word
    is scored before anything is learnt from it, but only such rows compare with each other.
    """
    from lmkit.evaluation.conventions import as_printed_by, check_tool

    if as_tool is not None:
        check_tool(as_tool)
    adapting.check(dynamic, neural_cache, cache_size, tune)
    if ranks and (dynamic or neural_cache):
        raise UsageError("--ranks asks for a whole distribution a word, which adaptive models give too slowly; leave it out.")
    part = reading.choose_split(text, split, "test")
    held_out = adapting.tuning_text(tune, text, part) if dynamic or neural_cache else None
    entries = []
    for path in map(reading.model_path, models):
        model = reading.language_model(path)
        text_options = reading.scoring_options(model.text_options, encoding=encoding, blank_lines=blank_lines)
        for how in _states(model, state):
            label = f" ({how})" if state is State.both else ""
            entries.append(_Entry(path, model, text_options, how, label))
            if held_out is not None:
                for name, adaptive in adapting.adapted(model, how, text_options, held_out, dynamic, neural_cache, cache_size):
                    entries.append(_Entry(path, adaptive, text_options, how, f"{label} + {name}", adapts=True))
    groups: dict[TextOptions, list[_Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.options, []).append(entry)
    if len(groups) > 1 and (text == "-" or (per_word and not json)):
        what = "standard input, which comes only once, has" if text == "-" else "--per-word has"
        first, second = (group[0].path for group in list(groups.values())[:2])
        raise UsageError(f"{first} and {second} read text differently, but {what} one reading; call perplexity once for each.")

    if part is not None and split is None and reading.split_off(text)[1] is None:
        output.note(f"Note: scoring {text}:{part}; another part can be named, such as {text}:valid.")

    notes: list[str] = []
    if per_word and not json:
        output.result(_word_header(entries))
    for text_options, group in groups.items():
        found = _score(group, _Text(text, part, text_options), threads, _Columns(per_word, json, ranks))
        notes.extend(note for note in found if note not in notes)
    if as_tool is not None:
        for entry in entries:
            output.result(as_printed_by(as_tool, entry.total, text))
        return
    if json:
        results = [entry.result() | ({"words": entry.words} if per_word else {}) for entry in entries]
        about = {"text": text, "notes": notes}
        output.result_json(results[0] | about if len(results) == 1 else about | {"models": results})
        return
    shown = entries[0].total.render() if len(entries) == 1 else _comparison(entries)
    output.result(("\n" if per_word else "") + shown + (f"\n{_ranks(entries)}" if ranks else ""))
    for entry in entries:
        if entry.state == "carry" and not entry.adapts and state is not State.both:
            output.note(f"Note: {entry.name} carries its state from sentence to sentence; --state reset begins each anew.")
    for note in notes:
        output.note(f"Note: {note}")


def _states(model: Any, asked: State | None) -> list[Literal["reset", "carry"]]:
    """How a model is to read: as it was trained, unless the user says."""
    if asked is State.both:
        return ["carry", "reset"]
    return [getattr(model, "default_state", "reset")] if asked is None else ["carry" if asked is State.carry else "reset"]


@dataclasses.dataclass
class _Entry:
    """A model, how it reads text, and what was found."""

    path: Path
    model: NgramLanguageModel
    options: TextOptions
    state: Literal["reset", "carry"] = "reset"
    label: str = ""  # behind the path, where a model has several entries
    adapts: bool = False
    accounting: Accounting | None = None
    words: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    found_ranks: list[np.ndarray] = dataclasses.field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.path}{self.label}"

    @property
    def total(self) -> Accounting:
        assert self.accounting is not None
        return self.accounting

    def result(self) -> dict[str, Any]:
        ranks = self.ranks.to_dict() if self.found_ranks else {}
        adaptation = {"adaptation": {key: value for key, value in self.model.info().items() if key != "model"}} if self.adapts else {}
        return self.total.to_dict() | ranks | {"model": str(self.path), "state": self.state} | adaptation

    @property
    def ranks(self) -> RankFigures:
        import numpy as np

        from lmkit.evaluation.ranks import RankFigures

        return RankFigures.of_ranks(np.concatenate(self.found_ranks))

    def add_up(self, source: TextSource, threads: int | None) -> tuple[str, ...] | None:
        """Score a whole text by its sums alone, and return the notes of its reading; None if the model can't."""
        from lmkit.evaluation.perplexity import Accounting
        from lmkit.protocols import SumsScores

        summed = self.model.sum_scores(source, self.options, threads) if isinstance(self.model, SumsScores) else None
        if summed is None:
            return None
        self.accounting = Accounting.from_sums(summed[0], self.model)
        return summed[1]

    def add(self, events: ScoredEvents) -> None:
        from lmkit.evaluation.perplexity import Accounting

        accounting = Accounting.from_events(events)
        self.accounting = accounting if self.accounting is None else self.accounting + accounting
        if events.rank is not None:
            from lmkit.evaluation.ranks import findable

            self.found_ranks.append(findable(events))


@dataclasses.dataclass(frozen=True)
class _Columns:
    """What is wanted of each token beside its probability."""

    per_word: bool
    json: bool
    ranks: bool


def _score(group: Sequence[_Entry], text: _Text, threads: int | None, wanted: _Columns) -> tuple[str, ...]:
    """Score a text, part by part, under models that read it alike; the notes of its reading.

    Raises
    ------
    InputError : for a text without tokens.
    """
    if not wanted.per_word and not wanted.ranks and len(group) == 1 and (source := text.whole_source()) is not None:
        notes = group[0].add_up(source, threads)
        if notes is not None:
            return notes
    longest = max(getattr(entry.model, "order_", 1) for entry in group)
    for part, known in text.parts(longest - 1, whole=any(entry.state == "carry" or entry.adapts for entry in group)):
        scores = []
        for entry in group:
            events = entry.model.score(part, state=entry.state, threads=threads)
            if wanted.ranks:
                from lmkit.evaluation.ranks import with_ranks

                events = with_ranks(entry.model, events, state=entry.state)
            entry.add(events[known:])
            scores.append(events[known:])
        if wanted.per_word:
            rows = [_word_rows(events, part, known) for events in scores]
            if wanted.json:
                for entry, found in zip(group, rows, strict=True):
                    entry.words.extend(found)
            else:
                _print_words(rows)
    for entry in group:
        if entry.accounting is None:
            raise InputError(f"{'Standard input' if text.spec == '-' else text.spec} held no text, so there is nothing to score.")
        if text.is_one_sentence:
            entry.accounting = dataclasses.replace(entry.accounting, sentences=1)
    return text.notes


class _Text:
    """A text under one reading, in parts that fit the memory; standard input as its lines arrive. `notes` is whole behind the last part."""

    def __init__(self, spec: str, split: str | None, text_options: TextOptions) -> None:
        self.spec = spec
        self.notes: tuple[str, ...] = ()
        self._split = split
        self._options = text_options

    @property
    def is_one_sentence(self) -> bool:
        return self.spec == "-" and not self._options.sentence_boundaries

    def whole_source(self) -> TextSource | None:
        """The text as it lies in files; None for a part of it, for the catalogue's corpora, and for standard input, which is read once."""
        if self.spec == "-" or self._split not in (None, "all") or reading.is_in_catalogue(self.spec):
            return None
        from lmkit.text.sources import open_source

        return open_source(reading.split_off(self.spec)[0])

    def parts(self, history: int, whole: bool = False) -> Iterator[tuple[EncodedCorpus, int]]:
        """(part, n): the first n tokens of the part were scored before and stand there as the history of the others.

        history : how many tokens back a model looks. whole : one part, since a state is carried through the text.
        """
        if self.spec == "-":
            from lmkit.text.encoding import encode, encode_stream
            from lmkit.text.sources import open_source

            if whole:
                corpus = encode(open_source("-"), self._options)
                self.notes = corpus.notes
                yield corpus, 0
                return
            stream = encode_stream(open_source("-"), self._options)
            yield from _with_history(stream, history) if self.is_one_sentence else ((corpus, 0) for corpus in stream)
            self.notes = stream.notes
            return
        import lmkit_corpora

        corpus = lmkit_corpora.load_corpus(self.spec, split=self._split, options=self._options)
        self.notes = corpus.notes
        block = max(corpus.n_sentences, 1) if whole else _BLOCK_SENTENCES
        for start in range(0, max(corpus.n_sentences, 1), block):
            yield corpus.sentence_range(start, min(start + block, corpus.n_sentences)), 0


def _with_history(stream: EncodedStream, history: int) -> Iterator[tuple[EncodedCorpus, int]]:
    """Parts of continuous text, each with the end of what came before in front of it."""
    before: EncodedCorpus | None = None
    for part in stream:
        known = 0 if before is None else min(history, len(before))
        joined = part if before is None or not known else part.preceded_by(before, known)
        yield joined, known
        before = joined


_LN10 = math.log(10)


def _comparison(entries: Sequence[_Entry]) -> str:
    """A row for each model, and below what keeps the rows from being compared."""
    totals = [entry.total for entry in entries]
    rows = []
    for entry, total in zip(entries, totals, strict=True):
        figures = [total.all, total.known_words + total.ends, total.known_words + total.unknown_words]
        bound = ">" if total.unknown_words.count else ""
        bits = [f"{bound}{value:.5f}" for value in (total.bits_per_character, total.bits_per_byte)]
        counts = [f"{count:,}" for count in (total.all.count, total.unknown_words.count, total.vocabulary_size)]
        rows.append([entry.name, *(f"{figure.perplexity:,.5f}" for figure in figures), *bits, *counts])
    headers = ["model", "perplexity", "without OOV", "without ends", "bits/char", "bits/byte", "events", "OOV", "vocabulary"]
    lines = [output.table(headers, rows, right=range(1, len(headers)))]
    if any(total.unknown_words.count for total in totals):
        lines.append("> at least: the spelling of unknown words is not paid for.")
    if len({total.all.count for total in totals}) > 1:
        lines.append(
            "These models count different events: compare their bits per character, where no word is unknown, not their perplexities."
        )
    elif len({total.vocabulary_hash for total in totals}) > 1:
        lines.append(
            "These models have different vocabularies, and a word that a model doesn't know costs it no more than <unk>: "
            "their perplexities don't compare strictly."
        )
    if any(entry.adapts for entry in entries):
        lines.append("Rows with a + adapt to the text as they score it: they compare with each other, not with the others.")
    unnormalised = [entry.name for entry in entries if not entry.total.is_normalised]
    if unnormalised:
        lines.append(f"The scores of {', '.join(unnormalised)} don't sum to one, so they compare with no other model's.")
    return "\n".join(lines)


def _ranks(entries: Sequence[_Entry]) -> str:
    """The lines of one model, or a row for each of several."""
    if len(entries) == 1:
        return entries[0].ranks.render()
    rows = []
    for entry in entries:
        found = entry.ranks
        shares = [f"{value:.5f}" for value in found.accuracy]
        rows.append([entry.name, *shares, f"{found.mean_reciprocal_rank:.5f}", f"{found.median_rank:,.1f}"])
    return output.table(["model", "accuracy at 1", "at 5", "at 10", "mean reciprocal rank", "median rank"], rows, right=range(1, 6))


def _word_rows(events: ScoredEvents, part: EncodedCorpus, known: int) -> list[dict[str, Any]]:
    """One record per event, with the word as the text spells it. known: tokens at the head of the part that are no events."""
    spellings = iter(part.ids[known:].tolist())
    lengths = events.hit_length.tolist() if events.hit_length is not None else [None] * len(events)
    paid = events.back_off.tolist() if events.back_off is not None else [None] * len(events)
    columns = zip(events.log_probabilities.tolist(), events.is_end.tolist(), events.is_oov.tolist(), lengths, paid, strict=True)
    return [
        {
            "token": "</s>" if is_end else part.vocabulary.token(next(spellings)),
            "log10_probability": log_probability / _LN10,
            "ngram_length": length,
            "log10_back_off": None if back_off is None else back_off / _LN10,
            "is_oov": is_oov,
        }
        for log_probability, is_end, is_oov, length, back_off in columns
    ]


def _word_header(entries: Sequence[_Entry]) -> str:
    """The columns of one model bear no name; of several, each group of columns is numbered as the models were named."""
    columns = "   log10 p  n-gram   back-off"
    if len(entries) == 1:
        return f"{columns}  token"
    names = "\n".join(f"{number}: {entry.name}" for number, entry in enumerate(entries, 1))
    numbers = "  ".join(f"{number:^{len(columns)}}".rstrip().ljust(len(columns)) for number in range(1, len(entries) + 1)).rstrip()
    return f"{names}\n{numbers}\n{'  '.join([columns] * len(entries))}  token"


def _print_words(models: Sequence[Sequence[dict[str, Any]]]) -> None:
    """A line an event: the columns of each model, then the token."""
    for rows in zip(*models, strict=True):
        columns = []
        for row in rows:
            length = "" if row["ngram_length"] is None else row["ngram_length"]
            paid = "" if row["log10_back_off"] is None else f"{row['log10_back_off']:.5f}"
            columns.append(f"{row['log10_probability']:10.5f}  {length:>6}  {paid:>9}")
        unknown = [number for number, row in enumerate(rows, 1) if row["is_oov"]]
        oov = "" if not unknown else "  (unknown word)" if len(unknown) == len(rows) else f"  (unknown to {', '.join(map(str, unknown))})"
        output.result(f"{'  '.join(columns)}  {output.printable(output.clipped(rows[0]['token']))}{oov}")
    sys.stdout.flush()
