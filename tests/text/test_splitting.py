"""Train, valid and test parts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lmkit.errors import InputError, InvalidParameterError
from lmkit.text import EncodedCorpus, TextOptions, as_corpus


def words(corpus: EncodedCorpus) -> list[str]:
    return corpus.vocabulary.decode(corpus.ids)


def numbered(lines: int) -> EncodedCorpus:
    return as_corpus("\n".join(f"s{i} x" for i in range(lines)))


def test_by_sentences_in_blocks() -> None:
    parts = numbered(100).split(valid=0.1, test=0.2, blocks=2)
    assert list(parts) == ["train", "valid", "test"]
    lines = {name: [int(word[1:]) for word in words(part)[::2]] for name, part in parts.items()}
    # two blocks of 50: 35 train, 5 valid, 10 test each
    assert lines["train"] == [*range(35), *range(50, 85)]
    assert lines["valid"] == [*range(35, 40), *range(85, 90)]
    assert lines["test"] == [*range(40, 50), *range(90, 100)]
    assert parts["train"].name == "text:train"
    assert parts["test"].n_sentences == 20
    record = parts["test"].split_record
    assert json.loads(json.dumps(record)) == {"part": "test", "unit": "sentence", "units": 100, "blocks": 2, "valid": 0.1, "test": 0.2}


def test_parts_have_vocabularies_of_their_own() -> None:
    train = numbered(40).split(valid=0, test=0.25, blocks=2)["train"]
    assert train.vocabulary.tokens()[3:6] == ["s0", "x", "s1"]
    assert len(train.vocabulary) == 3 + 30 + 1
    assert train.vocabulary.counts is not None
    assert train.vocabulary.counts[train.vocabulary.id("x")] == 30
    assert int(train.vocabulary.counts.sum()) == len(train) == 60
    assert train.raw_bytes == sum(len(f"s{i} x\n") for i in (*range(15), *range(20, 35)))


def test_by_documents(tmp_path: Path) -> None:
    for i in range(30):
        (tmp_path / f"{i:02}.txt").write_text(f"d{i} a\nb\n\n")
    parts = as_corpus(tmp_path).split(valid=0.1, test=0.1)
    assert [part.n_documents for part in parts.values()] == [24, 3, 3]
    assert all(part.split_record is not None and part.split_record["unit"] == "document" for part in parts.values())
    assert words(parts["test"])[::3] == ["d27", "d28", "d29"]
    assert parts["test"].sentence_offsets.tolist() == [0, 2, 3, 3, 5, 6, 6, 8, 9, 9]
    assert parts["test"].document_offsets.tolist() == [0, 3, 6, 9]


def test_continuous_text_is_cut_between_tokens() -> None:
    corpus = as_corpus(" ".join(f"w{i}" for i in range(1000)), TextOptions(sentences="none"))
    parts = corpus.split(valid=0.05, test=0.05)
    assert [len(part) for part in parts.values()] == [900, 60, 40] or sum(len(part) for part in parts.values()) == 1000
    assert sorted(word for part in parts.values() for word in words(part)) == sorted(f"w{i}" for i in range(1000))
    for part in parts.values():
        assert part.sentence_offsets[-1] == len(part)
        assert part.n_documents == part.n_sentences == 20


@pytest.mark.parametrize("lines", [3, 21, 57, 400, 999])
def test_nothing_is_lost_and_nothing_random(lines: int) -> None:
    corpus = numbered(lines)
    first, second = (corpus.split(valid=0.34, test=0.33) for _ in range(2))
    assert all(np.array_equal(first[name].ids, second[name].ids) for name in first)
    assert sorted(word for part in first.values() for word in words(part)) == sorted(words(corpus))


def test_refusals() -> None:
    with pytest.raises(InputError, match="too few"):
        numbered(3).split()
    for wrong in ({"valid": 0.5, "test": 0.5}, {"valid": -0.1}, {"unit": "token"}, {"unit": "line"}, {"blocks": 0}):
        with pytest.raises(InvalidParameterError):
            numbered(100).split(**wrong)
    with pytest.raises(InvalidParameterError):
        as_corpus("a b", TextOptions(sentences="none")).split(unit="sentence")
