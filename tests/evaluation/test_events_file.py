"""Scored events on disk: a round trip, and damage that is noticed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from lmkit import NgramLanguageModel
from lmkit._container import write_container
from lmkit.errors import FormatError
from lmkit.evaluation.events_file import events_hash, explain_difference, is_events, load_events, save_events
from lmkit.events import ScoredEvents
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions

TEXT = "the cat sat\nthe dog ran far\n\na cat ran"


@pytest.fixture(scope="module")
def events() -> ScoredEvents:
    return NgramLanguageModel(order=2).fit(TEXT).score(as_corpus(TEXT, TextOptions()))


def test_what_is_written_is_read(events: ScoredEvents, tmp_path: Path) -> None:
    save_events(tmp_path / "e", events, {"model": "bigram"})
    stored = load_events(tmp_path / "e")
    assert is_events(tmp_path / "e")
    assert stored.about == {"model": "bigram"}
    for field in dataclasses.fields(ScoredEvents):
        assert np.array_equal(getattr(stored.events, field.name), getattr(events, field.name)), field.name


def test_streams_over_one_text_have_one_hash_whatever_the_model(events: ScoredEvents) -> None:
    other = NgramLanguageModel(order=1).fit("a b c").score(as_corpus(TEXT, TextOptions()))
    assert not np.array_equal(other.log_probabilities, events.log_probabilities)
    assert events_hash(other) == events_hash(events)
    assert explain_difference(events, other) is None


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (TEXT, TextOptions(sentences="none"), "one counts ends of sentences"),
        (TEXT, TextOptions(tokenizer="characters"), "cut the same text into"),
        (TEXT + " far", TextOptions(), "events over"),
        (TEXT.replace("far", "fat"), TextOptions(), None),
        (TEXT.replace("far", "away"), TextOptions(), "characters"),
    ],
)
def test_the_convention_that_differs_is_named(events: ScoredEvents, text: str, options: TextOptions, says: str | None) -> None:
    other = NgramLanguageModel(order=1, reading=options).fit(text).score(as_corpus(text, options))
    found = explain_difference(events, other)
    assert (found is None) if says is None else (says in str(found))
    assert (events_hash(other) == events_hash(events)) == (says is None)


def test_damaged_columns_are_refused(events: ScoredEvents, tmp_path: Path) -> None:
    for name, change in [
        ("log_probabilities", np.full(len(events), 0.5)),
        ("sentence", events.sentence[::-1].copy()),
        ("characters", events.characters + 1),
        ("bytes", -events.bytes),
        ("token_ids", events.token_ids[:-1]),
    ]:
        save_events(tmp_path / "good", events)
        container_columns = {
            f"events.{field}": getattr(events, field) for field in vars(events) if isinstance(getattr(events, field), np.ndarray)
        }
        container_columns[f"events.{name}"] = change
        document = {
            "about": {},
            "events_hash": events_hash(events),
            "vocabulary_size": events.vocabulary_size,
            "vocabulary_hash": events.vocabulary_hash,
            "is_normalised": True,
        }
        write_container(tmp_path / "bad", "events", document, container_columns)
        with pytest.raises(FormatError, match="damaged"):
            load_events(tmp_path / "bad")


def test_a_flipped_bit_of_any_column_is_noticed(events: ScoredEvents, tmp_path: Path) -> None:
    path = tmp_path / "e"
    save_events(path, events)
    whole = path.read_bytes()
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    start = 8 + int.from_bytes(whole[:8], "little")
    tried = 0
    for name, about in header.items():
        if name.startswith("events."):
            place = start + about["data_offsets"][0]
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])  # the lowest bit of the first number
            with pytest.raises(FormatError, match="damaged"):
                load_events(path)
            tried += 1
    assert tried >= 9


def test_a_model_is_no_stream_of_events(tmp_path: Path) -> None:
    NgramLanguageModel(order=1).fit(TEXT).save(tmp_path / "m.lm")
    assert not is_events(tmp_path / "m.lm")
    with pytest.raises(FormatError, match="lmkit score"):
        load_events(tmp_path / "m.lm")
