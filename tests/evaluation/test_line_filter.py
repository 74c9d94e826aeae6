"""Filtering and ranking of lines by perplexity."""

from __future__ import annotations

import gzip
import io
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit import NgramLanguageModel, TextOptions
from lmkit.errors import InputError, InvalidParameterError, UsageError
from lmkit.evaluation import line_filter
from lmkit.text.sources import Document, TextSource, bytes_source, open_source
from lmkit_cli import app

TRAINING = "the cat sat on the mat\nthe dog sat on the mat\nthe cat ran\na dog ran on"
LINES = ["the cat sat", "", "zebra zebra", "the dog ran on the mat", "mat the on", "the cat sat", "a", "<s> the cat", "ünï cödé"]


@pytest.fixture(scope="module")
def model() -> NgramLanguageModel:
    return NgramLanguageModel(order=3).fit(TRAINING)


def text(lines: list[str] = LINES) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


def kept(model: NgramLanguageModel, data: bytes, **options: object) -> tuple[bytes, line_filter.FilterSummary]:
    written: list[bytes] = []
    summary = line_filter.filter_lines(
        model, bytes_source(data, "text"), lambda block, mask: written.append(bytes(block.chosen(mask))), **options
    )
    return b"".join(written), summary


def perplexities(model: NgramLanguageModel, lines: list[str]) -> list[float]:
    """Line by line, by the plain definition."""
    return [
        model.perplexity(line + "\n" if line else "x\n\n") if line else math.exp(-model.score("x\n\n").log_probabilities[-1])
        for line in lines
    ]


@pytest.mark.parametrize("block", [1, 30, 1 << 20])
@pytest.mark.parametrize("threads", [1, 3])
def test_each_line_has_the_perplexity_that_the_model_gives_it(model, block: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_filter, "BLOCK_BYTES", block)
    blocks = list(line_filter.score_lines(model, bytes_source(text(), "text"), threads=threads))
    assert b"".join(bytes(part.data) for part in blocks) == text()
    np.testing.assert_allclose(np.concatenate([part.perplexity for part in blocks]), perplexities(model, LINES), rtol=1e-12)


def test_perplexity_is_the_module_kenlm_s(model, tmp_path: Path) -> None:
    from lmkit.compat import kenlm

    model.write_arpa(tmp_path / "m.arpa")
    theirs = kenlm.Model(tmp_path / "m.arpa")
    lines = [line for line in LINES if "<s>" not in line]
    (block,) = line_filter.score_lines(model, bytes_source(text(lines), "text"))
    np.testing.assert_allclose(block.perplexity, [theirs.perplexity(line) for line in lines], rtol=1e-5)


def test_bounds_keep_what_lies_within_and_invert_the_rest(model) -> None:
    values = dict(zip(LINES, perplexities(model, LINES), strict=True))
    low, high = values["the cat sat"], values["mat the on"]
    inside, summary = kept(model, text(), minimum=low, maximum=high)
    expected = [line for line in LINES if low <= values[line] <= high]
    assert inside == text(expected)
    assert 2 <= len(expected) < len(LINES)
    assert (summary.lines, summary.kept, summary.kept_bytes) == (len(LINES), len(expected), len(inside))
    outside, _ = kept(model, text(), minimum=low, maximum=high, invert=True)
    assert outside == text([line for line in LINES if not low <= values[line] <= high])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=40), st.data())
def test_keep_takes_exactly_the_lowest_and_of_equal_ones_the_first(model, lines: list[str], data: st.DataObject) -> None:
    values = perplexities(model, lines)
    number = data.draw(st.integers(0, len(lines) + 1))
    written, summary = kept(model, text(lines), keep=number)
    order = sorted(range(len(lines)), key=lambda i: (values[i], i))[:number]
    assert written == text([lines[i] for i in sorted(order)])
    assert summary.kept == min(number, len(lines))
    if order:
        assert summary.threshold == pytest.approx(values[order[-1]])


def test_a_share_is_of_the_lines_within_the_bounds(model) -> None:
    _, within = kept(model, text(), maximum=50.0)
    _, summary = kept(model, text(), maximum=50.0, keep=0.5)
    assert summary.kept == round(0.5 * within.kept)


def test_streams_are_kept_aside_for_the_second_pass(model, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _ = kept(model, text(), keep=4)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text())))
    written: list[bytes] = []
    line_filter.filter_lines(model, open_source("-"), lambda block, mask: written.append(bytes(block.chosen(mask))), keep=4)
    assert b"".join(written) == expected


def test_a_line_longer_than_many_blocks_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    piece = b"a" * (1 << 14)
    pieces = [piece] * 2000 + [b"\nb\n"]
    monkeypatch.setattr(line_filter, "BLOCK_BYTES", len(piece))
    blocks = list(line_filter._line_blocks(TextSource("t", [Document("t", lambda: iter(pieces))])))
    again = list(line_filter._spooled(io.BytesIO(b"".join(pieces))))
    assert b"".join(blocks) == b"".join(again) == b"".join(pieces)


