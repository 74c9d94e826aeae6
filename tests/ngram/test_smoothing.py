"""Every smoothing method against its float64 twin, and what all of them keep: sums to one, no failure on odd texts, round trips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import smoothing_twin as twins
from sklearn.base import clone

import lmkit
from lmkit import NgramLanguageModel, TextOptions
from lmkit.errors import InputError, InvalidParameterError
from lmkit.ngram.smoothing import (
    METHODS,
    AbsoluteDiscounting,
    Additive,
    JelinekMercer,
    Katz,
    KneserNey,
    MaximumLikelihood,
    ModifiedKneserNey,
    Smoothing,
    StupidBackOff,
    WittenBell,
    jelinek_mercer,
)
from lmkit.text.encoding import as_corpus
from lmkit.text.vocabulary import Vocabulary


def random_sentences(seed: int, sentences: int, types: int, longest: int) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [[f"w{min(int(rng.zipf(1.5)), types)}" for _ in range(rng.integers(0, longest + 1))] for _ in range(sentences)]


TEXTS = {
    "many words": random_sentences(1, 200, 60, 10),
    "two words": random_sentences(2, 60, 2, 9),
    "one word": [["a"]],
    "repeated": [["a", "b", "a", "b"], ["a", "b", "a", "b"]],
    "frequent only": [["a", "b", "c"]] * 12,
    "empty sentences": [["a"], [], [], ["b", "a"]],
    "literal unk": [["a", "<unk>", "b"], ["<unk>", "<unk>", "a"], ["b", "<unk>", "b"]],
}
CASES: dict[str, tuple[Smoothing, type[twins.Twin]]] = {
    "maximum-likelihood": (MaximumLikelihood(), twins.MaximumLikelihoodTwin),
    "additive": (Additive(), twins.AdditiveTwin),
    "stupid-back-off": (StupidBackOff(), twins.StupidBackOffTwin),
    "witten-bell": (WittenBell(), twins.WittenBellTwin),
    "witten-bell, backed off": (WittenBell(interpolated=False), twins.WittenBellBackOffTwin),
    "absolute": (AbsoluteDiscounting(), twins.DiscountingTwin),
    "absolute, backed off": (AbsoluteDiscounting(interpolated=False), twins.DiscountingBackOffTwin),
    "kneser-ney": (KneserNey(), twins.KneserNeyTwin),
    "kneser-ney, backed off": (KneserNey(interpolated=False), twins.KneserNeyBackOffTwin),
    "katz": (Katz(), twins.KatzTwin),
    "jelinek-mercer": (JelinekMercer(), twins.JelinekMercerTwin),
}
TESTED = [*random_sentences(9, 20, 70, 8), ["unseen"], ["unseen", "w1", "unseen"], ["a", "b", "<unk>", "c"], []]
NORMALISED = [method for method, _ in CASES.values() if not isinstance(method, StupidBackOff)] + [ModifiedKneserNey(interpolated=False)]


def fitted(smoothing: Smoothing, order: int, text: object, **options: object) -> NgramLanguageModel:
    return NgramLanguageModel(order=order, smoothing=smoothing, **options).fit(text)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("case", CASES)
def test_scores_equal_the_twin_s(case: str, name: str, order: int) -> None:
    method, twin_class = CASES[case]
    model = fitted(method, order, TEXTS[name])
    twin = twin_class(TEXTS[name], model.order_)
    tested = [*TEXTS[name][:20], *TESTED]
    got = model.score(as_corpus(tested, model.text_options)).log_probabilities
    expected = np.concatenate([twin.log_probabilities(words) for words in tested])
    np.testing.assert_allclose(got, expected, rtol=5e-6, atol=5e-6)


@pytest.mark.parametrize("case", CASES)
def test_continuous_text_equals_the_twin(case: str) -> None:
    method, twin_class = CASES[case]
    if case in ("stupid-back-off", "additive"):
        pytest.skip("these depend on a history's length, and continuous text has no beginning")
    words = [word for sentence in TEXTS["many words"] for word in sentence]
    options = TextOptions(sentences="none")
    model = fitted(method, 3, " ".join(words), reading=options)
    twin = twin_class([words], 3, boundaries=False)
    tested = [*words[:60], "unseen", *words[50:70]]
    got = model.score(as_corpus(" ".join(tested), options)).log_probabilities
    tolerance = 5e-3 if case == "jelinek-mercer" else 5e-6  # the twin also learns from the text's first two events
    np.testing.assert_allclose(got, twin.log_probabilities(tested), rtol=tolerance, atol=tolerance)


def test_modified_kneser_ney_backed_off_equals_its_twin() -> None:
    sentences = random_sentences(4, 400, 300, 10)
    for order in (1, 2, 3):
        model = fitted(ModifiedKneserNey(interpolated=False), order, sentences)
        twin = twins.ModifiedKneserNeyBackOffTwin(sentences, order)
        twin.by_order = {n: dict(enumerate(row, 1)) for n, row in enumerate(model.metadata_["estimation"]["discounts"], 1)}
        got = model.score(as_corpus(TESTED, model.text_options)).log_probabilities
        np.testing.assert_allclose(got, np.concatenate([twin.log_probabilities(words) for words in TESTED]), rtol=5e-6, atol=5e-6)


def test_jelinek_mercer_learns_from_held_out_text_as_its_twin() -> None:
    sentences, held_out = random_sentences(5, 300, 60, 10), random_sentences(6, 100, 70, 10)
    for order in (1, 2, 4):
        model = NgramLanguageModel(order=order, smoothing="jelinek-mercer").fit(sentences, held_out=held_out)
        twin = twins.JelinekMercerTwin(sentences, order, held_out=held_out)
        got = model.score(as_corpus(TESTED, model.text_options)).log_probabilities
        np.testing.assert_allclose(got, np.concatenate([twin.log_probabilities(words) for words in TESTED]), rtol=5e-6, atol=5e-6)
        assert model.metadata_["held_out"]["sentences"] == 100


@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("method", NORMALISED, ids=repr)
def test_probabilities_sum_to_one_after_any_history(method: Smoothing, name: str, order: int) -> None:
    assert_normalised(fitted(method, order, TEXTS[name]), TEXTS[name])


def assert_normalised(model: NgramLanguageModel, sentences: list[list[str]]) -> None:
    """The vocabulary's probabilities sum to one after histories that were seen, unseen, and half seen."""
    size = len(model.vocabulary)
    rng = np.random.default_rng(5)
    seen = [ids[:k] for ids in map(model.vocabulary.lookup, sentences[:15]) for k in range(min(len(ids), 5) + 1)]
    unseen = [rng.integers(3, size, 4) if size > 3 else np.array([0, 0]) for _ in range(6)]
    for history in [*seen, *unseen, np.array([0]), np.array([], int)]:
        state = model.initial_state()
        for token_id in history:
            state = model.advance(state, [token_id])
        probabilities = np.exp(model.log_probs(state)[0])
        assert probabilities.sum() == pytest.approx(1, abs=3e-6)
        assert probabilities[Vocabulary.BOS] == 0


