"""`lmkit perplexity`: score a text under a model."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit.errors import InputError
from lmkit_cli import options, output, reading

if TYPE_CHECKING:
    from lmkit.events import ScoredEvents
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.options import TextOptions

_BLOCK_SENTENCES = 1 << 16


def command(
    model: options.Model,
    text: Annotated[
        str,
        typer.Argument(
            help="A catalogue name (its test split), NAME:SPLIT, a file, a folder, a glob, or - for standard input.", show_default=False
        ),
    ],
    per_word: Annotated[
        bool, typer.Option("--per-word", help="Print each token's log10 probability, the length of the n-gram found, the back-off paid.")
    ] = False,
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
    the block says what was counted: with and without words that the model doesn't know, with and without sentence ends.
    """
    import lmkit
    from lmkit.evaluation.perplexity import Accounting

    path = reading.model_path(model)
    loaded = lmkit.load(path)
    text_options = reading.scoring_options(loaded.text_options, encoding=encoding, blank_lines=blank_lines)
    total: Accounting | None = None
    notes: list[str] = []
    words: list[dict[str, Any]] = []
    if per_word and not json:
        output.result(_WORD_HEADER)
    for part in _parts(text, split, text_options):
        events = loaded.score(part, threads=threads)
        accounting = Accounting.from_events(events)
        total = accounting if total is None else total + accounting
        notes.extend(entry for entry in part.notes if entry not in notes)
        if per_word and json:
            words.extend(_word_rows(events, part))
        elif per_word:
            _print_words(events, part)
    if total is None:
        raise InputError(f"{'Standard input' if text == '-' else text} held no text, so there is nothing to score.")
    if json:
        output.result_json(total.to_dict() | {"model": str(path), "text": text, "notes": notes} | ({"words": words} if per_word else {}))
        return
    output.result(("\n" if per_word else "") + total.render())
    for entry in notes:
        output.note(f"Note: {entry}")


_WORD_HEADER = "   log10 p  n-gram   back-off  token"
_LN10 = math.log(10)


def _parts(text: str, split: str | None, text_options: TextOptions) -> Iterator[EncodedCorpus]:
    """The text in parts that fit the memory; standard input as its lines arrive."""
    if text == "-":
        from lmkit.text.encoding import encode_stream
        from lmkit.text.sources import open_source

        reading.choose_split(text, split, "test")
        yield from encode_stream(open_source("-"), text_options)
        return
    import lmkit_corpora

    part = reading.choose_split(text, split, "test")
    if part is not None and split is None and reading.split_off(text)[1] is None:
        output.note(f"Note: scoring {text}:{part}; another part can be named, such as {text}:valid.")
    corpus = lmkit_corpora.load_corpus(text, split=part, options=text_options)
    for start in range(0, max(corpus.n_sentences, 1), _BLOCK_SENTENCES):
        yield corpus.sentences(start, min(start + _BLOCK_SENTENCES, corpus.n_sentences))


def _word_rows(events: ScoredEvents, part: EncodedCorpus) -> Iterator[dict[str, Any]]:
    """One record per event, with the word as the text spells it."""
    spellings = iter(part.ids.tolist())
    lengths = events.hit_length.tolist() if events.hit_length is not None else [None] * len(events)
    paid = events.back_off.tolist() if events.back_off is not None else [None] * len(events)
    columns = zip(events.log_probabilities.tolist(), events.is_end.tolist(), events.is_oov.tolist(), lengths, paid, strict=True)
    for log_probability, is_end, is_oov, length, back_off in columns:
        yield {
            "token": "</s>" if is_end else part.vocabulary.token(next(spellings)),
            "log10_probability": log_probability / _LN10,
            "ngram_length": length,
            "log10_back_off": None if back_off is None else back_off / _LN10,
            "is_oov": is_oov,
        }


def _print_words(events: ScoredEvents, part: EncodedCorpus) -> None:
    for row in _word_rows(events, part):
        length = "" if row["ngram_length"] is None else row["ngram_length"]
        paid = "" if row["log10_back_off"] is None else f"{row['log10_back_off']:.5f}"
        oov = "  (unknown word)" if row["is_oov"] else ""
        output.result(f"{row['log10_probability']:10.5f}  {length:>6}  {paid:>9}  {output.printable(row['token'])}{oov}")
    sys.stdout.flush()