@given(st.text("ab\n", max_size=60).map(str.encode), st.integers(1, 9), st.integers(1, 20))
def test_blocks_are_whole_lines(data: bytes, piece: int, block: int) -> None:
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_filter, "BLOCK_BYTES", block)
        blocks = list(line_filter._line_blocks(TextSource("t", [Document("t", lambda: iter(pieces))])))
        again = list(line_filter._spooled(io.BytesIO(b"".join(blocks))))
    assert b"".join(blocks) == b"".join(again) == (data if data.endswith(b"\n") or not data else data + b"\n")
    assert all(part.endswith(b"\n") for part in [*blocks, *again])


def test_lines_come_out_as_they_went_in(model) -> None:
    raw = b"the cat\r\n\xff\xfe broken\nnul\0here\n  spaced   out \nlast without end"
    written, summary = kept(model, raw, maximum=math.inf)
    assert written == raw + b"\n"
    assert summary.invalid == 1
    assert summary.lines == 5


def test_a_file_that_changes_between_the_passes_is_noticed(model, tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(text())
    source = open_source(path)
    real = line_filter._threshold

    def meddle(*arguments):
        path.write_bytes(text(LINES[:3]))
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_filter, "_threshold", meddle)
        with pytest.raises(InputError, match="changed while it was read"):
            line_filter.filter_lines(model, source, lambda block, mask: None, keep=3)


def test_ranking_sorts_and_keeps_the_order_of_equals(model) -> None:
    values = perplexities(model, LINES)
    written: list[bytes] = []
    summary = line_filter.rank_lines(model, bytes_source(text(), "text"), lambda block, mask: written.append(bytes(block.chosen(mask))))
    assert b"".join(written) == text([LINES[i] for i in sorted(range(len(LINES)), key=lambda i: (values[i], i))])
    assert summary.kept == len(LINES)


def test_models_of_continuous_text_count_words_only() -> None:
    model = NgramLanguageModel(order=2, reading=TextOptions(sentences="none")).fit("a b a c a b")
    (block,) = line_filter.score_lines(model, bytes_source(b"a b\n\nc\n", "text"))
    assert np.isinf(block.perplexity[1])
    assert np.isfinite(block.perplexity[[0, 2]]).all()


@pytest.mark.parametrize(
    "bounds", [{"minimum": 5.0, "maximum": 4.0}, {"minimum": -1.0}, {"maximum": math.nan}, {"keep": 1.5}, {"keep": -1}]
)
def test_senseless_bounds_are_refused(model, bounds) -> None:
    with pytest.raises(InvalidParameterError):
        kept(model, text(), **bounds)


def test_unknown_words_can_be_left_out(model) -> None:
    (block,) = line_filter.score_lines(model, bytes_source(b"the zebra sat\nzebra\n", "text"), include_oov=False)
    events = model.score("the zebra sat")
    assert block.perplexity[0] == pytest.approx(events.perplexity(include_oov=False))
    assert np.isfinite(block.perplexity[1])  # its end is left


# -- the command ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(model, tmp_path: Path) -> tuple[Path, Path]:
    model.save(tmp_path / "m.lm")
    (tmp_path / "t.txt.gz").write_bytes(gzip.compress(text()))
    return tmp_path / "m.lm", tmp_path / "t.txt.gz"


def run(*words: object) -> int:
    return app.run([str(word) for word in words])


def test_the_command_prints_writes_and_sums_up(files, model, capfdbinary, tmp_path: Path) -> None:
    lm, lines = files
    expected, summary = kept(model, text(), keep=4)
    assert run("filter", lm, lines, "--keep", "4") == 0
    captured = capfdbinary.readouterr()
    assert captured.out == expected
    assert captured.err.startswith(b"Kept 4 of 9 lines (44.4%), up to perplexity")
    assert run("filter", lm, lines, "--keep", "4", "--out", tmp_path / "o.txt", "--json") == 0
    document = json.loads(capfdbinary.readouterr().out)
    assert document["kept"] == 4
    assert document["threshold"] == pytest.approx(summary.threshold)
    assert (tmp_path / "o.txt").read_bytes() == expected
    assert run("filter", lm, lines, "--scores", "--quiet") == 0
    rows = [line.split(b"\t") for line in capfdbinary.readouterr().out.splitlines()]
    assert [float(row[0]) for row in rows] == pytest.approx(perplexities(model, LINES), abs=1e-3)
    assert run("filter", lm, lines, "--rank", "--keep", "2") == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Say what to do"),
        (["--keep", "0"], "--keep must be a share"),
        (["--keep", "120%"], "--keep must be a share"),
        (["--keep", "many"], "--keep must be a share"),
        (["--rank", "--max-perplexity", "3"], "--rank goes with"),
        (["--rank", "--keep", "50%"], "--rank goes with"),
        (["--max-perplexity", "-3"], "at least 0"),
        (["--max-perplexity", "3", "--encoding", "utf-16"], "encoding utf-16"),
    ],
)
def test_wrong_calls_say_so(words: list[str], message: str, files, capsys) -> None:
    assert run("filter", *files, *words) == UsageError.exit_code
    assert message in capsys.readouterr().err
