"""The vectors that come with lmkit: what they answer, how large they are, how they were made, their licence."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from scripts import load_script

from lmkit.embeddings import starter
from lmkit.errors import InputError, UnknownWordError
from lmkit.evaluation.analogy import evaluate_analogies
from lmkit.text.encoding import as_corpus

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "lmkit" / "embeddings" / "starter"


def test_they_answer() -> None:
    vectors = starter.load()
    assert vectors.most_similar(["king", "woman"], ["man"])[0].word == "queen"
    assert vectors.most_similar(["paris", "germany"], ["france"])[0].word == "berlin"
    assert vectors.doesnt_match(["breakfast", "dinner", "lunch", "cereal"]) == "cereal"
    assert vectors.similarity("cat", "dog") > vectors.similarity("cat", "parliament")


def test_accuracy_on_analogies() -> None:
    """As benchmarks/results/starter_vectors.json has it, to the last question."""
    record = json.loads((ROOT / "benchmarks" / "results" / "starter_vectors.json").read_text(encoding="utf-8"))
    vectors = starter.load()
    stated = record["seeds"][str(vectors.made["settings"]["seed"])]
    result = evaluate_analogies(vectors)
    for kind in ("semantic", "syntactic"):
        tally = result.total(kind)
        expected = stated[f"{kind}, 3cosadd"]
        assert (tally.seen, tally.total) == (expected["asked"], expected["of"])
        assert tally.accuracy == pytest.approx(expected["accuracy"], abs=5e-4)  # a tie may fall differently on another machine
    assert all(seed["king - man + woman, 3cosadd"][0][0] == "queen" for seed in record["seeds"].values())
    assert len(record["seeds"]) == 3


def test_what_they_are() -> None:
    vectors = starter.load()
    assert vectors.shape == (20_000, 100)
    assert vectors.float_rows is None  # 8 bits a number
    assert 2_000_000 < starter.PATH.stat().st_size < 3_000_000
    assert vectors.counts is not None
    assert np.all(np.diff(vectors.counts) <= 0)
    assert vectors.text_options is not None
    assert vectors.as_read("Paris") == "paris"
    assert vectors.tokens("The King's speech, 1936.") == ["the", "king's", "speech", ",", "1936", "."]
    assert vectors.loss() is not None
    assert vectors.made["made_by"] == "benchmarks/starter_vectors.py"
    assert (ROOT / vectors.made["made_by"]).is_file()
    assert vectors.made["corpus"]["licence"].startswith("CC BY-SA 3.0")
    assert "20,000 words of Simple English Wikipedia, 100 dimensions" in starter.describe(vectors)
    with pytest.raises(UnknownWordError, match="'qqqq'"):
        vectors.vector("qqqq")


def test_licence_is_stated_where_people_look() -> None:
    notice = (FOLDER / "NOTICE").read_text(encoding="utf-8")
    assert "https://simple.wikipedia.org" in notice
    assert "https://creativecommons.org/licenses/by-sa/3.0/legalcode" in notice
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["license"] == "MIT AND CC-BY-SA-3.0"
    assert "lmkit/embeddings/starter/NOTICE" in settings["project"]["license-files"]
    assert {"embeddings/starter/*.vectors", "embeddings/starter/NOTICE"} <= set(settings["tool"]["setuptools"]["package-data"]["lmkit"])
    assert metadata.version("lmkit")


def test_a_broken_installation_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(starter, "PATH", tmp_path / "none.vectors")
    starter.load.cache_clear()
    with pytest.raises(InputError, match="missing from this installation"):
        starter.load()
    starter.load.cache_clear()


def test_the_program_leaves_out_marks_only() -> None:
    module = load_script(ROOT / "benchmarks" / "starter_vectors.py")
    kept = module.spoken(as_corpus([["=", "april", "="], [".", ","], ["it", "'s", "3rd", "-", "1,000"]]))
    assert kept.vocabulary.tokens()[3:] == ["april", "it", "'s", "3rd", "1,000"]
    assert kept.vocabulary.counts is not None
    assert kept.vocabulary.counts[3:].tolist() == [1] * 5
    assert [kept.vocabulary.decode(kept.sentence_ids(i)) for i in range(3)] == [["april"], [], ["it", "'s", "3rd", "1,000"]]


@pytest.mark.parametrize("start", ["analogy king man woman", "neighbors queen"])
def test_the_program_answers_without_a_model_and_says_whose_vectors(run: Callable[..., object], start: str) -> None:
    outcome = run(*start.split())
    assert "Starter vectors: 20,000 words of Simple English Wikipedia" in outcome.err  # type: ignore[attr-defined]
    if start.startswith("analogy"):
        assert outcome.out.splitlines()[1].split()[1] == "queen"  # type: ignore[attr-defined]


def test_answers_need_no_compiler() -> None:
    """The first question is answered without loading Numba, which takes longer than all the rest."""
    code = "import sys; from lmkit_cli import app; app.run(['analogy', 'king', 'man', 'woman']); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., object]:
    from types import SimpleNamespace

    from lmkit_cli import app

    def call(*words: str) -> object:
        capsys.readouterr()
        code = app.run(list(words))
        assert code == 0
        captured = capsys.readouterr()
        return SimpleNamespace(out=captured.out, err=captured.err)

    return call
