"""The real fastText: models written here load there with the same vectors, neighbours and unknown words; its models load here.

It is run with ten threads, since each fills a tenth of its matrix at the start and with fewer the rest stays as it lay in memory.

Needs the program, named by the environment variable FASTTEXT or found on the path; skipped where it is missing.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import lmkit
from lmkit import WordVectors
from lmkit.embeddings.formats import write_vectors

FASTTEXT = os.environ.get("FASTTEXT") or shutil.which("fasttext")
pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not FASTTEXT, reason="needs fastText's program: set FASTTEXT to it (github.com/facebookresearch/fastText)"),
]
ASKED = ["the", "cat", "unseen", "katzenhaft", "naïveté"]


def fasttext(*words: object, stdin: str = "") -> str:
    done = subprocess.run([FASTTEXT, *map(str, words)], input=stdin, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def their_vectors(model: Path, words: list[str]) -> np.ndarray:
    lines = fasttext("print-word-vectors", model, stdin="\n".join(words) + "\n").splitlines()
    return np.array([[float(field) for field in line.rstrip().split(" ")[1:]] for line in lines], np.float32)


def agree(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """fastText prints 5 significant digits."""
    return np.allclose(ours, theirs, rtol=6e-5, atol=1e-8)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = random.Random(1)
    nouns, verbs = ["cat", "dog", "bird", "naïve", "Katze", "tree", "日本語"], ["sees", "likes", "follows", "hears"]
    lines = [f"the {draw.choice(nouns)} {draw.choice(verbs)} the {draw.choice(nouns)}" for _ in range(600)]
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def labelled(text: Path) -> Path:
    path = text.with_name("labelled.txt")
    lines = [f"__label__{'ab'[row % 2]} {line} w{row % 400}" for row, line in enumerate(text.read_text(encoding="utf-8").splitlines())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(text: Path) -> Path:
    stem = text.parent / "unsupervised"
    fasttext("skipgram", "-input", text, "-output", stem, "-dim", 12, "-bucket", 500, "-epoch", 2, "-thread", 10, "-minCount", 2)
    return stem


def test_its_models_give_the_same_vectors_here(trained: Path) -> None:
    ours = lmkit.load(trained.with_suffix(".bin"))
    assert agree(ours.vectors(ASKED), their_vectors(trained.with_suffix(".bin"), ASKED))
    assert agree(ours.matrix, lmkit.load(trained.with_suffix(".vec")).matrix)


def test_what_is_written_is_its_own_file(trained: Path, tmp_path: Path) -> None:
    write_vectors(lmkit.load(trained.with_suffix(".bin")), tmp_path / "m.bin", "fasttext")
    assert (tmp_path / "m.bin").read_bytes() == trained.with_suffix(".bin").read_bytes()


def test_our_models_give_the_same_vectors_and_neighbours_there(with_subwords: WordVectors, tmp_path: Path) -> None:
    write_vectors(with_subwords, tmp_path / "m.bin", "fasttext")
    words = [*with_subwords.words.strings()[:6], *ASKED]
    assert agree(with_subwords.vectors(words), their_vectors(tmp_path / "m.bin", words))
    lines = fasttext("nn", tmp_path / "m.bin", 5, stdin="the\nunseen\n").replace("Query word? ", "").strip().splitlines()
    for word, answers in (("the", lines[:5]), ("unseen", lines[5:])):
        expected = with_subwords.most_similar(word, top=5)
        assert [line.rsplit(" ", 1)[0] for line in answers] == [answer.word for answer in expected]
        assert np.allclose([float(line.rsplit(" ", 1)[1]) for line in answers], [answer.similarity for answer in expected], atol=1e-5)


def test_a_model_trained_here_goes_on_there(text: Path, tmp_path: Path) -> None:
    from gensim.models.fasttext import load_facebook_model

    from lmkit.embeddings import FastText

    ours = FastText(dim=8, window=2, epochs=2, min_count=2, min_n=2, max_n=4, buckets=400, seed=1, threads=1).fit(text).vectors_
    write_vectors(ours, tmp_path / "m.bin", "fasttext")
    assert agree(ours.vectors([*ours.words, *ASKED]), their_vectors(tmp_path / "m.bin", [*ours.words, *ASKED]))
    told = dict(line.split() for line in fasttext("dump", tmp_path / "m.bin", "args").splitlines())
    assert (told["ws"], told["epoch"], told["minCount"], told["model"], told["bucket"]) == ("2", "2", "2", "sg", "400")
    theirs = load_facebook_model(str(tmp_path / "m.bin"))
    assert np.allclose(theirs.wv["unseen"], ours.vector("unseen"), rtol=1e-5, atol=1e-7)
    assert np.array_equal(theirs.syn1neg, ours.context)
    theirs.build_vocab([["the", "cat", "new"]] * 3, update=True)  # gensim goes on with the training
    theirs.train([["the", "cat", "new"]] * 3, total_examples=3, epochs=1)


def test_without_subwords(vectors: WordVectors, tmp_path: Path) -> None:
    sane = vectors.restrict([word for word in vectors.words if word not in ("naïve", "\u00a0")])
    write_vectors(sane, tmp_path / "m.bin", "fasttext")
    assert agree(sane.matrix, their_vectors(tmp_path / "m.bin", sane.words.strings()))


@pytest.mark.parametrize("options", [[], ["-qnorm"], ["-cutoff", "300"], ["-cutoff", "300", "-qnorm"]])
@pytest.mark.parametrize("ngrams", [0, 4])
def test_supervised_and_quantised_models(options: list[str], ngrams: int, labelled: Path, tmp_path: Path) -> None:
    stem = tmp_path / "s"
    settings = ["-dim", 7, "-bucket", 300, "-minn", min(ngrams, 2), "-maxn", ngrams, "-wordNgrams", 2, "-thread", 10, "-epoch", 2]
    fasttext("supervised", "-input", labelled, "-output", stem, *settings)
    known = ["the", "cat", "日本語"]
    asked = [*known, *(["unseen", "catlike"] if ngrams else [])]
    ours = lmkit.load(stem.with_suffix(".bin"))
    assert ours.made["labels"] == 2
    assert agree(ours.vectors(asked), their_vectors(stem.with_suffix(".bin"), asked))
    fasttext("quantize", "-input", labelled, "-output", stem, *options)
    quantised = lmkit.load(stem.with_suffix(".ftz"))
    present = [word for word in asked if word in quantised or (word not in known and quantised.subwords.rows(word).size)]
    assert present
    assert agree(quantised.vectors(present), their_vectors(stem.with_suffix(".ftz"), present))
