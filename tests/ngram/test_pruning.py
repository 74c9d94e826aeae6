"""Pruned models: lmplz's numbers, the twins' decisions, sums of one, and the same files and round trips as any other model."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from golden.make_ngram_goldens import generated_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference.pruning_twin import BackoffTwin, KneserNeyCounts

import lmkit
from lmkit import NgramLanguageModel, TextOptions
from lmkit.errors import InvalidParameterError, UsageError
from lmkit.ngram.counting.counts import count_ngrams
from lmkit.ngram.pruning import CountCutoffs, RelativeEntropy, RevisedKneserNey, VocabularyLimit, prune
from lmkit.ngram.pruning.recovery import with_counts
from lmkit.ngram.pruning.relative_entropy import relative_entropies
from lmkit.ngram.pruning.subjects import subject_of_model
from lmkit.ngram.querying.table import NgramTable
from lmkit.ngram.smoothing import KneserNey, ModifiedKneserNey, WittenBell, method_names
from lmkit.text.encoding import as_corpus
from lmkit.text.vocabulary import Vocabulary
from lmkit.wrappers.mixture import Mixture

DATA = Path(__file__).parents[1] / "golden" / "data"


def sentences(seed: int, count: int, types: int, longest: int) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [[f"w{min(int(rng.zipf(1.5)), types)}" for _ in range(rng.integers(0, longest + 1))] for _ in range(count)]


TEXT = sentences(1, 200, 40, 10)
SMALL = sentences(3, 40, 8, 6)
NORMALISED = [name for name in method_names() if name != "stupid-back-off"]


def rows(table: NgramTable) -> list[tuple[int, ...]]:
    """Every n-gram as a tuple of word ids."""
    contexts, result = table.contexts, []
    for node in range(len(table)):
        result.append((*(result[contexts[node]] if contexts[node] >= 0 else ()), int(table.words[node])))
    return result


def twin_of(table: NgramTable) -> BackoffTwin:
    ngrams = rows(table)
    back_off = dict(zip(ngrams, table.back_off.tolist(), strict=False))
    predictable = [word for word in range(table.vocabulary_size) if word != Vocabulary.BOS]
    return BackoffTwin(dict(zip(ngrams, table.probability.tolist(), strict=True)), back_off, predictable)


def check_sound(model: NgramLanguageModel, text: list[list[str]]) -> None:
    """Sums of one for seen and unseen histories, and every n-gram's context in the model."""
    table = NgramTable.from_trie(model.fast_trie())
    kept = set(rows(table))
    assert all(ngram[:-1] in kept for ngram in kept if len(ngram) > 1)
    rng = np.random.default_rng(5)
    size = len(model.vocabulary)
    seen = [ids[:k] for ids in map(model.vocabulary.lookup, text[:25]) for k in range(min(len(ids), 4) + 1)]
    unseen = [rng.integers(3, size, 4) if size > 3 else np.zeros(2, int) for _ in range(6)]
    for history in [*seen, *unseen, np.array([0]), np.array([], int)]:
        state = model.initial_state()
        for token_id in history:
            state = model.advance(state, [token_id])
        assert np.exp(model.log_probs(state)[0]).sum() == pytest.approx(1, abs=3e-6)


def arpa_entries(path: Path) -> dict[tuple[str, ...], tuple[float, float]]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    entries = {}
    for line in raw.decode().split("\n"):
        fields = line.split("\t")
        if len(fields) >= 2:
            entries[tuple(fields[1].split(" "))] = (float(fields[0]), float(fields[2]) if len(fields) > 2 else 0.0)
    return entries


# -- count cut-offs and vocabulary limits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "order", "counts", "limited"),
    [
        ("pruned-001", 3, (0, 0, 1), False),
        ("pruned-0112", 4, (0, 1, 1, 2), False),
        ("pruned-1", 3, (1,), False),
        ("pruned-words", 3, (0,), True),
        ("pruned-words-001", 3, (0, 0, 1), True),
    ],
)
def test_cut_offs_and_limits_give_lmplz_numbers(case: str, order: int, counts: tuple[int, ...], limited: bool, tmp_path: Path) -> None:
    words = (DATA / "pruned-words.txt").read_text(encoding="utf-8").split()
    pruning = [CountCutoffs(counts), *([VocabularyLimit(words)] if limited else [])]
    model = NgramLanguageModel(order=order, pruning=pruning).fit(DATA / "generated.txt")
    model.write_arpa(tmp_path / "m.arpa")
    ours, theirs = arpa_entries(tmp_path / "m.arpa"), arpa_entries(DATA / f"{case}.arpa.gz")
    assert ours.keys() == theirs.keys()
    assert max(np.abs(np.subtract(ours[ngram], theirs[ngram])).max() for ngram in theirs) < 1e-5
    check_sound(model, [line.split() for line in (DATA / "generated.txt").read_text(encoding="utf-8").splitlines()])


