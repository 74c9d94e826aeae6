"""word2vec's binary form: both writers' habits, gensim both ways, faults with their place."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

import lmkit
from lmkit import WordVectors
from lmkit.embeddings.formats import Writing, read_vectors, write_vectors
from lmkit.errors import FormatError, InputError


def packed(rows: list[tuple[bytes, list[float]]], ending: bytes = b"\n", header: bytes | None = None) -> bytes:
    """As word2vec.c writes it; without the line end as gensim does."""
    dimensions = len(rows[0][1])
    body = b"".join(word + b" " + struct.pack(f"<{dimensions}f", *numbers) + ending for word, numbers in rows)
    return (header or b"%d %d\n" % (len(rows), dimensions)) + body


ROWS = [(b"a", [1.5, -2.0, 0.25]), ("naïve".encode(), [0.1, 1e-40, 3e38]), (b"b" * 1000, [10.0, 32.0, 13.0])]


@pytest.mark.parametrize("ending", [b"\n", b""])
def test_both_habits_are_read_to_the_bit(ending: bytes, tmp_path: Path) -> None:
    (tmp_path / "v.bin").write_bytes(packed(ROWS, ending))
    found = lmkit.load(tmp_path / "v.bin")
    assert found.made["format"] == "word2vec binary"
    assert found.words.strings() == [word.decode() for word, _ in ROWS]
    assert np.array_equal(found.matrix, np.array([numbers for _, numbers in ROWS], np.float32))


def test_what_is_written_is_word2vec_c_s(tmp_path: Path) -> None:
    (tmp_path / "v.bin").write_bytes(packed(ROWS))
    write_vectors(lmkit.load(tmp_path / "v.bin"), tmp_path / "w.bin")
    assert (tmp_path / "w.bin").read_bytes() == packed(ROWS)
    write_vectors(lmkit.load(tmp_path / "v.bin"), tmp_path / "w.bin.gz")
    assert gzip.decompress((tmp_path / "w.bin.gz").read_bytes()) == packed(ROWS)
    assert lmkit.load(tmp_path / "w.bin.gz").words.strings()[0] == "a"


def test_gensim_reads_it_and_its_own_is_read(vectors: WordVectors, tmp_path: Path) -> None:
    from gensim.models import KeyedVectors

    write_vectors(vectors, tmp_path / "v.bin")
    theirs = KeyedVectors.load_word2vec_format(str(tmp_path / "v.bin"), binary=True)
    assert theirs.index_to_key == vectors.words.strings()
    assert np.array_equal(theirs.vectors.view(np.uint32), vectors.matrix.view(np.uint32))
    theirs.save_word2vec_format(str(tmp_path / "g.bin"), binary=True)
    ours = lmkit.load(tmp_path / "g.bin")
    assert ours.words.strings() == sorted(vectors.words.strings(), key=theirs.index_to_key.index)
    assert np.array_equal(ours.matrix.view(np.uint32), vectors.matrix.view(np.uint32))


@pytest.mark.parametrize("name", ["euclidean_vectors.bin", "poincare_vectors.bin", "high_precision.kv.bin"])
def test_gensim_s_installed_files(name: str, installed: Path) -> None:
    from gensim.models import KeyedVectors

    theirs, ours = KeyedVectors.load_word2vec_format(str(installed / name), binary=True), lmkit.load(installed / name)
    assert ours.words.strings() == theirs.index_to_key
    assert np.array_equal(ours.matrix, theirs.vectors)


def test_many_blocks(tmp_path: Path) -> None:
    matrix = np.random.default_rng(1).normal(0, 1, (30000, 30)).astype(np.float32)
    words = [f"word{i}" * (1 + i % 3) for i in range(len(matrix))]
    write_vectors(WordVectors(words, matrix), tmp_path / "v.bin")
    found = lmkit.load(tmp_path / "v.bin")
    assert found.words.strings() == words
    assert np.array_equal(found.matrix, matrix)


REFUSED = {
    "cut between rows": (packed(ROWS)[: -1000 - 14], r"the header says 3 rows, the file has at most 2, fewer; it was cut"),
    "cut inside of a row": (packed(ROWS)[:-5], r"the header says 3 rows, the file has 2, fewer; it was cut at byte"),
    "more rows than said": (packed(ROWS, header=b"2 3\n"), r"the header says 2 rows, the file has so many, and more bytes up to byte"),
    "a header no memory can hold": (packed(ROWS, header=b"999999999999 3\n"), r"says 999,999,999,999 rows, the file has at most"),
    "other dimensions": (packed(ROWS, header=b"3 300\n"), r"the header says 3 rows, the file has"),
    "not a number": (
        packed([ROWS[0], (b"w", [0.0, float("nan"), 1.0])]),
        r"the vector of 'w' holds nan at dimension 2 \(row 2, behind byte 4\)",
    ),
    "not UTF-8": (packed([ROWS[0], (b"w\xff", [0.0, 2.0, 1.0])]), r"the word 'w\\\\xff' \(row 2, behind byte 4\) is not UTF-8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_faults_are_told_with_their_place(case: str, tmp_path: Path) -> None:
    raw, message = REFUSED[case]
    (tmp_path / "v.bin").write_bytes(raw)
    with pytest.raises(FormatError, match=message) as caught:
        lmkit.load(tmp_path / "v.bin")
    assert "v.bin" in str(caught.value)


def test_what_can_be_mended(tmp_path: Path) -> None:
    rows = [*ROWS[:1], (b"w\xff", [1.0, 2.0, 3.0]), (b"", [4.0, 5.0, 6.0]), (b"n", [float("inf"), 8.0, 9.0]), (b"a", [7.0, 7.0, 7.0])]
    (tmp_path / "v.bin").write_bytes(packed(rows, header=b"7 3\n"))
    found = read_vectors(tmp_path / "v.bin", errors="replace")
    assert found.words.strings() == ["a", "w\ufffd", "n"]
    assert found.matrix.tolist() == [[1.5, -2, 0.25], [1, 2, 3], [0, 8, 9]]
    found = read_vectors(tmp_path / "v.bin", errors="skip")
    assert found.words.strings() == ["a"]
    notes = " ".join(found.made["notes"])
    for part in ("empty word", "row 3", "not UTF-8", "NaN or infinity", "stood before", "The header says 7 rows, the file has 5"):
        assert part in notes


def test_spaces_end_words_there_too(tmp_path: Path) -> None:
    vectors = WordVectors(["new york", "b"], np.eye(2, 3, dtype=np.float32))
    with pytest.raises(InputError, match="1 words hold white space, which word2vec binary can't: 'new york'"):
        write_vectors(vectors, tmp_path / "v.bin")
    assert not (tmp_path / "v.bin").exists()
    write_vectors(vectors, tmp_path / "v.bin", options=Writing(errors="replace"))
    assert lmkit.load(tmp_path / "v.bin").words.strings() == ["new_york", "b"]


@pytest.mark.parametrize("ending", [b"\n", b""])
@pytest.mark.parametrize("declared", [48, 49, 51, 52])
@pytest.mark.parametrize("errors", ["strict", "replace", "skip"])
def test_other_dimensions_than_the_header_says_are_refused(declared: int, ending: bytes, errors: str, tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(0, 0.1, (500, 50)).tolist()
    rows = [(b"w%d" % place, row) for place, row in enumerate(numbers)]
    (tmp_path / "v.bin").write_bytes(packed(rows, ending, b"500 %d\n" % declared))
    with pytest.raises(FormatError, match=f"says {declared} dimensions, and read so, .* control characters"):
        read_vectors(tmp_path / "v.bin", errors=errors)
