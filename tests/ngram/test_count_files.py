"""Counts of several files as one, and models trained from counts: the same as from the text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import lmkit
from lmkit.errors import FormatError, InputError, InvalidParameterError, UsageError
from lmkit.ngram.count_files import merge_counts, read_count_text, read_counts, trie_of
from lmkit.ngram.count_table import CountTable
from lmkit.ngram.counting.counts import count_ngrams
from lmkit.ngram.model import NgramLanguageModel
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions
from lmkit_cli.app import app, run

rng = np.random.default_rng(4)
A = [[f"w{word}" for word in rng.zipf(1.6, size) if word < 40] for size in rng.integers(0, 9, 150)]
B = [[f"w{word + 5}" for word in rng.zipf(1.5, size) if word < 40] for size in rng.integers(1, 9, 120)]


def table_of(sentences: list[list[str]], order: int = 3, options: TextOptions | None = None) -> CountTable:
    return CountTable.from_corpus(as_corpus(sentences, options or TextOptions()), order)


def by_words(table: CountTable) -> dict[tuple[str, ...], float]:
    return {
        tuple(table.vocabulary.decode(row)): count
        for n, rows in table.rows.items()
        for row, count in zip(rows, table.counts[n].tolist(), strict=True)
    }


@pytest.mark.parametrize("sentences", ["line", "none"])
def test_the_trie_of_a_table_is_that_of_its_text(sentences: str) -> None:
    corpus = as_corpus(
        [*A, *B] if sentences == "line" else " ".join(word for words in A for word in words), TextOptions(sentences=sentences)
    )
    expected = count_ngrams(corpus.ids, corpus.sentence_offsets, len(corpus.vocabulary), 4, boundaries=sentences == "line")
    counts = trie_of(CountTable.from_corpus(corpus, 4).sorted("count"))
    assert (counts.tokens, counts.boundaries, counts.last_path) == (expected.tokens, expected.boundaries, expected.last_path)
    for own, level in zip(counts.levels, expected.levels, strict=True):
        for name in ("words", "suffixes", "counts", "first_child"):
            if getattr(level, name) is None:
                assert getattr(own, name) is None
            else:
                np.testing.assert_array_equal(getattr(own, name), getattr(level, name))
                assert getattr(own, name).dtype == getattr(level, name).dtype


@pytest.mark.parametrize("weights", [None, [2, 1], [0.5, 1.5]])
def test_merged_counts_are_weighted_sums(weights: list[float] | None) -> None:
    a, b = table_of(A), table_of(B)
    expected: dict[tuple[str, ...], float] = {}
    for table, weight in zip((a, b), weights or [1, 1], strict=True):
        for ngram, count in by_words(table).items():
            expected[ngram] = expected.get(ngram, 0) + weight * count
    merged = merge_counts([a, b], weights)
    assert by_words(merged) == pytest.approx(expected)
    assert merged.tokens == round(sum(t.tokens * w for t, w in zip((a, b), weights or [1, 1], strict=True)))
    assert merged.options == a.options


def fitted(tables: list[CountTable], weights: list[float] | None = None, smoothing: str = "witten-bell") -> NgramLanguageModel:
    merged = merge_counts(tables, weights)
    return NgramLanguageModel(smoothing=smoothing).fit_counts(trie_of(merged), merged.vocabulary)


@pytest.mark.parametrize("smoothing", ["modified-kneser-ney", "katz", "witten-bell"])
def test_merged_counts_make_the_model_of_the_joint_text(smoothing: str) -> None:
    merged = fitted([table_of(A), table_of(B)], smoothing=smoothing)
    joint = NgramLanguageModel(order=3, smoothing=smoothing).fit([*A, *B])
    assert merged.trie_.sizes == joint.trie_.sizes
    np.testing.assert_allclose(merged.score(B).log_probabilities, joint.score(B).log_probabilities, atol=1e-6)


def test_weights_repeat_texts() -> None:
    repeated = NgramLanguageModel(order=3, smoothing="witten-bell").fit([*A, *A, *A, *B])
    merged = fitted([table_of(A), table_of(B)], [3, 1])
    np.testing.assert_allclose(merged.score(B).log_probabilities, repeated.score(B).log_probabilities, atol=1e-6)


def test_fractions_lie_between_and_some_methods_refuse_them() -> None:
    tables = [table_of(A), table_of(B)]
    alone = next(word for word in tables[1].vocabulary.tokens() if word not in tables[0].vocabulary)

    def probability(weights: list[float]) -> float:
        model = fitted(tables, weights)
        state = model.initial_state()
        assert np.exp(model.log_probs(state)).sum() == pytest.approx(1, abs=2e-6)
        return float(model.log_probs(state)[0, model.vocabulary.id(alone)])

    assert probability([1, 0.25]) < probability([1, 0.5]) < probability([1.0, 1.0]) < probability([0.5, 1])
    for smoothing in ("modified-kneser-ney", "katz", "jelinek-mercer", "absolute-discounting"):
        with pytest.raises(UsageError, match="needs whole counts"):
            fitted(tables, [0.5, 1], smoothing)


def test_counts_go_through_text_and_npz(tmp_path: Path) -> None:
    merged = merge_counts([table_of(A), table_of(B)], [0.5, 1.25])
    for name in ("c.txt", "c.npz"):
        merged.write(tmp_path / name)
        again = read_counts(tmp_path / name)
        assert by_words(again) == by_words(merged)
        assert again.tokens == merged.tokens
    assert read_counts(tmp_path / "c.npz").options == merged.options


def test_tables_that_don_t_go_together_are_refused() -> None:
    with pytest.raises(UsageError, match="Table 2 has n-grams of 1, 2 words and table 1 of 1, 2, 3"):
        merge_counts([table_of(A), table_of(B, 2)])
    with pytest.raises(UsageError, match="read with different options"):
        merge_counts([table_of(A), table_of(B, options=TextOptions(lowercase=True))])
    with pytest.raises(InvalidParameterError, match="must be 2 numbers"):
        merge_counts([table_of(A), table_of(B)], [1])
    with pytest.raises(InvalidParameterError, match="weights"):
        merge_counts([table_of(A), table_of(B)], [1, 0])


def test_counts_with_gaps_make_no_model() -> None:
    with pytest.raises(UsageError, match="of an n-gram and has no count itself"):
        trie_of(CountTable(*_without(table_of(A), 2)))
    with pytest.raises(UsageError, match="of an n-gram and has no count itself"):
        trie_of(CountTable(*_without(table_of(A), 1)))
    with pytest.raises(UsageError, match="no word but <s>"):
        trie_of(table_of([["a"]], 1).like(["<s>"]))
    with pytest.raises(UsageError, match="no n-grams of 1 words"):
        trie_of(CountTable.from_corpus(as_corpus(A, TextOptions()), 3, orders=[3]))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_an_ngram_with_two_counts_makes_no_model(order: int, tmp_path: Path) -> None:
    whole = table_of(A)
    rows, counts = dict(whole.rows), dict(whole.counts)
    ngram = " ".join(whole.vocabulary.decode(rows[order][-1]))
    rows[order], counts[order] = rows[order][[*range(len(rows[order])), -1]], counts[order][[*range(len(rows[order])), -1]]
    CountTable(whole.vocabulary, rows, counts, whole.tokens).write(tmp_path / "c.npz")
    with pytest.raises(UsageError, match=f"'{ngram}' has two counts"):
        trie_of(read_counts(tmp_path / "c.npz"))


def _without(table: CountTable, order: int) -> tuple:
    """A table without the most frequent n-gram of an order."""
    rows, counts = dict(table.rows), dict(table.counts)
    kept = np.arange(len(counts[order])) != counts[order].argmax()
    rows[order], counts[order] = rows[order][kept], counts[order][kept]
    return table.vocabulary, rows, counts, table.tokens


@pytest.mark.parametrize("smoothing", ["absolute-discounting", "kneser-ney", "jelinek-mercer", "maximum-likelihood"])
@pytest.mark.parametrize("name", ["c.txt", "c.npz"])
def test_what_was_counted_0_times_was_never_seen(tmp_path: Path, name: str, smoothing: str) -> None:
    """Two n-grams of a context that was never seen, one after a context that was, a word, and all n-grams of an order."""
    sound = table_of([*A, ["unseen"]])
    (tmp_path / "sound.txt").write_bytes(b"".join(bytes(block) for block in sound.lines()))
    lines = [line for line in (tmp_path / "sound.txt").read_text().splitlines() if "unseen" not in line]
    (tmp_path / "c.txt").write_text("\n".join([*lines, "unseen\t0", "unseen w1\t0", "unseen w2\t0", "w1 unseen\t0", "w1 w1 w1 w1\t0"]))
    if name == "c.npz":
        ids = [[sound.vocabulary.id(word) for word in words.split()] for words in ("unseen w1", "unseen w2", "w1 unseen")]
        kept = {n: ~(own == sound.vocabulary.id("unseen")).any(axis=1) for n, own in sound.rows.items()}
        rows = {n: own[kept[n]] for n, own in sound.rows.items()}
        counts = {n: own[kept[n]] for n, own in sound.counts.items()}
        rows[1], rows[2] = np.append(rows[1], [[sound.vocabulary.id("unseen")]], axis=0), np.append(rows[2], ids, axis=0)
        counts[1], counts[2] = np.append(counts[1], 0), np.append(counts[2], [0] * 3)
        rows[4], counts[4] = np.full((1, 4), sound.vocabulary.id("w1")), np.zeros(1, np.int64)
        CountTable(sound.vocabulary, rows, counts, sound.tokens).write(tmp_path / name)
    table = read_counts(tmp_path / name)
    assert len(table.notes) == 1
    assert "a count of 0 were left out (5)" in table.notes[0]
    assert by_words(table) == {tuple(line.split("\t")[0].split()): int(line.split("\t")[1]) for line in lines}
    assert merge_counts([table, table]).notes == table.notes * 2
    model = NgramLanguageModel(order=3, smoothing=smoothing).fit_counts(trie_of(table), table.vocabulary)
    assert "unseen" in model.vocabulary
    for context in (["unseen"], ["w1"], ["w1", "w1"]):
        probabilities = np.exp(model.log_probs(model.advance(model.initial_state(), [model.vocabulary.id(word) for word in context])))
        assert np.isfinite(probabilities).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the cat\t3\nthe dog 2\n", "line 2: 'the dog 2' is no n-gram"),
        ("the\t-1\n", "line 1"),
        ("the\tnan\n", "line 1"),
        ("\t4\n", "line 1"),
        ("", "holds no counts"),
        ("a\t0\na b\t0\n", "holds no counts but 0"),
        ("a b\t1\na b\t2\n", "n-gram of 2 words on two lines"),
    ],
)
def test_text_that_holds_no_counts_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "c.txt").write_text(text)
    with pytest.raises(FormatError, match=message):
        read_count_text(tmp_path / "c.txt")
    with pytest.raises(InputError, match="no such file"):
        read_count_text(tmp_path / "d.txt")


# -- commands ------------------------------------------------------------------------------------------------------------------------------


def call(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_model_of_merged_counts_is_that_of_the_joint_text(tmp_path: Path) -> None:
    a, b, both = (tmp_path / name for name in ("a.txt", "b.txt", "both.txt"))
    a.write_text("".join(" ".join(words) + "\n" for words in A))
    b.write_text("".join(" ".join(words) + "\n" for words in B))
    both.write_text(a.read_text() + b.read_text())
    call("count", a, "--out", tmp_path / "a.npz")
    call("count", b, "--out", tmp_path / "b.npz")
    made = json.loads(call("merge-counts", tmp_path / "a.npz", tmp_path / "b.npz", "--out", tmp_path / "m.npz", "--json"))
    model = lmkit.load(call("train-ngram", "--counts", tmp_path / "m.npz", "--out", tmp_path / "m.lm", "--quiet").strip())
    joint = NgramLanguageModel(order=3).fit(both)
    assert made["tokens"] == joint.metadata_["corpus"]["tokens"] + len(A) + len(B)
    assert model.trie_.sizes == joint.trie_.sizes
    np.testing.assert_array_equal(model.score(both).log_probabilities, joint.score(both).log_probabilities)


def test_weights_that_are_no_whole_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a b\nb a b\n" * 4)
    call("count", tmp_path / "a.txt", "--order", 2, "--out", tmp_path / "c.txt")
    call("merge-counts", tmp_path / "c.txt", tmp_path / "c.txt", "--weights", "0.5,1", "--out", tmp_path / "m.txt")
    assert "a b\t12\n" in (tmp_path / "m.txt").read_text()  # 8 times 1.5
    call("train-ngram", "--counts", tmp_path / "m.txt", "--smoothing", "witten-bell", "--out", tmp_path / "m.lm", "--quiet")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["merge-counts", "c.txt", "--out", "m.npz"], "name two or more"),
        (["merge-counts", "c.txt", "c.txt", "--weights", "1", "--out", "m.npz"], "--weights has 1 numbers for 2 files"),
        (["merge-counts", "c.txt", "c.txt", "--weights", "1,x", "--out", "m.npz"], "must be numbers with commas"),
        (["merge-counts", "c.txt", "c.txt", "--weights", "1,0", "--out", "m.npz"], "above 0, not 0"),
        (["train-ngram", "c.txt", "--counts", "c.txt", "--out", "m.lm"], "so a corpus has no use"),
        (["train-ngram", "--counts", "c.txt", "--min-count", "2", "--out", "m.lm"], "so --min-count has no use"),
    ],
)
def test_wrong_calls_end_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (tmp_path / "c.txt").write_text("a\t1\n")
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    assert message in capsys.readouterr().err


def test_commands_tell_of_counts_of_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.txt").write_text("<s>\t2\na\t2\nb\t0\n</s>\t2\n<s> a\t2\na b\t0\na </s>\t2\n")
    assert run(["train-ngram", "--counts", str(tmp_path / "c.txt"), "--smoothing", "witten-bell", "--out", str(tmp_path / "m.lm")]) == 0
    assert "count of 0 were left out (2)" in capsys.readouterr().err
    assert run(["merge-counts", str(tmp_path / "c.txt"), str(tmp_path / "c.txt"), "--out", str(tmp_path / "m.npz")]) == 0
    assert "count of 0 were left out (2)" in capsys.readouterr().err