@pytest.mark.parametrize("smoothing", [*NORMALISED, KneserNey(interpolated=False), WittenBell(interpolated=False)])
@pytest.mark.parametrize("boundaries", [True, False])
def test_cut_models_of_every_smoothing_sum_to_one(smoothing: object, boundaries: bool) -> None:
    reading = TextOptions() if boundaries else TextOptions(sentences="none")
    text = "\n".join(" ".join(words) for words in TEXT)
    whole = NgramLanguageModel(order=3, smoothing=smoothing, reading=reading).fit(text)
    for pruning in (CountCutoffs((0, 0, 1)), CountCutoffs((1, 1, 2)), VocabularyLimit([f"w{i}" for i in range(1, 20)])):
        model = NgramLanguageModel(order=3, smoothing=smoothing, reading=reading, pruning=pruning).fit(text)
        assert sum(model.trie_.sizes) < sum(whole.trie_.sizes)
        check_sound(model, TEXT)


def test_cut_offs_keep_what_occurs_often_enough() -> None:
    model = NgramLanguageModel(order=3, pruning=(0, 1, 2)).fit(TEXT)
    padded = [["<s>", *words, "</s>"] for words in TEXT]
    expected = [len(model.vocabulary)]
    for n, highest in ((2, 1), (3, 2)):
        found: dict[tuple[str, ...], int] = {}
        for words in padded:
            for i in range(len(words) - n + 1):
                found[tuple(words[i : i + n])] = found.get(tuple(words[i : i + n]), 0) + 1
        expected.append(sum(count > highest for count in found.values()))
    assert model.trie_.sizes == expected
    assert model.metadata_["pruning"][0]["highest"] == [0, 1, 2]


def test_words_below_the_cut_off_are_unknown_afterwards() -> None:
    whole = NgramLanguageModel(order=2).fit(TEXT)
    model = NgramLanguageModel(order=2, pruning=(2,)).fit(TEXT)
    gone = set(whole.vocabulary.tokens()) - set(model.vocabulary.tokens())
    assert gone == {word for word in {w for s in TEXT for w in s} if sum(s.count(word) for s in TEXT) <= 2}
    assert any(f"{len(gone)} words went" in note for note in model.notes_)
    assert model.score(as_corpus([[sorted(gone)[0]]], model.text_options)).is_oov[0]


def test_stupid_back_off_can_be_cut() -> None:
    model = NgramLanguageModel(order=3, smoothing="stupid-back-off", pruning=(0, 0, 1)).fit(TEXT)
    whole = NgramLanguageModel(order=3, smoothing="stupid-back-off").fit(TEXT)
    assert model.trie_.sizes[2] < whole.trie_.sizes[2]
    assert np.isfinite(model.perplexity("w1 w2 w3"))


@pytest.mark.parametrize("counts", [(1, 0), (-1,), (0, 0, 0, 0), ("a",), 7, "0,0,1"])
def test_bad_cut_offs_are_refused(counts: object) -> None:
    with pytest.raises(UsageError):
        NgramLanguageModel(order=3, pruning=counts).fit(TEXT)


# -- relative entropy --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", ["witten-bell", "katz", "modified-kneser-ney"])
def test_relative_entropies_are_those_of_the_definition(smoothing: str) -> None:
    model = NgramLanguageModel(order=3, smoothing=smoothing).fit(SMALL)
    subject = subject_of_model(model)
    score, twin = relative_entropies(subject), twin_of(subject.table)
    checked = 0
    for node, ngram in enumerate(rows(subject.table)):
        if len(ngram) > 1:
            assert score[node] == pytest.approx(twin.relative_entropy(ngram), rel=1e-6, abs=1e-12), ngram
            checked += 1
    assert checked > 60


