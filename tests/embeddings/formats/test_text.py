"""word2vec text, fastText .vec and GloVe: exact numbers, the original tools' bytes, and every kind of fault with its place."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import numpy as np
import pytest

import lmkit
from lmkit import WordVectors
from lmkit.embeddings.formats import Writing, read_vectors, write_vectors
from lmkit.errors import FormatError, InputError

TEXTS = ["word2vec", "fasttext-vec", "glove"]


def file_of(folder: Path, content: str | bytes) -> Path:
    path = folder / "v.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parsed(path: Path, has_header: bool) -> tuple[list[str], np.ndarray]:
    """By plain Python: the last d fields of a line are numbers."""
    lines = path.read_text(encoding="utf-8").split("\n")[has_header:-1]
    rows = [line.split(" ") for line in lines]
    return [row[0] for row in rows], np.array([[float(field) for field in row[1:] if field] for row in rows], np.float32)


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".xz", ".zst"])
def test_numbers_come_back_to_the_bit(form: str, ending: str, vectors: WordVectors, tmp_path: Path) -> None:
    path = tmp_path / f"v.out{ending}"
    write_vectors(vectors, path, form)
    found = lmkit.load(path)
    assert found.words == vectors.words
    assert np.array_equal(found.matrix.view(np.uint32), vectors.matrix.view(np.uint32))
    assert "notes" not in found.made


@pytest.mark.parametrize("form", TEXTS)
def test_what_is_written_is_what_plain_python_reads(form: str, vectors: WordVectors, tmp_path: Path) -> None:
    write_vectors(vectors, tmp_path / "v", form)
    words, matrix = parsed(tmp_path / "v", form != "glove")
    assert words == vectors.words.strings()
    assert np.array_equal(matrix, vectors.matrix)


def test_classic_digits_are_those_of_the_tools(tmp_path: Path) -> None:
    vectors = WordVectors(["a", "b"], np.array([[0.123456789, -1.5e-7], [12345.678, 1]], np.float32))
    expected = {
        "word2vec": "2 2\na 0.123457 -0.000000 \nb 12345.677734 1.000000 \n",
        "fasttext-vec": "2 2\na 0.12346 -1.5e-07 \nb 12346 1 \n",
        "glove": "a 0.123457 -0.000000\nb 12345.677734 1.000000\n",
    }
    for form, text in expected.items():
        write_vectors(vectors, tmp_path / form, form, Writing(digits="classic"))
        assert (tmp_path / form).read_text() == text


def test_fasttext_s_own_vec_is_written_byte_for_byte(installed: Path, tmp_path: Path) -> None:
    write_vectors(lmkit.load(installed / "crime-and-punishment.bin"), tmp_path / "v.vec", options=Writing(digits="classic"))
    assert (tmp_path / "v.vec").read_bytes() == (installed / "crime-and-punishment.vec").read_bytes()


@pytest.mark.parametrize("name", ["crime-and-punishment.vec", "toy-model.vec", "lee_fasttext.vec"])
def test_words_and_numbers_are_gensim_s(name: str, installed: Path) -> None:
    from gensim.models import KeyedVectors

    theirs, ours = KeyedVectors.load_word2vec_format(str(installed / name)), lmkit.load(installed / name)
    assert ours.words.strings() == theirs.index_to_key
    assert np.array_equal(ours.matrix, theirs.vectors)


def test_glove_without_a_header(installed: Path) -> None:
    from gensim.models import KeyedVectors

    theirs = KeyedVectors.load_word2vec_format(str(installed / "test_glove.txt"), no_header=True)
    ours = lmkit.load(installed / "test_glove.txt")
    assert ours.words.strings() == theirs.index_to_key
    assert np.array_equal(ours.matrix, theirs.vectors)


def test_gensim_reads_what_is_written(vectors: WordVectors, tmp_path: Path) -> None:
    from gensim.models import KeyedVectors

    write_vectors(vectors, tmp_path / "v.txt")
    theirs = KeyedVectors.load_word2vec_format(str(tmp_path / "v.txt"))
    assert theirs.index_to_key == vectors.words.strings()
    assert np.array_equal(theirs.vectors, vectors.matrix)


def test_a_large_file_goes_through_many_blocks(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    matrix = rng.normal(0, 1, (9000, 40)).astype(np.float32)
    words = [f"word{i}" * (1 + i % 5) for i in range(len(matrix))]
    write_vectors(WordVectors(words, matrix), tmp_path / "v.txt")
    assert (tmp_path / "v.txt").stat().st_size > 3 << 20
    for path, content in ((tmp_path / "v.txt", None), (tmp_path / "g", lambda raw: raw.split(b"\n", 1)[1])):
        if content:
            path.write_bytes(content((tmp_path / "v.txt").read_bytes()))
        found = lmkit.load(path)
        assert found.words.strings() == words
        assert np.array_equal(found.matrix, matrix)


def test_words_with_spaces(tmp_path: Path) -> None:
    path = file_of(tmp_path, "the 0.5 1\n. . . 2 3\nat name@domain.com -1 .5\n")
    found = lmkit.load(path)
    assert found.words.strings() == ["the", ". . .", "at name@domain.com"]
    assert found.matrix.tolist() == [[0.5, 1], [2, 3], [-1, 0.5]]
    write_vectors(found, tmp_path / "glove", "glove")  # which holds such words
    assert lmkit.load(tmp_path / "glove").words == found.words
    with pytest.raises(InputError, match=r"2 words hold white space, which word2vec text can't: '\. \. \.' \(row 1\)"):
        write_vectors(found, tmp_path / "w.txt")
    write_vectors(found, tmp_path / "w.txt", options=Writing(errors="replace"))
    assert lmkit.load(tmp_path / "w.txt").words.strings() == ["the", "._._.", "at_name@domain.com"]
    write_vectors(found, tmp_path / "w.txt", options=Writing(errors="skip"))
    assert lmkit.load(tmp_path / "w.txt").words.strings() == ["the"]


@pytest.mark.parametrize("content", ["2 2\r\na 1 2\r\nb 3 4\r\n", "2 2\na\t1\t2\nb\t3\t4", "2 2\na  1  2 \n\nb 3 4 \n\n", "a 1 2\nb 3 4"])
def test_other_line_ends_and_separators(content: str, tmp_path: Path) -> None:
    found = lmkit.load(file_of(tmp_path, content))
    assert found.words.strings() == ["a", "b"]
    assert found.matrix.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("text", ["1e-40", "0.123456789012345678901234567890", "16777217", "1e38", "-2.5E+3", "123456789123456789"])
def test_numbers_that_kernels_leave_to_python(text: str, tmp_path: Path) -> None:
    found = lmkit.load(file_of(tmp_path, f"1 2\nw {text} 1\n"))
    assert found.matrix[0, 0] == np.float32(float(text))
    assert found.matrix[0, 1] == 1


REFUSED = {
    "header of more rows": ("3 2\na 1 2\nb 1 2\n", r"the header says 3 rows, the file has 2, fewer; it was cut"),
    "header of fewer rows": ("1 2\na 1 2\nb 1 2\n", r"the header says 1 rows, the file has 2, more"),
    "header of other dimensions": ("2 3\na 1 2\nb 1 2\n", r"line 1: the header says 3 dimensions, but the first 2 rows have 2 numbers"),
    "no dimensions": ("2 0\na\nb\n", r"line 1: the header says 2 words with 0 dimensions"),
    "no rows": ("0 5\n", r"line 1: the header says 0 words"),
    "a header and nothing else": ("5 5\n", r"holds no rows, the header says 5"),
    "a header no memory can hold": ("999999999999 300\na 1 2\n", r"the header says 300 dimensions, but the first 1 rows have 2 numbers"),
    "dimensions beyond sense": ("2 99999999999\na 1 2\n", r"99,999,999,999 dimensions, which no vectors have"),
    "a short row": ("3 2\na 1 2\nb 1\nc 1 2\n", None),
    "a long row": ("3 2\na 1 2\nb 1 2 3\nc 1 2\n", r"line 3: 'b' has 3 numbers, the rows before have 2"),
    "a row of words": ("3 2\na 1 2\nb x y\nc 1 2\n", None),
    "not a number": ("2 2\na 1 2\nb nan 2\n", r"the vector of 'b' holds nan at dimension 1 \(line 3\)"),
    "infinity": ("2 2\na 1 2\nb 1 -inf\n", r"the vector of 'b' holds -inf at dimension 2 \(line 3\)"),
    "too large for float32": ("1 2\na 1 1e39\n", r"holds inf at dimension 2"),
    "bytes that are not UTF-8": (b"2 2\na 1 2\nb\xff\xfe 1 2\n", r"the word 'b\\\\xff\\\\xfe' \(line 3\) is not UTF-8, from byte 0xff on"),
    "a word that begins inside of a character": (b"2 2\na\xc3 1 2\n\xa9b 1 2\n", r"line 2\) is not UTF-8"),
    "a cut last line": ("3 3\na 1 2 3\nb 4 5 6\nc 7 8", None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_faults_are_told_with_their_place(case: str, tmp_path: Path) -> None:
    content, message = REFUSED[case]
    path = file_of(tmp_path, content)
    with pytest.raises(FormatError, match=message) as caught:
        lmkit.load(path) if message else read_vectors(path, "word2vec")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_of_wrong_length_name_their_line(tmp_path: Path) -> None:
    rows = [f"w{i} 1 2 3" for i in range(200)]
    rows[150] = "w150 1 2"
    path = file_of(tmp_path, "200 3\n" + "\n".join(rows) + "\n")
    with pytest.raises(FormatError, match=r"line 152: 'w150' has 2 numbers, the rows before have 3"):
        lmkit.load(path)
    found = read_vectors(path, errors="skip")
    assert len(found) == 199
    assert "w150" not in found
    assert found.made["notes"] == ["Rows of a wrong form, left out: 1 (line 152, 'w150' has 2 numbers, the rows before have 3)."]
    rows[150], rows[199] = "w150 1 2 3", "w199 4 5"
    path = file_of(tmp_path, "200 3\n" + "\n".join(rows))
    with pytest.raises(FormatError, match=r"line 201: 'w199' has 2 numbers, the rows before have 3. It is the last line: the file was cut"):
        lmkit.load(path)


def test_what_can_be_mended(tmp_path: Path) -> None:
    content = b"9 2\na 1 2\nb\xff 3 4\nc nan 5\na 6 7\n 8 9\nd 1 2\n"
    with pytest.raises(FormatError):
        lmkit.load(file_of(tmp_path, content))
    replaced = read_vectors(file_of(tmp_path, content), errors="replace")
    assert replaced.words.strings() == ["a", "b\ufffd", "c", "d"]
    assert replaced.matrix.tolist() == [[1, 2], [3, 4], [0, 5], [1, 2]]
    skipped = read_vectors(file_of(tmp_path, content), errors="skip")
    assert skipped.words.strings() == ["a", "d"]
    assert skipped.matrix.tolist() == [[1, 2], [1, 2]]
    for found, mended in ((replaced, "mended with U+FFFD"), (skipped, "left out")):
        notes = " ".join(found.made["notes"])
        for part in (f"Words that are not UTF-8, {mended}: 1 ('b\\\\xff' (line 3))", "Rows with NaN or infinity", "line 4", "empty word"):
            assert part in notes
        assert "The header says 9 rows, the file has 6, fewer; it was cut." in found.made["notes"]


def test_doubles_keep_the_first_and_are_told(tmp_path: Path) -> None:
    found = lmkit.load(file_of(tmp_path, "4 1\na 1\nb 2\na 3\nb 4\n"))
    assert found.words.strings() == ["a", "b"]
    assert found.matrix.tolist() == [[1], [2]]
    assert found.made["notes"] == ["Rows whose word stood before, left out: 2 ('a' (row 2); 'b' (row 3))."]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_compressed_files_that_end_early_are_refused(pack, vectors: WordVectors, tmp_path: Path) -> None:
    write_vectors(vectors, tmp_path / "v.txt")
    path = file_of(tmp_path, pack((tmp_path / "v.txt").read_bytes())[:-9])
    with pytest.raises(FormatError, match=r"v\.txt"):
        lmkit.load(path)


def test_other_texts_are_not_taken_for_vectors(installed: Path, tmp_path: Path) -> None:
    for content in ("the cat sat\non the mat\n", "cat 3\ndog 5\n", "", "\n\n", "a,1,2\n"):
        with pytest.raises(FormatError, match=r"can't be opened"):
            lmkit.load(file_of(tmp_path, content))
    with pytest.raises(FormatError, match=r"can't be opened"):
        lmkit.load(installed / "questions-words.txt")


def test_a_short_row_among_the_first_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"line 3: 'b' has 1 numbers, the rows before have 2"):
        read_vectors(file_of(tmp_path, "3 2\na 1 2\nb 1\nc 1 2\n"), "word2vec")


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_byte_order_mark_in_front_is_no_part_of_the_text(form: str, ending: str, vectors: WordVectors, tmp_path: Path) -> None:
    write_vectors(vectors, tmp_path / "v.txt", form)
    content = b"\xef\xbb\xbf" + (tmp_path / "v.txt").read_bytes()
    path = tmp_path / f"marked.txt{ending}"
    path.write_bytes(gzip.compress(content) if ending else content)
    found = lmkit.load(path)
    assert found.words == vectors.words
    assert np.array_equal(found.matrix, vectors.matrix)
