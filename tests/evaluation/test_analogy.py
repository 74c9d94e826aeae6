"""Analogy questions: answers against a plain twin, figures against gensim's and word2vec's own programs, policies one by one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from reference import analogy_twin
from scripts import load_script

from lmkit.embeddings.vectors import WordVectors
from lmkit.errors import FormatError, InputError, InvalidParameterError
from lmkit.evaluation.analogy import METHODS, AnalogyOptions, evaluate_analogies
from lmkit.evaluation.analogy_methods import Candidates
from lmkit.evaluation.analogy_sets import AnalogyTest, read_analogies

GOLDEN = Path(__file__).parent.parent / "golden"
golden = load_script(GOLDEN / "make_analogy_goldens.py")


@pytest.fixture(scope="module")
def vectors() -> WordVectors:
    return WordVectors(*golden.vectors())


@pytest.fixture(scope="module")
def questions_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("questions") / "generated.txt"
    path.write_text(golden.questions(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def test(questions_file: Path) -> AnalogyTest:
    return read_analogies(questions_file)


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul", "pair-distance"])
def test_answers_are_the_twins(vectors: WordVectors, method: str) -> None:
    words, matrix = golden.vectors()
    questions = [(f"a{r}x{i}", f"B{r}x{i}", f"a{r}x{i + 1}", f"B{r}x{i + 1}") for r in range(7) for i in range(0, 11, 3)]
    test = AnalogyTest.from_questions(questions)
    result = evaluate_analogies(vectors, test, AnalogyOptions(method=method, case="keep", exclude="rows", restrict=None))
    for (a, b, c, d), row, outcome in zip(questions, result.answers, result.outcomes, strict=True):
        expected = analogy_twin.answer(method, words, matrix, a, b, c)
        assert words[row] == expected
        assert outcome == (expected == d)
    assert 0 < result.accuracy < 1


def test_average_offset_is_the_twins(vectors: WordVectors) -> None:
    words, matrix = golden.vectors()
    pairs = [(f"a2x{pair}", f"B2x{pair}") for pair in range(6)]
    test = AnalogyTest.from_questions([(*left, *right) for left in pairs for right in pairs if left != right])
    result = evaluate_analogies(vectors, test, AnalogyOptions(method="3cosavg", case="keep", exclude="rows"))
    assert len(result.outcomes) == 6
    for place, (a, _) in enumerate(pairs):
        others = [pair for pair in pairs if pair[0] != a]
        assert words[result.answers[place]] == analogy_twin.average_offset(words, matrix, others, a)


def test_lrcos_finds_the_class(vectors: WordVectors) -> None:
    """Targets lie in one direction, sources opposite: the regression learns it, so that answers are targets far more often than
    3CosAdd's neighbours would be, and the seed decides the noise words."""
    rng = np.random.default_rng(3)
    words = [f"s{i}" for i in range(30)] + [f"t{i}" for i in range(30)] + [f"n{i}" for i in range(100)]
    base = rng.normal(size=(30, 20))
    matrix = np.concatenate([base, base, rng.normal(size=(100, 20))]).astype(np.float32)
    matrix[:30, 0], matrix[30:60, 0], matrix[60:, 0] = -2, 4, 0
    model = WordVectors(words, matrix)
    test = AnalogyTest.from_questions([(f"s{i}", f"t{i}", f"s{(i + 1) % 30}", f"t{(i + 1) % 30}") for i in range(30)])
    result = evaluate_analogies(model, test, AnalogyOptions(method="lrcos"))
    answered = [words[row] for row in result.answers]
    assert sum(word.startswith("t") for word in answered) == 30
    assert result.accuracy > 0.9
    assert np.array_equal(evaluate_analogies(model, test, AnalogyOptions(method="lrcos")).answers, result.answers)


@pytest.mark.parametrize("threshold", golden.THRESHOLDS)
def test_word2vec_preset_prints_what_compute_accuracy_printed(vectors: WordVectors, test: AnalogyTest, threshold: int) -> None:
    result = evaluate_analogies(vectors, test, AnalogyOptions.preset("word2vec", restrict=threshold or None))
    lines = json.loads((GOLDEN / "data" / "analogies.json").read_text())[str(threshold)]
    text = "\n".join(lines)
    counts = [(int(right), int(seen)) for right, seen in re.findall(r"TOP1: .*\((\d+) / (\d+)\)", text)]
    # compute-accuracy prints 1 for the number of questions where it saw none
    assert [(section.correct, section.seen or 1) for section in result.sections] == counts
    shares = re.findall(r"Total accuracy: (\S+) %   Semantic accuracy: (\S+) %   Syntactic accuracy: (\S+) %", text)[-1]
    found = (result.total(), result.total("semantic"), result.total("syntactic"))
    assert tuple(f"{100 * tally.accuracy:.2f}" for tally in found) == shares
    seen, total = re.findall(r"Questions seen / total: (\d+) (\d+)", text)[-1]
    assert (result.total().seen, result.total().total) == (int(seen), int(total))
    assert 0.1 < result.accuracy < 0.9  # so that an error could show


