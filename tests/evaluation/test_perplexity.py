"""The accounting block against arithmetic done by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmkit import NgramLanguageModel
from lmkit.evaluation.perplexity import Accounting
from lmkit.events import ScoredEvents


def events(log2: list[float], oov: list[int], ends: list[int], characters: list[int]) -> ScoredEvents:
    n = len(log2)
    sentence = np.concatenate([[0], np.cumsum(ends)[:-1]])
    return ScoredEvents(
        token_ids=np.arange(n, dtype=np.int32),
        log_probabilities=np.array(log2) * math.log(2),
        is_oov=np.array(oov, bool),
        is_end=np.array(ends, bool),
        characters=np.array(characters, np.int32),
        bytes=2 * np.array(characters, np.int32),
        sentence=sentence.astype(np.int64),
        document=np.zeros(n, np.int64),
        vocabulary_size=9,
        vocabulary_hash="abc",
    )


# word 2 bits, unknown word 8 bits, end 1 bit; word 4 bits, end 3 bits
EXAMPLE = events([-2, -8, -1, -4, -3], [0, 1, 0, 0, 0], [0, 0, 1, 0, 1], [3, 5, 1, 2, 1])


def test_each_figure_by_hand() -> None:
    figures = Accounting.from_events(EXAMPLE).to_dict()
    assert figures["perplexity"] == pytest.approx(2 ** (18 / 5))
    assert figures["perplexity_without_oov"] == pytest.approx(2 ** (10 / 4))
    assert figures["perplexity_without_ends"] == pytest.approx(2 ** (14 / 3))
    assert figures["perplexity_without_oov_and_ends"] == pytest.approx(2 ** (6 / 2))
    assert figures["bits_per_character"] == pytest.approx(18 / 12)
    assert figures["bits_per_byte"] == pytest.approx(18 / 24)
    assert figures["log10_probability"] == pytest.approx(-18 * math.log10(2))
    assert (figures["tokens"], figures["words"], figures["oov"], figures["ends"], figures["sentences"]) == (5, 3, 1, 2, 2)
    assert figures["bits_per_character_is_lower_bound"] is True


def test_the_record_s_own_perplexity_agrees() -> None:
    figures = Accounting.from_events(EXAMPLE).to_dict()
    assert EXAMPLE.perplexity() == pytest.approx(figures["perplexity"])
    assert EXAMPLE.perplexity(include_oov=False, include_ends=False) == pytest.approx(figures["perplexity_without_oov_and_ends"])


def test_blocks_add_up() -> None:
    model = NgramLanguageModel(order=2).fit("a b\nb a c\nc")
    parts = ["a b c\nzz a", "b\n\na zz"]
    whole = Accounting.from_events(model.score("\n".join(parts)))
    added = Accounting.from_events(model.score(parts[0])) + Accounting.from_events(model.score(parts[1]))
    assert added.to_dict() == pytest.approx(whole.to_dict())
    with pytest.raises(ValueError, match="different vocabularies"):
        whole + Accounting.from_events(EXAMPLE)


def test_impossible_events_make_it_infinite_and_json_null() -> None:
    accounting = Accounting.from_events(events([-1, -math.inf, -1], [0, 1, 0], [0, 0, 1], [1, 1, 1]))
    assert accounting.all.perplexity == math.inf
    assert accounting.to_dict()["perplexity"] is None
    assert accounting.to_dict()["zero_probabilities"] == 1
    assert accounting.to_dict()["perplexity_without_oov"] == pytest.approx(2)
    assert "inf" in accounting.render()


def test_an_empty_stream_has_no_figures() -> None:
    accounting = Accounting.from_events(events([], [], [], []))
    assert math.isnan(accounting.all.perplexity)
    assert accounting.to_dict()["perplexity"] is None
    accounting.render()


def test_character_and_word_models_cover_the_same_characters() -> None:
    from lmkit import TextOptions

    text = "the cat sat\n\non the mät\n"
    counted = set()
    for tokenizer in ("whitespace", "characters", "bytes"):
        model = NgramLanguageModel(order=2, reading=TextOptions(tokenizer=tokenizer)).fit(text)
        figures = Accounting.from_events(model.score(text)).to_dict()
        counted.add((figures["characters"], figures["bytes"]))
    assert counted == {(len(text), len(text.encode()))}


def test_rendered_block_names_every_figure() -> None:
    block = Accounting.from_events(EXAMPLE).render()
    for part in ("without OOV", "without ends", "bits per character", "bits per byte", "33.33 %", "hash abc", "12.12573"):
        assert part in block
