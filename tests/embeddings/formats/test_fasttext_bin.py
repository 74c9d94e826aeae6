"""fastText's .bin: gensim's reader and writer, byte-for-byte round trips, quantised and supervised models built by hand, faults."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

import lmkit
from lmkit import WordVectors
from lmkit.embeddings import FastText
from lmkit.embeddings.formats import read_vectors, write_vectors
from lmkit.errors import FormatError, InputError

# dim, ws, epoch, minCount, neg, wordNgrams, loss, model, bucket, minn, maxn, lrUpdateRate
HEADER = {
    "dim": 5,
    "ws": 5,
    "epoch": 5,
    "minCount": 1,
    "neg": 5,
    "wordNgrams": 1,
    "loss": 3,
    "model": 3,
    "bucket": 20,
    "minn": 2,
    "maxn": 3,
}
RNG = np.random.default_rng(5)


def header(version: int = 12, **changes: int) -> bytes:
    return struct.pack("<14id", 793712314, version, *{**HEADER, **changes}.values(), 100, 1e-4)


def dictionary(words: list[bytes], labels: list[bytes], pruned: list[tuple[int, int]] | None = None) -> bytes:
    entries = b"".join(word + b"\0" + struct.pack("<qb", 9, kind) for kind, group in enumerate((words, labels)) for word in group)
    pairs = b"".join(struct.pack("<2i", *pair) for pair in pruned or [])
    size = len(words) + len(labels)
    return struct.pack("<3i2q", size, len(words), len(labels), 99, -1 if pruned is None else len(pruned)) + entries + pairs


def dense(matrix: np.ndarray) -> bytes:
    return struct.pack("<B2q", 0, *matrix.shape) + matrix.astype("<f4").tobytes()


def quantised(codes: np.ndarray, centroids: list[np.ndarray], norms: tuple[np.ndarray, np.ndarray] | None = None) -> bytes:
    """Product quantisation by its definition: centroids[j] are 256 x width of piece j; norms are codes and 256 values."""
    columns = sum(piece.shape[1] for piece in centroids)
    raw = struct.pack("<BB2qi", 1, norms is not None, len(codes), columns, codes.size) + codes.astype(np.uint8).tobytes()
    raw += struct.pack("<4i", columns, len(centroids), centroids[0].shape[1], centroids[-1].shape[1])
    raw += b"".join(piece.astype("<f4").tobytes() for piece in centroids)
    if norms is not None:
        raw += norms[0].astype(np.uint8).tobytes() + struct.pack("<4i", 1, 1, 1, 1) + norms[1].astype("<f4").tobytes()
    return raw


@pytest.mark.parametrize(
    "name", ["crime-and-punishment.bin", "toy-model.bin", "non_ascii_fasttext.bin", "lee_fasttext.bin", "lee_fasttext_new.bin"]
)
def test_gensim_s_installed_models(name: str, installed: Path) -> None:
    from gensim.models.fasttext import load_facebook_vectors

    theirs, ours = load_facebook_vectors(str(installed / name)), lmkit.load(installed / name)
    assert ours.words.strings() == theirs.index_to_key
    ordinary = [row for row, word in enumerate(theirs.index_to_key) if word != "</s>"]  # fastText's has no n-grams, gensim's has
    assert np.allclose(ours.matrix[ordinary], theirs.vectors[ordinary], rtol=1e-5, atol=1e-7)
    assert ours.counts.tolist() == [theirs.get_vecattr(word, "count") for word in theirs.index_to_key]
    for word in ("unseen", "раскольников", "čtyřicet"):
        assert word not in ours
        assert np.allclose(ours.vector(word), theirs[word], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["crime-and-punishment.bin", "toy-model.bin", "lee_fasttext_new.bin"])
def test_fasttext_s_own_files_are_written_byte_for_byte(name: str, installed: Path, tmp_path: Path) -> None:
    write_vectors(lmkit.load(installed / name), tmp_path / "m.bin", "fasttext")
    raw = (installed / name).read_bytes()
    again = (tmp_path / "m.bin").read_bytes()
    assert again[:4] == raw[:4]
    assert again[8:] == raw[8:]  # the version is today's


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_a_round_trip_keeps_everything(ending: str, with_subwords: WordVectors, tmp_path: Path) -> None:
    path = tmp_path / f"m.bin{ending}"
    write_vectors(with_subwords, path, "fasttext")
    found = lmkit.load(path)
    assert found.words == with_subwords.words
    assert found.counts.tolist() == with_subwords.counts.tolist()
    for name in ("matrix", "context"):
        assert np.array_equal(getattr(found, name), getattr(with_subwords, name))
    assert found.subwords.options == with_subwords.subwords.options
    assert np.array_equal(found.subwords.matrix, with_subwords.subwords.matrix)
    assert np.array_equal(found.vector("unseen"), with_subwords.vector("unseen"))


def test_gensim_gives_the_same_vectors_neighbours_and_unknown_words(with_subwords: WordVectors, tmp_path: Path) -> None:
    from gensim.models.fasttext import load_facebook_model

    write_vectors(with_subwords, tmp_path / "m.bin", "fasttext")
    theirs = load_facebook_model(str(tmp_path / "m.bin")).wv
    assert theirs.index_to_key == with_subwords.words.strings()
    assert np.allclose(theirs.vectors, with_subwords.matrix, rtol=1e-5, atol=1e-7)
    assert np.allclose(theirs["unseen"], with_subwords.vector("unseen"), rtol=1e-5, atol=1e-7)
    expected = [(neighbour.word, round(neighbour.similarity, 5)) for neighbour in with_subwords.most_similar("the", top=5)]
    assert [(word, round(float(score), 5)) for word, score in theirs.most_similar("the", topn=5)] == expected


def test_gensim_s_writer_is_read(tmp_path: Path) -> None:
    from gensim.models import FastText
    from gensim.models.fasttext import save_facebook_model

    model = FastText([["human", "computer", "naïve"], ["computer", "user"]] * 3, vector_size=6, min_count=1, bucket=30, min_n=2, max_n=4)
    save_facebook_model(model, str(tmp_path / "m.bin"))
    found = lmkit.load(tmp_path / "m.bin")
    assert found.words.strings() == model.wv.index_to_key
    assert np.allclose(found.matrix, model.wv.vectors, rtol=1e-5, atol=1e-8)
    assert np.array_equal(found.context, model.syn1neg)
    assert np.allclose(found.vector("users"), model.wv["users"], rtol=1e-5, atol=1e-8)


def test_vectors_without_subwords(vectors: WordVectors, tmp_path: Path) -> None:
    from gensim.models.fasttext import load_facebook_vectors

    write_vectors(vectors, tmp_path / "m.bin", "fasttext")
    found = lmkit.load(tmp_path / "m.bin")
    assert found.subwords is None
    assert np.array_equal(found.matrix, vectors.matrix)
    theirs = load_facebook_vectors(str(tmp_path / "m.bin"))
    assert np.array_equal(theirs.vectors, vectors.matrix)


def test_buckets_of_no_word_take_no_room_when_it_is_read_back(tmp_path: Path) -> None:
    made = FastText(dim=6, min_count=1, buckets=5000, epochs=1, threads=1).fit("human computer user\ncomputer user\n" * 5).vectors_
    write_vectors(made, tmp_path / "m.bin", "fasttext")
    found = lmkit.load(tmp_path / "m.bin")
    assert len(found.subwords.matrix) == len(made.subwords.matrix) < 500
    for word in ("human", "computers"):
        assert np.allclose(found.vector(word), made.vector(word), atol=1e-7)
    write_vectors(found, tmp_path / "again.bin", "fasttext")
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "m.bin").read_bytes()


def test_a_word_with_nul_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="NUL"):
        write_vectors(WordVectors(["a\0b", "c"], np.eye(2, dtype=np.float32)), tmp_path / "m.bin", "fasttext")


def test_supervised_models_give_their_words(tmp_path: Path) -> None:
    words, labels = [b"</s>", b"good", b"bad"], [b"__label__1", b"__label__2"]
    matrix = RNG.normal(0, 1, (3 + 20, 5)).astype(np.float32)
    output = RNG.normal(0, 1, (2, 5)).astype(np.float32)
    (tmp_path / "m.bin").write_bytes(header() + dictionary(words, labels) + dense(matrix) + dense(output))
    found = lmkit.load(tmp_path / "m.bin")
    assert found.words.strings() == ["</s>", "good", "bad"]
    assert found.made["labels"] == 2
    assert found.context is None
    assert np.array_equal(found.matrix[0], matrix[0])  # </s> has no n-grams
    rows = [matrix[1], *(matrix[3 + row] for row in found.subwords.rows("good"))]
    assert np.allclose(found.matrix[1], np.mean(rows, axis=0), rtol=1e-5, atol=1e-6)
    old = header(version=11) + dictionary(words, labels) + dense(matrix) + dense(output)  # such files had no character n-grams
    (tmp_path / "m.bin").write_bytes(old)
    assert lmkit.load(tmp_path / "m.bin").subwords is None


@pytest.mark.parametrize("has_norms", [True, False])
@pytest.mark.parametrize("is_pruned", [True, False])
def test_quantised_models(has_norms: bool, is_pruned: bool, tmp_path: Path) -> None:
    words = [b"good", b"bad", "schön".encode()]
    pruned = [(7, 2), (3, 0), (11, 1), (19, 3)] if is_pruned else None  # bucket, row
    rows = len(words) + (4 if is_pruned else 20)
    codes = RNG.integers(0, 256, (rows, 3))
    centroids = [RNG.normal(0, 1, (256, width)).astype(np.float32) for width in (2, 2, 1)]  # 5 columns in pieces of 2
    norms = (RNG.integers(0, 256, rows), RNG.normal(0, 1, 256).astype(np.float32)) if has_norms else None
    expected = np.concatenate([piece[codes[:, j]] for j, piece in enumerate(centroids)], axis=1)
    if norms is not None:
        expected = expected * norms[1][norms[0]][:, None]
    raw = header() + dictionary(words, [b"__label__x"], pruned) + quantised(codes, centroids, norms) + dense(np.zeros((1, 5)))
    (tmp_path / "m.ftz").write_bytes(raw)
    found = lmkit.load(tmp_path / "m.ftz")
    assert np.array_equal(found.subwords.word_vectors, expected[:3])
    place = dict(pruned) if pruned else {bucket: bucket for bucket in range(20)}
    for row, word in enumerate(["good", "bad", "schön"]):
        ngrams = [expected[3 + place[ngram.bucket]] for ngram in found.subwords.ngrams(word) if ngram.bucket in place]
        assert np.allclose(found.matrix[row], np.mean([expected[row], *ngrams], axis=0), rtol=1e-5, atol=1e-6)
    unseen = [expected[3 + place[ngram.bucket]] for ngram in found.subwords.ngrams("ungood") if ngram.bucket in place]
    assert len(unseen) > 0
    assert np.allclose(found.subwords.vector("ungood"), np.mean(unseen, axis=0), rtol=1e-5, atol=1e-6)
    # written dense, the words' vectors stay; unknown words keep their direction, since a dense file counts n-grams without a row as zero
    write_vectors(found, tmp_path / "dense.bin", "fasttext")
    again = lmkit.load(tmp_path / "dense.bin")
    assert np.allclose(again.matrix, found.matrix, rtol=1e-4, atol=1e-5)
    first, second = found.subwords.vector("ungood"), again.subwords.vector("ungood")
    assert np.dot(first, second) / np.linalg.norm(first) / np.linalg.norm(second) == pytest.approx(1, abs=1e-6)


def sound() -> bytes:
    matrix = np.arange(115, dtype=np.float32).reshape(23, 5)
    return header(loss=2, model=2) + dictionary([b"a", b"b", b"c"], []) + dense(matrix) + dense(np.ones((3, 5)))


def with_bytes(raw: bytes, at: int, new: bytes) -> bytes:
    return raw[:at] + new + raw[at + len(new) :]


ENTRIES = 92  # where the dictionary's entries begin: 64 of the header, 28 of counts
REFUSED = {
    "another version": (with_bytes(sound(), 4, struct.pack("<i", 13)), r"format version 13"),
    "an impossible model": (with_bytes(sound(), 36, struct.pack("<i", 9)), r"model 9, .* which fastText never writes"),
    "no words": (with_bytes(sound(), 64, struct.pack("<3i", 0, 0, 0)), r"0 entries of which 0 words"),
    "words and labels that are not the sum": (with_bytes(sound(), 72, struct.pack("<i", 4)), r"3 words and 4 labels"),
    "a dictionary no file can hold": (with_bytes(sound(), 64, struct.pack("<2i", 2**31 - 1, 2**31 - 1)), r"should end at byte"),
    "a label among the words": (with_bytes(sound(), ENTRIES + 10, b"\1"), r"does not hold 3 words first"),
    "a matrix no file can hold": (with_bytes(sound(), ENTRIES + 34, struct.pack("<q", 10**11)), r"the input matrix of 100,000,000,000 x 5"),
    "a matrix of other rows": (with_bytes(sound(), 40, struct.pack("<i", 19)), r"the input matrix has 23 rows, 22 belong there"),
    "a matrix of other columns": (with_bytes(sound(), 8, struct.pack("<i", 6)), r"says 6 dimensions, the input matrix has 5"),
    "a byte that is neither dense nor quantised": (with_bytes(sound(), ENTRIES + 33, b"\7"), r"by a byte 0 or 1, found 7"),
    "bytes behind the end": (sound() + b"x", r"more bytes follow"),
    "not a number": (with_bytes(sound(), ENTRIES + 50, struct.pack("<f", float("nan"))), r"'a' holds nan at dimension 1 \(entry 1\)"),
    "not UTF-8": (with_bytes(sound(), ENTRIES, b"\xff"), r"the word '\\\\xff' \(entry 1\) is not UTF-8"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_faults_are_told(case: str, tmp_path: Path) -> None:
    raw, message = REFUSED[case]
    (tmp_path / "m.bin").write_bytes(raw)
    with pytest.raises(FormatError, match=message) as caught:
        lmkit.load(tmp_path / "m.bin")
    assert "m.bin" in str(caught.value)


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    raw = sound()
    (tmp_path / "m.bin").write_bytes(raw)
    assert lmkit.load(tmp_path / "m.bin").words.strings() == ["a", "b", "c"]
    for size in range(8, len(raw), 7):
        (tmp_path / "m.bin").write_bytes(raw[:size])
        (tmp_path / "m.gz").write_bytes(gzip.compress(raw[:size], 1))
        for name in ("m.bin", "m.gz"):
            with pytest.raises(FormatError, match=name):
                lmkit.load(tmp_path / name)


def test_words_that_are_left_out_take_their_rows_along(tmp_path: Path) -> None:
    raw = with_bytes(sound(), ENTRIES + 11, b"\xff")  # the second word
    (tmp_path / "m.bin").write_bytes(raw)
    found = read_vectors(tmp_path / "m.bin", errors="skip")
    assert found.words.strings() == ["a", "c"]
    assert found.subwords.word_vectors[:, 0].tolist() == [0, 10]
    assert found.context.shape == (2, 5)
    assert np.array_equal(found.matrix, found.subwords.combine(found.words.blob, found.words.offsets, np.arange(2)))
