"""From tables of n-gram counts to models: files that others wrote, several tables as one, the trie that smoothing takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from lmkit._validation import check_float
from lmkit.errors import FormatError, InputError, InvalidParameterError, UsageError
from lmkit.ngram.count_table import CountTable, notes_of_unseen
from lmkit.ngram.counting.counts import NARROW_LIMIT, Level, NgramCounts
from lmkit.text.vocabulary import Vocabulary
from lmkit.text.vocabulary_union import VocabularyUnion


def read_counts(path: str | os.PathLike[str]) -> CountTable:
    """Read a file of counts: what `CountTable.write` wrote as .npz, otherwise text with a line an n-gram.

    Raises
    ------
    InputError : if the file is missing or can't be read.
    FormatError : if it is no file of counts.
    """
    return CountTable.read_npz(path) if os.fspath(path).endswith(".npz") else read_count_text(path)


def read_count_text(path: str | os.PathLike[str]) -> CountTable:
    """Read counts as SRILM's `ngram-count -write` and `CountTable.write` write them: words separated by spaces, a tab, the count.

    Raises
    ------
    InputError : if the file is missing or can't be read.
    FormatError : for a line of another form, a count below 0, or an n-gram that stands there twice; with the line's number.

    Notes
    -----
    N-grams with a count of 0 are left out, with a note; their words stay in the vocabulary. SRILM writes such lines for n-grams of which
    only longer ones were counted, and leaves them out too when it makes a model.
    """
    ids: dict[str, int] = {"<unk>": Vocabulary.UNK, "<s>": Vocabulary.BOS, "</s>": Vocabulary.EOS}
    rows: dict[int, list[int]] = {}
    values: dict[int, list[float]] = {}
    unseen = 0
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                if line.isspace():
                    continue
                ngram, _, count = line.rstrip("\r\n").rpartition("\t")
                words = ngram.split()
                value = _number(count)
                if not words or value is None:
                    raise FormatError(
                        f"{path}, line {number}: {line.strip()!r:.80} is no n-gram with a tab and its count behind; name a file that "
                        "lmkit count or SRILM's ngram-count -write wrote."
                    )
                row = [ids.setdefault(word, len(ids)) for word in words]
                if value == 0:
                    unseen += 1
                    continue
                rows.setdefault(len(words), []).extend(row)
                values.setdefault(len(words), []).append(value)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path, or make it with lmkit count.") from None
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: is no UTF-8 text ({error.reason} at byte {error.start} of a block); name a file of counts.") from None
    except OSError as error:
        raise InputError(f"{path}: could not be read ({error.strerror or error}); check the path.") from None
    if not rows:
        raise FormatError(
            f"{path}: holds no counts{' but 0' if unseen else ''}; name a file that lmkit count or SRILM's ngram-count -write wrote."
        )
    whole = all(value.is_integer() for own in values.values() for value in own)
    kind = np.int64 if whole else np.float64
    counts = {n: np.array(values[n], kind) for n in sorted(values)}
    table = CountTable(
        Vocabulary.from_tokens(list(ids)[3:]),
        {n: np.array(rows[n], np.int32).reshape(-1, n) for n in counts},
        counts,
        _tokens(rows, counts),
        notes=notes_of_unseen(path, unseen),
    )
    for n, own in table.rows.items():
        if len(np.unique(own, axis=0)) < len(own):
            raise FormatError(f"{path}: has an n-gram of {n} words on two lines; make the file again with lmkit count.")
    return table


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 2**62 else None


def _tokens(rows: dict[int, list[int]], counts: dict[int, np.ndarray]) -> int:
    """Events that the 1-grams count: all but <s>; 0 without 1-grams."""
    if 1 not in counts:
        return 0
    return round(float(counts[1][np.array(rows[1]) != Vocabulary.BOS].sum()))


def merge_counts(tables: Sequence[CountTable], weights: Sequence[float] | None = None) -> CountTable:
    """The counts of several texts as those of one text, in which the n-grams of each occur `weight` times as often.

    Parameters
    ----------
    tables : with the same orders, of texts that were read alike.
    weights : above 0, 1 each by default. Whole ones leave whole counts whole; others make them float64.

    Raises
    ------
    InvalidParameterError : for weights that are none.
    UsageError : for tables that don't go together.
    """
    given = [1.0] * len(tables) if weights is None else list(weights)
    if len(given) != len(tables) or not tables:
        raise InvalidParameterError(f"The 'weights' parameter of merge_counts must be {len(tables)} numbers. Got {given!r} instead.")
    for value in given:
        check_float("merge_counts", "weights", value, minimum=0, open_minimum=True)
    first = tables[0]
    for number, table in enumerate(tables[1:], 2):
        if set(table.rows) != set(first.rows):
            raise UsageError(f"Table {number} has n-grams of {_orders(table)} words and table 1 of {_orders(first)}; count both alike.")
        if table.options is not None and first.options is not None and table.options != first.options:
            raise UsageError(
                f"The texts of tables 1 and {number} were read with different options, so their counts don't add up; count both alike."
            )
        if 1 in first.rows and has_boundaries(table) != has_boundaries(first):
            raise UsageError(f"One of the tables 1 and {number} has counts of <s> and the other has none; count both alike.")
    union = VocabularyUnion([table.vocabulary for table in tables], "union").vocabulary
    maps = [union.map_from(table.vocabulary) for table in tables]
    whole = all(float(value).is_integer() for value in given)
    rows, counts = {}, {}
    for n in sorted(first.rows):
        ids = np.concatenate([own[table.rows[n]] for own, table in zip(maps, tables, strict=True)])
        values = np.concatenate([table.counts[n] * (int(weight) if whole else weight) for table, weight in zip(tables, given, strict=True)])
        order = np.lexsort(ids.T[::-1])
        ids, values = ids[order], values[order]
        starts = np.flatnonzero(np.concatenate([[True], (ids[1:] != ids[:-1]).any(axis=1)])) if len(ids) else np.empty(0, np.int64)
        rows[n], counts[n] = ids[starts], np.add.reduceat(values, starts) if len(ids) else values
    options = next((table.options for table in tables if table.options is not None), None)
    tokens = round(sum(table.tokens * weight for table, weight in zip(tables, given, strict=True)))
    return CountTable(union, rows, counts, tokens, options, tuple(note for table in tables for note in table.notes))


def _orders(table: CountTable) -> str:
    return ", ".join(map(str, sorted(table.rows)))


def has_boundaries(table: CountTable) -> bool:
    """Whether sentences were counted with their <s> and </s>: whether <s> has a count."""
    rows, counts = table.order(1)
    return bool(counts[rows[:, 0] == Vocabulary.BOS].any())


def trie_of(table: CountTable, order: int | None = None) -> NgramCounts:
    """The counts as smoothing takes them, equal to those of `count_ngrams` on the same text.

    Parameters
    ----------
    table : with all orders from 1 on, nothing filtered out.
    order : use n-grams of at most so many words; all by default.

    Raises
    ------
    UsageError : if an order is missing, an n-gram whose beginning or end is not counted (such as where rare ones were left out), or all
        words; if an n-gram stands there twice.
    """
    highest = max(table.rows) if order is None else min(order, max(table.rows))
    missing = [n for n in range(1, highest + 1) if n not in table.rows]
    if missing:
        raise UsageError(f"The counts have no n-grams of {missing[0]} words, which a model of order {highest} needs; count without --only.")
    size = len(table.vocabulary)
    boundaries = has_boundaries(table)
    fractions = any(own.dtype.kind == "f" for own in table.counts.values())
    largest = max(float(own.max(initial=0)) for own in table.counts.values())
    narrow = not fractions and largest < NARROW_LIMIT and max(map(len, table.rows.values())) < NARROW_LIMIT
    kind, index = (np.float64 if fractions else np.int32 if narrow else np.int64), np.uint32 if narrow else np.int64
    unigrams = np.zeros(size, kind)
    unigrams[table.rows[1][:, 0]] = table.counts[1]
    _refuse_doubled(table, 1, np.argsort(table.rows[1][:, 0]), np.sort(table.rows[1][:, 0]))
    if not np.delete(unigrams, Vocabulary.BOS).any():
        raise UsageError("The counts have no word but <s>, so there is nothing to learn; count a text that has words.")
    levels = [Level(np.arange(size, dtype=np.uint32), np.empty(0, np.uint32), unigrams)]
    keys: list[np.ndarray] = []  # of each order from 2 on, ascending: place of the context times the number of words, plus the last word
    for n in range(2, highest + 1):
        ids = table.rows[n].astype(np.int64)
        if n == 2:
            for column, part in enumerate(("beginning", "end")):
                _refuse_gap(table, ids[unigrams[ids[:, column]] == 0, column : column + 1], part)
        own = _places(table, ids[:, :-1], keys, size, "beginning") * size + ids[:, -1]
        arrangement = np.argsort(own)
        keys.append(own[arrangement])
        _refuse_doubled(table, n, arrangement, keys[-1])
        suffixes = _places(table, ids[arrangement, 1:], keys, size, "end")
        levels[-1].first_child = np.searchsorted(keys[-1], np.arange(len(levels[-1]) + 1) * size).astype(np.int32 if narrow else np.int64)
        levels.append(Level(ids[arrangement, -1].astype(np.uint32), suffixes.astype(index), table.counts[n][arrangement].astype(kind)))
    path = _path_of_last(table, keys, size, highest) if boundaries else []
    path_counts = [int(level.counts[index]) for level, index in zip(levels, path, strict=False)]
    return NgramCounts(levels, boundaries, table.tokens, path, path_counts)


def _places(table: CountTable, ids: np.ndarray, keys: Sequence[np.ndarray], size: int, part: str) -> np.ndarray:
    """int64 (R,): places of n-grams, int64 (R, n), among those of their order."""
    places = ids[:, 0]
    for words, own in zip(ids[:, 1:].T, keys, strict=False):
        wanted = places * size + words
        places = np.minimum(np.searchsorted(own, wanted), max(len(own) - 1, 0))
        _refuse_gap(table, ids[own[places] != wanted] if len(own) else ids, part)
    return places


def _refuse_gap(table: CountTable, lost: np.ndarray, part: str) -> None:
    """Raise UsageError if there are n-grams, int64 (R, n), that are part of longer ones and have no count."""
    if len(lost):
        ngram = " ".join(table.vocabulary.decode(lost[0]))
        raise UsageError(f"{ngram!r} is the {part} of an n-gram and has no count itself; make the counts without leaving rare ones out.")


def _refuse_doubled(table: CountTable, n: int, arrangement: np.ndarray, keys: np.ndarray) -> None:
    """Raise UsageError if two n-grams have one key. arrangement : the order of the rows in which keys ascend."""
    doubled = np.flatnonzero(keys[1:] == keys[:-1])
    if len(doubled):
        ngram = " ".join(table.vocabulary.decode(table.rows[n][arrangement[doubled[0]]]))
        raise UsageError(f"{ngram!r} has two counts; make the counts again with lmkit count.")


def _path_of_last(table: CountTable, keys: Sequence[np.ndarray], size: int, highest: int) -> list[int]:
    """Places of the suffixes of the n-gram that is last in suffix order, lowest order first, as `count_ngrams` finds them.

    Words before <s> count as <s>: what begins with it stands for all longer n-grams that would.
    """
    last: tuple[int, ...] = ()
    for n in range(2, highest + 1):
        rows = table.rows[n] if n == highest else table.rows[n][table.rows[n][:, 0] == Vocabulary.BOS]
        if len(rows):
            row = rows[np.lexsort(rows.T)[-1]].tolist()  # by the last word first
            last = max(last, (*reversed(row), *[Vocabulary.BOS] * (highest - n)))
    length = last.index(Vocabulary.BOS) + 1 if Vocabulary.BOS in last else len(last)
    words = np.array(last[:length][::-1], np.int64)[np.newaxis]
    return [int(_places(table, words[:, length - n :], keys, size, "end")[0]) for n in range(1, length + 1)]


def record_of(table: CountTable, name: str) -> dict[str, Any]:
    """What a model's card says of counts, JSON-able."""
    return {"name": name, "counts": True, "tokens": table.tokens}
