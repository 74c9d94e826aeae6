"""Similarity sets: every form they go about in, Spearman against a plain twin and gensim, intervals that cover, comparisons."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from reference import analogy_twin

from lmkit.embeddings.vectors import WordVectors
from lmkit.errors import FormatError, InputError, InvalidParameterError, UsageError
from lmkit.evaluation.similarity import SimilarityOptions, SimilarityResult, compare_similarities, evaluate_similarity
from lmkit.evaluation.similarity_sets import SimilarityTest, read_similarities


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


class TestReading:
    """The same three pairs in the forms of the published files."""

    pairs = (("tiger", "cat"), ("stock", "market"), ("king", "cabbage"))
    scores = (7.35, 8.08, 0.23)

    @pytest.mark.parametrize(
        "text",
        [
            "tiger\tcat\t7.35\nstock\tmarket\t8.08\nking\tcabbage\t0.23\n",
            "\ufefftiger\tcat\t7.35\r\nstock\tmarket\t8.08\r\n\r\nking\tcabbage\t0.23\r\n",
            "# a comment\ntiger cat 7.35\nstock market 8.08\nking cabbage 0.23",
            "tiger;cat;7.35\nstock;market;8.08\nking;cabbage;0.23\n",
            "Word 1,Word 2,Human (mean)\ntiger,cat,7.35\nstock,market,8.08\nking,cabbage,0.23\n",
            "Word 1\tWord 2\tHuman (mean)\t1\t2\ntiger\tcat\t7.35\t9\t7\nstock\tmarket\t8.08\t8\t8\nking\tcabbage\t0.23\t0\t1\n",
            "word1\tword2\tPOS\tSimLex999\tconc(w1)\ntiger\tcat\tN\t7.35\t4\nstock\tmarket\tN\t8.08\t4\nking\tcabbage\tN\t0.23\t4\n",
            "word1,word2,POS,conc(w1),SimLex999\ntiger,cat,N,4.1,7.35\nstock,market,N,3,8.08\nking,cabbage,N,2,0.23\n",
            "tiger\tcat\tN\t7.35\tSYNONYMS\nstock\tmarket\tN\t8.08\tNONE\nking\tcabbage\tN\t0.23\tNONE\n",
            "tiger\tcat\t7.35\t1\t2\t3\nstock\tmarket\t8.08\t1\t2\t3\nking\tcabbage\t0.23\t1\t2\t3\n",
            "tiger-n cat-n 7.35\nstock-n market-n 8.08\nking-n cabbage-n 0.23\n",
            "word1;word2;7\ntiger;cat;7.35\nstock;market;8.08\nking;cabbage;0.23\n",
        ],
    )
    def test_forms(self, tmp_path: Path, text: str) -> None:
        found = read_similarities(write(tmp_path / "set.txt", text))
        assert found.pairs == self.pairs
        assert tuple(found.scores) == self.scores
        assert found.name == "WordSim-353 (3 of 353 pairs)"

    def test_a_phrase_is_one_cell(self, tmp_path: Path) -> None:
        found = read_similarities(write(tmp_path / "own.csv", "ice cream,dessert,8\nnew york,city,9\n"))
        assert (found.pairs, found.name) == ((("ice cream", "dessert"), ("new york", "city")), "own")

    @pytest.mark.parametrize(("name", "recognised", "count"), [("wordsim353", "WordSim-353", 353), ("simlex999", "SimLex-999", 999)])
    def test_installed(self, name: str, recognised: str, count: int) -> None:
        pytest.importorskip("gensim")
        found = read_similarities(name)
        assert (found.name, len(found)) == (recognised, count)

    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            ("", InputError, "holds no pairs of words"),
            ("# only this\n", InputError, "holds no pairs of words"),
            ("word1\tword2\tscore\n", InputError, "a header but no pairs"),
            ("a\tb\t1\nc\td\n", FormatError, "don't all divide into two words and a score.*'c"),
            ("a\tb\t1\nc\td\tmany\n", FormatError, "line 2 has no two words and a score in column 3"),
            ("a\tb\t1\nc\td\tnan\n", FormatError, "line 2 has no two words and a score"),
            ("word1\tword2\tPOS\na\tb\tN\n", FormatError, "line 2 has no number behind its two words"),
            (b"a\tb\t1\n\xff\tb\t2\n", FormatError, "line 2 is not UTF-8 at byte 0"),
        ],
    )
    def test_refusals(self, tmp_path: Path, text: str | bytes, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            read_similarities(write(tmp_path / "bad.txt", text))

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no such file; check the path of the similarity test"):
            read_similarities(tmp_path / "none.txt")


WORDS = ["tiger", "cat", "stock", "market", "king", "cabbage", "rook"]
MATRIX = np.random.default_rng(5).normal(size=(7, 6)).astype(np.float32)
PAIRS = tuple(itertools.combinations(WORDS[:6], 2))
JUDGED = SimilarityTest("fifteen", PAIRS, np.round(np.random.default_rng(6).uniform(0, 3, 15)))  # four levels: many ties


def cosine(first: str, second: str) -> float:
    rows = analogy_twin.units(MATRIX)
    return float(rows[WORDS.index(first)] @ rows[WORDS.index(second)])


def test_spearman_is_the_twins() -> None:
    result = evaluate_similarity(WordVectors(WORDS, MATRIX), JUDGED)
    assert result.cosines == pytest.approx([cosine(*pair) for pair in PAIRS], abs=1e-6)
    assert result.spearman == pytest.approx(analogy_twin.spearman(list(JUDGED.scores), list(result.cosines)), abs=1e-12)
    assert abs(result.spearman) > 0.01


@pytest.mark.parametrize("options", [{}, {"restrict_vocab": 5}, {"case_insensitive": False}, {"dummy4unknown": True}])
def test_gensim_preset_is_gensims_figure(tmp_path: Path, options: dict) -> None:
    keyed = pytest.importorskip("gensim.models").KeyedVectors(6)
    words = [word.title() for word in WORDS[:5]] + WORDS[5:]
    keyed.add_vectors(words, MATRIX)
    pairs = [*PAIRS, ("tiger", "nothing"), ("rook", "cat"), ("rook", "cabbage")]
    scores = [*JUDGED.scores, 9.0, 2.0, 1.0]
    lines = [f"{first}\t{second}\t{score}" for (first, second), score in zip(pairs, scores, strict=True)]
    path = write(tmp_path / "set.tsv", "\n".join(lines) + "\n")
    changes: dict = {"restrict": options.get("restrict_vocab", 300_000)}
    if not options.get("case_insensitive", True):
        changes["case"] = "keep"
        path = write(path, path.read_text().replace("tiger", "Tiger").replace("king", "King").replace("cat\t", "Cat\t"))
    if options.get("dummy4unknown"):
        changes["oov"] = "zero"
    result = evaluate_similarity(WordVectors(words, MATRIX), path, SimilarityOptions.preset("gensim", **changes))
    _, spearman, _ = keyed.evaluate_word_pairs(str(path), **options)
    assert result.spearman == pytest.approx(spearman[0], abs=1e-12)
    if not options.get("dummy4unknown"):
        assert result.used.sum() + result.is_oov.sum() == len(pairs)
    assert result.is_oov.any()


class TestUnknownWords:
    class Composing(WordVectors):
        def vector(self, word: str) -> np.ndarray:
            from lmkit.errors import UnknownWordError

            if len(word) < 3:
                raise UnknownWordError("too short", (word,))
            return np.arange(6, dtype=np.float32) - len(word)

    test = SimilarityTest("six", (*PAIRS[:4], ("tiger", "tigress"), ("xy", "cat")), np.array([4.0, 2, 5, 1, 6, 3]))

    def model(self, subwords: bool) -> WordVectors:
        model = self.Composing(WORDS, MATRIX)
        model.subwords = object() if subwords else None  # type: ignore[assignment]
        return model

    def test_left_out(self) -> None:
        result = evaluate_similarity(self.model(False), self.test)
        assert (result.used.tolist(), result.oov_share) == ([True] * 4 + [False] * 2, 2 / 6)

    def test_composed(self) -> None:
        """Subwords give tigress a vector; xy is too short for one. The share of unknown words stays what it is."""
        result = evaluate_similarity(self.model(True), self.test)
        assert (result.used.tolist(), result.oov_share) == ([True] * 5 + [False], 2 / 6)
        row = np.arange(6) - 7.0
        expected = float(analogy_twin.units(MATRIX)[0] @ row / np.linalg.norm(row))
        assert result.cosines[4] == pytest.approx(expected, abs=1e-6)
        assert evaluate_similarity(self.model(True), self.test, SimilarityOptions(oov="skip")).used.tolist() == [True] * 4 + [False] * 2

    def test_zero(self) -> None:
        result = evaluate_similarity(self.model(True), self.test, SimilarityOptions(oov="zero"))
        assert result.cosines[4:].tolist() == [0.0, 0.0]

    def test_too_few(self) -> None:
        with pytest.raises(InputError, match="knows both words of only 0 of the 6 pairs of six"):
            evaluate_similarity(WordVectors(["other"], MATRIX[:1]), self.test)


def drawn(rng: np.random.Generator, count: int = 80, noise: float = 1.0) -> SimilarityResult:
    """Judgements and cosines of two normals with the correlation 0.6: Spearman's is 6/pi arcsin(0.6/2) = 0.582."""
    first = rng.normal(size=count)
    second = 0.6 * first + 0.8 * rng.normal(size=count) * noise
    return SimilarityResult("t", SimilarityOptions(), first, second, np.zeros(count, np.bool_))


