"""Text as it arrives."""

from __future__ import annotations

import io
import itertools
import os
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import text_twin

from lmkit.errors import InputError, UsageError
from lmkit.text import EncodedCorpus, TextOptions, encode_stream, sources, text_source
from lmkit.text.sources import Document, TextSource


def pieces(data: bytes, cuts: list[int]) -> TextSource:
    borders = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    return TextSource("stream", [Document("stream", lambda: (data[a:b] for a, b in itertools.pairwise(borders)))], is_stream=True)


def sentences_of(parts: list[EncodedCorpus]) -> list[list[str]]:
    return [part.vocabulary.decode(part.sentence_ids(i)) for part in parts for i in range(part.n_sentences)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "bc", " ", "\n", "\n\n", "\r\n", "<unk> ", "\u00e9", " <s> "]), max_size=25).map("".join),
    st.lists(st.integers(0, 40), max_size=6),
    st.sampled_from(["line", "paragraph"]),
    st.sampled_from(["keep", "drop"]),
    st.sampled_from([1, 3, 1000]),
)
def test_parts_are_the_whole(text: str, cuts: list[int], sentences: str, blank_lines: str, block_tokens: int) -> None:
    data = text.encode()
    expected = text_twin.read_sentences(data, sentences, blank_lines)
    stream = encode_stream(pieces(data, cuts), TextOptions(sentences=sentences, blank_lines=blank_lines), block_tokens)
    if not any(expected):
        with pytest.raises(InputError):
            list(stream)
        return
    parts = list(stream)
    assert sentences_of(parts) == expected
    assert all(len(part) <= block_tokens or part.n_sentences == 1 for part in parts)


@pytest.mark.parametrize("tokenizer", ["whitespace", "regex", "characters", "bytes"])
def test_continuous_text(tokenizer: str) -> None:
    data = "one two three\nfour five \u00e9\n".encode()
    whole = list(encode_stream(pieces(data, []), TextOptions(tokenizer=tokenizer, sentences="none")))
    parts = list(encode_stream(pieces(data, [3, 5, 14, 20]), TextOptions(tokenizer=tokenizer, sentences="none")))
    assert len(parts) > 1
    assert list(itertools.chain.from_iterable(sentences_of(parts))) == list(itertools.chain.from_iterable(sentences_of(whole)))
    assert sum(part.raw_bytes for part in parts) == len(data)


def test_an_open_pipe_is_answered_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()

    class Input:
        buffer = io.BufferedReader(io.FileIO(reader))

    monkeypatch.setattr("sys.stdin", Input)
    guard = threading.Timer(20, os.close, (writer,))  # an encoder that waits for more would hang otherwise
    guard.start()
    try:
        stream = encode_stream(sources.open_source("-"))
        for line in ("h\u00e9llo there\n", "again hello\n", "x\n"):
            os.write(writer, line.encode())
            part = next(stream)
            assert sentences_of([part]) == [line.split()]
        guard.cancel()
        os.write(writer, b"no newline")
        os.close(writer)
        assert sentences_of(list(stream)) == [["no", "newline"]]
    finally:
        guard.cancel()
        Input.buffer.close()


def test_notes_count_over_all_parts() -> None:
    stream = encode_stream(pieces(b"a\n\nb <s>\n<unk> c\n<s> <unk>\n\n", [2, 3, 9, 18]))
    assert len(list(stream)) > 2
    left_out, unknown, blank = stream.notes
    assert left_out.startswith("2 literal <s>")
    assert "first in line 3" in left_out
    assert unknown.startswith("2 literal <unk>")
    assert "first in line 4" in unknown
    assert blank.startswith("2 blank")
    assert "first in line 2" in blank


def test_memory_stays_bounded_however_many_words_there_are() -> None:
    def blocks() -> object:
        for i in range(60):
            yield b"".join(b"w%d\n" % (i * 10_000 + j) for j in range(10_000))

    source = TextSource("stream", [Document("stream", blocks)], is_stream=True)  # type: ignore[arg-type]
    sizes = [len(part.vocabulary) for part in encode_stream(source)]
    assert max(sizes) <= 20_003
    assert sum(sizes) - 3 * len(sizes) == 600_000


def test_errors_name_the_place_in_the_whole_stream() -> None:
    stream = encode_stream(pieces(b"one\ntwo\nthr\xffee\n", [4, 8]))
    assert len(next(stream)) == 1
    with pytest.raises(InputError, match="line 3, byte offset 11 holds 0xFF"):
        list(stream)


def test_detected_sentences_need_a_model() -> None:
    with pytest.raises(UsageError, match="trained"):
        encode_stream(text_source("a"), TextOptions(sentences="detected"))
    model = {"abbreviations": ["dr"], "collocations": [], "sentence_starters": [], "orthographic_context": {}}
    parts = list(encode_stream(text_source("Dr. A left. B\nstayed.\n\nC"), TextOptions(sentences="detected", sentence_model=model)))
    assert sentences_of(parts) == [["Dr.", "A", "left."], ["B", "stayed."], ["C"]]
    assert np.concatenate([part.ids for part in parts]).dtype == np.int32
