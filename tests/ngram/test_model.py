"""The n-gram model against its float64 twin, and what every language model must keep: sums to one, repeats, round trips."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from reference.ngram_twin import KneserNeyTwin
from sklearn.base import clone

import lmkit
from lmkit import Decoding, NgramLanguageModel, TextOptions
from lmkit.errors import InputError, InvalidParameterError, NotFittedError, UsageError
from lmkit.evaluation.perplexity import Accounting
from lmkit.protocols import LanguageModel
from lmkit.text.encoding import as_corpus
from lmkit.text.sources import open_source
from lmkit.text.vocabulary import Vocabulary


def random_sentences(seed: int, sentences: int, types: int, longest: int) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [[f"w{min(int(rng.zipf(1.5)), types)}" for _ in range(rng.integers(0, longest + 1))] for _ in range(sentences)]


TEXTS = {
    "many words": random_sentences(1, 300, 80, 12),
    "two words": random_sentences(2, 60, 2, 9),
    "one word": [["a"]],
    "repeated": [["a", "b", "a", "b"], ["a", "b", "a", "b"]],
    "short sentences": random_sentences(3, 200, 30, 2),
    "empty sentences": [["a"], [], [], ["b", "a"]],
    "literal unk": [["a", "<unk>", "b"], ["<unk>", "<unk>", "a"], ["b", "<unk>", "b"]],
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_scores_equal_the_twin_s(name: str, order: int) -> None:
    sentences = TEXTS[name]
    model = NgramLanguageModel(order=order).fit(sentences)
    twin = KneserNeyTwin(sentences, model.order_)
    tested = [*sentences[:40], *random_sentences(9, 30, 90, 8), ["unseen"], ["unseen", "w1", "unseen"], []]
    got = model.score(as_corpus(tested, model.text_options)).log_probabilities
    expected = np.concatenate([twin.log_probabilities(words) for words in tested])
    np.testing.assert_allclose(got, expected, rtol=2e-6, atol=2e-6)


def test_continuous_text_equals_the_twin_and_never_ends() -> None:
    words = [word for sentence in TEXTS["many words"] for word in sentence]
    options = TextOptions(sentences="none")
    model = NgramLanguageModel(order=4, reading=options).fit(" ".join(words))
    twin = KneserNeyTwin([words], 4, boundaries=False)
    tested = [*words[:200], "unseen", *words[50:90]]
    events = model.score(as_corpus(" ".join(tested), options))
    np.testing.assert_allclose(events.log_probabilities, twin.log_probabilities(tested), rtol=2e-6, atol=2e-6)
    assert not events.is_end.any()
    assert np.isneginf(model.log_probs(model.initial_state())[0, Vocabulary.EOS])


def test_carried_state_joins_documents_of_continuous_text(tmp_path: Path) -> None:
    options = TextOptions(sentences="none")
    words = ["a", "b", "c", "a", "b", "d", "a", "b", "c", "a", "c", "b"]
    model = NgramLanguageModel(order=3, reading=options).fit(" ".join(words))
    for name, part in (("1.txt", words[:5]), ("2.txt", words[5:])):
        (tmp_path / name).write_text(" ".join(part))
    two_documents = as_corpus(tmp_path, options)
    whole = model.score(as_corpus(" ".join(words), options)).log_probabilities
    np.testing.assert_array_equal(model.score(two_documents, state="carry").log_probabilities, whole)
    assert not np.array_equal(model.score(two_documents).log_probabilities, whole)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("order", [1, 2, 4])
def test_probabilities_sum_to_one_after_any_history(name: str, order: int) -> None:
    model = NgramLanguageModel(order=order).fit(TEXTS[name])
    size = len(model.vocabulary)
    rng = np.random.default_rng(5)
    seen = [ids[:k] for ids in map(model.vocabulary.lookup, TEXTS[name][:30]) for k in range(min(len(ids), 5) + 1)]
    unseen = [rng.integers(3, size, 4) if size > 3 else np.array([0, 0]) for _ in range(10)]
    for history in [*seen, *unseen, np.array([0]), np.array([], int)]:
        state = model.initial_state()
        for token_id in history:
            state = model.advance(state, [token_id])
        probabilities = np.exp(model.log_probs(state)[0])
        assert probabilities.sum() == pytest.approx(1, abs=2e-6)
        assert probabilities[Vocabulary.BOS] == 0


def test_stepping_gives_the_scores_of_the_whole_text() -> None:
    model = NgramLanguageModel(order=4).fit(TEXTS["many words"])
    assert isinstance(model, LanguageModel)
    words = ["w3", "w1", "unseen", "w1", "w2"]
    expected = model.score(as_corpus([words], model.text_options)).log_probabilities
    state = model.initial_state(2)
    for position, token_id in enumerate([*model.vocabulary.lookup(words), Vocabulary.EOS]):
        assert model.log_probs(state)[1, token_id] == pytest.approx(expected[position], abs=1e-6)
        before = state.copy()
        following = model.advance(state, [token_id, token_id])
        np.testing.assert_array_equal(state, before)  # states are shared by beams, so they never change
        state = following


def test_any_number_of_threads_gives_the_same_scores() -> None:
    sentences = random_sentences(11, 9000, 50, 6)
    model = NgramLanguageModel(order=3).fit(sentences[:500])
    corpus = as_corpus(sentences, model.text_options)
    one, three = model.score(corpus, threads=1), model.score(corpus, threads=3)
    np.testing.assert_array_equal(one.log_probabilities, three.log_probabilities)
    np.testing.assert_array_equal(one.hit_length, three.hit_length)


def test_events_tell_oov_ends_lengths_and_back_off() -> None:
    model = NgramLanguageModel(order=3).fit(TEXTS["many words"])
    events = model.score(as_corpus("w1 w2 zoé\n\nw1", model.text_options))
    # sentences: w1 w2 zoé </s> | </s> | w1 </s>
    assert events.is_oov.tolist() == [False, False, True, False, False, False, False]
    assert events.is_end.tolist() == [False, False, False, True, True, False, True]
    assert events.characters.tolist() == [2, 3, 4, 1, 1, 2, 1]  # "w1", " w2", " zoé", newline, newline, "w1", newline
    assert events.bytes.tolist() == [2, 3, 5, 1, 1, 2, 1]
    assert events.sentence.tolist() == [0, 0, 0, 0, 1, 2, 2]
    assert events.hit_length[2] == 1  # <unk> is known as a unigram only
    assert events.back_off[2] < 0
    assert events.back_off[0] == 0
    assert events.vocabulary_size == len(model.vocabulary) - 1


def test_rare_words_become_unk_and_unk_is_then_trained() -> None:
    sentences = TEXTS["many words"]
    model = NgramLanguageModel(order=3, min_count=4).fit(sentences)
    frequent = {w for w in {w for s in sentences for w in s} if sum(s.count(w) for s in sentences) >= 4}
    assert set(model.vocabulary.tokens()) == frequent | {"<unk>", "<s>", "</s>"}
    twin = KneserNeyTwin([[w if w in frequent else "<unk>" for w in s] for s in sentences], 3)
    # numbering by first appearance differs for <unk>, which only moves lmplz's exceptional count: compare the highest order's hits
    assert model.score(as_corpus([["w1", "rare"]], model.text_options)).log_probabilities[1] == pytest.approx(
        twin.log_probabilities(["w1", "rare"])[1], abs=0.02
    )
    capped = NgramLanguageModel(order=2, max_vocabulary_size=8).fit(sentences)
    assert len(capped.vocabulary) == 8


def test_order_is_lowered_to_the_longest_sentence_and_says_so() -> None:
    model = NgramLanguageModel(order=9).fit("a b c\na b")
    assert model.order_ == 5  # <s> a b c </s>
    assert any("Order 9 was lowered to 5" in note for note in model.notes_)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_save_and_load_give_identical_scores_and_bytes(order: int, tmp_path: Path) -> None:
    model = NgramLanguageModel(order=order, reading=TextOptions(lowercase=True)).fit(TEXTS["many words"])
    model.save(tmp_path / "a.lm")
    again = lmkit.load(tmp_path / "a.lm")
    text = "W1 w2 W9\nw5"
    np.testing.assert_array_equal(again.score(text).log_probabilities, model.score(text).log_probabilities)
    assert again.text_options == model.text_options
    assert again.info() == json.loads(json.dumps(model.info()))
    again.save(tmp_path / "b.lm")
    assert (tmp_path / "a.lm").read_bytes() == (tmp_path / "b.lm").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.lm", "b.lm"]


def test_fitting_twice_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a.lm", "b.lm"):
        NgramLanguageModel(order=4).fit(TEXTS["many words"]).save(tmp_path / name)
    assert (tmp_path / "a.lm").read_bytes() == (tmp_path / "b.lm").read_bytes()


def test_saved_files_open_in_the_safetensors_library(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    model = NgramLanguageModel(order=3).fit(TEXTS["many words"])
    model.save(tmp_path / "m.lm")
    tensors = safetensors.load_file(tmp_path / "m.lm")
    probabilities = [tensors[name].view(np.float32)[:, 0] for name in ("trie.nodes", "trie.leaves")]
    np.testing.assert_array_equal(np.concatenate([probabilities[0][:-1], probabilities[1]]), model.trie_.log10_prob)


def test_next_words_are_the_distribution_s_top() -> None:
    model = NgramLanguageModel(order=3).fit(TEXTS["many words"])
    rows = model.next_words("w1 w2", top=7)
    assert model.next_words(["w1", "w2"], top=7) == rows
    state = model.initial_state()
    for token_id in model.vocabulary.lookup(["w1", "w2"]):
        state = model.advance(state, [token_id])
    probabilities = np.exp(model.log_probs(state)[0])
    assert [row.probability for row in rows] == pytest.approx(np.sort(probabilities)[::-1][:7])
    assert all(row.probability == pytest.approx(probabilities[model.vocabulary.id(row.token)]) for row in rows)
    everything = model.next_words("w1 w2", top=10_000)
    assert len(everything) == len(model.vocabulary) - 1
    assert sum(row.probability for row in everything) == pytest.approx(1, abs=1e-6)


def test_generation_repeats_with_a_seed_and_follows_the_model() -> None:
    model = NgramLanguageModel(order=2).fit("the cat sat\nthe dog sat")
    assert model.generate("the", rng=3) == model.generate("the", rng=3)
    assert len({model.generate(rng=seed) for seed in range(30)}) > 5
    assert model.generate("the", decoding=Decoding(argmax=True), max_tokens=4).startswith("the ")
    assert all("<unk>" not in model.generate(rng=seed, decoding=Decoding(temperature=5.0)) for seed in range(50))
    assert len(model.generate(rng=1, max_tokens=30, min_tokens=30).split()) == 30


def test_scikit_learn_s_manners() -> None:
    model = NgramLanguageModel(order=3, min_count=2)
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(order=2).order == 2
    assert repr(NgramLanguageModel(order=3)) == "NgramLanguageModel(order=3)"
    before = model.get_params()
    model.fit(TEXTS["many words"])
    assert model.get_params() == before
    with pytest.raises(InvalidParameterError, match="no parameter 'ordr'"):
        model.set_params(ordr=2)


def test_wrong_calls_are_told_in_one_sentence() -> None:
    with pytest.raises(InvalidParameterError, match=r"'order' parameter of NgramLanguageModel must be an int of at least 1 .* Got 0"):
        NgramLanguageModel(order=0).fit("a b")
    with pytest.raises(InvalidParameterError, match="must be one of 'modified-kneser-ney'"):
        NgramLanguageModel(smoothing="magic").fit("a b")
    with pytest.raises(NotFittedError, match="not fitted"):
        NgramLanguageModel().score("a b")
    with pytest.raises(InputError):
        NgramLanguageModel().fit("")


@pytest.mark.parametrize("threads", [1, 3])
def test_sums_are_those_of_the_events(tmp_path: Path, threads: int) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat sat\n\nthe dog <unk> ran\na bird sat on the cat\n" * 40, encoding="utf-8")
    model = NgramLanguageModel(order=3).fit("the cat sat\nthe cat ran\nthe dog sat")
    for form in (model, model.compact()):
        summed = form.sum_scores(open_source(text), form.text_options, threads)
        assert summed is not None
        found, expected = Accounting.from_sums(summed[0], form), Accounting.from_events(form.score(text))
        for kind in ("known_words", "unknown_words", "ends"):
            assert getattr(found, kind).count == getattr(expected, kind).count > 0
            assert getattr(found, kind).log_probability == pytest.approx(getattr(expected, kind).log_probability, rel=1e-12)
        assert (found.characters, found.bytes, found.sentences) == (expected.characters, expected.bytes, expected.sentences)
        assert (found.vocabulary_size, found.vocabulary_hash) == (expected.vocabulary_size, expected.vocabulary_hash)
        assert summed[1] == as_corpus(text, form.text_options).notes
    assert model.sum_scores(open_source(text), TextOptions(lowercase=True)) is None


def test_impossible_events_are_counted_in_sums(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat\nthe bird\n", encoding="utf-8")
    model = NgramLanguageModel(order=2, smoothing="maximum-likelihood").fit("the cat sat")
    summed = model.sum_scores(open_source(text), model.text_options)
    assert summed is not None
    assert summed[0].zero_probabilities == Accounting.from_events(model.score(text)).zero_probabilities > 0


@pytest.mark.parametrize("options", [TextOptions(), TextOptions(blank_lines="drop"), TextOptions(lowercase=True)])
def test_sentences_in_a_batch(options: TextOptions) -> None:
    model = NgramLanguageModel(order=3, reading=options).fit("the cat sat\nthe cat ran\nthe dog sat")
    sentences = ["the cat ran", "", "the bird", "dog\nthe", "the cat ran"] * 3
    found = model.score_sentences(sentences, threads=2)
    keep = options.replace(blank_lines="keep")
    for sentence, value in zip(sentences, found, strict=True):
        events = model.score(as_corpus([sentence, "the"], keep))
        assert value == pytest.approx(events.log_probabilities[events.sentence == 0].sum(), rel=1e-12)
    assert model.score_sentences([]).shape == (0,)
    with pytest.raises(UsageError, match="continuous"):
        NgramLanguageModel(order=2, reading=TextOptions(sentences="none")).fit("a b a").score_sentences(["a"])


def test_a_pickled_model_scores_alike(tmp_path: Path) -> None:
    fitted = NgramLanguageModel(order=3).fit(["a b c", "a b d"])
    fitted.save(tmp_path / "m.lm")
    for model in (fitted, lmkit.load(tmp_path / "m.lm"), fitted.compact()):
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.score("a b d c").log_probabilities, model.score("a b d c").log_probabilities)