def test_the_threshold_decides_and_back_off_weights_are_those_of_the_twin() -> None:
    model = NgramLanguageModel(order=3, smoothing="witten-bell").fit(SMALL)
    table = subject_of_model(model).table
    twin, ngrams, threshold = twin_of(table), rows(table), 2e-3
    gone: set[tuple[int, ...]] = set()
    for order in (3, 2):
        for ngram in (n for n in ngrams if len(n) == order):
            begins = any(other[:-1] == ngram for other in ngrams if other not in gone)
            if not begins and math.expm1(twin.relative_entropy(ngram)) < threshold:
                gone.add(ngram)
    assert 10 < len(gone) < len(ngrams) - 20
    pruned = NgramTable.from_trie(prune(model, RelativeEntropy(threshold=threshold)).fast_trie())
    assert set(rows(pruned)) == set(ngrams) - gone
    smaller = twin.without(gone)
    for node, ngram in enumerate(rows(pruned)):
        assert pruned.probability[node] == pytest.approx(smaller.probability[ngram], rel=1e-6)
        if node < len(pruned.back_off) and ngram in smaller.back_off:
            assert pruned.back_off[node] == pytest.approx(smaller.back_off[ngram], rel=1e-5)


@pytest.mark.parametrize("method", [RelativeEntropy, RevisedKneserNey])
def test_targets_are_met(method: type, tmp_path: Path) -> None:
    model = NgramLanguageModel(order=4, smoothing="kneser-ney").fit(sentences(8, 3000, 800, 12))
    before = sum(model.trie_.sizes)
    assert prune(model, method(ngrams=before)).trie_.sizes == model.trie_.sizes
    sizes = []
    for share in (0.9, 0.5, 0.2):
        pruned = prune(model, method(ngrams=int(share * before)))
        sizes.append(sum(pruned.trie_.sizes))
        assert 0.99 * share * before - 2 <= sizes[-1] <= share * before
        check_sound(pruned, TEXT)
    words = prune(model, method(ngrams=len(model.vocabulary)))
    assert sum(words.trie_.sizes) <= len(model.vocabulary)
    check_sound(words, TEXT)
    model.save(tmp_path / "whole.lm")
    target = (tmp_path / "whole.lm").stat().st_size // 2
    pruned = prune(model, method(size=target))
    pruned.save(tmp_path / "half.lm")
    assert target - (20 << 10) <= (tmp_path / "half.lm").stat().st_size <= target


def test_a_size_is_never_exceeded(tmp_path: Path) -> None:
    model = NgramLanguageModel(order=4).fit(generated_text(1, 4000, 800))
    model.save(tmp_path / "whole.lm")
    target = (tmp_path / "whole.lm").stat().st_size // 2
    prune(model, RelativeEntropy(size=target)).save(tmp_path / "half.lm")
    assert target - (20 << 10) <= (tmp_path / "half.lm").stat().st_size <= target


def test_a_mixture_has_no_ngrams_to_take_out() -> None:
    model = NgramLanguageModel(order=2).fit(TEXT)
    with pytest.raises(UsageError, match="A Mixture has no n-grams to take out"):
        prune(Mixture([model, model], [0.5, 0.5]), RelativeEntropy(threshold=1e-4))  # type: ignore[arg-type]