TRUTH = 6 / np.pi * np.arcsin(0.3)


@pytest.mark.parametrize("method", ["bootstrap", "fisher"])
def test_interval_covers_the_truth(method: str) -> None:
    """Of 200 intervals of 90 % about 180 cover; fewer than 165 or more than 194 happens by chance once in a thousand."""
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        low, high = drawn(rng).interval(confidence=0.9, method=method, resamples=400)
        hits += low <= TRUTH <= high
    assert 165 <= hits <= 194


def test_bootstrap_by_enumeration() -> None:
    """Four pairs: all 4^4 draws by the twin; the quantiles of the drawn coefficients are those of the enumeration."""
    judgements, cosines = [1.0, 2.0, 3.0, 3.0], [0.2, 0.1, 0.3, 0.4]
    result = SimilarityResult("t", SimilarityOptions(), np.array(judgements), np.array(cosines), np.zeros(4, np.bool_))
    every = []
    for draw in itertools.product(range(4), repeat=4):
        left, right = [judgements[i] for i in draw], [cosines[i] for i in draw]
        if len(set(left)) > 1 and len(set(right)) > 1:
            every.append(analogy_twin.spearman(left, right))
    low, high = result.interval(confidence=0.5, resamples=20_000)
    assert low == pytest.approx(np.quantile(every, 0.25), abs=0.02)
    assert high == pytest.approx(np.quantile(every, 0.75), abs=0.02)


