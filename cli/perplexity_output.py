"""What `lmkit perplexity` prints: a row a model, and columns for every token."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lmkit_cli import output

if TYPE_CHECKING:
    from lmkit.events import ScoredEvents
    from lmkit.text.corpus import EncodedCorpus
    from lmkit_cli.scored_entry import Entry

_LN10 = math.log(10)


def as_printed(entries: Sequence[Entry]) -> str:
    """The lines of another tool; of several models each below its name."""
    if len(entries) == 1:
        return entries[0].printed
    return "\n".join(f"{entry.name}:\n{entry.printed}" for entry in entries)


def comparison(entries: Sequence[Entry]) -> str:
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


def ranks(entries: Sequence[Entry]) -> str:
    """The lines of one model, or a row for each of several."""
    if len(entries) == 1:
        return entries[0].ranks.render()
    rows = []
    for entry in entries:
        found = entry.ranks
        shares = [f"{value:.5f}" for value in found.accuracy]
        rows.append([entry.name, *shares, f"{found.mean_reciprocal_rank:.5f}", f"{found.median_rank:,.1f}"])
    return output.table(["model", "accuracy at 1", "at 5", "at 10", "mean reciprocal rank", "median rank"], rows, right=range(1, 6))


def word_rows(events: ScoredEvents, part: EncodedCorpus, known: int) -> list[dict[str, Any]]:
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


def word_header(entries: Sequence[Entry]) -> str:
    """The columns of one model bear no name; of several, each group of columns is numbered as the models were named."""
    columns = "   log10 p  n-gram   back-off"
    if len(entries) == 1:
        return f"{columns}  token"
    names = "\n".join(f"{number}: {entry.name}" for number, entry in enumerate(entries, 1))
    numbers = "  ".join(f"{number:^{len(columns)}}".rstrip().ljust(len(columns)) for number in range(1, len(entries) + 1)).rstrip()
    return f"{names}\n{numbers}\n{'  '.join([columns] * len(entries))}  token"


def print_words(models: Sequence[Sequence[dict[str, Any]]]) -> None:
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
