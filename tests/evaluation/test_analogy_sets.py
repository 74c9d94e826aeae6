"""Analogy questions in all the forms they go about in."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmkit.errors import FormatError, InputError
from lmkit.evaluation.analogy_sets import AnalogyTest, read_analogies

QUESTIONS = [("a", "b", "c", "d"), ("c", "d", "a", "b")]


def words(test: AnalogyTest) -> list[tuple]:
    return [section.words(place) for section in test.sections for place in range(len(section))]


def written(tmp_path: Path, text: str | bytes, name: str = "own.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        ": one\na b c d\nc d a b\n",
        ":one\r\na\tb\tc\td\r\n\r\nc\td\ta\tb\r\n",
        "\ufeff: one\na b c d\nc d a b\n: empty\n",
        "a b c d\nc d a b",
        ": one\na b c d\nc d a b\nEXIT\nx y\n",
    ],
)
def test_word2vec_forms(tmp_path: Path, text: str) -> None:
    test = read_analogies(written(tmp_path, text))
    assert words(test) == [("a", "b", "c", ("d",)), ("c", "d", "a", ("b",))]
    assert [section.kind for section in test.sections] == [None]
    assert test.sections[0].pairs == (("a", ("b",)), ("c", ("d",)))
    assert (test.name, len(test)) == ("own", 2)


def test_questions_words() -> None:
    """The figures that papers state: 8,869 semantic questions in five sections, 10,675 syntactic ones in nine."""
    pytest.importorskip("gensim")
    test = read_analogies("questions-words")
    sizes = {kind: [len(section) for section in test.sections if section.kind == kind] for kind in ("semantic", "syntactic")}
    assert {kind: (len(size), sum(size)) for kind, size in sizes.items()} == {"semantic": (5, 8869), "syntactic": (9, 10_675)}
    assert test.sections[0].words(0) == ("Athens", "Greece", "Baghdad", ("Iraq",))
    assert len(test.sections[0].pairs) == 23


def test_msr_as_published(tmp_path: Path) -> None:
    written(tmp_path, "JJ_JJR rougher\nVB_VBD saw\nJJR_JJ rough\n", "word.answers")
    test = read_analogies(written(tmp_path, "good better rough\ngo went see\nbetter good rougher\n", "word.questions"))
    assert [(section.name, section.kind) for section in test.sections] == [
        ("JJ_JJR", "syntactic"),
        ("VB_VBD", "syntactic"),
        ("JJR_JJ", "syntactic"),
    ]
    assert words(test)[1] == ("go", "went", "see", ("saw",))


def test_bats(tmp_path: Path) -> None:
    (tmp_path / "1_Inflectional").mkdir()
    written(tmp_path / "1_Inflectional", "album\talbums\nant\tants\nboy\tboys\n", "I01 [noun - plural_reg].txt")
    written(tmp_path, "oslo\tnorway\nparis\tfrance/gaul\n", "E01 [country - capital].txt")
    test = read_analogies(tmp_path)
    assert [(section.name[:3], section.kind, len(section)) for section in test.sections] == [
        ("E01", "semantic", 2),
        ("I01", "syntactic", 6),
    ]
    assert words(test)[:2] == [("oslo", "norway", "paris", ("france", "gaul")), ("paris", "france", "oslo", ("norway",))]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", InputError, "holds no analogy questions"),
        (": one\n: two\n", InputError, "sections but no analogy questions"),
        (": one\na b c\n", FormatError, "line 2 has 3 words, and a question has four"),
        ("a b c d\n: one\na b c d\n", FormatError, "line 1 stands before the first section"),
        ("a b c d\na b c d e\n", FormatError, "line 2 has 5 words"),
        ("word\n", FormatError, "line 1 has 1 word, and"),
        (b": one\na b \xe9 d\n", FormatError, "line 2 is not UTF-8 at byte 4"),
    ],
)
def test_refusals(tmp_path: Path, text: str | bytes, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_analogies(written(tmp_path, text))


def test_msr_refusals(tmp_path: Path) -> None:
    questions = written(tmp_path, "good better rough\n", "word.questions")
    with pytest.raises(InputError, match="answers were looked for in word.answers"):
        read_analogies(questions)
    written(tmp_path, "JJ_JJR rougher\nJJ_JJR worse\n", "word.answers")
    with pytest.raises(FormatError, match="has 2 answers for the 1 questions"):
        read_analogies(questions)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; check the path of the analogy test"):
        read_analogies(tmp_path / "none.txt")
    with pytest.raises(InputError, match="holds no .txt files"):
        read_analogies(tmp_path)
