"""Word vectors measured by analogy questions: of a is to b as c is to ?, how many are answered right.

What a figure means depends on which rows may be answers, on case, and on what happens to questions with unknown words; tools differ in
all three, and so their figures don't compare. `AnalogyOptions` names each, and its presets are the tools:

| preset | rows | case | unknown words | not allowed as answers | reproduces |
|---|---|---|---|---|---|
| lmkit | 300,000 | fold | question skipped | a, b, c in any case | |
| gensim | 300,000 | fold | skipped | a, b, c in any case, as far as the best five rows go | `KeyedVectors.evaluate_word_analogies` |
| word2vec | 30,000 | ascii-fold | skipped | the rows of a, b and c | compute-accuracy.c of word2vec, as its demos call it |
| glove | all | keep | skipped | the rows of a, b and c | evaluate.py of GloVe |
| fasttext | 200,000 | lower | skipped | the rows of a, b and c | compute_accuracy.py of fastText |
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit._validation import check_choice, check_int
from lmkit.errors import InputError
from lmkit.evaluation.analogy_methods import PAIR_METHODS, QUESTION_METHODS, Candidates, PairSet, Questions, answer_questions, scores_of
from lmkit.evaluation.analogy_sets import AnalogyTest, read_analogies
from lmkit.evaluation.paired import accuracy_interval
from lmkit.evaluation.spellings import CASES, SpellingIndex, composed, unit_rows

if TYPE_CHECKING:
    from lmkit.protocols import WordVectors

METHODS = (*QUESTION_METHODS, *PAIR_METHODS)
_OOV = ("skip", "wrong", "subwords")
_RIGHT, _WRONG, _SKIPPED = 1, 0, -1
_SEMANTIC_POSITIONS = 5  # compute-accuracy.c counts its first five sections as semantic


@dataclasses.dataclass(frozen=True)
class AnalogyOptions:
    """How analogy questions are asked and counted.

    Attributes
    ----------
    method : `3cosadd` (Mikolov, Yih and Zweig 2013): the row nearest to b - a + c; `3cosmul` (Levy and Goldberg 2014, equation 4, with
        cosines shifted to [0, 1] and epsilon 1e-6); `pair-distance` (the same, equation 2): the row d whose d - c points most nearly as
        b - a; `3cosavg` and `lrcos` (Drozd, Gladkova and Matsuoka 2016) learn the relation from all other pairs of the section, so
        that they are asked once a pair instead of once a question.
    restrict : only the first so many rows are known words and answers; None for all.
    case : see `lmkit.evaluation.spellings.CASES`.
    oov : what becomes of a question with a word that is no row: `skip` leaves it out, `wrong` counts it as answered wrongly, `subwords`
        composes vectors for a, b and c where the model has subwords and skips it only if no right answer is a row.
    exclude : what can't be an answer: `rows` of a, b and c, or all `spellings` of them under the case policy.
    positive : only rows with a positive score can be answers, as compute-accuracy.c has it.
    depth : None, or how many of the best rows are looked through for one that is no spelling of a, b, c; gensim's 5.
    split : semantic and syntactic sections told apart by their `names`, or by `position`: the first five are semantic.
    seed : of the random words that `lrcos` sets against a relation's own.
    """

    method: str = "3cosadd"
    restrict: int | None = 300_000
    case: str = "fold"
    oov: str = "skip"
    exclude: str = "spellings"
    positive: bool = False
    depth: int | None = None
    split: str = "names"
    seed: int = 0

    def __post_init__(self) -> None:
        owner = "AnalogyOptions"
        check_choice(owner, "method", self.method, METHODS)
        check_choice(owner, "case", self.case, CASES)
        check_choice(owner, "oov", self.oov, _OOV)
        check_choice(owner, "exclude", self.exclude, ("rows", "spellings"))
        check_choice(owner, "split", self.split, ("names", "position"))
        check_int(owner, "seed", self.seed, minimum=0)
        for name in ("restrict", "depth"):
            if getattr(self, name) is not None:
                check_int(owner, name, getattr(self, name), minimum=1)

    @classmethod
    def preset(cls, name: str, **changes: Any) -> AnalogyOptions:
        """The options of a tool, changed by what is given. Raises InvalidParameterError for an unknown name."""
        check_choice("AnalogyOptions.preset", "compat", name, PRESETS)
        return dataclasses.replace(PRESETS[name], **changes)


PRESETS = {
    "lmkit": AnalogyOptions(),
    "gensim": AnalogyOptions(depth=5),
    "word2vec": AnalogyOptions(restrict=30_000, case="ascii-fold", exclude="rows", positive=True, split="position"),
    "glove": AnalogyOptions(restrict=None, case="keep", exclude="rows"),
    "fasttext": AnalogyOptions(restrict=200_000, case="lower", exclude="rows", split="position"),
}


@dataclasses.dataclass(frozen=True)
class Tally:
    """Right answers among those seen, of a section or a sum of sections; `total` counts the skipped ones too."""

    name: str
    kind: str | None
    correct: int
    seen: int
    total: int

    @property
    def accuracy(self) -> float:
        """correct / seen, 0 to 1; nan if none was seen."""
        return self.correct / self.seen if self.seen else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return dataclasses.asdict(self) | {"accuracy": self.accuracy}


@dataclasses.dataclass(frozen=True)
class AnalogyResult:
    """What a model answered. Q is the number of questions, or of pairs for the methods that learn from the other pairs.

    Attributes
    ----------
    test : name of the test; `options` : how it was asked; `rows` : how many rows could be answers.
    sections : a `Tally` each, in the order of the test.
    outcomes : int8 (Q,), 1 right, 0 wrong, -1 skipped.
    answers : int64 (Q,), the row that was answered, -1 for none.
    section_of : int32 (Q,), place of the question's section.
    pairs : int32 (Q, 2), the two pairs that a question is made of, counted through all sections.
    """

    test: str
    options: AnalogyOptions
    rows: int
    sections: tuple[Tally, ...]
    outcomes: np.ndarray
    answers: np.ndarray
    section_of: np.ndarray
    pairs: np.ndarray

    def total(self, kind: str | None = None) -> Tally:
        """All sections together, or those of one kind: "semantic", "syntactic"."""
        chosen = [section for section in self.sections if kind is None or section.kind == kind]
        sums = [sum(getattr(section, field) for section in chosen) for field in ("correct", "seen", "total")]
        return Tally(kind or "total", kind, *sums)

    @property
    def accuracy(self) -> float:
        """Share of right answers among the questions that were not skipped, 0 to 1."""
        return self.total().accuracy

    def interval(self, confidence: float = 0.95, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
        """Bootstrap interval of the accuracy over the pairs that questions are made of: see `lmkit.evaluation.paired`."""
        return accuracy_interval(self, confidence=confidence, resamples=resamples, seed=seed)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: totals, sections, options; without the single answers."""
        totals = {tally.name: tally.to_dict() for tally in (self.total("semantic"), self.total("syntactic")) if tally.total}
        return {
            "test": self.test,
            **{key: value for key, value in self.total().to_dict().items() if key not in ("name", "kind")},
            "unit": "pairs" if self.options.method in PAIR_METHODS else "questions",
            "rows": self.rows,
            **totals,
            "sections": [section.to_dict() for section in self.sections],
            "options": dataclasses.asdict(self.options),
        }


