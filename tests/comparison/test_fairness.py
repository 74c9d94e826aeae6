"""Whether the test is one: what the models have seen of it is told, what makes it worthless is refused."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest

from lmkit import NgramLanguageModel
from lmkit.comparison.comparison import Extras, Statistics, compare
from lmkit.comparison.contestants import Contestant
from lmkit.errors import UsageError
from lmkit.evaluation.overlap import hit_overlap
from lmkit.text.corpus import EncodedCorpus
from lmkit_corpora.generated.unifilar import UnifilarSource

SOURCE = UnifilarSource.random_ngrams(order=2, vocabulary_size=400, branching=100, end_probability=0.05, skew=0.5, seed=3)
TRAIN = SOURCE.sample(tokens=6000, seed=1).encode()
TEST = SOURCE.sample(tokens=1500, seed=2).encode()
OTHER = SOURCE.sample(tokens=1500, seed=4).encode()


def contestants(*orders: int) -> list[Contestant]:
    return [Contestant(f"order {n}", "n-gram", NgramLanguageModel(order=n).fit(TRAIN)) for n in orders]


def notes(test: EncodedCorpus, held_out: EncodedCorpus | None = None, **settings: Any) -> str:
    found = compare(
        contestants(2, 3),
        lambda _: test,
        held_out=None if held_out is None else lambda _: held_out,
        statistics=Statistics(resamples=20),
        **settings,
    )
    return " ".join(found.notes)


def test_a_part_of_the_training_text_is_found_by_its_runs() -> None:
    assert notes(TEST) == ""
    told = notes(TRAIN.sentences(50, 120))
    assert told.startswith("100% of the test text's runs of 8 words")
    assert "of order 3:" in told  # the bigrams of honest texts would say the same


def test_runs_are_counted_as_by_hand() -> None:
    model = NgramLanguageModel(order=3).fit("a b c d e f g h i\nx y z")
    overlap = hit_overlap(model.score("a b c d e f g h i\nb c d e f g h i x y\nx y z"), 3)
    assert overlap is not None
    # a-h, b-i | b-i, c-x (h i x is new), d-y | too short
    assert (overlap.ngrams, overlap.found) == (5, 3)
    assert hit_overlap(model.score("a b c"), 2) is None
    assert hit_overlap(dataclasses.replace(model.score("a b c"), hit_length=None), 3) is None


def test_weights_are_not_learnt_on_the_test_text() -> None:
    own, other = (dataclasses.replace(text, sha256=str(number) * 64) for number, text in enumerate((TEST, OTHER), 1))
    with pytest.raises(UsageError, match="is the test text itself"):
        notes(own, own)
    assert notes(own, other) == ""
    copied = dataclasses.replace(TEST, sha256="3" * 64)  # the same sentences in another file
    assert "stand in the held-out text too" in notes(own, copied)


def test_what_there_was_no_time_for_is_left_out_and_said() -> None:
    late = Extras(ranks=100, samples=True, until=time.monotonic() - 1)
    found = compare(
        contestants(1, 2, 3), lambda _: TEST, held_out=lambda _: OTHER, statistics=Statistics(resamples=20), extras=late, notes=["First."]
    )
    assert {row.name for row in found.rows} == {"order 1", "order 2"}  # two are compared whatever the time
    assert all(row.audit is None and row.ranks is None for row in found.rows)
    assert found.samples == ()
    assert [note.split(":")[0] for note in found.notes] == [
        "First.",
        "order 3",
        "Mixtures were left out",
        "Whether the probabilities of order 1, order 2 sum to one was not looked at",
        "Next words, samples and word vectors were left out",
    ]


def test_a_model_trained_on_the_held_out_text_is_named() -> None:
    held_out = dataclasses.replace(OTHER, sha256="5" * 64)
    first, second = contestants(1, 2)
    first = dataclasses.replace(first, origin={"card": {"corpus": {"sha256": "5" * 64, "split": None}}})
    found = compare([first, second], lambda _: TEST, held_out=lambda _: held_out, statistics=Statistics(resamples=20))
    assert found.notes == ("order 1 was trained on the held-out text, so the mixtures trust it more than it deserves.",)