def gensim_figures(words: list[str], matrix: np.ndarray, path: Path, **options: object) -> list[tuple[int, int]]:
    keyed = pytest.importorskip("gensim.models").KeyedVectors(matrix.shape[1])
    keyed.add_vectors(words, matrix)
    _, sections = keyed.evaluate_word_analogies(str(path), **options)
    return [(len(section["correct"]), len(section["correct"]) + len(section["incorrect"])) for section in sections]


@pytest.mark.parametrize("options", [{}, {"restrict_vocab": 150}, {"case_insensitive": False}, {"dummy4unknown": True}])
def test_gensim_preset_counts_as_gensim(vectors: WordVectors, questions_file: Path, options: dict) -> None:
    changes = {"restrict": options.get("restrict_vocab", 300_000)}
    if not options.get("case_insensitive", True):
        changes["case"] = "keep"
    if options.get("dummy4unknown"):
        changes["oov"] = "wrong"
    result = evaluate_analogies(vectors, questions_file, AnalogyOptions.preset("gensim", **changes))
    expected = gensim_figures(*golden.vectors(), questions_file, **options)
    assert [(section.correct, section.seen) for section in [*result.sections, result.total()]] == expected
    assert result.total().seen > 0


def test_gensim_looks_only_at_five_rows(tmp_path: Path) -> None:
    """Six spellings of a query word are nearer than the answer: gensim gives up after five and is wrong, lmkit's own way is right."""
    rng = np.random.default_rng(0)
    near = rng.normal(size=8)
    spellings = ["query", "Query", "QUERY", "qUery", "quEry", "queRy", "querY", "QUery"]
    words = ["a", "b", *spellings, "answer", "far"]
    matrix = np.array(
        [near * 0 + [1] * 8, near * 0 + [1.01] * 8, *(near + 0.001 * rng.normal(size=8) for _ in spellings), near + 0.3, -near], np.float32
    )
    path = tmp_path / "few.txt"
    path.write_text(": one\na b query answer\nb a query far\na b query query\n", encoding="utf-8")
    model = WordVectors(words, matrix)
    as_gensim = evaluate_analogies(model, path, AnalogyOptions.preset("gensim"))
    expected = gensim_figures(words, matrix, path)
    assert [(section.correct, section.seen) for section in [*as_gensim.sections, as_gensim.total()]] == expected
    own = evaluate_analogies(model, path)
    assert own.outcomes.tolist()[0] == 1
    assert as_gensim.outcomes.tolist() != own.outcomes.tolist()


