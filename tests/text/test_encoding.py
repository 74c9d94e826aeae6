"""White-space text to ids: the kernels against their plain Python twin, at every block border."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import text_twin

from lmkit.errors import InputError, UsageError
from lmkit.numeric import _kernels_hash
from lmkit.text import TextOptions, _kernels_words, _numbering, as_corpus, encode, encode_prompt, open_source, sources
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.vocabulary import frozen

WORDS = ["a", "bb", "\u00e9", "\u4f60\u597d", "\U0001f600", "abcdefgh", "abcdefghi", "x" * 30, "\u2028", "\ufeff"]
SPACES = [" ", "  ", "\t", "\r", "\r\n", "\n", "\n\n", "\0", " \u00a0 "]
LITERALS = ["<unk>", " <unk> ", " <s> ", "</s>\n"]
PIECES = st.sampled_from(WORDS + SPACES + LITERALS)
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@contextlib.contextmanager
def tiny(block: int, batch: int = 3) -> Iterator[None]:
    """Blocks of a few bytes, batches of a few words, tables that must grow at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK_SIZE", block)
        patch.setattr(_numbering, "_BATCH", batch)
        patch.setattr(_numbering, "_FIRST_BLOB", 13)
        patch.setattr(_numbering, "_FIRST_TYPES", 4)
        yield


def read(data: bytes, options: TextOptions) -> EncodedCorpus:
    return encode(sources.bytes_source(data, "text"), options, progress=False)


def sentences_of(corpus: EncodedCorpus) -> list[list[str]]:
    return [corpus.vocabulary.decode(corpus.sentence_ids(i)) for i in range(corpus.n_sentences)]


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.integers(1, 40), st.integers(1, 5), st.sampled_from(["line", "paragraph", "none"]), st.sampled_from(["keep", "drop"]))
def test_agrees_with_the_twin(text: str, block: int, batch: int, sentences: str, blank_lines: str) -> None:
    data = text.encode()
    expected = text_twin.read_sentences(data, sentences, blank_lines)
    vocabulary, ids, counts = text_twin.number(expected)
    options = TextOptions(sentences=sentences, blank_lines=blank_lines)
    with tiny(block, batch):
        if not ids:
            with pytest.raises(InputError):
                read(data, options)
            return
        corpus = read(data, options)
    assert corpus.vocabulary.tokens() == vocabulary
    assert corpus.ids.tolist() == ids
    assert corpus.ids.dtype == np.int32
    assert corpus.sentence_offsets.tolist() == np.cumsum([0, *map(len, expected)]).tolist()
    assert corpus.document_offsets.tolist() == [0, len(expected)]
    assert corpus.vocabulary.counts is not None
    assert corpus.vocabulary.counts.tolist() == counts
    assert (corpus.raw_bytes, corpus.raw_characters) == (len(data), len(text.removeprefix("\ufeff")))


@pytest.mark.parametrize("tokenizer", ["regex", "treebank", "characters", "bytes", "whitespace"])
@pytest.mark.parametrize("sentences", ["line", "paragraph", "none"])
@pytest.mark.parametrize("extra", [{}, {"lowercase": True, "normalization": "NFKC", "fold_numbers": True}], ids=["plain", "changed"])
@pytest.mark.parametrize("blank_lines", ["keep", "drop"])
def test_block_size_changes_nothing(tokenizer: str, sentences: str, blank_lines: str, extra: dict[str, object]) -> None:
    text = (
        "The CAF\u00c9 cost 1,234.5 \ufb01ve\u00a0times.\r\nIt's <unk> \u03a3\u03a3 na\u0308ive\r\n\r\n \nNext one (3/4) \U0001f600!\n\nend"
        * 3
    )
    options = TextOptions(tokenizer=tokenizer, sentences=sentences, blank_lines=blank_lines, **extra)  # type: ignore[arg-type]
    whole = read(text.encode(), options)
    for block in (1, 2, 7, 64):
        with tiny(block):
            part = read(text.encode(), options)
        assert sentences_of(part) == sentences_of(whole), block
        assert part.notes == whole.notes
        assert (part.sha256, part.raw_bytes, part.raw_characters) == (whole.sha256, whole.raw_bytes, whole.raw_characters)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([b"a", b"bc", b" ", b"\n", b"\r\n", b"\t", b"\0", "é".encode(), b"eightlet", b"nine-byte", b"x" * 70])),
    st.integers(1, 600),
)
def test_words_are_cut_at_white_space(parts: list[bytes], batch: int) -> None:
    data = np.frombuffer(b"".join(parts) * 5, np.uint8)
    starts, lengths, keys = np.zeros(batch, np.int64), np.zeros(batch, np.int64), np.zeros(batch, np.uint64)
    found = []
    position = 0
    while position < len(data):
        position, filled = _kernels_words.cut_words(frozen(data), position, starts, lengths, keys)
        found += [bytes(data[start : start + length]) or b"\n" for start, length in zip(starts[:filled], lengths[:filled], strict=True)]
        for i in np.flatnonzero(lengths[:filled]):
            assert keys[i] == _kernels_hash.string_key(frozen(data), starts[i], lengths[i])
    assert found == re.findall(rb"\n|[^\0\t\r\n ]+", bytes(data))


