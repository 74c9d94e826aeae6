"""compare, diff and score as people call them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lmkit_cli import app


@pytest.fixture(scope="module")
def unigram(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("unigram") / "unigram.lm"
    assert app.run(["train-ngram", str(text), "--order", "1", "--out", str(path), "--quiet"]) == 0
    return path


def test_compare_ranks_and_mixes(run: Callable, model: Path, unigram: Path, other_text: Path, text: Path, tmp_path: Path) -> None:  # type: ignore[type-arg]
    report = tmp_path / "report.html"
    outcome = run("compare", other_text, model, unigram, "--held-out", text, "--report", report)
    assert outcome.code == 0, outcome.err
    names = [line.split("  ")[0] for line in outcome.out.splitlines()[3:]]
    assert names.index("small") < names.index("unigram")
    assert "mixture of all" in names
    assert "mixture by frequency" in names
    assert str(report) in outcome.out
    assert report.read_text().startswith("<!doctype html>")


def test_compare_json_has_what_perplexity_says(run: Callable, model: Path, unigram: Path, other_text: Path) -> None:  # type: ignore[type-arg]
    found = run("compare", other_text, model, unigram, "--json").json
    alone = run("perplexity", unigram, other_text, "--json").json
    row = next(row for row in found["models"] if row["name"] == "unigram")
    assert row["perplexity"] == pytest.approx(alone["perplexity"], rel=1e-9)
    assert row["perplexity_low"] < row["perplexity"] < row["perplexity_high"]
    assert row["normalisation"]["passed"]


def test_stored_events_stand_for_a_model(run: Callable, model: Path, unigram: Path, other_text: Path, tmp_path: Path) -> None:  # type: ignore[type-arg]
    events = tmp_path / "unigram.events"
    told = run("score", unigram, other_text, "--out", events, "--json").json
    assert told["events"] == str(events)
    found = run("compare", other_text, model, events, "--json").json["models"]
    whole = run("compare", other_text, model, unigram, "--json").json["models"]
    assert found[1]["perplexity"] == pytest.approx(whole[1]["perplexity"], rel=1e-12)
    assert found[1]["versus_best"] == whole[1]["versus_best"]


def test_events_need_no_text_and_stand_in_diff_too(run: Callable, fails: Callable, model: Path, unigram: Path, other_text: Path) -> None:  # type: ignore[type-arg]
    folder = unigram.parent
    events = [folder / f"{path.stem}.stored" for path in (model, unigram)]
    for path, out in zip((model, unigram), events, strict=True):
        assert run("score", path, other_text, "--out", out).code == 0
    alone = run("compare", *events, "--json").json["models"]
    assert [row["name"] for row in alone] == ["small", "unigram"]
    with_text = run("compare", other_text, f"a name, with a comma={events[0]}", events[1], "--json").json
    assert [row["name"] for row in with_text["models"]] == ["a name, with a comma", "unigram"]
    assert with_text["models"][0]["perplexity"] == alone[0]["perplexity"]
    assert with_text["buckets"]["word_class"]  # the text is known
    assert "no such file" in fails("compare", folder / "missing.txt", *events)
    assert "name the text to score first" in fails("compare", events[0], unigram, code=2)
    stored = run("diff", unigram, events[0], other_text, "--json").json
    whole = run("diff", unigram, model, other_text, "--json").json
    assert stored["difference"] == whole["difference"]
    assert stored["words"] == whole["words"]


def test_words_that_one_model_does_not_know_are_no_difference(
    run: Callable, model: Path, text: Path, other_text: Path, tmp_path: Path
) -> None:  # type: ignore[type-arg]
    fewer = tmp_path / "fewer.lm"
    assert run("train-ngram", text, "--order", "2", "--vocab-size", "10", "--out", fewer, "--quiet").code == 0
    found = run("diff", model, fewer, other_text, "--top", "1000", "--json").json
    listed = {word["token"] for side in found["words"].values() for word in side}
    assert found["difference"]["left_out"] > 0
    assert 0 < len(listed) <= 10 - 2  # <unk> and <s> are no words of the text
    assert "zebra" not in listed


def test_a_generated_corpus_shows_the_line_that_no_model_crosses(run: Callable, tmp_path: Path) -> None:  # type: ignore[type-arg]
    paths = []
    for order in (1, 2):
        paths.append(tmp_path / f"order{order}.lm")
        assert run("train-ngram", "markov-bigram", "--order", order, "--out", paths[-1], "--quiet").code == 0
    models = run("compare", "markov-bigram", *paths, "--json", "--no-mixture").json["models"]
    assert [row["name"] for row in models] == ["order2", "order1", "true source"]
    assert models[2]["is_bound"]
    assert models[2]["perplexity"] < models[0]["perplexity"] < models[1]["perplexity"]


def test_diff_names_words_and_sentences(run: Callable, model: Path, unigram: Path, other_text: Path) -> None:  # type: ignore[type-arg]
    outcome = run("diff", unigram, model, other_text, "--top", 3)
    assert outcome.code == 0, outcome.err
    assert f"{model} is" in outcome.out.splitlines()[0]
    found = run("diff", unigram, model, other_text, "--top", 3, "--json").json
    assert found["difference"]["bits"] > 0
    assert len(found["words"]["second_better"]) == 3
    assert json.dumps(found)


def test_what_cannot_be_compared_is_refused(fails: Callable, run: Callable, model: Path, other_text: Path, tmp_path: Path) -> None:  # type: ignore[type-arg]
    other = tmp_path / "other.lm"
    assert run("train-ngram", other_text, "--out", other, "--quiet").code == 0
    assert "know different words" in fails("compare", other_text, model, other, code=2)
    characters = tmp_path / "characters.lm"
    assert run("train-ngram", other_text, "--unit", "char", "--out", characters, "--quiet").code == 0
    for words in ([model, other], [model]):  # the text is forgotten
        assert "name the text to score first" in fails("compare", *words, code=2)
    assert "cut the same text into" in fails("compare", other_text, model, characters, code=2)
    told = fails("diff", model, characters, other_text, code=2)
    assert "can't be compared event by event" in told
    assert "small reads text with tokenizer 'whitespace', characters with 'characters'" in told
    assert "is named twice" in fails("compare", other_text, model, model, code=2)
    assert "is named twice" in fails("diff", model, model, other_text, code=2)
    assert ".html" in fails("compare", other_text, model, other, "--report", tmp_path / "x.doc", code=2)
    (tmp_path / "empty.txt").write_text("\n\n")
    assert "holds no tokens" in fails("compare", tmp_path / "empty.txt", model, other, "--no-mixture")


def test_perplexity_as_other_tools_print_it(run: Callable, fails: Callable, model: Path, unigram: Path, other_text: Path) -> None:  # type: ignore[type-arg]
    own = run("perplexity", model, other_text, "--json").json
    printed = run("perplexity", model, other_text, "--as", "kenlm").out.splitlines()
    assert [line.split(":\t")[0] for line in printed] == ["Perplexity including OOVs", "Perplexity excluding OOVs", "OOVs", "Tokens"]
    assert float(printed[0].split("\t")[1]) == pytest.approx(own["perplexity"], rel=1e-12)
    asked = run("perplexity", model, other_text, "--as", "kenlm", "--json").json
    assert asked["printed"].splitlines() == printed
    assert asked["perplexity"] == own["perplexity"]
    both = run("perplexity", model, unigram, other_text, "--as", "kenlm").out.splitlines()
    assert [line.split("\t")[0] for line in both[:5]] == [f"{model}:", *(line.split("\t")[0] for line in printed)]
    assert both[3:5] == printed[2:]
    assert both[5] == f"{unigram}:"
    assert "kenlm, srilm, nltk, awd" in fails("perplexity", model, other_text, "--as", "moses", code=2)


def test_ranks_next_words_and_vectors(run: Callable, fails: Callable, model: Path, unigram: Path, other_text: Path, text: Path) -> None:  # type: ignore[type-arg]
    words = (
        "compare",
        other_text,
        model,
        unigram,
        "--held-out",
        text,
        "--log-linear",
        "--ranks",
        "all",
        "--vectors",
        "--prompt",
        "the cat",
    )
    found = run(*words, "--json").json
    rows = {row["name"]: row for row in found["models"]}
    alone = run("perplexity", model, other_text, "--ranks", "--json").json
    for figure in ("accuracy_at_1", "accuracy_at_5", "accuracy_at_10", "mean_reciprocal_rank", "median_rank", "rank_events"):
        assert rows["small"][figure] == alone[figure]
    assert rows["log-linear mixture"]["normalisation"]["passed"]
    assert rows["log-linear mixture"]["origin"]["exponents"].keys() == {"small", "unigram"}
    table = found["next_words"][0]
    predicted = run("predict", model, "the cat", "--top", "1", "--json").json
    assert table["models"]["small"][0]["token"] in json.dumps(predicted)
    assert found["word_vectors"][0]["vectors"] == "company of words"
    printed = run(*words).out
    assert "The word that followed, on" in printed
    assert "after 'the cat'" in printed
    assert "Word vectors" in printed
    assert "--ranks must be" in fails("compare", other_text, model, unigram, "--ranks", "many", code=2)
    assert "rank_events" not in run("compare", other_text, model, unigram, "--ranks", "0", "--json").json["models"][0]
    lines = run("perplexity", model, unigram, other_text, "--ranks").out.splitlines()
    assert "mean reciprocal rank" in lines[-3]


def test_a_damaged_file_of_events_and_a_budget_too_small(
    run: Callable, fails: Callable, model: Path, other_text: Path, tmp_path: Path
) -> None:  # type: ignore[type-arg]
    events = tmp_path / "small.events"
    assert run("score", model, other_text, "--out", events).code == 0
    whole = events.read_bytes()
    events.write_bytes(whole[: len(whole) // 2])
    assert str(events) in fails("compare", other_text, model, events)
    length = int.from_bytes(whole[:8], "little")
    place = 8 + length + json.loads(whole[8 : 8 + length])["events.characters"]["data_offsets"][0]
    events.write_bytes(whole[:place] + b"\x07" + whole[place + 1 :])  # the first event covers 7 characters more or less
    assert "not those it was written with" in fails("compare", other_text, model, events)
    assert "--minutes" in fails("compare", other_text, "--minutes", "0.1", code=2)
    other = tmp_path / "other.txt"
    other.write_text("another text altogether\n", encoding="utf-8")
    assert run("score", model, other, "--out", events).code == 0
    assert "scored another text than other.txt" in fails("compare", other_text, model, events, code=2)


def test_a_text_that_was_trained_on_is_told(run: Callable, model: Path, unigram: Path, text: Path, other_text: Path) -> None:  # type: ignore[type-arg]
    told = run("compare", text, model, unigram, "--ranks", "0", "--json").json["notes"]
    assert [note.split(" was trained on this very text")[0] for note in told] == ["small", "unigram"]
    told = run("compare", other_text, model, unigram, "--ranks", "0", "--json").json["notes"]
    assert [note[:42] for note in told] == ["100% of the test text's runs of 8 words ho"]  # its few words make few sentences


def test_the_same_words_in_another_order_compare(run: Callable, model: Path, other_text: Path, tmp_path: Path) -> None:  # type: ignore[type-arg]
    other = tmp_path / "other.klm"  # KenLM's trie numbers words by their hashes
    run("convert", model, other, "--to", "kenlm-trie")
    assert "different vocabularies" not in run("perplexity", model, other, other_text).out
    answer = run("compare", other_text, model, other, "--json").json
    first, second = (row["perplexity"] for row in answer["models"])
    assert first == pytest.approx(second, rel=1e-4)
    assert "know different words" not in run("diff", model, other, other_text).err
