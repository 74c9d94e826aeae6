"""Text straight to a given vocabulary's ids, against encoding the text and translating it."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit.errors import InputError
from lmkit.text import TextOptions, encode, sources
from lmkit.text.known_words import KnownWordsReader
from lmkit.text.vocabulary import Vocabulary

KNOWN = Vocabulary.from_tokens(["a", "bb", "é", "abcdefgh", "abcdefghi", "x" * 30])
PIECES = st.sampled_from(
    ["a", "bb", "é", "😀", "abcdefgh", "abcdefghi", "x" * 30, "x" * 31, " ", "\t", "\r\n", "\n", "\n\n", "\0", "<unk>", " <s> ", "</s>\n"]
)


def read(source: sources.TextSource, options: TextOptions, threads: int) -> tuple[list[int], list[int], int, int, tuple[str, ...]]:
    """(ids, lengths of sentences, characters, bytes, notes)."""
    reader = KnownWordsReader(source, options, KNOWN)
    blocks = list(
        reader.map(lambda words: (words.ids.tolist(), np.diff(words.sentence_offsets).tolist(), words.characters, words.bytes), threads)
    )
    ids, lengths, characters, bytes_ = zip(*blocks, strict=True)
    return [*chain(*ids)], [*chain(*lengths)], sum(characters), sum(bytes_), reader.notes


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=60).map("".join), st.integers(1, 90), st.sampled_from(["keep", "drop"]), st.integers(1, 3))
def test_agrees_with_encoding(text: str, block: int, blank_lines: str, threads: int) -> None:
    options = TextOptions(blank_lines=blank_lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK_SIZE", block)
        source = sources.bytes_source(text.encode(), "text")
        try:
            expected = encode(source, options)
        except InputError as error:
            with pytest.raises(InputError, match=str(error).replace(".", r"\.")):
                read(source, options, threads)
            return
        ids, lengths, characters, bytes_, notes = read(source, options, threads)
    assert ids == expected.ids_in(KNOWN).tolist()
    assert lengths == np.diff(expected.sentence_offsets).tolist()
    assert (bytes_, characters) == expected.written_size()
    assert notes == expected.notes


def test_several_documents_and_the_place_of_a_bad_byte(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfa bb\nno newline here")
    (tmp_path / "b.txt").write_bytes(b"bb\n\n<s>\n")
    source = sources.open_source(tmp_path)
    ids, lengths, _, _, notes = read(source, TextOptions(), 2)
    assert (ids, lengths) == ([3, 4, 0, 0, 0, 4], [2, 3, 1, 0, 0])
    assert notes == encode(source, TextOptions()).notes
    bad = b"a\n" * 300_000 + b"bb\nabc\xff d\n"
    (tmp_path / "c.txt").write_bytes(bad)
    messages = []
    for attempt in (lambda: read(sources.open_source(tmp_path), TextOptions(), 2), lambda: encode(sources.open_source(tmp_path))):
        with pytest.raises(InputError) as caught:
            attempt()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "line 300,002, byte offset 600,006 holds 0xFF" in messages[0]


@pytest.mark.parametrize(
    "options", [TextOptions(sentences="none"), TextOptions(sentences="paragraph"), TextOptions(lowercase=True), TextOptions("regex")]
)
def test_other_readings_are_refused(options: TextOptions) -> None:
    assert not KnownWordsReader.can_read(options)
