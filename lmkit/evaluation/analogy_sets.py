"""Reading analogy questions: questions-words and questions-phrases, MSR, BATS, and a user's files of these forms.

A question "a is to b as c is to ?" is made of two pairs that stand in one relation, (a, b) and (c, d); d is the answer. Tests are built by
crossing a few pairs: the 506 questions on capitals come from 23 pairs. So a section is kept as its pairs and, for each question,
which two it is made of: what depends on what is then known to the intervals (`lmkit.evaluation.paired`).

| form | looks like | known from |
|---|---|---|
| word2vec | lines `a b c d` under lines `: section` | questions-words.txt (Mikolov et al. 2013a), questions-phrases.txt (2013b) |
| four columns | lines `a b c d`, no sections | the MSR questions (Mikolov, Yih and Zweig 2013) as hyperwords ships them |
| MSR | `NAME.questions` with lines `a b c`, `NAME.answers` with lines `TAG d` | the MSR questions as published |
| BATS | lines `a b1/b2/...`, a file a relation; a folder of such files | the Bigger Analogy Test Set (Gladkova, Drozd and Matsuoka 2016) |
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from lmkit.errors import FormatError, InputError

Pair = tuple[str, tuple[str, ...]]
"""A word and what it is related to: one word, or several that are all right (BATS)."""

INSTALLED = {"questions-words": "questions-words.txt"}
"""Analogy tests that gensim installs, by the name under which `read_analogies` finds them."""

_SEMANTIC = frozenset(
    {
        *("capital-common-countries", "capital-world", "currency", "city-in-state", "family"),  # of questions-words
        *("newspapers", "ice_hockey", "basketball", "airlines", "people-companies"),  # of questions-phrases
    }
)
_MSR_TAG = re.compile(r"(JJ|JJR|JJS|NN|NNS|NNPOS|NNSPOS|VB|VBD|VBZ|VBP|VBN|VBG)(_\w+)?")


@dataclasses.dataclass(frozen=True)
class AnalogySection:
    """The questions on one relation.

    Attributes
    ----------
    name : as the file has it.
    kind : "semantic", "syntactic", or None where neither name nor form tells.
    pairs : the P pairs that the questions are made of.
    questions : int32 (Q, 2), for each question the pair that is given whole and the pair whose second half is asked for.
    """

    name: str
    kind: str | None
    pairs: tuple[Pair, ...]
    questions: np.ndarray

    def __len__(self) -> int:
        return len(self.questions)

    def words(self, question: int) -> tuple[str, str, str, tuple[str, ...]]:
        """(a, b, c, right answers) of a question; of several that are right, b is the first."""
        given, asked = self.questions[question]
        source, targets = self.pairs[given]
        return source, targets[0], *self.pairs[asked]


@dataclasses.dataclass(frozen=True)
class AnalogyTest:
    """A set of analogy questions: its name and its sections, in the order of the file."""

    name: str
    sections: tuple[AnalogySection, ...]

    def __len__(self) -> int:
        return sum(map(len, self.sections))

    @classmethod
    def from_questions(cls, questions: Iterable[tuple[str, str, str, str]], name: str = "questions") -> AnalogyTest:
        """A test of one section from words (a, b, c, d).

        Examples
        --------
        >>> test = AnalogyTest.from_questions([("paris", "france", "rome", "italy"), ("rome", "italy", "paris", "france")])
        >>> test.sections[0].pairs
        (('paris', ('france',)), ('rome', ('italy',)))
        >>> test.sections[0].questions.tolist()
        [[0, 1], [1, 0]]
        """
        builder = _SectionBuilder(name)
        for a, b, c, d in questions:
            builder.add((a, (b,)), (c, (d,)))
        return cls(name, (builder.section(),))


def installed_test_set(name: str, files: dict[str, str]) -> Path:
    """Where gensim keeps a test set that it installs, found without importing gensim. Raises InputError if it isn't there."""
    package = importlib.util.find_spec("gensim")
    path = Path(package.origin).parent / "test" / "test_data" / files[name] if package is not None and package.origin else None
    if path is None or not path.is_file():
        raise InputError(f"The test set {name} comes with gensim, which is not installed here; install it, or give the path of a file.")
    return path


def read_analogies(source: str | os.PathLike[str]) -> AnalogyTest:
    """Read analogy questions; the form is recognised by content.

    Parameters
    ----------
    source : `questions-words` for the copy that gensim installs, a file of one of the forms above, or a folder of BATS files.

    Raises
    ------
    InputError : if there is no such test or file, or it holds no questions.
    FormatError : for a line that is no question, with its number.
    """
    path = installed_test_set(str(source), INSTALLED) if str(source) in INSTALLED and not os.path.exists(source) else Path(source)
    if path.is_dir():
        return _read_bats_folder(path)
    lines = list(_lines(path))
    if not lines:
        raise InputError(f"{path}: holds no analogy questions; write lines of four words, under lines such as ': capitals' if you like.")
    widths = {len(words) for _, words in lines if words[0] != ":"}
    if any(words[0].startswith(":") for _, words in lines):
        sections = _sectioned(lines, path)
    elif widths == {3}:
        sections = _read_msr(lines, path)
    elif widths == {2}:
        sections = (_bats_section(lines, path),)
    else:
        sections = _sectioned([(0, [":", path.stem]), *lines], path)
    test = AnalogyTest(path.stem, tuple(section for section in sections if len(section)))
    if not len(test):
        raise InputError(f"{path}: has sections but no analogy questions in them; write lines of four words below their names.")
    return test


