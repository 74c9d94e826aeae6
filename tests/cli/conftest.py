"""A small text, a model trained on it, and the program run in this process."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lmkit_cli import app


class Outcome(NamedTuple):
    """What one run of the program left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the program in this process: `run("perplexity", model, text)`."""

    def call(*words: object) -> Outcome:
        capsys.readouterr()
        code = app.run([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


@pytest.fixture
def fails(run: Callable[..., Outcome]) -> Callable[..., str]:
    """Run the program, see that it fails as a program should, and return its one sentence."""

    def call(*words: object, code: int = 1) -> str:
        outcome = run(*words)
        assert outcome.code == code, outcome
        assert outcome.out == ""
        assert "Traceback" not in outcome.err
        errors = [line for line in outcome.err.splitlines() if line.startswith("Error: ")]
        assert len(errors) == 1, outcome.err
        assert outcome.err.splitlines()[-1] == errors[0]
        return errors[0]

    return call


def sentences(count: int, seed: int) -> str:
    """Generated lines: subject, verb, object, place, with words of unequal frequency."""
    draw = random.Random(seed)
    subjects, verbs = ["the cat", "the dog", "a bird", "the old man", "she"], ["saw", "heard", "liked", "followed"]
    objects, places = ["the cat", "a mouse", "the tree", "music", "it"], ["in the garden", "at night", "", ""]
    lines = (" ".join([draw.choice(subjects), draw.choice(verbs), draw.choice(objects), draw.choice(places)]).strip() for _ in range(count))
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "small.txt"
    path.write_text(sentences(400, seed=1), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def other_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("other") / "other.txt"
    path.write_text(sentences(40, seed=2) + "the zebra saw the cat\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def model(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.lm"
    assert app.run(["train-ngram", str(text), "--order", "3", "--out", str(path), "--quiet"]) == 0
    return path


@pytest.fixture(scope="session")
def arpa(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("arpa") / "small.arpa"
    assert app.run(["convert", str(model), str(path), "--quiet"]) == 0
    return path
