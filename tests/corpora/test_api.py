"""What people type, and what they get."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import lmkit_corpora
from lmkit.errors import FormatError, InputError, UsageError
from lmkit.text.options import TextOptions
from lmkit_corpora.entry import load_entry
from lmkit_corpora.readers import made

LINES = [f"line {number} of the text" for number in range(400)]


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: Path) -> Path:
    """A local text in the current folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    path = tmp_path / "here" / "text.txt"
    path.write_text("\n".join(LINES) + "\n")
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, folders: Path) -> None:
    """Generated corpora, shorter than the catalogue's."""
    from lmkit_corpora import api

    def load(name: str):
        entry = load_entry(name)
        recipe = dict(entry.settings.get("recipe", {}))
        if "tokens" in recipe:
            recipe["tokens"] = {"train": 3000, "valid": 1000, "test": 2000}
        elif recipe:
            recipe["sentences"] = 500
        return dataclasses.replace(entry, settings={**entry.settings, "recipe": recipe})

    monkeypatch.setattr(api, "load_entry", load)


class TestLocal:
    def test_file(self, text: Path) -> None:
        for spec in (text, str(text), "text.txt", "*.txt", str(text.parent)):
            corpus = lmkit_corpora.load_corpus(spec)
            assert (len(corpus), corpus.n_sentences) == (2000, 400)
            assert corpus.options == TextOptions()

    def test_splits_share_nothing_and_leave_nothing_out(self, text: Path) -> None:
        parts = [lmkit_corpora.load_corpus("text.txt", split=split) for split in ("train", "valid", "test")]
        numbers = [{token for token in part.vocabulary.tokens() if token.isdigit()} for part in parts]
        assert [len(part) for part in numbers] == [360, 20, 20]
        assert len(numbers[0] | numbers[1] | numbers[2]) == 400
        assert parts[2].name == "text.txt:test"
        assert parts[2].split_record is not None
        assert parts[2].split_record["part"] == "test"
        assert [part.ids.tolist() for part in parts] == [
            lmkit_corpora.load_corpus(f"text.txt:{split}").ids.tolist() for split in ("train", "valid", "test")
        ]

    def test_options(self, text: Path) -> None:
        corpus = lmkit_corpora.load_corpus("text.txt", options=TextOptions(tokenizer="characters", sentences="none"))
        assert len(corpus) == text.stat().st_size

    def test_missing_file(self, text: Path) -> None:
        with pytest.raises(InputError, match=r"other\.txt: no such file"):
            lmkit_corpora.load_corpus("other.txt")

    def test_unknown_split(self, text: Path) -> None:
        with pytest.raises(UsageError, match=r"no split 'dev'; it has train, valid, test, all"):
            lmkit_corpora.load_corpus("text.txt", split="dev")

    def test_two_splits(self, text: Path) -> None:
        with pytest.raises(UsageError, match="give one of them"):
            lmkit_corpora.load_corpus("text.txt:test", split="train")

    def test_a_file_comes_before_the_catalogue(self, text: Path) -> None:
        Path("ptb").write_text("my own words\n")
        corpus = lmkit_corpora.load_corpus("ptb")
        assert len(corpus) == 3
        assert any("not the corpus of that name" in note for note in corpus.notes)

    def test_neither_name_nor_file(self, text: Path) -> None:
        with pytest.raises(
            InputError, match=r"no corpus named 'sotuu' and no file of that name \(did you mean sotu\?\); `lmkit corpus list`"
        ):
            lmkit_corpora.load_corpus("sotuu")

    def test_open(self, text: Path) -> None:
        source, reading = lmkit_corpora.open_corpus("text.txt")
        assert reading == TextOptions()
        assert b"".join(bytes(block) for document in source.documents() for block in document.blocks()) == text.read_bytes()
        with pytest.raises(UsageError, match="use load_corpus"):
            lmkit_corpora.open_corpus("text.txt", split="test")