EVERY = [*NORMALISED, ModifiedKneserNey(), StupidBackOff(alpha=0.1), Additive(0.01), Katz(k=2)]


@settings(max_examples=60, deadline=None)
@given(
    sentences=st.lists(st.lists(st.sampled_from(["a", "b", "c", "d", "<unk>", "é"]), max_size=7), min_size=1, max_size=25).filter(any),
    order=st.integers(1, 5),
    method=st.sampled_from(EVERY),
    continuous=st.booleans(),
)
def test_no_method_fails_on_odd_texts(sentences: list[list[str]], order: int, method: Smoothing, continuous: bool) -> None:
    text: object = sentences
    options = TextOptions()
    if continuous:
        text, options = " ".join(word for words in sentences for word in words), TextOptions(sentences="none")
    model = NgramLanguageModel(order=order, smoothing=method, reading=options).fit(text)
    for array in (model.trie_.log10_prob, model.trie_.log10_bow):
        assert not np.isnan(array).any()
        assert not np.isposinf(array).any()
    if method.name != "stupid-back-off" and not continuous:
        assert_normalised(model, sentences)
    model.next_words("a b")
    model.generate(rng=1, max_tokens=5, min_tokens=3)


@settings(max_examples=25, deadline=None)
@given(
    sentences=st.lists(st.lists(st.sampled_from("abcd"), max_size=6), min_size=1, max_size=15).filter(any),
    held_out=st.lists(st.lists(st.sampled_from("abxy"), max_size=6), min_size=1, max_size=5).filter(any),
    order=st.integers(1, 4),
    method=st.sampled_from(
        [
            JelinekMercer(),
            KneserNey("tuned"),
            ModifiedKneserNey("tuned"),
            AbsoluteDiscounting("tuned", interpolated=False),
            ModifiedKneserNey("tuned", interpolated=False),
        ]
    ),
)
def test_no_method_fails_on_odd_held_out_texts(
    sentences: list[list[str]], held_out: list[list[str]], order: int, method: Smoothing
) -> None:
    model = NgramLanguageModel(order=order, smoothing=method).fit(sentences, held_out=held_out)
    assert not np.isnan(model.trie_.log10_prob).any()
    assert_normalised(model, sentences)