def evaluate_analogies(
    vectors: WordVectors,
    test: AnalogyTest | str | os.PathLike[str] = "questions-words",
    options: AnalogyOptions | None = None,
    *,
    threads: int | None = None,
) -> AnalogyResult:
    """Ask a model the questions of an analogy test.

    Parameters
    ----------
    vectors : the model.
    test : questions, or what `read_analogies` reads them from.
    options : how to ask; `AnalogyOptions()` if left out.
    threads : all cores if left out; the answers don't depend on it.

    Notes
    -----
    Cosines are taken once for each word of the test, not once a question: questions-words has 19,544 questions and 905 words, which makes
    the matrix product twenty times smaller. Candidates go through in blocks of at most 64 MB.

    Raises
    ------
    InputError : if the test can't be read, or the model knows the words of none of its questions.
    """
    options = options or AnalogyOptions()
    if not isinstance(test, AnalogyTest):
        test = read_analogies(test)
    index = SpellingIndex(vectors, options.restrict, options.case)
    words = _TestWords.find(test, vectors, index, options.case, compose=options.oov == "subwords")
    labels = index.spelling if options.exclude == "spellings" else np.arange(len(index))
    candidates = Candidates(vectors, labels)
    by_pairs = options.method in PAIR_METHODS
    if by_pairs:
        pairs, answers = _ask_pairs(words, candidates, options)
    else:
        pairs, answers = words.questions, _ask_questions(words, candidates, index, options, threads)
    known = words.can_be_asked(pairs, by_pairs)
    if not known.any() and options.oov != "wrong":
        raise InputError(
            f"The model knows the words of none of the {len(test):,} questions of {test.name} among its first {len(index):,} words; "
            f"check the language, the case (it was {options.case!r}) and how many words are looked at."
        )
    right = words.is_right(pairs[:, 1], answers, index.spelling)
    outcomes = np.where(known, right.astype(np.int8), _WRONG if options.oov == "wrong" else _SKIPPED).astype(np.int8)
    section_of = words.section_of_pair[pairs[:, 1]]
    sections = []
    for place, section in enumerate(test.sections):
        own = outcomes[section_of == place]
        kind = ("semantic" if place < _SEMANTIC_POSITIONS else "syntactic") if options.split == "position" else section.kind
        sections.append(Tally(section.name, kind, int((own == _RIGHT).sum()), int((own != _SKIPPED).sum()), len(own)))
    return AnalogyResult(test.name, options, len(index), tuple(sections), outcomes, np.where(known, answers, -1), section_of, pairs)


