"""Every tokenizer: round trips where they are promised, nothing lost, tokens without white space, agreement with how files are read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit.errors import InvalidParameterError
from lmkit.text import TextOptions, as_corpus, get_tokenizer, tokenizer_names
from lmkit.text.options import TOKENIZERS

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
ENGLISH = st.lists(
    st.sampled_from(
        [
            "don't",
            "(see",
            "p.",
            "7)",
            "1,234.5",
            "\u201cquoted\u201d",
            "na\u00efve",
            "<unk>",
            "</s>",
            "end.",
            "\u0939\u093f\u0928\u094d\u0926\u0940",
            "x_y",
            "3rd",
        ]
    )
).map(" ".join)


def test_registry() -> None:
    assert set(tokenizer_names()) == set(TOKENIZERS)
    for name in tokenizer_names():
        assert get_tokenizer(name).name == name
        assert get_tokenizer(name) is get_tokenizer(name)
    with pytest.raises(InvalidParameterError, match="one of 'whitespace'"):
        get_tokenizer("words")


@pytest.mark.parametrize("name", ["characters", "bytes"])
@settings(max_examples=200, deadline=None)
@given(text=TEXT)
def test_exact_round_trip(name: str, text: str) -> None:
    tokenizer = get_tokenizer(name)
    tokens = tokenizer.tokenize(text)
    assert tokenizer.detokenize(tokens) == text
    assert len(tokens) == (len(text) if name == "characters" else len(text.encode()))
    assert not any(token == "" or token.isspace() or (not token.isprintable() and token[0] == "<") for token in tokens)


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_white_space_round_trip(text: str) -> None:
    tokenizer = get_tokenizer("whitespace")
    tokens = tokenizer.tokenize(text)
    assert tokenizer.detokenize(tokens) == re.sub("[\0\t\r\n ]+", " ", text).strip(" ")
    assert tokens == [word for word in re.split("[\0\t\r\n ]", text) if word]


@settings(max_examples=300, deadline=None)
@given(st.one_of(TEXT, ENGLISH))
def test_regular_expression_loses_nothing(text: str) -> None:
    tokens = get_tokenizer("regex").tokenize(text)
    space = r"[^\S\x1c-\x1f]"  # Unicode's White_Space; Python adds four separators that are control characters
    assert "".join(tokens) == re.sub(space, "", text)
    assert not any(re.search(space, token) for token in tokens)


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=100, deadline=None)
@given(text=st.one_of(ENGLISH, st.text("ab .,'\"\u2019\u00e9\u0301<>/unks\t", max_size=30)))
def test_files_are_read_as_the_tokenizer_says(name: str, text: str) -> None:
    expected = [token for token in get_tokenizer(name).tokenize(text) if token not in ("<s>", "</s>")]
    if not expected:
        return
    corpus = as_corpus(text, TextOptions(tokenizer=name))
    assert corpus.vocabulary.decode(corpus.ids) == expected


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't stop.", ["Don't", "stop", "."]),
        ("rock \u2019n\u2019 roll", ["rock", "\u2019", "n", "\u2019", "roll"]),
        ("1,234.5 2.0. 3rd B2B", ["1,234.5", "2.0", ".", "3rd", "B2B"]),
        ("well-known e.g. (this)", ["well", "-", "known", "e", ".", "g", ".", "(", "this", ")"]),
        (
            "G\u00f6del Go\u0308del \u0939\u093f\u0928\u094d\u0926\u0940",
            ["G\u00f6del", "Go\u0308del", "\u0939\u093f\u0928\u094d\u0926\u0940"],
        ),
        ("\u0645\u06cc\u200c\u0631\u0648\u0645\u060c", ["\u0645\u06cc\u200c\u0631\u0648\u0645", "\u060c"]),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467!\U0001f44d\U0001f3fd",
            ["\U0001f468\u200d\U0001f469\u200d\U0001f467", "!", "\U0001f44d\U0001f3fd"],
        ),
        ("a <unk> b</s> </s>", ["a", "<unk>", "b", "<", "/", "s", ">", "</s>"]),
        ("\u0661\u0662 $5 100%", ["\u0661\u0662", "$", "5", "100", "%"]),
        ("", []),
    ],
)
def test_regular_expression_examples(text: str, tokens: list[str]) -> None:
    assert get_tokenizer("regex").tokenize(text) == tokens


def test_regular_expression_writes_readable_text() -> None:
    tokenizer = get_tokenizer("regex")
    for text in ('He said: "it\'s (almost) done!", twice.', "\u00bfQu\u00e9? \u201cYes\u201d; no."):
        assert tokenizer.detokenize(tokenizer.tokenize(text)) == text


def test_treebank_is_nltks() -> None:
    from nltk.tokenize import NLTKWordTokenizer

    tokenizer = get_tokenizer("treebank")
    for text in ("They'll save and invest more.", "I can't \"see\" $3.50 -- hi, my name can't hello,", "U.S. (etc.)"):
        assert tokenizer.tokenize(text) == NLTKWordTokenizer().tokenize(text)
    assert tokenizer.tokenize("the <unk> can't <s>") == ["the", "<unk>", "ca", "n't", "<s>"]
    assert tokenizer.detokenize(["I", "ca", "n't", "go", ",", "sorry", "."]) == "I can't go, sorry."


def test_special_tokens_pass_through_spelled_alphabets() -> None:
    assert get_tokenizer("characters").detokenize(["a", "<unk>", "<U+0020>", "<U+110000>"]) == "a<unk> <U+110000>"
    assert get_tokenizer("bytes").detokenize(["<0xC3>", "<0xA9>", "<unk>", "<0xFF>"]) == "\u00e9<unk>\ufffd"