@pytest.mark.parametrize("interpolated", [True, False])
@pytest.mark.parametrize("method", [AbsoluteDiscounting, KneserNey, ModifiedKneserNey])
def test_tuned_discounts_are_the_best_of_their_neighbours(method: type, interpolated: bool) -> None:
    sentences, held_out = random_sentences(7, 400, 200, 10), random_sentences(8, 150, 220, 10)
    model = NgramLanguageModel(order=2, smoothing=method("tuned", interpolated)).fit(sentences, held_out=held_out)
    best = model.perplexity(held_out)
    assert best <= fitted(method("formula", interpolated), 2, sentences).perplexity(held_out) * (1 + 1e-6)
    classes = 3 if method is ModifiedKneserNey else 1
    found = np.array(model.metadata_["estimation"]["discounts"])
    assert found.shape == (2, classes)
    for n in range(2):
        for k in range(classes):
            for change in (-0.05, 0.05):
                moved = found.copy()
                moved[n, k] = np.clip(moved[n, k] + change, 0.01, k + 0.99)
                assert with_discounts(method, interpolated, moved, sentences).perplexity(held_out) >= best * (1 - 1e-4)


def with_discounts(method: type, interpolated: bool, rows: np.ndarray, sentences: list[list[str]]) -> NgramLanguageModel:
    """A model with given discounts for each order, through the same road that all methods take."""
    from lmkit.ngram.counting.counts import count_ngrams
    from lmkit.ngram.querying.backoff import BackoffTrie
    from lmkit.ngram.smoothing.base import raw_counts
    from lmkit.ngram.smoothing.discounting import discounted

    model = fitted(method("formula", interpolated), len(rows), sentences)
    corpus = as_corpus(sentences, model.text_options)
    counts = count_ngrams(corpus.ids_in(model.vocabulary), corpus.sentence_offsets, len(model.vocabulary), len(rows))

    def counts_of(order: int) -> np.ndarray:
        return raw_counts(counts, order) if method is AbsoluteDiscounting else counts.adjusted_counts(order)

    estimates = discounted(counts, counts_of, lambda order, here: (np.r_[0.0, rows[order - 1]], None), interpolated=interpolated)
    model.trie_ = BackoffTrie.from_estimates(counts, estimates)
    return model


