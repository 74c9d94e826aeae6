"""Tables of counts against Python's Counter, their files, and the commands on them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ngram.test_model import TEXTS
from reference.ngram_twin import raw_counts
from typer.testing import CliRunner

from lmkit import TextOptions
from lmkit.errors import FormatError, InputError, InvalidParameterError, UsageError
from lmkit.ngram.count_table import CountTable, vocabulary_growth
from lmkit.text.encoding import as_corpus
from lmkit_cli.app import app


def as_counters(table: CountTable) -> dict[int, Counter]:
    return {
        n: Counter({tuple(table.vocabulary.decode(row)): int(count) for row, count in zip(rows, table.counts[n], strict=True)})
        for n, rows in table.rows.items()
    }


@pytest.mark.parametrize("name", TEXTS)
def test_counts_equal_python_s(name: str) -> None:
    sentences = TEXTS[name]
    table = CountTable.from_corpus(as_corpus(sentences, TextOptions()), 4)
    expected = raw_counts(sentences, 4)
    expected[1][("<s>",)] = len(sentences)
    assert as_counters(table) == {n: counts for n, counts in expected.items() if counts}


def test_continuous_text_has_no_boundaries() -> None:
    table = CountTable.from_corpus(as_corpus("a b a b c", TextOptions(sentences="none")), 2)
    assert as_counters(table) == {1: {("a",): 2, ("b",): 2, ("c",): 1}, 2: {("a", "b"): 2, ("b", "a"): 1, ("b", "c"): 1}}


TABLE = CountTable.from_corpus(as_corpus("a b c\na b d\nb a\na b", TextOptions()), 3)


def test_filters_sorts_and_tops() -> None:
    assert as_counters(TABLE.filtered(2, 3))[2] == {("<s>", "a"): 3, ("a", "b"): 3}
    assert TABLE.top(2, 3) == [(("<s>", "a"), 3), (("a", "b"), 3), (("<s>", "b"), 1)]
    by_words = [" ".join(TABLE.vocabulary.decode(row)) for row in TABLE.sorted("words").rows[2]]
    assert by_words == sorted(by_words)
    assert by_words[0] == "<s> a"
    assert TABLE.counts_of_counts(2, 4).tolist() == [0, 8, 0, 2, 0]  # bc c</s> bd d</s> <s>b ba a</s> b</s>
    assert TABLE.sorted("none") is TABLE


def test_fractions_have_no_counts_of_counts(tmp_path: Path) -> None:
    from lmkit.ngram.count_files import merge_counts
    from lmkit.ngram.count_plots import counts_of_counts_plot

    merged = merge_counts([TABLE, TABLE], [0.5, 1])
    with pytest.raises(UsageError, match="2-grams have fractional counts"):
        merged.counts_of_counts(2)
    pytest.importorskip("matplotlib")
    with pytest.raises(UsageError, match="1-grams have fractional counts"):
        counts_of_counts_plot(merged, tmp_path / "p.png")


def test_patterns() -> None:
    assert as_counters(TABLE.like(["a", "b", "*"]))[3] == {("a", "b", "c"): 1, ("a", "b", "d"): 1, ("a", "b", "</s>"): 1}
    assert as_counters(TABLE.like(["*", "b"]))[2] == {("a", "b"): 3, ("<s>", "b"): 1}
    assert len(TABLE.like(["nowhere", "b"])) == 0
    with pytest.raises(InvalidParameterError, match="no 5-grams in this table, which has 1, 2, 3"):
        TABLE.like(["*"] * 5)
    with pytest.raises(InvalidParameterError, match="pattern is empty"):
        TABLE.like([])


def test_text_has_srilm_s_form(tmp_path: Path) -> None:
    TABLE.sorted().write(tmp_path / "c.txt")
    lines = (tmp_path / "c.txt").read_text().splitlines()
    parsed = {tuple(words.split(" ")): int(count) for words, count in (line.split("\t") for line in lines)}
    assert parsed == {ngram: count for counts in as_counters(TABLE).values() for ngram, count in counts.items()}
    assert len(lines) == len(TABLE)


def test_numpy_and_parquet_round_trips(tmp_path: Path) -> None:
    TABLE.write(tmp_path / "c.npz")
    again = CountTable.read_npz(tmp_path / "c.npz")
    assert as_counters(again) == as_counters(TABLE)
    assert again.tokens == TABLE.tokens == 14  # 10 words and 4 ends
    parquet = pytest.importorskip("pyarrow.parquet")
    TABLE.write(tmp_path / "c.parquet")
    rows = parquet.read_table(tmp_path / "c.parquet").to_pylist()
    assert len(rows) == len(TABLE)
    found = {tuple(row[f"word_{k + 1}"] for k in range(row["order"])): row["count"] for row in rows}
    assert found[("a", "b")] == 3


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damaged_tables_are_refused(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.npz"
        TABLE.write(path)
        raw = bytearray(path.read_bytes())
        if data.draw(st.booleans()):
            raw = raw[: data.draw(st.integers(0, len(raw) - 1))]
        else:
            for _ in range(data.draw(st.integers(1, 20))):
                raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(raw)
        try:
            CountTable.read_npz(path)
        except FormatError as error:
            assert "c.npz" in str(error)


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        CountTable.read_npz(tmp_path / "c.npz")


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=300))
def test_vocabulary_growth_equals_python_s(words: list[str]) -> None:
    tokens, types = vocabulary_growth(as_corpus([words], TextOptions()))
    assert tokens[0] == 1
    assert tokens[-1] == len(words)
    assert types.tolist() == [len(set(words[:n])) for n in tokens]


# -- commands ------------------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    path = tmp_path / "corpus.txt"
    path.write_text("the cat sat\nthe cat ran\nthe dog sat\n" * 5 + "a cat\n")
    return str(path)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_count_prints_or_writes(corpus: str, tmp_path: Path) -> None:
    lines = run("count", corpus, "--order", "2", "--only", "--min-count", "5").splitlines()
    assert lines[:2] == ["<s> the\t15", "the cat\t10"]
    assert all(int(line.split("\t")[1]) >= 5 for line in lines)
    made = json.loads(run("count", corpus, "--out", str(tmp_path / "c.npz"), "--json"))
    assert made["tokens"] == 63
    assert "the cat" in run("ngrams", str(tmp_path / "c.npz"), "--order", "2")


def test_ngrams_lists_what_is_like_a_pattern(corpus: str) -> None:
    listed = json.loads(run("ngrams", corpus, "--like", "the * sat", "--json"))
    assert listed["ngrams"] == [{"ngram": ["the", "cat", "sat"], "count": 5}, {"ngram": ["the", "dog", "sat"], "count": 5}]
    assert (listed["different"], listed["total"]) == (2, 10)
    assert "2 different 3-grams" in run("ngrams", corpus, "--like", "the * sat")


@pytest.mark.parametrize("form", ["png", "svg"])
def test_plots_are_drawn(corpus: str, tmp_path: Path, form: str) -> None:
    pytest.importorskip("matplotlib")
    start = {"png": b"\x89PNG", "svg": b"<?xml"}[form]
    for name in ("zipf", "heaps", "counts-of-counts"):
        run("plot", name, corpus, "--out", str(tmp_path / f"p.{form}"))
        assert (tmp_path / f"p.{form}").read_bytes().startswith(start)


def test_heaps_law_is_fitted() -> None:
    """A text in which word n is new at place n^2 has n different words among n^2: exponent one half."""
    from lmkit.ngram.count_plots import heaps_plot

    pytest.importorskip("matplotlib")
    import tempfile

    words, kinds = [], 0
    for place in range(1, 40_001):
        if int(np.sqrt(place)) > kinds:
            kinds += 1
        words.append(f"w{kinds}")
    with tempfile.TemporaryDirectory() as folder:
        law = heaps_plot(as_corpus([words], TextOptions()), Path(folder) / "h.svg")
    assert law["exponent"] == pytest.approx(0.5, abs=0.01)
    assert law["factor"] == pytest.approx(1, abs=0.1)
