"""`lmkit plot vectors`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmkit.embeddings.vectors import WordVectors
from lmkit.text.options import TextOptions


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vectors") / "small.lm"
    words = ["</s>", "king", "queen", "man", "woman", "france", "paris", "12:30"]
    matrix = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    WordVectors(words, matrix, text_options=TextOptions(lowercase=True)).save(path)
    return path


def test_words_and_pairs_in_any_place(run, vectors: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "x.png"
    answer = run("plot", "vectors", vectors, "--words", "king", "queen", "12:30", "--out", out, "--json").json
    assert answer["words"] == ["king", "queen", "12:30"]
    assert np.shape(answer["points"]) == (3, 2)
    assert out.read_bytes().startswith(b"\x89PNG")
    answer = run("plot", "vectors", vectors, "--pairs", "France:paris", "man:woman", "king", "--out", out, "--json").json
    assert answer["words"] == ["france", "paris", "man", "woman", "king"]
    assert run("plot", "vectors", vectors, "--words", "king queen", "--words", "man", "--out", out, "--json").json["words"][2] == "man"


def test_frequent_words_and_neighbours(run, vectors: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.html"
    answer = run("plot", "vectors", vectors, "--top", 3, "--out", out, "--json").json
    assert answer["words"] == ["king", "queen", "man"]
    answer = run("plot", "vectors", vectors, "--top", 2, "--skip", 2, "--out", out, "--json").json
    assert answer["words"] == ["queen", "man"]
    answer = run("plot", "vectors", vectors, "--words", "king", "--neighbors", 3, "--out", out, "--json").json
    assert len(answer["words"]) == 4
    assert "Words of small.lm" in out.read_text(encoding="utf-8")


def test_relations(run, vectors: Path, tmp_path: Path) -> None:
    outcome = run("plot", "vectors", vectors, "--relation", "gender", "--out", tmp_path / "x.html")
    assert outcome.code == 0
    assert "4 words" in outcome.out
    assert "prince:princess" in outcome.err


def test_refusals(fails, vectors: Path, tmp_path: Path) -> None:
    out = ["--out", tmp_path / "x.html"]
    assert "Nothing to draw" in fails("plot", "vectors", vectors, *out, code=2)
    assert "--pairs king is no pair" in fails("plot", "vectors", vectors, "--pairs", "king", "man:woman", *out, code=2)
    assert "'quen'" in fails("plot", "vectors", vectors, "--words", "king", "quen", *out, code=2)
    assert "'france:' is no pair" in fails("plot", "vectors", vectors, "--pairs", "france:", *out, code=2)
    assert "no relation 'kings'" in fails("plot", "vectors", vectors, "--relation", "kings", *out, code=2)
    assert "none of the pairs of tense" in fails("plot", "vectors", vectors, "--relation", "tense", *out, code=2)
    assert "no such file" in fails("plot", "vectors", tmp_path / "none.lm", "--top", 5, *out)
    assert "does not exist" in fails("plot", "vectors", vectors, "--top", 5, "--out", tmp_path / "none" / "x.png")