def read_lines(path: Path, what: str) -> Iterator[tuple[int, str]]:
    """(number, line) of a small UTF-8 file without its blank lines. Raises InputError or FormatError if it can't be read as such."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path of the {what}.") from None
    except OSError as error:
        raise InputError(f"{path}: the {what} can't be read ({error.strerror}).") from None
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            line = raw.decode()
        except UnicodeDecodeError as error:
            raise FormatError(f"{path}: line {number:,} is not UTF-8 at byte {error.start}; store the {what} in UTF-8.") from None
        if line.strip():
            yield number, line


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(number, words) of each line that isn't blank; the `EXIT` at which compute-accuracy.c stops ends the file."""
    for number, line in read_lines(path, "analogy test"):
        words = line.split()
        if words == ["EXIT"]:
            return
        yield number, words


class _SectionBuilder:
    """Gathers questions and numbers their pairs in order of appearance."""

    def __init__(self, name: str, kind: str | None = None) -> None:
        self.name = name
        self.kind = kind
        self._pairs: dict[Pair, int] = {}
        self._questions: list[tuple[int, int]] = []

    def add(self, given: Pair, asked: Pair) -> None:
        number = self._pairs.setdefault
        self._questions.append((number(given, len(self._pairs)), number(asked, len(self._pairs))))

    def section(self) -> AnalogySection:
        return AnalogySection(self.name, self.kind, tuple(self._pairs), np.array(self._questions, np.int32).reshape(-1, 2))


def _kind_of(name: str) -> str | None:
    """What the name of a section tells: `gram...` is syntactic in the word2vec files, part-of-speech tags are in MSR's."""
    if name.startswith("gram") or _MSR_TAG.fullmatch(name):
        return "syntactic"
    return "semantic" if name in _SEMANTIC else None


def _sectioned(lines: Iterable[tuple[int, list[str]]], path: Path) -> tuple[AnalogySection, ...]:
    """The word2vec form: `: name` or `:name` begins a section, other lines have four words."""
    builders: list[_SectionBuilder] = []
    for number, words in lines:
        if words[0].startswith(":"):
            name = " ".join(words).removeprefix(":").strip()
            builders.append(_SectionBuilder(name or f"section {len(builders) + 1}", _kind_of(name)))
            continue
        if len(words) != 4:
            raise FormatError(
                f"{path}: line {number:,} has {len(words)} {'word' if len(words) == 1 else 'words'}, and a question has four, "
                "such as `Athens Greece Oslo Norway`; correct or remove the line."
            )
        if not builders:
            raise FormatError(f"{path}: line {number:,} stands before the first section; put a line such as ': capitals' above it.")
        a, b, c, d = words
        builders[-1].add((a, (b,)), (c, (d,)))
    return tuple(builder.section() for builder in builders)


def _read_msr(lines: list[tuple[int, list[str]]], path: Path) -> tuple[AnalogySection, ...]:
    """MSR as published: questions of three words, and beside them a file of answers, each behind its tag."""
    answers_path = path.with_suffix(".answers")
    if not answers_path.is_file():
        raise InputError(f"{path}: its lines have three words, as MSR's questions; their answers were looked for in {answers_path.name}.")
    answers = list(_lines(answers_path))
    if len(answers) != len(lines):
        raise FormatError(f"{answers_path}: has {len(answers):,} answers for the {len(lines):,} questions of {path.name}.")
    builders: dict[str, _SectionBuilder] = {}
    for (_, (a, b, c)), (number, words) in zip(lines, answers, strict=True):
        if len(words) != 2:
            raise FormatError(f"{answers_path}: line {number:,} has {len(words)} words, and an answer has two: its tag and the word.")
        tag, d = words
        builders.setdefault(tag, _SectionBuilder(tag, "syntactic")).add((a, (b,)), (c, (d,)))
    return tuple(builder.section() for builder in builders.values())


_BATS_KINDS = {"I": "syntactic", "D": "syntactic", "E": "semantic", "L": "semantic"}
"""First letter of a BATS file: inflectional and derivational morphology, encyclopedic and lexicographic semantics."""


def _bats_section(lines: Iterable[tuple[int, list[str]]], path: Path) -> AnalogySection:
    """All ordered pairs of different lines, as Gladkova et al. ask them: 50 pairs make 2,450 questions."""
    pairs = []
    for number, words in lines:
        if len(words) != 2:
            raise FormatError(f"{path}: line {number:,} has {len(words)} words, and a pair has two, such as `oslo norway`.")
        pairs.append((words[0], tuple(word for word in words[1].split("/") if word)))
    grid = np.indices((len(pairs), len(pairs)), np.int32).reshape(2, -1).T
    match = re.match(r"([IDEL])\d\d\b", path.stem)
    return AnalogySection(path.stem, _BATS_KINDS[match[1]] if match else None, tuple(pairs), grid[grid[:, 0] != grid[:, 1]])


def _read_bats_folder(folder: Path) -> AnalogyTest:
    files = sorted((file for file in folder.rglob("*.txt") if file.is_file()), key=lambda file: file.name)
    sections = tuple(_bats_section(_lines(file), file) for file in files if not file.stem.lower().startswith(("readme", "metadata")))
    if not sum(map(len, sections)):
        raise InputError(f"{folder}: the folder holds no .txt files with pairs of words, as the Bigger Analogy Test Set has them.")
    return AnalogyTest(folder.name, tuple(section for section in sections if len(section)))