class TestPolicies:
    """d and D are the nearest to b - a + c, D a little more."""

    words = ("a", "b", "c", "d", "D", "other")
    matrix = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [1, 1, 1.1], [0, -1, 0]], np.float32)

    def result(self, *lines: str, **options: object):
        test = AnalogyTest.from_questions([tuple(line.split()) for line in lines])  # type: ignore[misc]
        return evaluate_analogies(WordVectors(self.words, self.matrix), test, AnalogyOptions(**options))

    def test_case(self) -> None:
        """D, as a word of its own, is nearer than d; where case is folded it is another spelling of d, and so right."""
        assert self.result("A B C D", "a b c d", case="fold").outcomes.tolist() == [1, 1]
        assert self.result("A B C D", "a b c D", case="lower").outcomes.tolist() == [0, 0]
        assert self.result("A B C D", "a b c d", "a b c D", case="keep").outcomes.tolist() == [-1, 0, 1]

    def test_unknown_words(self) -> None:
        assert self.result("a b c d", "a b c nothing").outcomes.tolist() == [1, -1]
        wrong = self.result("a b c d", "a b c nothing", oov="wrong")
        assert (wrong.outcomes.tolist(), wrong.accuracy) == ([1, 0], 0.5)

    def test_restriction(self) -> None:
        assert self.result("a b c other").outcomes.tolist() == [0]
        assert self.result("a b c d", "a b c other", restrict=4).outcomes.tolist() == [1, -1]

    def test_query_words_are_no_answers(self) -> None:
        """b - a + b points at 2b - a: b itself is nearest, and asked for; then b in its other spellings."""
        assert self.result("a b b b").outcomes.tolist() == [0]
        assert self.result("a d d D", case="keep").outcomes.tolist() == [1]
        assert self.result("a d d D", case="fold").outcomes.tolist() == [0]
        assert self.result("a d d D", case="fold", exclude="rows").outcomes.tolist() == [1]

    def test_nothing_known(self) -> None:
        with pytest.raises(InputError, match="knows the words of none of the 1 questions of questions .* case"):
            self.result("x y z w")
        assert self.result("x y z w", oov="wrong").accuracy == 0.0

    def test_zero_rows_are_never_answers(self) -> None:
        """All candidates but the zero row have a negative cosine; a zero row as a query word leaves the question without an answer."""
        words = ["a", "b", "c", "zero", "d"]
        matrix = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 0], [-1, -0.5]], np.float32)
        test = AnalogyTest.from_questions([("a", "b", "c", "d"), ("zero", "b", "c", "d")])
        assert evaluate_analogies(WordVectors(words, matrix), test).answers.tolist() == [4, -1]
        positive = evaluate_analogies(WordVectors(words, matrix), test, AnalogyOptions(positive=True))
        assert positive.answers.tolist() == [-1, -1]

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_rows_of_nan_are_refused(self, bad: float) -> None:
        matrix = self.matrix.copy()
        matrix[5, 1] = bad
        test = AnalogyTest.from_questions([("a", "b", "c", "d")])
        with pytest.raises(FormatError, match="row 5 .* holds NaN, infinity"):
            evaluate_analogies(WordVectors(self.words, matrix), test)
        assert evaluate_analogies(WordVectors(self.words, matrix), test, AnalogyOptions(restrict=5)).outcomes.tolist() == [1]

    @pytest.mark.parametrize("wrong", [{"method": "add"}, {"case": "upper"}, {"oov": "drop"}, {"restrict": 0}, {"exclude": "none"}])
    def test_parameters(self, wrong: dict) -> None:
        with pytest.raises(InvalidParameterError):
            AnalogyOptions(**wrong)


def test_several_right_answers() -> None:
    """As in BATS: any of them counts, one known is enough, and b is the first known."""
    words = ["a", "b", "c", "d", "e"]
    matrix = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1], [0, -1, 0]], np.float32)
    section = read_bats([("a", "unknown/b"), ("c", "e/d")])
    result = evaluate_analogies(WordVectors(words, matrix), section)
    assert result.outcomes[0] == 1
    assert words[result.answers[0]] == "d"


def read_bats(pairs: list[tuple[str, str]]) -> AnalogyTest:
    from lmkit.evaluation.analogy_sets import AnalogySection

    grid = np.array([[0, 1], [1, 0]], np.int32)
    return AnalogyTest("t", (AnalogySection("s", None, tuple((a, tuple(b.split("/"))) for a, b in pairs), grid),))


def test_blocks_and_threads_change_nothing(vectors: WordVectors, test: AnalogyTest, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = {method: evaluate_analogies(vectors, test, AnalogyOptions(method=method), threads=1).answers for method in METHODS}
    monkeypatch.setattr("lmkit.evaluation.analogy_methods._BLOCK_BYTES", 1)
    monkeypatch.setattr("lmkit.evaluation.analogy_methods._BLOCK_STEP", 64)
    assert sum(1 for _ in Candidates(vectors, np.arange(len(vectors))).blocks(10)) == 4
    for method, answers in expected.items():
        assert np.array_equal(evaluate_analogies(vectors, test, AnalogyOptions(method=method), threads=3).answers, answers)


def test_subwords_stand_in_for_unknown_query_words() -> None:
    class Composing(WordVectors):
        def vector(self, word: str) -> np.ndarray:
            return {"B": np.array([1, 1, 0], np.float32)}[word]

    words = ["a", "c", "d", "other"]
    matrix = np.array([[1, 0, 0], [1, 0, 1], [1, 1, 1], [0, -1, 0]], np.float32)
    model = Composing(words, matrix)
    model.subwords = object()  # type: ignore[assignment]
    test = AnalogyTest.from_questions([("a", "B", "c", "d"), ("a", "c", "d", "B")])
    assert evaluate_analogies(model, test, AnalogyOptions(oov="subwords")).outcomes.tolist() == [1, -1]
    with pytest.raises(InputError):
        evaluate_analogies(model, test)
