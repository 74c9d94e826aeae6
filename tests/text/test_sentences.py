"""Paragraphs, and Punkt trained on the corpus."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import text_twin

from lmkit.errors import FormatError, InputError
from lmkit.text import TextOptions, as_corpus, encode, lines_source, text_source, train_sentence_model
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.sentences import ParagraphSplitter, PunktSplitter, make_splitter

DETECTED = TextOptions(sentences="detected")
BARE = {"abbreviations": [], "collocations": [], "sentence_starters": [], "orthographic_context": {}}


def abbreviated_text() -> str:
    """Reports with the abbreviations "dept." and "Prof.", which only statistics can tell from ends of sentences."""
    rng = np.random.default_rng(3)
    nouns, verbs = ["report", "budget", "plan", "library", "garden"], ["grew", "failed", "moved", "opened"]
    names = ["Miller", "Okafor", "Tanaka", "Silva"]
    sentences = []
    for _ in range(400):
        noun, other, verb, name = rng.choice(nouns), rng.choice(nouns), rng.choice(verbs), rng.choice(names)
        sentences.append(
            str(
                rng.choice(
                    [
                        f"The dept. {noun} {verb} again.",
                        f"Later Prof. {name} said the {noun} {verb}.",
                        f"A {noun} of the dept. {verb}.",
                        f"Nobody saw the {other} near the {noun}.",
                    ]
                )
            )
        )
    return "\n\n".join("\n".join(sentences[i : i + 5]) for i in range(0, 400, 5))


def sentences_of(corpus: EncodedCorpus) -> list[str]:
    return [" ".join(corpus.vocabulary.decode(corpus.sentence_ids(i))) for i in range(corpus.n_sentences)]


def test_punkt_learns_abbreviations_from_the_corpus() -> None:
    corpus = as_corpus(abbreviated_text(), DETECTED)
    model = corpus.options.sentence_model
    assert model is not None
    assert {"dept", "prof"} <= set(model["abbreviations"])
    assert corpus.n_sentences == 400
    assert all(sentence.endswith(".") and not sentence.endswith(("dept.", "Prof.")) for sentence in sentences_of(corpus))
    assert any("Punkt" in note for note in corpus.notes)


def test_an_untrained_text_ends_sentences_at_abbreviations() -> None:
    """The counterpart: the statistics come from the corpus, not from a list."""
    assert len(sentences_of(as_corpus("We met Prof. Miller today.", DETECTED))) == 2


def test_the_model_travels_as_json_and_scores_alike() -> None:
    options = as_corpus(abbreviated_text(), DETECTED).options
    again = TextOptions.from_dict(json.loads(json.dumps(options.to_dict())))
    assert again == options
    text = "We met Prof. Miller today. He left."
    assert sentences_of(as_corpus(text, again)) == sentences_of(as_corpus(text, options)) == ["We met Prof. Miller today.", "He left."]


def test_sentences_end_at_white_space_only() -> None:
    """Punkt alone would end sentences inside "grew.(see)", 'stop."Now' and "one!)(two)"."""
    bare = DETECTED.replace(sentence_model=BARE)
    assert sentences_of(as_corpus('It grew.(see) Then he said stop."Now go. Yes, one!)(two) more. End', bare)) == [
        'It grew.(see) Then he said stop."Now go.',
        "Yes, one!)(two) more.",
        "End",
    ]


def test_detection_stays_within_paragraphs() -> None:
    text = "no full stop here\n\nbut a new paragraph\nruns on. And ends."
    assert sentences_of(as_corpus(text, DETECTED.replace(sentence_model=BARE))) == [
        "no full stop here",
        "but a new paragraph runs on.",
        "And ends.",
    ]


def test_training_on_a_stream_reads_it_once() -> None:
    source = lines_source(iter(abbreviated_text().split("\n")))
    assert source.is_stream
    assert encode(source, DETECTED).n_sentences == 400


def test_training_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmkit.text.sentences.TRAINING_CHARACTERS", 200)
    model = train_sentence_model(text_source(abbreviated_text()), DETECTED)
    assert 150 < model["training_characters"] <= 220


def test_lower_casing_reaches_the_model() -> None:
    model = train_sentence_model(text_source(abbreviated_text()), DETECTED.replace(lowercase=True))
    assert all(key == key.lower() for key in model["orthographic_context"])


def test_broken_models() -> None:
    for wrong in (
        {},
        {"abbreviations": 3},
        {"abbreviations": [], "collocations": [1], "sentence_starters": [], "orthographic_context": {}},
    ):
        with pytest.raises(FormatError, match="train it again"):
            PunktSplitter(wrong)
    with pytest.raises(InputError):
        make_splitter(DETECTED)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b c", "", " ", "\t\r", "\u00a0"]), max_size=12), st.lists(st.integers(0, 12), max_size=4), st.booleans()
)
def test_paragraphs_however_the_text_arrives(lines: list[str], cuts: list[int], ends: bool) -> None:
    text = "\n".join(lines) + ("\n" if ends and lines else "")
    whole_lines = text.splitlines(keepends=True) if "\r" not in text else [line + "\n" for line in text.split("\n")]
    if "\r" in text and not text.endswith("\n"):
        whole_lines[-1] = whole_lines[-1].removesuffix("\n")
    borders = [0, *sorted(min(cut, len(whole_lines)) for cut in cuts), len(whole_lines)]
    splitter = ParagraphSplitter()
    out = "".join(splitter.feed("".join(whole_lines[a:b])) for a, b in itertools.pairwise(borders)) + splitter.end()
    found = [text_twin.split_words(line) for line in out.split("\n")[:-1]]
    assert found == text_twin.read_sentences(text.encode(), "paragraph")