class TestCatalogue:
    def test_default_split_is_train(self, small: None) -> None:
        corpus = lmkit_corpora.load_corpus("markov-bigram")
        assert corpus.name == "markov-bigram:train"
        assert len(corpus) >= 3000
        assert corpus.options == lmkit_corpora.get("markov-bigram").reading == lmkit_corpora.default_reading("markov-bigram:test")

    def test_all_is_the_sum_of_the_splits(self, small: None) -> None:
        sizes = [len(lmkit_corpora.load_corpus("automaton", split=split)) for split in ("train", "valid", "test")]
        whole = lmkit_corpora.load_corpus("automaton:all")
        assert (len(whole), whole.n_documents) == (sum(sizes), 3)

    def test_options(self, small: None) -> None:
        options = TextOptions(tokenizer="characters")
        assert lmkit_corpora.load_corpus("automaton", options=options).options == options

    def test_unknown_split(self, small: None) -> None:
        with pytest.raises(UsageError, match="The corpus automaton has no split 'dev'; it has train, valid, test, all"):
            lmkit_corpora.load_corpus("automaton:dev")

    def test_paths(self, small: None) -> None:
        folder = lmkit_corpora.corpus_path("even-process")
        assert {"train.txt", "oracle-train.npz", "corpus.json"} <= {path.name for path in folder.iterdir()}
        assert lmkit_corpora.corpus_path("even-process:test") == folder / "test.txt"


class TestGenerated:
    @pytest.mark.parametrize("name", [name for name in lmkit_corpora.names() if lmkit_corpora.source_figures(name)])
    def test_oracle_lies_beside_the_text(self, small: None, name: str) -> None:
        """The stored events are those of the stored text: scored again from the file they are the same."""
        from lmkit_corpora import api

        corpus = lmkit_corpora.load_corpus(f"{name}:test")
        stored = lmkit_corpora.oracle_events(f"{name}:test")
        again = made.source_of(api.load_entry(name)).score(corpus)
        for field in dataclasses.fields(stored):
            first, second = getattr(stored, field.name), getattr(again, field.name)
            if field.name == "log_probabilities":
                assert first == pytest.approx(second, abs=1e-12)
            elif isinstance(first, np.ndarray):
                assert (first == second).all(), field.name
            else:
                assert first == second, field.name
        record = json.loads((lmkit_corpora.corpus_path(name) / "corpus.json").read_text())
        figures = lmkit_corpora.source_figures(name)
        assert figures is not None
        assert record["source"] == figures
        assert record["splits"]["test"]["oracle_bits_per_event"] == pytest.approx(-stored.log_probabilities.mean() / np.log(2))
        assert record["splits"]["test"]["oracle_bits_per_event"] == pytest.approx(figures["entropy_rate_bits"], rel=0.15)

    def test_splits_differ_and_repeat(self, small: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        texts = [lmkit_corpora.corpus_path(f"markov-bigram:{split}").read_text() for split in ("valid", "test")]
        assert not texts[1].startswith(texts[0][:100])
        monkeypatch.setenv("LMKIT_DATA", str(tmp_path / "elsewhere"))
        assert lmkit_corpora.corpus_path("markov-bigram:test").read_text() == texts[1]

    def test_analogies(self, small: None) -> None:
        folder = lmkit_corpora.corpus_path("planted-analogies")
        corpus = lmkit_corpora.load_corpus("planted-analogies")
        questions = [line.split() for line in (folder / "questions-words.txt").read_text().splitlines() if not line.startswith(":")]
        assert len(questions) == 4 * 12 * 11
        assert all(word in corpus.vocabulary for question in questions for word in question)
        with pytest.raises(UsageError, match="no source of known entropy"):
            lmkit_corpora.oracle_events("planted-analogies")

    def test_no_oracle(self, small: None) -> None:
        assert lmkit_corpora.source_figures("ptb") is None
        with pytest.raises(UsageError, match="only generated corpora have an oracle"):
            lmkit_corpora.oracle_events("ptb:test")
        with pytest.raises(UsageError, match="such as automaton:test"):
            lmkit_corpora.oracle_events("automaton:all")

    def test_damaged_oracle(self, small: None) -> None:
        path = lmkit_corpora.corpus_path("even-process") / "oracle-test.npz"
        path.write_bytes(path.read_bytes()[:500])
        with pytest.raises(FormatError, match=r"oracle-test\.npz: holds no scored events"):
            lmkit_corpora.oracle_events("even-process:test")
