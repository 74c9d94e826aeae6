"""Files, compressed files, folders, globs, standard input; and every bad input, each one clear sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import text_twin

from lmkit._container import write_container
from lmkit.errors import FormatError, InputError, LmkitError, UsageError
from lmkit.text import TextOptions, _kernels_words, as_corpus, encode, lines_source, open_source, sources, text_source
from lmkit.text.vocabulary import frozen

TEXT = ("the cat sat on the mat\n" * 50 + "l\u00e4st line").encode()
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def content(source: sources.TextSource) -> bytes:
    return b"".join(bytes(block) for document in source.documents() for block in document.blocks())


def refused(text: object, options: TextOptions | None = None) -> str:
    with pytest.raises(InputError) as error:
        as_corpus(text, options)
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


@pytest.mark.parametrize("kind", COMPRESSIONS)
class TestCompressed:
    def test_read(self, kind: str, tmp_path: Path) -> None:
        path = tmp_path / "no-telling-name"
        path.write_bytes(COMPRESSIONS[kind](TEXT))
        source = open_source(path)
        assert content(source) == content(source) == TEXT
        assert source.is_compressed
        assert source.size == path.stat().st_size
        assert len(as_corpus(path)) == 302

    def test_members_in_a_row(self, kind: str, tmp_path: Path) -> None:
        (tmp_path / "t").write_bytes(COMPRESSIONS[kind](TEXT) + COMPRESSIONS[kind](b"") + COMPRESSIONS[kind](b" more"))
        assert content(open_source(tmp_path / "t")) == TEXT + b" more"

    def test_cut_short(self, kind: str, tmp_path: Path) -> None:
        whole = COMPRESSIONS[kind](os.urandom(5000).hex().encode())
        for length in (7, len(whole) // 2, len(whole) - 1):
            (tmp_path / "t").write_bytes(whole[:length])
            with pytest.raises(FormatError, match="cut short") as error:
                content(open_source(tmp_path / "t"))
            assert str(tmp_path / "t") in str(error.value)

    def test_damaged(self, kind: str, tmp_path: Path) -> None:
        whole = bytearray(COMPRESSIONS[kind](os.urandom(5000).hex().encode()))
        whole[len(whole) // 2 :] = os.urandom(len(whole) - len(whole) // 2)
        (tmp_path / "t").write_bytes(whole)
        with pytest.raises(FormatError):
            content(open_source(tmp_path / "t"))

    def test_large(self, kind: str, tmp_path: Path) -> None:
        data = b"0123456789 " * 500_000
        (tmp_path / "t").write_bytes(COMPRESSIONS[kind](data))
        assert content(open_source(tmp_path / "t")) == data


def test_gzip_may_be_padded_with_zeros(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(gzip.compress(TEXT) + bytes(512))
    assert content(open_source(tmp_path / "t")) == TEXT


def test_plain_file_in_blocks(tmp_path: Path) -> None:
    data = os.urandom(3 * sources.BLOCK_SIZE + 17)
    (tmp_path / "t").write_bytes(data)
    (document,) = open_source(tmp_path / "t").documents()
    blocks = list(document.blocks())
    assert [len(block) for block in blocks] == [sources.BLOCK_SIZE] * 3 + [17]
    assert b"".join(map(bytes, blocks)) == data


def test_folder(tmp_path: Path) -> None:
    for name in ("b.txt", "a.tokens", "sub/c.TXT.gz", ".hidden.txt", ".git/d.txt", "picture.png", "model.bin"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(b"x") if name.endswith(".gz") else b"x")
    source = open_source(tmp_path)
    assert [os.path.relpath(document.name, tmp_path) for document in source.documents()] == ["a.tokens", "b.txt", "sub/c.TXT.gz"]
    assert as_corpus(tmp_path).n_documents == 3
    assert source.is_file


def test_glob_and_several_files(tmp_path: Path) -> None:
    for name in ("b.md", "a.md", "c.txt"):
        (tmp_path / name).write_text(name[0])
    assert content(open_source(f"{tmp_path}/*.md")) == b"ab"
    assert content(open_source([tmp_path / "c.txt", tmp_path / "a.md"])) == b"ca"
    (tmp_path / "odd[1].txt").write_text("odd")
    assert content(open_source(tmp_path / "odd[1].txt")) == b"odd"
    with pytest.raises(InputError, match="no file matches"):
        open_source(f"{tmp_path}/*.csv")
    with pytest.raises(UsageError):
        open_source([])


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input(compress: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    class Input:
        buffer = io.BufferedReader(io.BytesIO(compress(TEXT)))  # type: ignore[arg-type]

    monkeypatch.setattr("sys.stdin", Input)
    source = open_source("-")
    assert source.is_stream
    assert content(source) == TEXT


def test_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(TEXT,))
    writer.start()
    try:
        source = open_source(pipe)
        assert source.is_stream
        assert content(source) == TEXT
    finally:
        writer.join()


def test_strings() -> None:
    assert content(text_source("a\nb\u00e9")) == "a\nb\u00e9".encode()
    assert content(lines_source(["a", "b\n", "c\nd"])) == b"a\nb\nc d\n"
    many = [f"line {number}" for number in range(700)]
    assert content(lines_source(iter(many))).decode().splitlines() == many
    assert content(lines_source([*many[:300], "a\nb", *many[300:]])).decode().splitlines() == [*many[:300], "a b", *many[300:]]
    assert content(lines_source([])) == b""
    assert not lines_source(["a"]).is_stream
    assert lines_source(iter(["a"])).is_stream
    with pytest.raises(InputError, match="surrogate"):
        content(text_source("a\ud800"))
    with pytest.raises(UsageError):
        content(lines_source(["a", 3]))  # type: ignore[list-item]


class TestBadInput:
    def test_missing(self, tmp_path: Path) -> None:
        assert refused(tmp_path / "nowhere.txt") == f"{tmp_path / 'nowhere.txt'}: no such file or folder; check the path."
        (tmp_path / "link").symlink_to(tmp_path / "gone")
        assert "no such file" in refused(tmp_path / "link")

    @pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
    def test_empty(self, data: bytes, tmp_path: Path) -> None:
        (tmp_path / "t.txt").write_bytes(data)
        message = refused(tmp_path / "t.txt")
        assert message.startswith("t.txt: ")
        assert "is empty" in message or "holds no tokens" in message

    @pytest.mark.parametrize("tokenizer", ["whitespace", "regex", "treebank"])
    @pytest.mark.parametrize("text", ["\n\n", " \t\n", "<s> </s>"])
    def test_no_tokens(self, tokenizer: str, text: str) -> None:
        assert "holds no tokens" in refused(text, TextOptions(tokenizer=tokenizer))

    def test_nothing_at_all(self) -> None:
        for nothing in ("", [], iter([])):
            assert "is empty" in refused(nothing)

    def test_folder_without_text(self, tmp_path: Path) -> None:
        (tmp_path / "x.md").write_text("text")
        message = refused(tmp_path)
        assert "no text files (.txt" in message
        assert "*.md" in message

    def test_binary(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_bytes(b"abc" + bytes(range(256)))
        message = refused(tmp_path / "t")
        assert "binary file" in message
        assert "byte offset 3)" in message
        (tmp_path / "t").write_bytes(b"%PDF-1.7\n...")
        assert "PDF" in refused(tmp_path / "t")
        (tmp_path / "t").write_bytes(b"PK\x03\x04abc")
        assert "ZIP" in refused(tmp_path / "t")

    def test_a_model(self, tmp_path: Path) -> None:
        write_container(tmp_path / "m.lm", "ngram", {}, {"a": np.zeros(3)})
        assert "is a model, not a text" in refused(tmp_path / "m.lm")
        (tmp_path / "m.klm").write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0" + bytes(100))
        assert "is a model, not a text" in refused(tmp_path / "m.klm")

    def test_a_nul_far_behind_the_start_is_white_space(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_bytes(b"a " * 5000 + b"b\0c")
        assert as_corpus(tmp_path / "t").vocabulary.tokens()[3:] == ["a", "b", "c"]

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
    def test_utf_16(self, encoding: str, tmp_path: Path) -> None:
        (tmp_path / "t").write_bytes("the caf\u00e9\nis open".encode(encoding))
        assert "--encoding utf-16" in refused(tmp_path / "t")
        corpus = as_corpus(tmp_path / "t", TextOptions(encoding=encoding))
        assert corpus.vocabulary.tokens()[3:] == ["the", "caf\u00e9", "is", "open"]

    @pytest.mark.parametrize("tokenizer", ["whitespace", "characters", "regex"])
    def test_not_utf_8(self, tokenizer: str, tmp_path: Path) -> None:
        (tmp_path / "t").write_bytes("eins\nzwei dr\u00f6i\n".encode("latin-1"))
        assert refused(tmp_path / "t", TextOptions(tokenizer=tokenizer)) == (
            f"{tmp_path / 't'}: is not UTF-8 text: line 2, byte offset 12 holds 0xF6; name its encoding, for example --encoding latin-1."
        )
        corpus = as_corpus(tmp_path / "t", TextOptions(encoding="latin-1"))
        assert corpus.vocabulary.tokens()[3:] == ["eins", "zwei", "dr\u00f6i"]
        assert (corpus.raw_bytes, corpus.raw_characters) == (15, 15)

    def test_not_utf_8_far_behind(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sources, "BLOCK_SIZE", 64)
        data = b"word word\n" * 40 + b"x" * 200 + b" \xe9 "
        (tmp_path / "t").write_bytes(data)
        message = refused(tmp_path / "t")
        assert "line 41, byte offset 601 holds 0xE9" in message

    def test_not_in_the_named_encoding(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sources, "BLOCK_SIZE", 8)
        (tmp_path / "t").write_bytes(b"eins zwei\ndrei\nvier f\xc3nf\n")
        message = refused(tmp_path / "t", TextOptions(encoding="ascii"))
        assert "not ASCII text: line 3, byte offset 21 holds 0xC3" in message
        assert "--encoding utf-8" in message

    @pytest.mark.parametrize("block", [1, 2, 3, 100])
    def test_not_in_an_encoding_of_several_bytes(self, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sources, "BLOCK_SIZE", block)
        (tmp_path / "t").write_bytes("\u65e5\u672c\n\u8a9e ".encode("euc-jp") + b"\xff\n")
        message = refused(tmp_path / "t", TextOptions(encoding="euc-jp"))
        assert "line 2, byte offset 8 holds 0xFF" in message

    def test_bytes_read_anything(self, tmp_path: Path) -> None:
        data = bytes(range(256)) * 2
        (tmp_path / "t").write_bytes(data)
        corpus = as_corpus(tmp_path / "t", TextOptions(tokenizer="bytes", sentences="none"))
        assert len(corpus) == 512
        assert len(corpus.vocabulary) == 259

    def test_no_permission(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_text("a")
        (tmp_path / "t").chmod(0)
        if os.access(tmp_path / "t", os.R_OK):
            pytest.skip("this user may read everything")
        assert "no permission" in refused(tmp_path / "t")

    def test_one_word_and_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "t").write_text("word")
        corpus = as_corpus(tmp_path / "t")
        assert (len(corpus), corpus.n_sentences) == (1, 1)

    def test_all_are_lmkit_errors(self, tmp_path: Path) -> None:
        with pytest.raises(LmkitError):
            encode(open_source(tmp_path))


@pytest.mark.parametrize("character", ["\u00e9", "\u4f60", "\U0001f600"])
def test_utf_8_check_does_not_look_behind_the_end(character: str) -> None:
    """What follows in memory would complete the character."""
    data = np.frombuffer(b"a" + character.encode(), np.uint8)
    for length in range(2, len(data)):
        assert _kernels_words.check_utf8(frozen(data[:length]))[0] == 1
    assert _kernels_words.check_utf8(frozen(data)) == (-1, 2)


SEQUENCES = st.lists(
    st.one_of(
        st.binary(max_size=5),
        st.text(max_size=70).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.sampled_from(
            [b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf0\x80\x80\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\xf4\x8f\xbf\xbf", b"a" * 63]
        ),
    ),
    max_size=6,
).map(b"".join)


@settings(max_examples=1000, deadline=None)
@given(SEQUENCES)
def test_utf_8_check_agrees_with_python(data: bytes) -> None:
    place, characters = _kernels_words.check_utf8(frozen(np.frombuffer(data, np.uint8)))
    assert place == text_twin.first_bad_byte(data)
    if place < 0:
        assert characters == len(data.decode())
