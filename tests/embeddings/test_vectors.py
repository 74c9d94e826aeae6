"""WordVectors: look-up, questions, bad input, files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from reference import search_twin

import lmkit
from lmkit import _container, protocols
from lmkit.embeddings import FastText, Word2Vec
from lmkit.embeddings.formats import write_vectors
from lmkit.embeddings.subwords import NgramOptions, Subwords
from lmkit.embeddings.vectors import Neighbour, WordVectors
from lmkit.errors import FormatError, InvalidParameterError, UnknownWordError, UsageError
from lmkit.text.options import TextOptions


def make(size: int = 300, dimensions: int = 12, seed: int = 1, **parts: object) -> WordVectors:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((size, dimensions)).astype(np.float32)
    return WordVectors([f"w{i}" for i in range(size)], matrix, counts=np.arange(size, 0, -1), **parts)  # type: ignore[arg-type]


def test_look_up() -> None:
    vectors = make(5)
    by_protocol: protocols.WordVectors = vectors  # mypy compares
    assert by_protocol.words[1] == "w1"
    assert (len(vectors), vectors.dimensions, vectors.shape) == (5, 12, (5, 12))
    assert "w4" in vectors
    assert "w5" not in vectors
    assert [vectors.index(word) for word in ("w0", "w4", "W0", "")] == [0, 4, -1, -1]
    assert vectors["w3"].tolist() == vectors.matrix[3].tolist()
    assert vectors.vectors(["w3", "w0", "w3", "w1", "w2"]).tolist() == vectors.matrix[[3, 0, 3, 1, 2]].tolist()
    assert list(vectors) == ["w0", "w1", "w2", "w3", "w4"]
    assert (vectors.words[:2], vectors.words[-2::-2]) == (["w0", "w1"], ["w3", "w1"])
    np.testing.assert_allclose(np.linalg.norm(vectors.unit, axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("form", ["plain", "screened", "quantized"])
@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_most_similar_as_the_twin(form: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmkit.embeddings.search._SCREENED_NUMBERS", 0)
    vectors = make(700, 40)
    vectors = {"plain": vectors, "screened": vectors.screened(), "quantized": vectors.quantize()}[form]
    twin = {"3cosadd": search_twin.cosadd, "3cosmul": search_twin.cosmul}[method]
    for positive, negative in (([3], []), ([3, 600], [9]), ([1, 2, 3], [4, 5])):
        scores = twin(vectors.matrix, positive, negative)
        for restrict, allowed in ((None, None), (500, list(range(500))), (["w7", "w650", "w9"], [7, 9, 650])):
            found = vectors.most_similar(
                [f"w{row}" for row in positive], [f"w{row}" for row in negative], top=7, method=method, restrict=restrict
            )
            expected = search_twin.ranked(scores, 7, positive + negative, allowed)
            assert [neighbour.word for neighbour in found] == [f"w{row}" for row in expected]
            np.testing.assert_allclose([neighbour.similarity for neighbour in found], scores[expected], rtol=2e-5, atol=2e-6)


def test_neighbours_of_many_are_those_of_each() -> None:
    vectors = make(400, 9)
    words = [f"w{i}" for i in range(0, 400, 13)]
    assert [[n.word for n in found] for found in vectors.neighbours(words, 5)] == [
        [n.word for n in vectors.most_similar(word, top=5)] for word in words
    ]
    assert vectors.neighbours([]) == []


def test_answers_are_gensim_s() -> None:
    models = pytest.importorskip("gensim.models")
    vectors = make(300, 20)
    keyed = models.KeyedVectors(20)
    keyed.add_vectors(list(vectors), vectors.matrix)
    question = (["w1", "w250", "w9"], ["w30"])
    for found, expected in (
        (vectors.most_similar(*question), keyed.most_similar(*question)),
        (vectors.most_similar(*question, method="3cosmul"), keyed.most_similar_cosmul(*question)),
        (vectors.most_similar("w5", top=20, restrict=100), keyed.most_similar("w5", topn=20, restrict_vocab=100)),
    ):
        assert [neighbour.word for neighbour in found] == [word for word, _ in expected]
        np.testing.assert_allclose([neighbour.similarity for neighbour in found], [score for _, score in expected], rtol=1e-4)
    assert vectors.doesnt_match(["w1", "w2", "w3", "w4"]) == keyed.doesnt_match(["w1", "w2", "w3", "w4"])


def test_vectors_and_weights_in_questions() -> None:
    vectors = make()
    (nearest,) = vectors.most_similar(vectors["w7"] * 3, top=1)
    assert nearest.word == "w7"  # a vector is not a word, so nothing is left out
    assert nearest.similarity == pytest.approx(1, abs=1e-6)
    weighted = vectors.most_similar([("w1", 2.0), ("w2", 0.5)], [("w3", 0.25)], top=3)
    query = 2 * vectors.unit[1] + 0.5 * vectors.unit[2] - 0.25 * vectors.unit[3]
    assert [n.word for n in weighted] == [f"w{row}" for row in search_twin.ranked(search_twin.cosines(vectors.matrix, query), 3, [1, 2, 3])]


def test_similarity_and_doesnt_match() -> None:
    matrix = np.array([[1, 0.1], [2, 0.3], [1, 0], [-0.2, 1], [0, 0]], np.float32)
    vectors = WordVectors(["cat", "dog", "cow", "tax", "zero"], matrix)
    assert vectors.similarity("cat", "dog") == pytest.approx(search_twin.cosines(matrix, matrix[0])[1], abs=1e-6)
    assert vectors.similarity("cat", "cat") == pytest.approx(1, abs=1e-6)
    assert vectors.doesnt_match(["cat", "dog", "tax", "cow"]) == "tax"


def test_zero_vectors_have_no_direction() -> None:
    vectors = WordVectors(["a", "b", "zero"], np.array([[1, 0], [0, 1], [0, 0]], np.float32))
    assert vectors.similarity("a", "zero") == 0
    assert vectors.unit[2].tolist() == [0, 0]
    assert vectors.most_similar("a")[-1].similarity == 0
    for question in (lambda: vectors.most_similar("zero"), lambda: vectors.most_similar("a", "a")):
        with pytest.raises(UsageError, match="no direction"):
            question()
    with pytest.raises(UsageError, match="'zero' is zero"):
        vectors.neighbours(["a", "zero"])
    with pytest.raises(UsageError, match="at least one word"):
        vectors.most_similar([])


def test_unknown_words_are_named_with_close_spellings() -> None:
    vectors = WordVectors(["king", "queen", "Kings", "man"], np.eye(4, dtype=np.float32))
    with pytest.raises(
        UnknownWordError, match=r"vectors of 4 words have no word 'kingg' \(near it: king, Kings\); check the spelling"
    ) as caught:
        vectors.vector("kingg")
    assert caught.value.words == ("kingg",)
    assert isinstance(caught.value, KeyError)
    with pytest.raises(UnknownWordError, match=r"no words 'qween' \(near it: queen\), 'xyzzy';"):
        vectors.most_similar(["qween", "xyzzy"], "man")
    with pytest.raises(UnknownWordError, match="'who'"):
        vectors.most_similar("king", restrict=["man", "who"])


def test_nan_is_found_and_named(tmp_path: Path) -> None:
    vectors = make(10)
    vectors.matrix[7, 2] = np.nan
    vectors.where = "x.vec"
    for use in (lambda: vectors.most_similar("w1"), lambda: vectors.unit, lambda: vectors.save(tmp_path / "n"), vectors.quantize):
        with pytest.raises(FormatError, match=r"x\.vec: the vector of 'w7' \(row 7\) holds NaN or infinity"):
            use()
    with pytest.raises(InvalidParameterError, match="finite"):
        make().most_similar(np.full(12, np.inf, np.float32))


def test_nan_in_a_file_with_lengths_is_found_where_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(10).save(tmp_path / "n.vectors")
    opened = lmkit.load(tmp_path / "n.vectors")
    codes = opened.screened().quantized
    rows = np.array(opened.matrix)
    rows[7, 2], rows[8, :2] = np.nan, (np.inf, -np.inf)
    damaged = WordVectors(opened.words, rows, norms=opened.norms, where="n.vectors")
    uses: list[Callable[[], object]] = [
        lambda: damaged.most_similar("w1"),
        lambda: damaged.neighbours(["w1", "w2"]),
        lambda: damaged.similarity("w1", "w7"),
        damaged.quantize,
        lambda: write_vectors(damaged, tmp_path / "n.bin", "word2vec"),
        lambda: Word2Vec(dim=12, min_count=1).fit("w1 w2 w3", start=damaged),
        lambda: FastText(dim=12, min_count=1).fit("w1 w2 w3", start=damaged),
        damaged.screened,
        lambda: WordVectors(opened.words, rows, norms=opened.norms, quantized=codes, where="n.vectors").most_similar("w1", top=9),
    ]
    monkeypatch.setattr("lmkit.embeddings.search._SCREENED_NUMBERS", 0)
    for use in uses:
        with pytest.raises(FormatError, match=r"n\.vectors: the vector of 'w7' \(row 7\) holds NaN"):
            use()
    assert damaged.similarity("w1", "w2") == opened.similarity("w1", "w2")
    with pytest.raises(FormatError, match=r"c\.vectors: the output vectors or the subwords hold NaN"):
        Word2Vec(dim=12, min_count=1).fit("w1 w2 w3", start=make(10, context=rows, where="c.vectors"))


def test_save_refuses_the_endings_of_others(tmp_path: Path) -> None:
    for name in ("v.bin", "v.TXT", "v.vec", "v.npz"):
        with pytest.raises(UsageError, match=r"save writes lmkit's own file .* is written by lmkit\.embeddings\.formats\.write_vectors"):
            make(3).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_huge_and_tiny_rows_keep_their_direction() -> None:
    matrix = np.array([[1e30, 0], [0, 1e-30], [1, 1]], np.float32)
    vectors = WordVectors(["huge", "tiny", "one"], matrix)
    assert vectors.similarity("huge", "one") == pytest.approx(0.5**0.5, abs=1e-6)
    assert vectors.most_similar("tiny", top=1) == [Neighbour("one", pytest.approx(0.5**0.5, abs=1e-6))]


@pytest.mark.parametrize(
    ("words", "matrix", "parts", "message"),
    [
        (["a", "b", "a"], np.ones((3, 2)), {}, "'a' occurs twice in the list of words, at places 0 and 2"),
        (["a", ""], np.ones((2, 2)), {}, r"empty word \(at place 1\)"),
        (["a"], np.ones((1, 0)), {}, "0 dimensions"),
        ([], np.ones((0, 2)), {}, "no words"),
        (["a"], np.ones((2, 2)), {}, "'matrix' has 2 rows for 1 words"),
        (["a"], np.ones(2), {}, "must be a matrix"),
        (["a"], None, {}, "Got None for both"),
        (["a"], np.ones((1, 2)), {"counts": np.ones(3)}, "'counts' has 3 rows"),
        (["a"], np.ones((1, 2)), {"context": np.ones((1, 3))}, "'context' has 3"),
    ],
)
def test_parts_that_do_not_fit(words: list[str], matrix: np.ndarray | None, parts: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        WordVectors(words, matrix, **parts)  # type: ignore[arg-type]


def test_restrict() -> None:
    vectors = WordVectors(["rare", "often", "some"], np.eye(3, dtype=np.float32), counts=np.array([1, 9, 5]), context=np.eye(3) * 2)
    frequent = vectors.restrict(2)
    assert list(frequent) == ["often", "some"]
    assert frequent.matrix.tolist() == [[0, 1, 0], [0, 0, 1]]
    assert frequent.counts is not None
    assert frequent.counts.tolist() == [9, 5]
    assert frequent.context is not None
    assert frequent.context[0].tolist() == [0, 2, 0]
    assert list(vectors.restrict(["some", "rare"])) == ["some", "rare"]
    assert [n.word for n in vectors.most_similar(np.ones(3, np.float32), restrict=2)] == ["often", "some"]
    assert [n.word for n in vectors.most_similar("often", restrict=2)] == ["some"]


def test_plus_context() -> None:
    vectors = WordVectors(["a", "b"], np.eye(2), counts=np.array([4, 3]), context=np.full((2, 2), 0.5), made={"seed": 1})
    both = vectors.plus_context()
    assert both.matrix.tolist() == [[1.5, 0.5], [0.5, 1.5]]
    assert (both.context, both.made) == (None, {"seed": 1, "plus_context": True})
    with pytest.raises(UsageError, match="no output vectors"):
        both.plus_context()


def test_subwords_give_vectors_to_other_words() -> None:
    options = NgramOptions(min_n=3, max_n=4, buckets=50)
    rng = np.random.default_rng(0)
    subwords = Subwords(options, rng.standard_normal((50, 4)).astype(np.float32))
    vectors = WordVectors(["cat", "dog"], np.eye(2, 4, dtype=np.float32), subwords=subwords, counts=np.array([60, 60]))
    assert vectors.vector("cats").tolist() == subwords.vector("cats").tolist()
    assert vectors.vectors(["dog", "cats"])[0].tolist() == [0, 1, 0, 0]
    assert "cats" not in vectors
    assert {n.word for n in vectors.most_similar("cats")} == {"cat", "dog"}
    assert "subwords alone" in vectors.caveats(["cats"])[0]
    with pytest.raises(UnknownWordError):  # too short for an n-gram
        vectors.vector("")


def test_typed_words_are_read_as_the_training_text() -> None:
    vectors = WordVectors(
        ["king", "\u00e9t\u00e9", "US"], np.eye(3, dtype=np.float32), text_options=TextOptions(lowercase=True, normalization="NFC")
    )
    assert [vectors.as_read(typed) for typed in ("King", "E\u0301te\u0301", "US", "Zzz")] == ["king", "\u00e9t\u00e9", "US", "zzz"]
    assert vectors.tokens("The King") == ["the", "king"]
    assert make(3).as_read("King") == "King"
    assert make(3).tokens("The King") == ["The", "King"]


def test_caveats() -> None:
    vectors = WordVectors(["often", "rare", "once"], np.eye(3), counts=np.array([5_000_000, 49, 1]))
    assert vectors.caveats(["often"]) == []
    assert vectors.caveats(["rare", "once", "rare"]) == [
        "'rare' occurs only 49 times in the training text; expect a weak vector.",
        "'once' occurs only 1 time in the training text; expect a weak vector.",
    ]
    part = WordVectors(["a"], np.eye(1), counts=np.array([55]), made={"corpus": {"tokens": 9_000_000}})
    assert part.caveats(["a"]) == []
    assert "only 55 words" in WordVectors(["a"], np.eye(1), counts=np.array([55])).caveats(["a"])[0]


@pytest.mark.parametrize("form", ["plain", "screened", "quantized"])
def test_files(form: str, tmp_path: Path) -> None:
    options = NgramOptions(min_n=3, max_n=3, buckets=7)
    subwords = Subwords(options, np.ones((7, 12), np.float32))
    rng = np.random.default_rng(2)
    context, tree = rng.standard_normal((60, 12)), rng.standard_normal((59, 12))
    vectors = make(60, context=context, tree=tree, subwords=subwords, text_options=TextOptions(lowercase=True), made={"seed": 4})
    vectors = {"plain": vectors, "screened": vectors.screened(), "quantized": vectors.quantize()}[form]
    vectors.save(tmp_path / "x.vectors")
    again = lmkit.load(tmp_path / "x.vectors")
    assert isinstance(again, WordVectors)
    assert again.words == vectors.words
    assert again.matrix.tolist() == vectors.matrix.tolist()
    assert again.norms.tolist() == vectors.norms.tolist()
    assert again.most_similar("w1") == vectors.most_similar("w1")
    assert again.text_options == vectors.text_options
    assert again.made["seed"] == 4
    assert again.counts is not None
    assert again.counts.tolist() == list(range(60, 0, -1))
    if form == "quantized":
        assert (again.context, again.tree, again.subwords) == (None, None, None)
        assert again.loss() == vectors.loss()
    else:
        assert not again.matrix.flags.writeable  # mapped from the file
        assert again.context is not None
        assert vectors.context is not None
        assert again.context.tolist() == vectors.context.tolist()
        assert again.tree is not None
        assert again.subwords is not None
        assert again.vector("zzzz").tolist() == [1] * 12
    assert again.info()["words"] == 60


def test_the_formats_page_names_every_tensor(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parent.parent.parent / "docs" / "file-formats.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:words|vectors|context|tree|subwords)\.\w+)`", page))
    ones = np.ones((6, 12), np.float32)
    subwords = Subwords(NgramOptions(buckets=99), ones, kept=np.arange(6), word_vectors=ones)
    make(6, context=ones, tree=ones[1:], subwords=subwords).screened().save(tmp_path / "x.vectors")
    assert set(_container.read_container(tmp_path / "x.vectors")) == named


def test_damaged_files(tmp_path: Path) -> None:
    vectors = make(4)
    whole = {"vectors.matrix": vectors.matrix, **vectors.words.tensors("words"), "words.counts": vectors.counts}
    for name, change, message in (
        ("words.offsets", None, "words.offsets' is missing"),
        ("vectors.matrix", None, "holds no vectors"),
        ("vectors.matrix", vectors.matrix[:3], "'matrix' has 3 rows for 4 words"),
        ("vectors.matrix", vectors.matrix.astype(np.float64), "float64"),
        ("words.counts", np.ones(4, np.int32), "int32"),
        ("words.bytes", np.full(8, 0xFF, np.uint8), "not UTF-8"),
    ):
        tensors = {key: value for key, value in whole.items() if key != name}
        if change is not None:
            tensors[name] = change
        _container.write_container(tmp_path / "d", "vectors", {"text": None}, tensors)
        with pytest.raises(FormatError, match=message) as caught:
            lmkit.load(tmp_path / "d")
        assert str(tmp_path / "d") in str(caught.value)


def test_damaged_scales(tmp_path: Path) -> None:
    vectors = make(4).quantize()
    assert vectors.quantized is not None
    for bad in (np.nan, -1.0, np.inf):
        vectors.quantized.scales[2] = bad
        tensors = {**vectors.quantized.to_tensors("vectors"), **vectors.words.tensors("words")}
        _container.write_container(tmp_path / "d", "vectors", {}, tensors)
        with pytest.raises(FormatError, match="scale of the 8-bit rows"):
            lmkit.load(tmp_path / "d")


def test_nothing_to_search_in() -> None:
    vectors = make(6)
    assert vectors.most_similar("w1", restrict=[]) == []
    assert vectors.most_similar("w0", restrict=1) == []
    assert len(vectors.most_similar("w0", top=100)) == 5


def test_a_word_twice_in_a_file_is_noticed_when_it_is_asked_for(tmp_path: Path) -> None:
    words = make(2).words
    tensors = {
        "vectors.matrix": np.eye(2, dtype=np.float32),
        "words.bytes": np.frombuffer(b"abab", np.uint8),
        "words.offsets": words.offsets,
    }
    _container.write_container(tmp_path / "d", "vectors", {}, tensors)
    with pytest.raises(FormatError, match=r"'ab' occurs twice in the list of words, at places 0 and 1"):
        lmkit.load(tmp_path / "d").index("ab")
