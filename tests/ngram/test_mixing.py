"""Several n-gram models as one, against the definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference.pruning_twin import BackoffTwin

import lmkit
from lmkit import NgramLanguageModel
from lmkit._memory import resident_memory
from lmkit.errors import InvalidParameterError, UsageError
from lmkit.ngram import mixing
from lmkit.ngram.mixing import mix
from lmkit.ngram.pruning import RelativeEntropy, prune
from lmkit.ngram.querying.table import NgramTable
from lmkit.wrappers.mixture import Mixture


def sentences(seed: int, count: int, types: int, longest: int = 8) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [[f"w{min(int(rng.zipf(1.5)), types)}" for _ in range(rng.integers(0, longest + 1))] for _ in range(count)]


A, B, HELD_OUT = sentences(1, 80, 12), sentences(2, 60, 20), sentences(3, 60, 25)


def twin_of(model: NgramLanguageModel) -> BackoffTwin:
    """Over tokens, since models number them differently."""
    table, tokens = NgramTable.from_trie(model.fast_trie()), model.vocabulary.tokens()
    contexts, rows = table.contexts, []
    for node in range(len(table)):
        rows.append((*(rows[contexts[node]] if contexts[node] >= 0 else ()), tokens[table.words[node]]))
    back_off = dict(zip(rows, table.back_off.tolist(), strict=False))
    return BackoffTwin(dict(zip(rows, table.probability.tolist(), strict=True)), back_off, [t for t in tokens if t != "<s>"])


def said_by(twin: BackoffTwin, word: str, history: tuple[str, ...], union: list[str]) -> float:
    """What a model says of a word of the union."""
    known = set(twin.predictable) | {"<s>"}
    lacking = 1 + sum(token not in known for token in union)
    p = twin.p(word if word in known else "<unk>", tuple(token if token in known else "<unk>" for token in history))
    return p if word in known and word != "<unk>" else p / lacking


@pytest.mark.parametrize("second_order", [1, 2, 3])
def test_every_ngram_has_the_weighted_mean_and_all_sums_to_one(second_order: int) -> None:
    first = NgramLanguageModel(order=3).fit(A)
    second = prune(NgramLanguageModel(order=second_order, smoothing="witten-bell").fit(B), RelativeEntropy(threshold=1e-3))
    mixed = mix([first, second], [0.3, 0.7], "union")
    twins, result = (twin_of(first), twin_of(second)), twin_of(mixed)
    union = mixed.vocabulary.tokens()
    assert set(result.probability) == set(twins[0].probability) | set(twins[1].probability)
    for ngram, p in result.probability.items():
        if ngram != ("<s>",):
            expected = sum(w * said_by(t, ngram[-1], ngram[:-1], union) for w, t in zip((0.3, 0.7), twins, strict=True))
            assert p == pytest.approx(expected, rel=3e-6), ngram
    for history in [(), ("<s>",), ("w1",), ("<s>", "w1"), ("w1", "w2"), ("w9", "w9"), ("w2", "w15"), ("<unk>",)]:
        assert result.total(history) == pytest.approx(1, abs=2e-6)


def test_a_model_mixed_with_itself_stays_what_it_was() -> None:
    model = NgramLanguageModel(order=3).fit(A)
    again = mix([model, model], [0.4, 0.6])
    assert again.trie_.sizes == model.trie_.sizes
    np.testing.assert_allclose(again.score(HELD_OUT).log_probabilities, model.score(HELD_OUT).log_probabilities, atol=2e-6)


def test_order_of_words_does_not_matter() -> None:
    first, second = (NgramLanguageModel(order=3, smoothing="witten-bell").fit(text) for text in (A, A[::-1]))
    assert first.vocabulary.tokens() != second.vocabulary.tokens()
    mixed = mix([first, second], [0.5, 0.5])
    np.testing.assert_allclose(mixed.score(HELD_OUT).log_probabilities, first.score(HELD_OUT).log_probabilities, atol=2e-6)


def test_what_is_approximate_is_little(tmp_path: Path) -> None:
    first, second = NgramLanguageModel(order=3).fit(A), NgramLanguageModel(order=3).fit(B)
    mixture = Mixture([first, second], vocabularies="union").fit(HELD_OUT)
    merged = mix([first, second], mixture.weights_[0].tolist(), "union")
    assert merged.perplexity(HELD_OUT) == pytest.approx(mixture.perplexity(HELD_OUT), rel=0.05)
    merged.save(tmp_path / "m.lm")
    merged.write_arpa(tmp_path / "m.arpa")
    for name in ("m.lm", "m.arpa"):
        assert lmkit.load(tmp_path / name).perplexity(HELD_OUT) == pytest.approx(merged.perplexity(HELD_OUT), rel=1e-6)
    assert [card["order"] for card in merged.info()["mixture"]["models"]] == [3, 3]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    texts=st.lists(
        st.lists(st.lists(st.sampled_from("abcd"), max_size=6), min_size=1, max_size=12).filter(lambda text: any(text)),
        min_size=2,
        max_size=3,
    ),
    orders=st.lists(st.integers(1, 4), min_size=3, max_size=3),
    seed=st.integers(0, 1000),
)
def test_mixtures_of_odd_models_sum_to_one(texts: list[list[list[str]]], orders: list[int], seed: int) -> None:
    models = [NgramLanguageModel(order=order, smoothing="witten-bell").fit(text) for order, text in zip(orders, texts, strict=False)]
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(models)))
    result = twin_of(mix(models, weights.tolist(), "union"))
    for history in [(), ("a",), ("<s>",), ("a", "b"), ("<s>", "c", "a"), ("d", "d", "<unk>")]:
        assert result.total(history) == pytest.approx(1, abs=3e-6)


@pytest.mark.parametrize("weights", [[1.0], [0.5, 0.6], [2, -1]])
def test_bad_weights_are_refused(weights: list[float]) -> None:
    model = NgramLanguageModel(order=2).fit(A)
    with pytest.raises(InvalidParameterError):
        mix([model, model], weights)


@pytest.mark.parametrize("smoothing", ["modified-kneser-ney", "kneser-ney", "witten-bell", "katz", "jelinek-mercer", "additive"])
def test_a_given_vocabulary_is_kept_with_words_that_never_occur(smoothing: str) -> None:
    other = NgramLanguageModel(order=2).fit(B)
    model = NgramLanguageModel(order=3, smoothing=smoothing).fit(A, vocabulary=other.vocabulary)
    assert model.vocabulary == other.vocabulary
    assert model.vocabulary.counts is not None
    assert model.vocabulary.counts.sum() == sum(map(len, A))
    state = model.initial_state()
    for word in ("w1", "w15"):  # the second one is not in the text
        assert np.exp(model.log_probs(state)).sum() == pytest.approx(1, abs=3e-6)
        state = model.advance(state, [model.vocabulary.id(word)])
    pruned = prune(model, RelativeEntropy(ngrams=len(model.vocabulary) + 30))
    assert np.exp(pruned.log_probs(pruned.initial_state())).sum() == pytest.approx(1, abs=3e-6)
    mixed = mix([model, other], [0.5, 0.5])
    assert np.exp(mixed.log_probs(mixed.initial_state())).sum() == pytest.approx(1, abs=3e-6)


def test_what_could_take_too_much_memory_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = NgramLanguageModel(order=3).fit("a b c\nb c"), NgramLanguageModel(order=3).fit("a b c\na c")
    bound = resident_memory() + (64 << 20)
    assert mix([first, second], [0.5, 0.5], memory=bound).order_ == 3
    monkeypatch.setattr(mixing, "BYTES_AN_NGRAM", 8 << 20)  # as if the models had a hundred thousand times as many n-grams
    with pytest.raises(UsageError, match=r"^One model of these 2 may take [\d.]+ [MG]B of memory to make, but \d+"):
        mix([first, second], [0.5, 0.5], memory=bound)