def test_a_reached_threshold_gives_the_same_model_again() -> None:
    model = NgramLanguageModel(order=3, smoothing="katz").fit(TEXT)
    first = prune(model, RelativeEntropy(ngrams=sum(model.trie_.sizes) // 2))
    reached = first.metadata_["pruning"][0]["reached_threshold"]
    again = prune(model, RelativeEntropy(threshold=reached))
    assert sum(first.trie_.sizes) <= sum(again.trie_.sizes) <= sum(first.trie_.sizes) + 3  # of equal losses some may stay


# -- revised Kneser-Ney --------------------------------------------------------------------------------------------------------------------


def true_counts(model: NgramLanguageModel, text: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    encoded = as_corpus(text, model.text_options)
    counts = count_ngrams(encoded.ids_in(model.vocabulary), encoded.sentence_offsets, len(model.vocabulary), model.order_)
    raw = np.concatenate([np.asarray(level.counts) for level in counts.levels])
    raw[Vocabulary.BOS] = 0
    return raw, np.concatenate([counts.adjusted_counts(order) for order in range(1, counts.order + 1)])


@pytest.mark.parametrize("smoothing", ["modified-kneser-ney", "kneser-ney", ModifiedKneserNey(discount=(0.5, 0.9, 1.3))])
@pytest.mark.parametrize("origin", ["trained", "ARPA"])
def test_counts_are_read_off_a_model(smoothing: object, origin: str, tmp_path: Path) -> None:
    text = sentences(4, 2500, 300, 12)
    model = NgramLanguageModel(order=3, smoothing=smoothing).fit(text)
    raw, adjusted = true_counts(model, text)
    if origin == "ARPA":
        model.write_arpa(tmp_path / "m.arpa")
        model = lmkit.load(tmp_path / "m.arpa")
    subject = with_counts(subject_of_model(model))
    np.testing.assert_array_equal(subject.adjusted_counts, adjusted)
    np.testing.assert_array_equal(subject.raw_counts, raw)


@pytest.mark.parametrize("threshold", [0.0, 1.5, 4.0])
def test_revised_kneser_ney_takes_the_twin_s_decisions(threshold: float) -> None:
    model = NgramLanguageModel(order=3).fit(SMALL)
    subject = subject_of_model(model, SMALL)
    assert subject.raw_counts is not None
    assert subject.adjusted_counts is not None
    assert subject.discounts is not None
    ngrams = rows(subject.table)
    discounts = [dict(enumerate(row, 1)) for row in subject.discounts]
    predictable = [word for word in range(subject.table.vocabulary_size) if word != Vocabulary.BOS]
    twin = KneserNeyCounts(
        dict(zip(ngrams, subject.adjusted_counts.tolist(), strict=True)),
        dict(zip(ngrams, subject.raw_counts.tolist(), strict=True)),
        discounts,
        predictable,
    )
    twin.prune(threshold, [ngram for order in (3, 2) for ngram in ngrams if len(ngram) == order])
    pruned = prune(model, RevisedKneserNey(threshold=threshold, loss="training"), SMALL)
    table = NgramTable.from_trie(pruned.fast_trie())
    assert {ngram for ngram in rows(table) if len(ngram) > 1} == {ngram for ngram in twin.counts if len(ngram) > 1}
    assert 0 < len(table) < len(ngrams)
    ours = twin_of(table)
    for history in [(), (1,), (3,), (1, 3), (3, 4), (4, 3), (5, 6)]:
        for word in predictable:
            assert ours.p(word, history) == pytest.approx(twin.p(word, history), rel=2e-6)


@pytest.mark.parametrize("loss", ["training", "expected"])
def test_revised_pruning_beats_entropy_pruning_of_kneser_ney(loss: str) -> None:
    model = NgramLanguageModel(order=3).fit(generated_text(1, 3000, 800))
    target = len(model.vocabulary) + (sum(model.trie_.sizes) - len(model.vocabulary)) // 8
    revised = prune(model, RevisedKneserNey(ngrams=target, loss=loss))
    entropy = prune(model, RelativeEntropy(ngrams=target))
    held_out = generated_text(2, 300, 800)
    assert revised.perplexity(held_out) < 0.9 * entropy.perplexity(held_out)  # 32.4 and 39.3 when this was written
    assert any("suits Kneser-Ney models badly" in note for note in entropy.notes_)


def test_models_that_are_no_kneser_ney_are_refused() -> None:
    for smoothing in ("witten-bell", KneserNey(interpolated=False)):
        with pytest.raises(UsageError, match="is for interpolated Kneser-Ney models"):
            prune(NgramLanguageModel(order=3, smoothing=smoothing).fit(TEXT), RevisedKneserNey(threshold=1))
    cut = NgramLanguageModel(order=3, pruning=(0, 0, 1)).fit(TEXT)
    with pytest.raises(UsageError, match="can't be read off"):
        prune(cut, RevisedKneserNey(threshold=1))
    quantised = NgramLanguageModel(order=3).fit(TEXT).compact(bits=3)
    with pytest.raises(UsageError, match="can't be read off"):
        prune(quantised, RevisedKneserNey(threshold=1))
    with pytest.raises(UsageError, match="not those of the text"):
        prune(cut, RevisedKneserNey(threshold=1), TEXT)


# -- what holds for all ------------------------------------------------------------------------------------------------------------------

METHODS = [RelativeEntropy(threshold=1e-4), RelativeEntropy(ngrams=120), RevisedKneserNey(threshold=3), RevisedKneserNey(ngrams=150)]


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_pruned_models_are_models_as_any_other(method: object, tmp_path: Path) -> None:
    model = NgramLanguageModel(order=4).fit(TEXT)
    before = model.score(as_corpus(TEXT, model.text_options)).log_probabilities
    pruned = prune(model, method)
    check_sound(pruned, TEXT)
    np.testing.assert_array_equal(model.score(as_corpus(TEXT, model.text_options)).log_probabilities, before)  # stays as it was
    scores = pruned.score(as_corpus(TEXT, model.text_options)).log_probabilities
    pruned.save(tmp_path / "m.lm")
    pruned.write_arpa(tmp_path / "m.arpa")
    again = lmkit.load(tmp_path / "m.lm")
    np.testing.assert_array_equal(again.score(as_corpus(TEXT, model.text_options)).log_probabilities, scores)
    assert again.metadata_["pruning"][0]["before"] == model.trie_.sizes
    read = lmkit.load(tmp_path / "m.arpa")
    np.testing.assert_allclose(read.score(as_corpus(TEXT, model.text_options)).log_probabilities, scores, atol=1e-6)


@pytest.mark.parametrize("boundaries", [True, False])
@pytest.mark.parametrize("smoothing", NORMALISED)
def test_entropy_pruned_models_of_every_smoothing_sum_to_one(smoothing: str, boundaries: bool) -> None:
    reading = TextOptions() if boundaries else TextOptions(sentences="none")
    model = NgramLanguageModel(order=3, smoothing=smoothing, reading=reading).fit("\n".join(" ".join(words) for words in TEXT))
    if smoothing == "maximum-likelihood":  # what was not seen is impossible: so is what would be taken out
        return
    pruned = prune(model, RelativeEntropy(ngrams=len(model.vocabulary) + 60))
    check_sound(pruned, TEXT)
    check_sound(prune(pruned, RelativeEntropy(ngrams=len(model.vocabulary) + 20)), TEXT)  # pruned ones can be pruned again


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.lists(st.lists(st.sampled_from("abcde"), max_size=7), min_size=1, max_size=25).filter(lambda text: any(text)),
    order=st.integers(1, 4),
    share=st.floats(0, 1),
    smoothing=st.sampled_from(["modified-kneser-ney", "kneser-ney", "witten-bell", "katz", "jelinek-mercer"]),
)
def test_odd_models_stay_models(text: list[list[str]], order: int, share: float, smoothing: str) -> None:
    model = NgramLanguageModel(order=order, smoothing=smoothing).fit(text)
    words = len(model.vocabulary)
    target = words + int(share * (sum(model.trie_.sizes) - words))
    pruned = prune(model, RelativeEntropy(ngrams=target))
    assert sum(pruned.trie_.sizes) <= target
    check_sound(pruned, text)
    check_sound(NgramLanguageModel(order=order, smoothing=smoothing, pruning=(0, 1)[:order]).fit(text), text)
    if "kneser-ney" in smoothing:
        check_sound(prune(model, RevisedKneserNey(ngrams=target), text), text)


@pytest.mark.parametrize("parameters", [{}, {"threshold": 1, "ngrams": 5}, {"threshold": -1.0}, {"ngrams": 0}, {"size": "a"}])
@pytest.mark.parametrize("method", [RelativeEntropy, RevisedKneserNey])
def test_bad_targets_are_refused(method: type, parameters: dict[str, object]) -> None:
    with pytest.raises(InvalidParameterError):
        method(**parameters)


def test_targets_below_the_vocabulary_are_refused_with_the_least() -> None:
    model = NgramLanguageModel(order=2, smoothing="witten-bell").fit(TEXT)
    with pytest.raises(InvalidParameterError, match=f"at least {len(model.vocabulary)}"):
        prune(model, RelativeEntropy(ngrams=5))
    with pytest.raises(InvalidParameterError, match="bytes"):
        prune(model, RelativeEntropy(size=5))
    with pytest.raises(UsageError, match="no probabilities"):
        prune(NgramLanguageModel(order=2, smoothing="stupid-back-off").fit(TEXT), RelativeEntropy(threshold=1e-3))
    with pytest.raises(UsageError, match="does not tell how often"):
        prune(model, CountCutoffs((0, 1)))
