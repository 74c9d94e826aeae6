"""`lmkit perplexity`: score a text under one model, or under several side by side."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lmkit.errors import InputError, UsageError
from lmkit_cli import adapting, options, output, perplexity_output, reading
from lmkit_cli.scored_entry import Entry
from lmkit_cli.text_parts import TextParts

if TYPE_CHECKING:
    from lmkit.text.options import TextOptions


class State(enum.StrEnum):
    reset = "reset"
    carry = "carry"
    both = "both"


def command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help=f"A model, or several to compare: {options.MODEL_FILES}",
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
            entries.append(Entry(path, model, text_options, how, label))
            if held_out is not None:
                for name, adaptive in adapting.adapted(model, how, text_options, held_out, dynamic, neural_cache, cache_size):
                    entries.append(Entry(path, adaptive, text_options, how, f"{label} + {name}", adapts=True))
    groups: dict[TextOptions, list[Entry]] = {}
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
        output.result(perplexity_output.word_header(entries))
    for text_options, group in groups.items():
        found = _score(group, TextParts(text, part, text_options), threads, _Columns(per_word, json, ranks))
        notes.extend(note for note in found if note not in notes)
    if as_tool is not None:
        for entry in entries:
            entry.printed = as_printed_by(as_tool, entry.total, text)
    if json:
        results = [entry.result() | ({"per_word": entry.words} if per_word else {}) for entry in entries]
        about = {"text": text, "notes": notes}
        output.result_json(results[0] | about if len(results) == 1 else about | {"models": results})
        return
    if as_tool is not None:
        output.result(("\n" if per_word else "") + perplexity_output.as_printed(entries))
        return
    shown = entries[0].total.render() if len(entries) == 1 else perplexity_output.comparison(entries)
    output.result(("\n" if per_word else "") + shown + (f"\n{perplexity_output.ranks(entries)}" if ranks else ""))
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


@dataclasses.dataclass(frozen=True)
class _Columns:
    """What is wanted of each token beside its probability."""

    per_word: bool
    json: bool
    ranks: bool


def _score(group: Sequence[Entry], text: TextParts, threads: int | None, wanted: _Columns) -> tuple[str, ...]:
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
            rows = [perplexity_output.word_rows(events, part, known) for events in scores]
            if wanted.json:
                for entry, found in zip(group, rows, strict=True):
                    entry.words.extend(found)
            else:
                perplexity_output.print_words(rows)
    for entry in group:
        if entry.accounting is None:
            raise InputError(f"{'Standard input' if text.spec == '-' else text.spec} held no text, so there is nothing to score.")
        if text.is_one_sentence:
            entry.accounting = dataclasses.replace(entry.accounting, sentences=1)
    return text.notes
