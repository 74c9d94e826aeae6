"""Word vectors as a language model: probabilities against their definition, sums, states, files, and the commands on it."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference import huffman_twin

import lmkit
from lmkit import TextOptions
from lmkit._container import read_container, write_container
from lmkit.embeddings import EmbeddingLanguageModel
from lmkit.embeddings.history_weights import logistic_weights, mean_weights
from lmkit.embeddings.training.checkpoint import Checkpoints
from lmkit.errors import FormatError, InputError, InvalidParameterError, NotFittedError, UsageError
from lmkit.protocols import LanguageModel
from lmkit.text.encoding import as_corpus
from lmkit_cli.app import run

WORDS = ["the", "cat", "dog", "house", "über", "sat", "ran", "saw", "a", "in", "of", "日本", "red", "old"]


def generated(sentences: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    follow = rng.dirichlet(np.full(len(WORDS), 0.2), len(WORDS))
    lines = []
    for _ in range(sentences):
        row = [int(rng.integers(len(WORDS)))]
        while rng.random() < 0.85:
            row.append(int(rng.choice(len(WORDS), p=follow[row[-1]])))
        lines.append(" ".join(WORDS[i] for i in row))
    return "\n".join(lines)


TEXT, HELD_OUT = generated(400, 1), generated(60, 1) + "\nthe unknown cat\n"


@pytest.fixture(scope="module", params=["skipgram", "cbow"])
def model(request: pytest.FixtureRequest) -> EmbeddingLanguageModel:
    return EmbeddingLanguageModel(request.param, dim=12, window=3, min_count=2, learning_rate=0.1, threads=1).fit(TEXT, held_out=HELD_OUT)


def test_follows_the_protocol(model: EmbeddingLanguageModel) -> None:
    assert isinstance(model, LanguageModel)
    assert model.is_normalised


def by_definition(model: EmbeddingLanguageModel, history: list[int], word: int) -> float:
    """log p(word | history), nearest last, by the equations of language_model.py and word_tree.py."""
    counts, share = model.tree_.counts, model.tree_.unseen_share
    ids = [i for i in range(len(model.vocabulary)) if i != model.vocabulary.BOS]
    unseen = [i for i in ids if counts[i] == 0]
    if word in unseen:
        return math.log(share / len(unseen))
    order = sorted((i for i in ids if counts[i] > 0), key=lambda i: -counts[i])
    reach = min(len(history), model.window)
    hidden = np.zeros(model.dim)
    for d in range(reach):
        hidden += model.weights_[reach - 1, d] * model.input_[history[-1 - d]].astype(float)
    scores = (model.nodes_.astype(float) @ hidden).tolist()
    within = huffman_twin.word_log_probabilities([int(counts[i]) for i in order], scores)[order.index(word)]
    return within + (math.log(1 - share) if unseen else 0.0)


def test_scores_are_the_defined_probabilities(model: EmbeddingLanguageModel) -> None:
    vocabulary = model.vocabulary
    events = model.score("the cat ran in 日本 unheard\nsat")
    expected = []
    for sentence in (["the", "cat", "ran", "in", "日本", "unheard"], ["sat"]):
        history = [vocabulary.BOS]
        for word in [*vocabulary.lookup(sentence).tolist(), vocabulary.EOS]:
            expected.append(by_definition(model, history, word))
            history.append(word)
    np.testing.assert_allclose(events.log_probabilities, expected, rtol=1e-9)
    assert events.is_oov.tolist() == [False] * 5 + [True] + [False] * 3
    assert events.is_end.tolist() == [False] * 6 + [True, False, True]
    assert events.vocabulary_size == len(vocabulary) - 1


def test_probabilities_sum_to_one_and_agree_with_scores(model: EmbeddingLanguageModel) -> None:
    vocabulary = model.vocabulary
    sentence = ["red", "cat", "nowhere", "of", "house", "a"]
    events = model.score([sentence])
    state = model.initial_state(2)
    for place, word in enumerate([*vocabulary.lookup(sentence).tolist(), vocabulary.EOS]):
        rows = model.log_probs(state)
        np.testing.assert_allclose(np.exp(rows).sum(1), 1, atol=1e-9)
        assert rows[0, vocabulary.BOS] == -np.inf
        assert rows[0, word] == pytest.approx(events.log_probabilities[place], rel=1e-9)
        np.testing.assert_array_equal(rows[0], rows[1])
        state = model.advance(state, [word, word])
    np.testing.assert_array_equal(state, model.initial_state(2))  # behind </s> a sentence begins


def test_words_that_the_text_lacks_share_what_held_out_text_gives_them() -> None:
    known = as_corpus(TEXT + "\n" + " ".join(f"new{i}" for i in range(3000)), TextOptions()).vocabulary
    held_out = "the cat sat new5\na dog new5 ran\nthe old new7\n"  # 11 words and 3 ends, 3 of these 14 events unseen
    model = EmbeddingLanguageModel(dim=8, window=2, threads=1, epochs=2).fit(TEXT, held_out=held_out, vocabulary=known)
    share = 3.5 / 15
    assert model.tree_.unseen_share == pytest.approx(share)
    rows = np.exp(model.log_probs(model.initial_state()))
    assert rows.sum() == pytest.approx(1, abs=1e-9)
    assert rows[0, known.id("new5")] == pytest.approx(share / 3001)  # and `<unk>`
    by_hand = [by_definition(model, [known.BOS, known.id("the")], known.id(word)) for word in ("cat", "new9")]
    scored = [model.score([["the", word]]).log_probabilities[1] for word in ("cat", "new9")]
    np.testing.assert_allclose(scored, by_hand, rtol=1e-9)
    alone = EmbeddingLanguageModel(dim=8, window=2, threads=1, epochs=1).fit("a b a b a c d")
    assert alone.tree_.unseen_share == pytest.approx((3 + 0.5) / (8 + 1))  # of 8 events c, d and </s> are of words seen once


def test_learns_what_follows_what(model: EmbeddingLanguageModel) -> None:
    held_out = as_corpus(generated(100, 1), model.text_options)
    events = model.score(held_out)
    counts = np.maximum(model.tree_.counts.astype(float), 1)
    unigram = np.log(counts / (counts.sum() - counts[model.vocabulary.BOS]))[events.token_ids]
    assert events.log_probabilities.mean() > unigram.mean() + 0.2


def test_threads_don_t_change_scores(model: EmbeddingLanguageModel) -> None:
    one, three = (model.score(HELD_OUT, threads=threads).log_probabilities for threads in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_save_and_load(model: EmbeddingLanguageModel, tmp_path: Path) -> None:
    path = tmp_path / "m.lm"
    model.save(path)
    again = lmkit.load(path)
    assert isinstance(again, EmbeddingLanguageModel)
    np.testing.assert_array_equal(again.score(HELD_OUT).log_probabilities, model.score(HELD_OUT).log_probabilities)
    assert again.next_words("the", 3) == model.next_words("the", 3)
    assert json.loads(json.dumps(again.info())) == json.loads(json.dumps(model.info()))
    assert again.generate("the", rng=5) == model.generate("the", rng=5)


def test_vectors(model: EmbeddingLanguageModel) -> None:
    vectors = model.vectors_
    assert sorted(vectors.words.string(i) for i in range(len(vectors))) == sorted(model.vocabulary.tokens()[3:])
    np.testing.assert_array_equal(vectors.vector("cat"), model.input_[model.vocabulary.id("cat")])


def test_skipgram_weights_are_better_than_the_mean() -> None:
    model = EmbeddingLanguageModel(dim=12, window=3, threads=1, learning_rate=0.1).fit(TEXT)
    assert any("held-out" in note for note in model.notes_)
    learned = model.perplexity(TEXT)
    model.weights_ = mean_weights(3)
    assert learned < model.perplexity(TEXT)


def test_continuous_text_has_no_marks() -> None:
    text = TEXT.replace("\n", " ")
    model = EmbeddingLanguageModel(dim=8, window=2, threads=1, reading=TextOptions(sentences="none")).fit(text)
    rows = model.log_probs(model.initial_state())
    assert np.exp(rows).sum() == pytest.approx(1, abs=1e-9)
    assert rows[0, model.vocabulary.EOS] == -np.inf
    events = model.score("the cat sat in a house")
    state = model.initial_state()
    for token_id, scored in zip(events.token_ids, events.log_probabilities, strict=True):
        assert model.log_probs(state)[0, token_id] == pytest.approx(scored, rel=1e-9)
        state = model.advance(state, [token_id])


def test_logistic_weights_find_the_maximum() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(4000, 3))
    true = np.array([1.2, 0.4, -0.3])
    signed = x * np.where(rng.random(4000) < 1 / (1 + np.exp(-x @ true)), 1, -1)[:, None]
    found = logistic_weights(signed)
    np.testing.assert_allclose(found, true, atol=0.12)
    gradient = signed.T @ (1 / (1 + np.exp(signed @ found)))
    assert abs(gradient).max() < 0.05  # of 4000 rows, up to the ridge


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        EmbeddingLanguageModel(dim=8, threads=2).fit(TEXT).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_bad_parameters_and_texts() -> None:
    for arguments in ({"model": "lstm"}, {"window": 0}, {"dim": 0}, {"min_count": 0}):
        with pytest.raises(InvalidParameterError):
            EmbeddingLanguageModel(**arguments).fit(TEXT)
    with pytest.raises(InputError, match="no tokens"):
        EmbeddingLanguageModel().fit("  \n")
    with pytest.raises(InputError, match=r"no word occurs 100 times.*lower the minimum count"):
        EmbeddingLanguageModel(min_count=100).fit("a b c\nb a")
    with pytest.raises(InputError, match="fewer than two different tokens"):
        EmbeddingLanguageModel(threads=1, reading=TextOptions(sentences="none")).fit("x x x x")
    with pytest.raises(NotFittedError):
        EmbeddingLanguageModel().score("a")


def test_damaged_files(model: EmbeddingLanguageModel, tmp_path: Path) -> None:
    model.save(tmp_path / "m.lm")
    stored = read_container(tmp_path / "m.lm")
    for name, changed in (("nodes", model.nodes_[:-1]), ("weights", np.ones((2, 3))), ("input", model.input_[:, :3])):
        tensors = {key: np.array(stored[key]) for key in stored} | {name: np.ascontiguousarray(changed)}
        write_container(tmp_path / "bad.lm", stored.kind, stored.metadata, tensors)
        with pytest.raises(FormatError, match=r"bad.lm: .*damaged"):
            lmkit.load(tmp_path / "bad.lm")
    for share in (None, 0, 1.0, -0.5):
        tensors = {key: np.array(stored[key]) for key in stored}
        write_container(tmp_path / "bad.lm", stored.kind, {**stored.metadata, "unseen_share": share}, tensors)
        if share != 0 or not model.tree_.counts[[0, 2]].all():
            with pytest.raises(FormatError, match=r"bad.lm: .*damaged"):
                lmkit.load(tmp_path / "bad.lm")


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, other, target = tmp_path / "t.txt", tmp_path / "o.txt", tmp_path / "m.lm"
    text.write_text(TEXT, encoding="utf-8")
    other.write_text(HELD_OUT, encoding="utf-8")
    options = ["--left-context", "--loss", "hs", "--dim", "8", "--min-count", "1", "--held-out", str(other), "--threads", "1"]
    assert run(["train-w2v", str(text), *options, "--out", str(target), "--json"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["model"] == str(target)
    assert run(["perplexity", str(target), str(other), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["perplexity"]
    assert found == pytest.approx(lmkit.load(target).perplexity(other), rel=1e-6)
    assert run(["predict", str(target), "the", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["next_words"]) == 10
    assert run(["generate", str(target), "--prompt", "the", "--count", "2", "--seed", "1"]) == 0
    assert run(["info", str(target)]) == 0
    capsys.readouterr()
    assert run(["train-w2v", str(text), "--left-context"]) == 2
    assert "--loss hs" in capsys.readouterr().err


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("kind", ["skipgram", "cbow"])
def test_resume_ends_with_the_same_bytes(tmp_path: Path, kind: str) -> None:
    """The process dies at the end of the second epoch; a new one goes on from the last checkpoint."""

    def new() -> EmbeddingLanguageModel:
        return EmbeddingLanguageModel(kind, dim=8, window=2, epochs=3, threads=1)

    def die(report: Any) -> None:
        if report.epoch_record is not None and report.epoch == 2:
            raise _KilledError

    checkpoints = Checkpoints(tmp_path / "state", minutes=0, resume=True)
    with pytest.raises(_KilledError):
        new().fit(TEXT, held_out=HELD_OUT, checkpoints=checkpoints, report=die)
    epochs: list[int] = []
    new().fit(TEXT, held_out=HELD_OUT, checkpoints=checkpoints, report=lambda report: epochs.append(report.epoch)).save(tmp_path / "on.lm")
    assert min(epochs) == 2
    new().fit(TEXT, held_out=HELD_OUT).save(tmp_path / "whole.lm")
    assert (tmp_path / "on.lm").read_bytes() == (tmp_path / "whole.lm").read_bytes()
    with pytest.raises(UsageError, match=r"corpus.sha256"):
        new().fit(TEXT + " further words", held_out=HELD_OUT, checkpoints=checkpoints)


def test_all_pairs_of_words_have_a_probability(model: EmbeddingLanguageModel) -> None:
    for first, second in itertools.product(WORDS[:4], repeat=2):
        assert np.isfinite(model.score([[first, second]]).log_probabilities).all()


def test_what_early_stopping_kept_is_told() -> None:
    with pytest.raises(InvalidParameterError, match="'patience' parameter of fit"):
        EmbeddingLanguageModel(dim=8).fit(TEXT, patience=1)
    model = EmbeddingLanguageModel(dim=8, epochs=40, learning_rate=0.1, threads=1).fit(TEXT, held_out=HELD_OUT, patience=1)
    kept, done = model.metadata_["kept_epoch"], len(model.history_)
    assert kept == done - 1 < 39
    assert any(f"ended after epoch {done} of 40; the vectors are those of epoch {kept}" in note for note in model.notes_)
