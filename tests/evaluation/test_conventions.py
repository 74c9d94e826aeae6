"""The figures of one run as other tools print them, against nltk itself, lines that the others printed, and sums done by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from nltk.lm import Laplace
from nltk.util import everygrams, ngrams

import lmkit
from lmkit import NgramLanguageModel
from lmkit.errors import InvalidParameterError
from lmkit.evaluation.conventions import CONVENTIONS, as_printed_by
from lmkit.evaluation.perplexity import Accounting, Sum
from lmkit.ngram.smoothing import Additive

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "data"
TRAIN = [line.split() for line in ("the cat sat", "the dog ran far", "a cat ran", "the cat ran far away from the dog")]
TEST = [line.split() for line in ("the cat ran", "a dog ran away from the cat")]
LN10 = math.log(10)

# 10 known words, 2 unknown ones, 3 ends; sums of natural logarithms
HAND = Accounting(Sum(10, -30 * LN10), Sum(2, -8 * LN10), Sum(3, -3 * LN10), 0, 60, 60, 3, 100, "hash")


def numbers(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"([\w][\w ]*?)[=:\t]\s*([-\d.]+)", text)}


def test_kenlm() -> None:
    found = numbers(as_printed_by("kenlm", HAND, "t"))
    assert found["Perplexity including OOVs"] == pytest.approx(10 ** (41 / 15))
    assert found["Perplexity excluding OOVs"] == pytest.approx(10 ** (33 / 13))
    assert (found["OOVs"], found["Tokens"]) == (2, 15)


def test_kenlm_itself_printed_this() -> None:
    """`query -v summary generated-o3.arpa < held-out.txt`, kpu/kenlm 4cb443e; it adds up in single precision."""
    accounting = Accounting.from_events(
        lmkit.load(GOLDEN / "generated-o3.arpa.gz").score((GOLDEN / "held-out.txt").read_text(encoding="utf-8"))
    )
    found = numbers(as_printed_by("kenlm", accounting, "t"))
    assert found["Perplexity including OOVs"] == pytest.approx(478.9849388987918, rel=1e-6)
    assert found["Perplexity excluding OOVs"] == pytest.approx(344.12437310603366, rel=1e-6)
    assert (found["OOVs"], found["Tokens"]) == (134, 931)


def test_srilm() -> None:
    lines = as_printed_by("srilm", HAND, "news.txt").splitlines()
    assert lines[0] == "file news.txt: 3 sentences, 12 words, 2 OOVs"
    assert lines[1].startswith("0 zeroprobs, logprob= -33 ")
    found = numbers(lines[1])
    assert found["ppl"] == pytest.approx(10 ** (33 / (10 + 3)), rel=1e-6)
    assert found["ppl1"] == pytest.approx(10 ** (33 / 10), rel=1e-6)


@pytest.mark.parametrize(
    ("sentences", "words", "oov", "logprob", "second_line"),
    [
        (1640, 27119, 170, -50683.1, "0 zeroprobs, logprob= -50683.1 ppl= 59.2678 ppl1= 75.9811"),
        (10000, 78023, 0, -113899.5, "0 zeroprobs, logprob= -113899.5 ppl= 19.67772 ppl1= 28.82836"),
        (10000, 78023, 0, -167505.1, "0 zeroprobs, logprob= -167505.1 ppl= 79.97794 ppl1= 140.239"),
        (1, 4, 0, -11.58567, "0 zeroprobs, logprob= -11.58567 ppl= 207.555 ppl1= 787.8011"),
    ],
)
def test_srilm_itself_printed_this(sentences: int, words: int, oov: int, logprob: float, second_line: str) -> None:
    """Lines that `ngram -ppl` wrote, as people published them; from its counts and its sum follow the figures behind them."""
    ends = 0.1 * logprob * LN10
    known = Sum(words - oov, logprob * LN10 - ends)
    accounting = Accounting(known, Sum(oov, -9.0 * oov), Sum(sentences, ends), 0, 1, 1, sentences, 100, "hash")
    first, second = as_printed_by("srilm", accounting, "heldout").splitlines()
    assert first == f"file heldout: {sentences} sentences, {words} words, {oov} OOVs"
    theirs, ours = numbers(second_line), numbers(second)
    assert list(theirs) == list(ours)
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, rel=5e-5)


def test_awd() -> None:
    loss = 41 * LN10 / 15
    assert (
        as_printed_by("awd", HAND, "t")
        == f"| End of training | test loss {loss:5.2f} | test ppl {math.exp(loss):8.2f} | test bpc {loss / math.log(2):8.3f}"
    )


def test_nltk_prints_the_same() -> None:
    theirs = Laplace(2)
    padded = [["<s>", *words, "</s>"] for words in TRAIN]
    grams = [[gram for gram in everygrams(words, max_len=2) if gram[-1] != "<s>"] for words in padded]
    theirs.fit(grams, vocabulary_text=[word for words in TRAIN for word in [*words, "</s>"]])
    text = [gram for words in TEST for gram in ngrams(["<s>", *words, "</s>"], 2)]
    ours = NgramLanguageModel(order=2, smoothing=Additive()).fit(TRAIN)
    accounting = Accounting.from_events(ours.score(TEST))
    found = numbers(as_printed_by("nltk", accounting, "t"))
    assert found["entropy"] == pytest.approx(theirs.entropy(text), rel=1e-6)
    assert found["perplexity"] == pytest.approx(theirs.perplexity(text), rel=1e-6)


def test_an_unknown_tool_is_refused_by_name() -> None:
    with pytest.raises(InvalidParameterError, match="kenlm, srilm, nltk, awd"):
        as_printed_by("moses", HAND, "t")
    assert set(CONVENTIONS) == {"kenlm", "srilm", "nltk", "awd"}


def test_srilm_and_impossible_events() -> None:
    model = NgramLanguageModel(order=3, smoothing="maximum-likelihood").fit(TRAIN)
    with pytest.raises(InvalidParameterError, match="impossible"):
        as_printed_by("srilm", Accounting.from_events(model.score(TEST)), "t")
