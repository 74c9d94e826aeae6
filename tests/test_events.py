"""Laying events out, against a plain twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit.events import ScoredEvents
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.options import TextOptions
from lmkit.text.vocabulary import Vocabulary

WORDS = ["a", "bé", "ccc", "дом"]


@settings(deadline=None)  # the first example compiles
@given(
    st.lists(st.lists(st.lists(st.sampled_from(WORDS), max_size=4), max_size=4), min_size=1, max_size=4),
    st.booleans(),
)
def test_columns_equal_the_twin_s(documents: list[list[list[str]]], ends: bool) -> None:
    own, model = Vocabulary.from_tokens(WORDS), Vocabulary.from_tokens(["ccc", "a"])
    sentences = [words for document in documents for words in document]
    ids = own.lookup([word for words in sentences for word in words])
    corpus = EncodedCorpus(
        ids=ids,
        sentence_offsets=np.cumsum([0, *(len(words) for words in sentences)]).astype(np.int64),
        document_offsets=np.cumsum([0, *(len(document) for document in documents)]).astype(np.int64),
        vocabulary=own,
        options=TextOptions(sentences="line" if ends else "none"),
    )
    rows = []
    number = 0
    for index, document in enumerate(documents):
        for words in document:
            for place, word in enumerate(words):
                space = 1 if place else 0
                token_id = model.id(word)
                rows.append((token_id, token_id == 0, False, len(word) + space, len(word.encode()) + space, number, index))
            if ends:
                rows.append((2, False, True, 1, 1, number, index))
            number += 1
    events = ScoredEvents.of_corpus(corpus, model, np.zeros(len(rows)), ends=ends)
    columns = (events.token_ids, events.is_oov, events.is_end, events.characters, events.bytes, events.sentence, events.document)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == rows


def test_joined_events_are_the_parts_in_order() -> None:
    corpus = EncodedCorpus(
        np.array([3, 4], np.int32), np.array([0, 1, 2]), np.array([0, 2]), Vocabulary.from_tokens(["x", "y"]), TextOptions()
    )
    one = ScoredEvents.of_corpus(corpus, corpus.vocabulary, np.array([-1.0, -2.0, -3.0, -4.0]), ends=True)
    two = ScoredEvents.concatenate([one, one])
    assert two.log_probabilities.tolist() == [-1, -2, -3, -4] * 2
    assert two.hit_length is None
    assert two.perplexity() == pytest.approx(np.exp(2.5))
    with pytest.raises(ValueError, match="nothing to join"):
        ScoredEvents.concatenate([])
