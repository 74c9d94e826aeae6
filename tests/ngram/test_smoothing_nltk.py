"""The same numbers as nltk.lm where its definitions are the papers' too.

Where nltk.lm differs, it can't be compared, and these tests go round it:

- its unigrams are relative frequencies, without the uniform distribution below them, so an unknown word has probability 0 in every method;
  compared are the two parts of each order above, p(w|h) = alpha + gamma p(w|h');
- it counts `<s>` as a word that can be predicted; here the counts are handed over without it;
- the additive and unsmoothed estimates after a history that was never seen: nltk's MLE gives 0 there (0/0), lmkit's shorter history;
- Kneser-Ney counts of histories that begin with `<s>` have no left neighbours, and nltk divides by 0; lmkit takes their raw counts,
  as lmplz does. Its single discount is fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from nltk.lm import (
    MLE,
    AbsoluteDiscountingInterpolated,
    KneserNeyInterpolated,
    Lidstone,
    NgramCounter,
    StupidBackoff,
    WittenBellInterpolated,
)
from nltk.lm import Vocabulary as NltkVocabulary
from nltk.util import everygrams

from lmkit import NgramLanguageModel
from lmkit.ngram.smoothing import AbsoluteDiscounting, Additive, KneserNey, MaximumLikelihood, Smoothing, StupidBackOff, WittenBell

ORDER = 3
_RNG = np.random.default_rng(12)
SENTENCES = [[f"w{min(int(_RNG.zipf(1.6)), 40)}" for _ in range(_RNG.integers(1, 9))] for _ in range(150)]
WORDS = sorted({word for words in SENTENCES for word in words})


def nltk_parts(padding: int) -> tuple[NltkVocabulary, NgramCounter]:
    """Counts of all n-grams that end in a word or </s>; a vocabulary of all that can be predicted, <UNK> among them."""
    counter = NgramCounter()
    for words in SENTENCES:
        padded = ["<s>"] * padding + words + ["</s>"]
        counter.update([[ngram for ngram in everygrams(padded, max_len=ORDER) if ngram[-1] != "<s>"]])
    return NltkVocabulary([*WORDS, "</s>"], unk_cutoff=1), counter


def histories() -> list[tuple[str, ...]]:
    """Every history of ORDER - 1 words of the text, <s> in front of the sentence."""
    result = {tuple(["<s>", *words][i : i + ORDER - 1]) for words in SENTENCES for i in range(len(words))}
    return sorted(history for history in result if len(history) == ORDER - 1)


def probabilities(model: NgramLanguageModel, history: tuple[str, ...]) -> dict[str, float]:
    """p(w | history) of every word; a history without <s> is somewhere inside a sentence."""
    state = np.array([model.trie_.state_of([model.vocabulary.id(word) for word in history])])
    values = np.exp(model.log_probs(state)[0])
    return {word: float(values[model.vocabulary.id(word)]) for word in [*WORDS, "</s>", "<unk>"]}


def lmkit_model(smoothing: Smoothing) -> NgramLanguageModel:
    return NgramLanguageModel(order=ORDER, smoothing=smoothing).fit(SENTENCES)


@pytest.mark.parametrize(
    ("smoothing", "nltk_class", "arguments"),
    [(MaximumLikelihood(), MLE, ()), (Additive(), Lidstone, (1,)), (Additive(0.1), Lidstone, (0.1,))],
    ids=repr,
)
def test_unsmoothed_and_additive(smoothing: Smoothing, nltk_class: type, arguments: tuple) -> None:
    vocabulary, counter = nltk_parts(padding=1)
    theirs = nltk_class(*arguments, ORDER, vocabulary=vocabulary, counter=counter)
    ours = lmkit_model(smoothing)
    assert len(vocabulary) == len(ours.vocabulary) - 1
    for history in histories()[::3]:
        for word, probability in probabilities(ours, history).items():
            assert probability == pytest.approx(theirs.unmasked_score(word, history), rel=1e-6)


def test_stupid_back_off() -> None:
    vocabulary, counter = nltk_parts(padding=ORDER - 1)
    theirs = StupidBackoff(0.4, ORDER, vocabulary=vocabulary, counter=counter)
    model = lmkit_model(StupidBackOff(0.4))
    for words in [*SENTENCES[:40], ["w1", "w39", "w2", "w2", "w3", "w9"], ["w30", "w1"]]:
        events = np.exp(model.score([words]).log_probabilities)
        padded = ["<s>"] * (ORDER - 1) + words + ["</s>"]
        expected = [theirs.unmasked_score(padded[i], tuple(padded[i - ORDER + 1 : i])) for i in range(ORDER - 1, len(padded))]
        np.testing.assert_allclose(events, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("smoothing", "nltk_class", "options"),
    [
        (WittenBell(), WittenBellInterpolated, {}),
        (AbsoluteDiscounting(0.6), AbsoluteDiscountingInterpolated, {"discount": 0.6}),
        (KneserNey(0.6), KneserNeyInterpolated, {"discount": 0.6}),
    ],
    ids=repr,
)
def test_each_order_of_interpolated_methods(smoothing: Smoothing, nltk_class: type, options: dict[str, float]) -> None:
    vocabulary, counter = nltk_parts(padding=1)
    theirs = nltk_class(ORDER, vocabulary=vocabulary, counter=counter, **options)
    model = lmkit_model(smoothing)
    for history in histories()[::3]:
        for cut in range(ORDER - 1):
            here = history[cut:]
            if isinstance(smoothing, KneserNey) and here[0] == "<s>" and len(here) < ORDER - 1:
                continue  # nltk divides by 0
            whole, shorter = probabilities(model, here), probabilities(model, here[1:])
            for word in WORDS[::2]:
                alpha, gamma = theirs.estimator.alpha_gamma(word, here)
                assert whole[word] == pytest.approx(alpha + gamma * shorter[word], rel=2e-6)