def test_large_text_grows_tables() -> None:
    rng = np.random.default_rng(5)
    lines = [" ".join(f"w{value}" * (1 + value % 4) for value in rng.zipf(1.2, 12) % 60_000) for _ in range(12_000)]
    data = "\n".join(lines).encode()
    corpus = read(data, TextOptions())
    vocabulary, ids, counts = text_twin.number(text_twin.read_sentences(data))
    assert len(vocabulary) > 3 * _numbering._FIRST_TYPES
    assert corpus.vocabulary.tokens() == vocabulary
    assert corpus.ids.tolist() == ids
    assert corpus.vocabulary.counts is not None
    assert corpus.vocabulary.counts.tolist() == counts


def test_a_short_word_is_no_long_word_of_the_same_key() -> None:
    """The hash of a long word may be the very bytes of a short one; made so here, since it takes 2^64 words to meet one."""
    numberer = _numbering.WordNumberer(_numbering.LINES_KEEP)
    numberer.feed(np.frombuffer(b"a-long-word ", np.uint8))
    key = np.uint64(int.from_bytes(b"ab", "little"))
    slot = _kernels_hash.first_slot(key, _kernels_hash.slot_shift(numberer._table))
    _kernels_hash.fill_slot(numberer._table, slot, key, 3, 11)
    numberer.feed(np.frombuffer(b"ab ab\n", np.uint8))
    numbered, vocabulary = numberer.take()
    assert numbered.ids.tolist() == [3, 4, 4]
    assert vocabulary.tokens()[3:] == ["a-long-word", "ab"]


def test_ten_million_characters_in_one_line() -> None:
    corpus = read(b"ab cde " * 1_430_000, TextOptions())
    assert corpus.raw_bytes > 10_000_000
    assert (len(corpus), corpus.n_sentences, len(corpus.vocabulary)) == (2_860_000, 1, 5)


def test_one_giant_token() -> None:
    corpus = read(b"x" * 10_000_000 + b" y", TextOptions())
    assert len(corpus) == 2
    assert corpus.vocabulary.bytes.tolist()[3:] == [10_000_000, 1]


def test_ends_of_text_as_kenlm_counts_them() -> None:
    for text, expected in {"a": 1, "a\n": 1, "a\n\n": 2, "a\n \n": 2, "\na": 2, "a\r\nb": 2}.items():
        assert as_corpus(text).n_sentences == expected, text


def test_literals_and_blank_lines_are_noted() -> None:
    corpus = as_corpus("a\n<s> b </s>\n\n<unk> c <unk>\n\n")
    assert sentences_of(corpus) == [["a"], ["b"], [], ["<unk>", "c", "<unk>"], []]
    assert corpus.ids.tolist() == [3, 4, 0, 5, 0]
    left_out, unknown, blank = corpus.notes
    assert left_out.startswith("2 literal <s> or </s> were left out")
    assert "first in line 2)" in left_out
    assert unknown.startswith("2 literal <unk>")
    assert "first in line 4)" in unknown
    assert blank.startswith("2 blank lines")
    assert "first in line 3)" in blank
    assert "--blank-lines drop" in blank
    assert len(as_corpus("a\n\n<unk>", TextOptions(blank_lines="drop")).notes) == 1