@dataclasses.dataclass(frozen=True)
class _TestWords:
    """The words of a test as a model knows them. P pairs through all sections, Q questions, U different query words.

    Attributes
    ----------
    queries : float32 (U, d), of length 1; query_row : int64 (U,), -1 for a word composed of its subwords.
    source, target : int32 (P,), the query word of each half, -1 if the model doesn't know it; of several targets the first known.
    accepted : sorted int64, pair * (rows + 1) + spelling for each right answer that is a row.
    answerable : bool (P,), whether a right answer is a row.
    section_of_pair : int32 (P,); questions : int32 (Q, 2), pairs.
    """

    queries: np.ndarray
    query_row: np.ndarray
    source: np.ndarray
    target: np.ndarray
    accepted: np.ndarray
    answerable: np.ndarray
    section_of_pair: np.ndarray
    questions: np.ndarray

    @classmethod
    def find(cls, test: AnalogyTest, vectors: WordVectors, index: SpellingIndex, case: str, compose: bool) -> _TestWords:
        """Look up all words of a test; with `compose` those that are no rows get vectors of their subwords, where the model has them."""
        pairs = [pair for section in test.sections for pair in section.pairs]
        every = list(dict.fromkeys(word for source, targets in pairs for word in (source, *targets)))
        rows = dict(zip(every, index.rows(every).tolist(), strict=True))
        made = [word for word in every if rows[word] < 0] if compose else []
        made_vectors = unit_rows(composed(vectors, made, case)) if made else np.empty((0, vectors.matrix.shape[1]), np.float32)
        usable = np.isfinite(made_vectors).all(axis=1)
        known_rows = np.array(sorted({row for row in rows.values() if row >= 0}), np.int64)
        place_of_row = {row: place for place, row in enumerate(known_rows.tolist())}
        query = {word: place_of_row.get(row, -1) for word, row in rows.items()}
        for word, place in zip(np.array(made, object)[usable].tolist(), itertools.count(len(known_rows)), strict=False):
            query[word] = place
        width = len(index) + 1
        accepted = [place * width + rows[word] for place, (_, targets) in enumerate(pairs) for word in targets if rows[word] >= 0]
        sizes = [len(section.pairs) for section in test.sections]
        starts = np.cumsum([0, *sizes])
        return cls(
            queries=np.concatenate([unit_rows(vectors.matrix[known_rows], known_rows), made_vectors[usable]]),
            query_row=np.concatenate([known_rows, np.full(int(usable.sum()), -1)]),
            source=np.array([query[source] for source, _ in pairs], np.int32),
            target=np.array([next((query[word] for word in targets if query[word] >= 0), -1) for _, targets in pairs], np.int32),
            accepted=np.unique(np.array(accepted, np.int64)),
            answerable=np.array([any(rows[word] >= 0 for word in targets) for _, targets in pairs], np.bool_),
            section_of_pair=np.repeat(np.arange(len(sizes), dtype=np.int32), sizes),
            questions=np.concatenate([section.questions + start for section, start in zip(test.sections, starts, strict=False)]),
        )

    def can_be_asked(self, pairs: np.ndarray, by_pairs: bool) -> np.ndarray:
        """bool (Q,): whether all words are known that the questions of these (given, asked) pairs need."""
        given, asked = pairs.T
        known: np.ndarray = (self.source[asked] >= 0) & self.answerable[asked]
        return known if by_pairs else known & (self.source[given] >= 0) & (self.target[given] >= 0)

    def is_right(self, asked: np.ndarray, answers: np.ndarray, spelling: np.ndarray) -> np.ndarray:
        """bool (Q,): whether the answered rows are spelt as a right answer of the pairs asked for."""
        answered = np.where(answers >= 0, spelling[answers], len(spelling))  # len(spelling) is no spelling
        return np.isin(asked.astype(np.int64) * (len(spelling) + 1) + answered, self.accepted)

    def labels(self, query: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """int64: the candidates' label of each query word, -1 for those that are no rows."""
        row = self.query_row[query]
        return np.where(row >= 0, labels[row], -1)


def _ask_questions(
    words: _TestWords, candidates: Candidates, index: SpellingIndex, options: AnalogyOptions, threads: int | None
) -> np.ndarray:
    """The answered row of each question, int64 (Q,), -1 for those that can't be asked."""
    known = words.can_be_asked(words.questions, by_pairs=False)
    given, asked = words.questions[known].T
    a, b, c = words.source[given], words.target[given], words.source[asked]
    excluded = np.stack([words.labels(query, candidates.labels) for query in (a, b, c)], axis=1)
    questions = Questions(words.queries, a, b, c, excluded)
    method = QUESTION_METHODS[options.method]
    found = answer_questions(method, questions, candidates, positive=options.positive, threads=threads)
    if options.depth is not None:
        variants = np.bincount(index.spelling, minlength=len(index)) - 1
        for question in np.flatnonzero(np.where(excluded >= 0, variants[excluded], 0).sum(axis=1) >= options.depth):
            scores = scores_of(method, questions, int(question), candidates)
            rows = words.query_row[[a[question], b[question], c[question]]]
            scores[rows[rows >= 0]] = np.nan
            best = np.argsort(-scores, kind="stable")[: options.depth]  # nan comes last
            allowed = best[~np.isin(index.spelling[best], excluded[question])]
            found[question] = allowed[0] if len(allowed) else best[-1]
    answers = np.full(len(known), -1, np.int64)
    answers[known] = found
    return answers


def _ask_pairs(words: _TestWords, candidates: Candidates, options: AnalogyOptions) -> tuple[np.ndarray, np.ndarray]:
    """Every pair asked once, the others of its section known: its number twice, int32 (P, 2), and the answered row, int64 (P,)."""
    numbers = np.arange(len(words.source), dtype=np.int32)
    answers = np.full(len(numbers), -1, np.int64)
    usable = (words.source >= 0) & (words.target >= 0)
    for section in np.unique(words.section_of_pair[usable]):
        own = numbers[usable & (words.section_of_pair == section)]
        sources, targets = words.source[own], words.target[own]
        pairs = PairSet(words.queries[sources], words.queries[targets], words.labels(sources, candidates.labels))
        answers[own] = PAIR_METHODS[options.method](pairs, candidates, options.seed)
    return np.stack([numbers, numbers], axis=1), answers