class TestComparison:
    def test_paired(self) -> None:
        """The second model is the first with noise: certainly worse."""
        rng = np.random.default_rng(2)
        first = drawn(rng, 150)
        second = SimilarityResult("t", first.options, first.judgements, first.cosines + rng.normal(size=150) * 1.5, first.is_oov)
        found = compare_similarities(first, second)
        assert found.difference == pytest.approx(first.spearman - second.spearman)
        assert 0 < found.low < found.difference < found.high
        assert found.p_value < 0.01
        assert compare_similarities(first, first).difference == 0.0
        assert compare_similarities(first, first).p_value == 1.0

    def test_only_common_pairs_count(self) -> None:
        first = drawn(np.random.default_rng(3), 30)
        second = first.on(np.arange(30) < 20)
        found = compare_similarities(first, second)
        assert (found.items, found.difference) == (20, 0.0)

    def test_other_pairs(self) -> None:
        with pytest.raises(UsageError, match="different pairs"):
            compare_similarities(drawn(np.random.default_rng(0)), drawn(np.random.default_rng(1)))


@pytest.mark.parametrize("wrong", [{"case": "upper"}, {"oov": "wrong"}, {"restrict": 0}])
def test_parameters(wrong: dict) -> None:
    with pytest.raises(InvalidParameterError):
        SimilarityOptions(**wrong)
