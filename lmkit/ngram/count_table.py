"""N-gram counts as a product: filtered, sorted, searched, and written as text, NumPy or Parquet."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lmkit import _files
from lmkit._npz import BROKEN, member, one_line
from lmkit._validation import check_choice, check_int
from lmkit.errors import FormatError, InputError, InvalidParameterError, MissingDependencyError, UsageError
from lmkit.ngram import _kernels_count_table as kernels
from lmkit.ngram.counting.counts import count_ngrams
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.options import TextOptions
from lmkit.text.vocabulary import Vocabulary

_BUFFER = 1 << 24
_LINES = 1 << 16
WILDCARD = "*"
SORTS = ("count", "words", "none")


@dataclasses.dataclass(eq=False)
class CountTable:
    """The n-grams of a text, of one or of several orders, with their counts.

    Attributes
    ----------
    vocabulary : token <-> id.
    rows : one int32 (R, n) an order n: word ids, sorted by id as the counting leaves them until `sorted` changes that.
    counts : one int64 (R,) an order, or float64 where texts were merged with weights; above 0.
    tokens : number of tokens of the text, ends of sentences included where they are counted.
    options : how the text was read, where that is known.
    notes : sentences that the user should see.
    """

    vocabulary: Vocabulary
    rows: dict[int, np.ndarray]
    counts: dict[int, np.ndarray]
    tokens: int
    options: TextOptions | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def from_corpus(cls, corpus: EncodedCorpus, order: int = 3, *, orders: Sequence[int] | None = None) -> CountTable:
        """Count the n-grams of a text.

        Parameters
        ----------
        corpus : the text; its sentence boundaries are counted as <s> and </s> unless it is continuous.
        order : longest n-gram, 1 to 100.
        orders : the lengths that are kept, by default all up to `order`.
        """
        order = check_int("CountTable", "order", order, minimum=1, maximum=100)
        kept = range(1, order + 1) if orders is None else [check_int("CountTable", "orders", n, minimum=1, maximum=order) for n in orders]
        boundaries = corpus.options.sentence_boundaries
        counted = count_ngrams(corpus.ids, corpus.sentence_offsets, len(corpus.vocabulary), order, boundaries=boundaries)
        rows, counts = {}, {}
        words = np.arange(len(corpus.vocabulary), dtype=np.int32)[:, np.newaxis]
        for n, level in enumerate(counted.levels, 1):
            if n > 1:
                below = counted.levels[n - 2].first_child
                assert below is not None
                parents = np.repeat(np.arange(len(words)), np.diff(below))
                words = np.concatenate([words[parents], level.words.astype(np.int32)[:, np.newaxis]], axis=1)
            if n in kept:
                occurring = np.flatnonzero(level.counts > 0)  # the vocabulary lists words that this text may lack
                rows[n], counts[n] = words[occurring], level.counts[occurring].astype(np.int64)
        return cls(corpus.vocabulary, rows, counts, counted.tokens, corpus.options)

    def __len__(self) -> int:
        return sum(len(own) for own in self.counts.values())

    def order(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows int32 (R, n) and counts int64 (R,) of one order. Raises InvalidParameterError if it was not counted."""
        if n not in self.rows:
            raise InvalidParameterError(
                f"There are no {n}-grams in this table, which has {', '.join(map(str, self.rows))}; name one of those lengths."
            )
        return self.rows[n], self.counts[n]

    def filtered(self, min_count: int = 1, max_count: int | None = None) -> CountTable:
        """The n-grams that occur at least min_count and at most max_count times."""
        check_int("CountTable.filtered", "min_count", min_count, minimum=1)
        if max_count is not None:
            check_int("CountTable.filtered", "max_count", max_count, minimum=min_count)
        return self._chosen({n: (own >= min_count) & (own <= (max_count or own.max(initial=0))) for n, own in self.counts.items()})

    def sorted(self, by: str = "count") -> CountTable:
        """By falling count (among equals in order of first appearance of their words), by "words" as bytes, or as they are ("none")."""
        check_choice("CountTable.sorted", "by", by, SORTS)
        if by == "none":
            return self
        if by == "count":
            return self._chosen({n: np.argsort(-own, kind="stable") for n, own in self.counts.items()})
        tokens = np.array([token.encode() for token in self.vocabulary.tokens()], object)
        rank = np.empty(len(tokens), np.int64)
        rank[np.argsort(tokens, kind="stable")] = np.arange(len(tokens))
        return self._chosen({n: np.lexsort(rank[own].T[::-1]) for n, own in self.rows.items()})

    def like(self, pattern: Sequence[str]) -> CountTable:
        """The n-grams that match a pattern of tokens, where `*` stands for any one token."""
        if not pattern:
            raise InvalidParameterError("The pattern is empty; name at least one word, or * for any.")
        rows, _ = self.order(len(pattern))
        chosen = np.ones(len(rows), np.bool_)
        for column, token in enumerate(pattern):
            if token == WILDCARD:
                continue
            if token not in self.vocabulary:
                chosen[:] = False
                break
            chosen &= rows[:, column] == self.vocabulary.id(token)
        return self._chosen({len(pattern): chosen})

    def top(self, n: int, count: int) -> list[tuple[tuple[str, ...], float]]:
        """The most frequent n-grams of one order with their counts."""
        rows, counts = self._only(n).sorted().order(n)
        return [(tuple(self.vocabulary.decode(row)), own.item()) for row, own in zip(rows[:count], counts[:count], strict=True)]

    def counts_of_counts(self, n: int, highest: int = 10) -> np.ndarray:
        """int64 (highest + 1,): how many n-grams occur exactly 0, 1, ... highest times. Raises UsageError for fractions."""
        _, counts = self.order(n)
        if counts.dtype.kind == "f":
            raise UsageError(f"The {n}-grams have fractional counts, of which there are no counts of counts; merge with whole weights.")
        return np.bincount(counts[counts <= highest], minlength=highest + 1)

    def _only(self, n: int) -> CountTable:
        rows, counts = self.order(n)
        return dataclasses.replace(self, rows={n: rows}, counts={n: counts})

    def _chosen(self, places: dict[int, np.ndarray]) -> CountTable:
        rows = {n: self.rows[n][own] for n, own in places.items()}
        return dataclasses.replace(self, rows=rows, counts={n: self.counts[n][own] for n, own in places.items()})

    # -- files -------------------------------------------------------------------------------------------------------------------------

    def write(self, path: str | os.PathLike[str], to: str | None = None) -> None:
        """Write the table: "text" (SRILM's ngram-count format: words, a tab, the count), "npz" or "parquet"; by the file's ending if left
        out. Raises OutputError, and MissingDependencyError for Parquet without pyarrow."""
        form = to or {".npz": "npz", ".parquet": "parquet"}.get(os.path.splitext(os.fspath(path))[1], "text")
        check_choice("CountTable.write", "to", form, ("text", "npz", "parquet"))
        with _files.replacing(path) as temporary:
            {"text": self._write_text, "npz": self._write_npz, "parquet": self._write_parquet}[form](temporary)

    def lines(self) -> Iterator[memoryview]:
        """The table as text, in blocks of lines."""
        longest = int(np.diff(self.vocabulary.offsets).max())
        blob, offsets = self.vocabulary.blob, self.vocabulary.offsets
        for n, rows in self.rows.items():
            if self.counts[n].dtype.kind == "f":
                yield from self._lines_of_fractions(n)
                continue
            buffer = np.empty(max(_BUFFER, 4 * (n * (longest + 1) + 32)), np.uint8)
            row = 0
            while row < len(rows):
                row, used = kernels.write_count_lines(row, rows, self.counts[n], blob, offsets, longest, buffer)
                yield memoryview(buffer[:used])

    def _lines_of_fractions(self, n: int) -> Iterator[memoryview]:
        """The same for counts that are no whole numbers, as SRILM's ngram-count -float-counts writes them."""
        for start in range(0, len(self.rows[n]), _LINES):
            block = slice(start, start + _LINES)
            ngrams, values = self.rows[n][block].tolist(), self.counts[n][block].tolist()
            lines = [f"{' '.join(self.vocabulary.decode(ids))}\t{value:.12g}\n" for ids, value in zip(ngrams, values, strict=True)]
            yield memoryview("".join(lines).encode())

    def _write_text(self, path: Any) -> None:
        with open(path, "wb") as file:
            for block in self.lines():
                file.write(block)

    def _write_npz(self, path: Any) -> None:
        arrays: dict[str, Any] = {f"ids_{n}": own for n, own in self.rows.items()}
        arrays |= {f"counts_{n}": own for n, own in self.counts.items()} | self.vocabulary.to_tensors()
        if self.options is not None:
            arrays["reading"] = np.array(json.dumps(self.options.to_dict()))
        with open(path, "wb") as file:
            np.savez_compressed(file, tokens=self.tokens, **arrays)

    def _write_parquet(self, path: Any) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise MissingDependencyError("Parquet files need pyarrow: pip install 'lmkit[parquet]', or write .npz or text.") from None
        tokens = pyarrow.array(self.vocabulary.tokens())
        longest = max(self.rows)
        fractions = any(own.dtype.kind == "f" for own in self.counts.values())
        schema = self._parquet_schema(pyarrow, longest, pyarrow.float64() if fractions else pyarrow.int64())
        with pyarrow.parquet.ParquetWriter(path, schema) as writer:
            for n, rows in self.rows.items():
                columns = [tokens.take(pyarrow.array(rows[:, k])) if k < n else pyarrow.nulls(len(rows), "string") for k in range(longest)]
                order = pyarrow.array(np.full(len(rows), n, np.int16))
                table = [order, *columns, pyarrow.array(self.counts[n])]
                writer.write_table(pyarrow.Table.from_arrays(table, schema=writer.schema))

    @staticmethod
    def _parquet_schema(pyarrow: Any, longest: int, count: Any) -> Any:
        words = [(f"word_{k + 1}", pyarrow.string()) for k in range(longest)]
        return pyarrow.schema([("order", pyarrow.int16()), *words, ("count", count)])

    @classmethod
    def read_npz(cls, path: str | os.PathLike[str]) -> CountTable:
        """Read what `write` wrote as npz, n-grams with a count of 0 left out. Raises InputError if it is missing, FormatError if it is
        damaged."""
        try:
            with zipfile.ZipFile(path) as archive:
                arrays = {name.removesuffix(".npy"): member(archive, name, Path(path)) for name in archive.namelist()}
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; check the path, or make it with lmkit count.") from None
        except FormatError:
            raise
        except BROKEN as error:
            raise FormatError(f"{path}: not a table of counts, or damaged ({one_line(error)}); make it again with lmkit count.") from None
        orders = sorted(int(name[4:]) for name in arrays if re.fullmatch("ids_[1-9][0-9]?[0-9]?", name))
        if not orders:
            raise FormatError(f"{path}: holds no counts; name a file that lmkit count wrote.")
        vocabulary = Vocabulary.from_tensors(arrays, os.fspath(path))
        rows, counts = {n: arrays[f"ids_{n}"] for n in orders}, {n: arrays.get(f"counts_{n}") for n in orders}
        for n in orders:
            own = counts[n]
            if (
                own is None
                or own.ndim != 1
                or own.dtype.kind not in "iuf"
                or rows[n].dtype.kind not in "iu"
                or not np.all(np.isfinite(own) & (own >= 0))
                or rows[n].shape != (len(own), n)
                or (rows[n].size and not 0 <= rows[n].min() <= rows[n].max() < len(vocabulary))
            ):
                raise FormatError(f"{path}: the {n}-grams and their counts don't fit together; make it again with lmkit count.")
        kept = {n: np.asarray(own, np.float64 if own.dtype.kind == "f" else np.int64) for n, own in counts.items() if own is not None}
        if "tokens" not in arrays or arrays["tokens"].shape != () or arrays["tokens"].dtype.kind not in "iu":
            raise FormatError(f"{path}: does not say how many tokens were counted; make it again with lmkit count.")
        reading = _reading(arrays.get("reading"), path)
        seen = {n: own > 0 for n, own in kept.items()}
        unseen = sum(int(np.count_nonzero(~own)) for own in seen.values())
        if unseen:  # of an order without any n-gram that was seen nothing stays
            rows = {n: own[seen[n]] for n, own in rows.items() if seen[n].any()}
            kept = {n: kept[n][seen[n]] for n in rows}
            if not rows:
                raise FormatError(f"{path}: holds no counts but 0; name a file that lmkit count wrote.")
        return cls(vocabulary, rows, kept, int(arrays["tokens"]), reading, notes_of_unseen(path, unseen))


def notes_of_unseen(path: str | os.PathLike[str], unseen: int) -> tuple[str, ...]:
    """What the user should know of a file with so many n-grams whose count is 0."""
    return (f"{path}: n-grams with a count of 0 were left out ({unseen:,}), since they were never seen.",) if unseen else ()


def _reading(stored: np.ndarray | None, path: str | os.PathLike[str]) -> TextOptions | None:
    """The options that a file holds. Raises FormatError if they are none."""
    if stored is None:  # written by another tool
        return None
    try:
        return TextOptions.from_dict(json.loads(str(stored)), os.fspath(path))
    except ValueError:
        raise FormatError(f"{path}: how its text was read is damaged; make it again with lmkit count.") from None


def vocabulary_growth(corpus: EncodedCorpus, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Heaps' curve: numbers of tokens read, int64 (P,), spaced evenly on a logarithmic scale, and of different words among them."""
    places = np.unique(np.geomspace(1, max(len(corpus), 1), points).round().astype(np.int64))
    places = places[places <= len(corpus)]
    result = np.empty(len(places), np.int64)
    kernels.growth_of_vocabulary(np.ascontiguousarray(corpus.ids), np.zeros(len(corpus.vocabulary), np.bool_), places, result)
    return places, result