def test_jelinek_mercer_learns_from_evenly_spaced_events_as_from_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events behind <s> are sampled less thinly than the rest; counted alike they made the perplexity 0.7 % worse, now it is 0.2 %."""
    import lmkit_corpora

    train, valid = (lmkit_corpora.load_corpus("sotu", split=split) for split in ("train", "valid"))

    def perplexity() -> float:
        return float(NgramLanguageModel(order=4, smoothing=JelinekMercer()).fit(train).perplexity(valid))

    expected = perplexity()
    monkeypatch.setattr(jelinek_mercer, "_MOST_EVENTS", 1 << 16)
    assert perplexity() == pytest.approx(expected, rel=0.004)


def test_stupid_back_off_pays_alpha_for_every_order_that_misses() -> None:
    model = fitted(StupidBackOff(), 3, ["a b c", "a b d", "c b"])
    # tokens a a b b b c c d </s> x 3: 11.  "b c" 1 of b's three followers (c, d, </s>); "a b c" 1 of 2; d c unseen, c 2 of 11
    events = model.score(["a b c", "d c"])
    values = np.exp(events.log_probabilities)
    assert values[2] == pytest.approx(1 / 2)  # a b c
    assert values[4] == pytest.approx(0.4 * 0.4 * 1 / 11)  # <s> <s> d, <s> d are missing; d 1 of 11
    assert values[5] == pytest.approx(0.4 * 0.4 * 2 / 11)  # <s> d c was never seen, nor d c: two orders missing
    assert values[6] == pytest.approx(0.4 * 1 / 2)  # d c </s> missing; c </s> 1 of c's 2 followers (</s>, b)
    assert not model.is_normalised
    assert any("don't sum to one" in note for note in model.notes_)


def test_hand_computed_values() -> None:
    sentences = ["a b", "a b", "a c"]  # bigrams: <s> a 3, a b 2, a c 1, b </s> 2, c </s> 1; V = 5: a b c </s> <unk>; 9 tokens

    def p(smoothing: Smoothing, text: str, event: int) -> float:
        return float(np.exp(fitted(smoothing, 2, sentences).score(text).log_probabilities[event]))

    assert p(MaximumLikelihood(), "a b", 1) == pytest.approx(2 / 3)
    assert p(MaximumLikelihood(), "b", 0) == 0
    assert p(Additive(), "a b", 1) == pytest.approx((2 + 1) / (3 + 5))
    assert p(Additive(0.5), "a a", 1) == pytest.approx(0.5 / (3 + 2.5))
    assert p(Additive(), "zzz b", 1) == pytest.approx(1 / 5)  # never seen after <unk>
    # unigrams: a 3, b 2, c 1, </s> 3. Witten-Bell: p(b) = (2 + 4/5) / (9 + 4); p(b|a) = (2 + 2 p(b)) / (3 + 2)
    assert p(WittenBell(), "a b", 1) == pytest.approx((2 + 2 * (2.8 / 13)) / 5)
    # backed off: p(<unk>) = 4 / 13, p(a) = 3 / 13, p(</s>) = 3 / 13; left after a: 2/5, among a, </s>, <unk>
    assert p(WittenBell(interpolated=False), "a b", 1) == pytest.approx(2 / 5)
    assert p(WittenBell(interpolated=False), "a a", 1) == pytest.approx(2 / 5 * 3 / (3 + 3 + 4))
    # absolute, D = 0.5: p(b) = 1.5/9 + 0.5 x 4/9 / 5; p(b|a) = 1.5/3 + 0.5 x 2/3 p(b)
    assert p(AbsoluteDiscounting(0.5), "a b", 1) == pytest.approx(1.5 / 3 + 1 / 3 * (1.5 / 9 + 2 / 9 / 5))
    # Kneser-Ney: left neighbours a 1, b 1, c 1, </s> 2, sum 5: p(b) = 0.5/5 + 0.5 x 4/5 / 5
    assert p(KneserNey(0.5), "a b", 1) == pytest.approx(1.5 / 3 + 1 / 3 * (0.5 / 5 + 2 / 5 / 5))
    # backed off: p(<unk>) = 0.5 x 4/5, p(a) = 0.5/5, p(</s>) = 1.5/5; left after a: 1/3
    assert p(KneserNey(0.5, interpolated=False), "a a", 1) == pytest.approx(1 / 3 * 0.1 / (0.1 + 0.3 + 0.4))


def test_good_turing_ratios_by_hand() -> None:
    from lmkit.ngram.smoothing.katz import good_turing_discounts

    # n1 = 10, n2 = 4, n3 = 2; k = 2: common = 3 x 2/10 = 0.6; d1 = (2 x 4/10 - 0.6) / 0.4 = 0.5; d2 = (3 x 2/4 / 2 - 0.6) / 0.4 = 0.375
    counts = np.repeat([1, 2, 3], [10, 4, 2])
    discounts, note = good_turing_discounts(counts, 1, 2)
    np.testing.assert_allclose(discounts, [0, 1 - 0.5, 2 - 2 * 0.375, 0])
    assert note is None
    discounts, note = good_turing_discounts(counts, 1, 5)  # n4 = 0: k falls to 3, whose d3 = 0 is none, then to 2
    np.testing.assert_allclose(discounts, [0, 0.5, 1.25, 0])
    assert note is not None
    assert "up to 2 in place of 5" in note
    # n1 = 10, n2 = 6, n3 = 10: d1 of k = 2 is (1.2 - 3) / (1 - 3) = 0.9 and d2 (2.5 - 3) / (1 - 3) = 0.25, yet Good and Turing raise both
    # counts; of k = 1, common = 2 x 6/10 = 1.2 too
    discounts, note = good_turing_discounts(np.repeat([1, 2, 3], [10, 6, 10]), 2, 2)
    assert note is not None
    assert "absolute discount" in note
    assert len(set(discounts[1:])) == 1
    discounts, note = good_turing_discounts(np.full(7, 3), 2, 5)
    np.testing.assert_allclose(discounts, [0, 0.75])
    assert note is not None
    assert "absolute discount 0.750" in note


def test_katz_keeps_something_for_the_unseen_after_frequent_words() -> None:
    # after "a" only "b", 12 times, which is never discounted: one count more, so p(b|a) = 12/13
    model = fitted(Katz(), 2, [*TEXTS["frequent only"], *random_sentences(3, 40, 30, 5)])
    assert np.exp(model.score("a b").log_probabilities[1]) == pytest.approx(12 / 13)
    assert np.isfinite(model.perplexity("a c b"))


@pytest.mark.parametrize("method", EVERY, ids=repr)
def test_parameters_come_back_from_the_file(method: Smoothing, tmp_path: Path) -> None:
    model = fitted(method, 3, TEXTS["many words"])
    model.save(tmp_path / "m.lm")
    again = lmkit.load(tmp_path / "m.lm")
    assert again.smoothing == method
    assert again.is_normalised == model.is_normalised
    assert again.info() == json.loads(json.dumps(model.info()))
    assert again.info()["estimation"]["smoothing"] == json.loads(json.dumps(method.to_dict()))
    np.testing.assert_array_equal(again.score(TESTED).log_probabilities, model.score(TESTED).log_probabilities)
    model.write_arpa(tmp_path / "m.arpa")
    read = lmkit.load(tmp_path / "m.arpa").score(TESTED).log_probabilities
    np.testing.assert_allclose(read, model.score(TESTED).log_probabilities, rtol=1e-6)


def test_models_of_methods_yet_unknown_open(tmp_path: Path) -> None:
    model = NgramLanguageModel(order=2).fit(TEXTS["many words"])
    model.metadata_["options"]["smoothing"] = {"name": "of-tomorrow", "x": 1}
    model.save(tmp_path / "m.lm")
    again = lmkit.load(tmp_path / "m.lm")
    assert again.perplexity("w1 w2") == model.perplexity("w1 w2")
    with pytest.raises(InvalidParameterError, match="must be one of"):
        again.fit("a b")


@pytest.mark.parametrize("name", METHODS)
def test_names_stand_for_default_parameters(name: str, tmp_path: Path) -> None:
    model = NgramLanguageModel(order=3, smoothing=name).fit(TEXTS["many words"])
    model.save(tmp_path / "m.lm")
    assert lmkit.load(tmp_path / "m.lm").smoothing == name
    same = fitted(METHODS[name](), 3, TEXTS["many words"])
    np.testing.assert_array_equal(same.trie_.log10_prob, model.trie_.log10_prob)
    assert model.info()["estimation"]["smoothing"]["name"] == name


def test_scikit_learn_s_manners() -> None:
    model = NgramLanguageModel(order=2, smoothing=Additive(0.25))
    copy = clone(model)
    assert copy.smoothing == Additive(0.25)
    assert repr(copy) == "NgramLanguageModel(order=2, smoothing=Additive(delta=0.25))"
    with pytest.raises(AttributeError):
        model.smoothing.delta = 1  # frozen


def test_unsmoothed_models_say_inf_and_still_write(tmp_path: Path) -> None:
    from lmkit.evaluation.perplexity import Accounting

    model = fitted(MaximumLikelihood(), 3, TEXTS["many words"])
    events = model.score("w1 w2 w1 unseen")
    assert model.perplexity("w1 w2 w1 unseen") == np.inf
    assert "zero probabilities" in Accounting.from_events(events).render()
    assert all(set(model.generate(rng=seed).split()) <= set(model.vocabulary.tokens()) for seed in range(20))
    assert np.isfinite(model.perplexity(TEXTS["many words"]))


def test_unsmoothed_models_go_on_where_only_unk_or_the_end_can_follow() -> None:
    model = fitted(MaximumLikelihood(), 3, ["a <unk> b", "a <unk> c"])
    assert {model.generate(rng=seed) for seed in range(20)} == {"a <unk> b", "a <unk> c"}
    assert set(model.sample(20, rng=1)) == {"a <unk> b", "a <unk> c"}
    assert model.generate(rng=1, min_tokens=10).startswith("a <unk> ")  # ends all the same


def test_characters_to_order_ten_as_goldberg_had_them() -> None:
    text = "the quick brown fox jumps over the lazy dog and the quick red fox sleeps\n" * 30
    options = TextOptions(tokenizer="characters", sentences="none")
    model = fitted(MaximumLikelihood(), 10, text, reading=options)
    written = model.generate("the qu", rng=3, max_tokens=300)
    assert written.startswith("the quick ")
    windows = {written[i : i + 11] for i in range(len(written) - 11)}
    assert all(window in text for window in windows)  # an order-10 model repeats what it saw, ten characters at a time


def test_wrong_parameters_are_told_in_one_sentence() -> None:
    with pytest.raises(InvalidParameterError, match=r"'delta' parameter of Additive must be .* above 0\. Got 0 instead"):
        Additive(0)
    with pytest.raises(InvalidParameterError, match="'alpha' parameter of StupidBackOff"):
        StupidBackOff(1.5)
    with pytest.raises(InvalidParameterError, match="'discount' parameter of KneserNey must be above 0 and below 1"):
        KneserNey(1.0)
    with pytest.raises(InvalidParameterError, match="must be one of 'formula', 'tuned'"):
        KneserNey("best")
    with pytest.raises(InvalidParameterError, match="'formula', 'tuned' or 3 numbers"):
        ModifiedKneserNey(0.5)
    with pytest.raises(InvalidParameterError, match="'k' parameter of Katz"):
        Katz(0)
    with pytest.raises(InvalidParameterError, match="'interpolated' parameter of WittenBell must be True or False"):
        WittenBell("no")
    with pytest.raises(InvalidParameterError, match="a name or a method"):
        NgramLanguageModel(smoothing=3).fit("a b")
    with pytest.raises(InvalidParameterError, match="needs a held-out text"):
        NgramLanguageModel(smoothing=KneserNey("tuned")).fit("a b")
    with pytest.raises(InvalidParameterError, match="learns nothing from a held-out text"):
        NgramLanguageModel(smoothing="witten-bell").fit("a b", held_out="a")
    with pytest.raises(InputError):
        NgramLanguageModel(smoothing="jelinek-mercer").fit("a b", held_out=[])
    for held_out, told in (("a b", True), ("b a", False)):
        notes = NgramLanguageModel(order=2, smoothing="jelinek-mercer").fit("a b", held_out=held_out).notes_
        assert any("is the training text itself" in note for note in notes) == told


def test_stupid_back_off_says_what_it_pays() -> None:
    """p(sat | the cat) was seen; of "bird" only the 1-gram: two orders missed; "the" after <s> is as long as can be."""
    model = NgramLanguageModel(order=3, smoothing=StupidBackOff(alpha=0.25)).fit("the cat sat\na bird sat")
    events = model.score("the cat sat\ncat bird")
    assert events.back_off is not None
    assert (events.back_off / np.log(0.25)).round(3).tolist() == [0, 0, 0, 0, 2, 2, 2]
    assert events.hit_length is not None
    assert events.hit_length.tolist() == [2, 3, 3, 3, 1, 1, 1]