def test_notes_name_the_document(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("a\nb\n")
    (tmp_path / "2.txt").write_text("c\nd <s>\n")
    (note,) = as_corpus(tmp_path).notes
    assert f"(in line 2 of {tmp_path / '2.txt'})" in note


@pytest.mark.parametrize("tokenizer", ["characters", "bytes"])
def test_literals_are_ordinary_text_in_characters_and_bytes(tokenizer: str) -> None:
    corpus = as_corpus("a <unk>\n</s>", TextOptions(tokenizer=tokenizer))
    assert corpus.notes == ()
    assert [len(sentence) for sentence in sentences_of(corpus)] == [7, 4]
    assert 0 not in corpus.ids


def test_lengths_of_tokens() -> None:
    words = as_corpus("h\u00e9 \U0001f600 <unk>")
    assert words.token_characters.tolist() == [2, 1, 5]
    assert words.token_bytes.tolist() == [3, 4, 5]
    characters = as_corpus("\u00e9 \u4f60", TextOptions(tokenizer="characters"))
    assert characters.vocabulary.decode(characters.ids) == ["\u00e9", "<U+0020>", "\u4f60"]
    assert characters.token_characters.tolist() == [1, 1, 1]
    assert characters.token_bytes.tolist() == [2, 1, 3]
    bytes_ = as_corpus("\u00e9 a", TextOptions(tokenizer="bytes"))
    assert bytes_.vocabulary.decode(bytes_.ids) == ["<0xC3>", "<0xA9>", "<0x20>", "<0x61>"]
    assert bytes_.token_characters.tolist() == [1, 0, 1, 1]
    assert bytes_.token_bytes.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("tokenizer", ["whitespace", "characters", "bytes"])
def test_written_size_is_that_of_normal_text(tokenizer: str) -> None:
    text = "h\u00e9llo w\u00f6rld\n\nthe \U0001f600\n"
    corpus = as_corpus(text, TextOptions(tokenizer=tokenizer))
    assert corpus.written_size() == (len(text.encode()), len(text)) == (corpus.raw_bytes, corpus.raw_characters)


def test_number_folding() -> None:
    text = "N 7 1,234.5 .5 -3 3/4 1\\/2 10:30 2nd 30-year 50% a1 \u0663"
    corpus = as_corpus(text, TextOptions(fold_numbers=True))
    assert sentences_of(corpus) == [["N"] * 8 + ["2nd", "30-year", "50%", "a1", "N"]]
    assert corpus.vocabulary.tokens()[3:] == ["N", "2nd", "30-year", "50%", "a1"]
    assert corpus.vocabulary.counts is not None
    assert corpus.vocabulary.counts.tolist() == [0, 0, 0, 9, 1, 1, 1, 1]
    folded = as_corpus("<unk> a 1 b 2 <unk>", TextOptions(fold_numbers=True))
    assert folded.ids.tolist() == [0, 3, 4, 5, 4, 0]
    assert folded.vocabulary.counts is not None
    assert folded.vocabulary.counts.tolist() == [2, 0, 0, 1, 2, 1]
    characters = as_corpus("12 a1", TextOptions(fold_numbers=True, tokenizer="characters"))
    assert sentences_of(characters) == [["N", "<U+0020>", "a", "1"]]


def test_normalisation_and_case() -> None:
    decomposed = "Cafe\u0301 \ufb01n \uff21"
    assert sentences_of(as_corpus(decomposed, TextOptions(normalization="NFC"))) == [["Caf\u00e9", "\ufb01n", "\uff21"]]
    assert sentences_of(as_corpus(decomposed, TextOptions(normalization="NFKC"))) == [["Caf\u00e9", "fin", "A"]]
    assert sentences_of(as_corpus("Caf\u00e9", TextOptions(normalization="NFD"))) == [["Cafe\u0301"]]
    assert sentences_of(as_corpus(decomposed, TextOptions(normalization="NFKC", lowercase=True))) == [["caf\u00e9", "fin", "a"]]
    # compatibility forms make white space: a no-break space then separates words
    assert sentences_of(as_corpus("a\u00a0b", TextOptions(normalization="NFKC"))) == [["a", "b"]]
    assert sentences_of(as_corpus("a\u00a0b")) == [["a\u00a0b"]]
    assert sentences_of(as_corpus("ΟΔΟΣ ΣΑΣ", TextOptions(lowercase=True))) == [["οδος", "σας"]]
    assert as_corpus("a <UNK>", TextOptions(lowercase=True)).ids.tolist() == [3, 0]


def test_what_as_corpus_takes(tmp_path: Path) -> None:
    expected = [["a", "b"], ["c"]]
    (tmp_path / "t.txt").write_text("a b\nc\n")
    corpus = as_corpus("a b\nc")
    for text in (tmp_path / "t.txt", tmp_path, ["a b", "c"], iter(["a b", "c\n"]), [["a", "b"], ("c",)], (row for row in expected), corpus):
        assert sentences_of(as_corpus(text)) == expected, text
    assert as_corpus(corpus) is corpus
    assert sentences_of(as_corpus(["a\nb"])) == [["a", "b"]]
    assert sentences_of(as_corpus(["a b", "c"], TextOptions(sentences="paragraph"))) == expected
    assert sentences_of(as_corpus([["a", "b"], ["c"]], TextOptions(sentences="none"))) == [["a", "b", "c"]]
    assert sentences_of(as_corpus([[" ", "x"]], TextOptions(tokenizer="characters"))) == [["<U+0020>", "x"]]
    tokens = as_corpus([["Don't", "5"]], TextOptions(tokenizer="treebank", lowercase=True, fold_numbers=True))
    assert sentences_of(tokens) == [["don't", "N"]]
    for wrong in (3, None, b"bytes", [["a b"]], [["a", ""]], [["a"], "b c"], [["a", 3]]):
        with pytest.raises(UsageError):
            as_corpus(wrong)


def test_prompts_are_read_as_text_is() -> None:
    assert encode_prompt("The <unk> 7\n<s> don't ", TextOptions(lowercase=True, fold_numbers=True)) == ["the", "<unk>", "N", "don't"]
    assert encode_prompt("I don't", TextOptions(tokenizer="treebank")) == ["I", "do", "n't"]
    assert encode_prompt("a b ", TextOptions(tokenizer="characters")) == ["a", "<U+0020>", "b", "<U+0020>"]
    assert encode_prompt("\u00e9", TextOptions(tokenizer="bytes")) == ["<0xC3>", "<0xA9>"]
    assert encode_prompt("") == []
    assert encode_prompt(["The", "<s>", "7"], TextOptions(lowercase=True, fold_numbers=True)) == ["the", "N"]
    assert encode_prompt(("a", " "), TextOptions(tokenizer="characters")) == ["a", "<U+0020>"]
    for wrong in (["the cat"], [""], [3], 3, b"the"):
        with pytest.raises(UsageError):
            encode_prompt(wrong)  # type: ignore[arg-type]


def test_ids_in_another_vocabulary() -> None:
    train, test = as_corpus("the cat sat"), as_corpus("a cat <unk> sat")
    assert test.ids_in(train.vocabulary).tolist() == [0, 4, 0, 5]
    assert test.ids_in(test.vocabulary) is test.ids


def test_parts_of_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_text("a\nb c\n")
    (tmp_path / "2.txt").write_text("d\n\ne f g\n")
    corpus = as_corpus(tmp_path)
    part = corpus.sentences(1, 4)
    assert sentences_of(part) == [["b", "c"], ["d"], []]
    assert part.document_offsets.tolist() == [0, 1, 3]
    assert part.raw_bytes == len("b c\nd\n\n")
    assert np.shares_memory(part.ids, corpus.ids)
    assert part.notes == corpus.notes != ()
    assert len(corpus.sentences(9, 20)) == 0
    assert sentences_of(corpus.sentences(-1)) == [["e", "f", "g"]]
    compact = corpus.sentences(3).compact()
    assert compact.vocabulary.tokens()[3:] == ["e", "f", "g"]
    assert compact.vocabulary.counts is not None
    assert compact.vocabulary.counts.tolist() == [0, 0, 0, 1, 1, 1]
    assert sentences_of(compact) == [[], ["e", "f", "g"]]


def test_every_file_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("x y")
    (tmp_path / "a.txt").write_text("\ufeffz\n")
    (tmp_path / "c.txt").write_text("")
    corpus = encode(open_source(tmp_path))
    assert sentences_of(corpus) == [["z"], ["x", "y"]]
    assert corpus.document_offsets.tolist() == [0, 1, 2, 2]
