"""Small sound files of every vectors format, for fuzzing their readers; what is done with them. `damage` says how they are spoilt."""

from __future__ import annotations

import argparse
import gzip
import random
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzz import damage
from lmkit import WordVectors, load
from lmkit.embeddings.formats import read_vectors, write_vectors
from lmkit.embeddings.subwords import NgramOptions, Subwords
from lmkit.errors import LmkitError, UnknownWordError, UsageError
from lmkit.text.strings import StringTable

WORDS = ["the", "naïve", "日本", "</s>", "longer than eight bytes".replace(" ", "_"), "x"]
BESIDE = {"m.safetensors": "tokenizer.json", "tensor.tsv": "metadata.tsv"}
"""Files that belong to another one, which is left as it is."""


def seeds(folder: Path) -> dict[str, bytes]:
    """A sound file of each format by the name to give it; what belongs beside one is written to the folder."""
    rng = np.random.default_rng(1)
    words = StringTable.from_strings(WORDS)
    own, buckets = rng.normal(0, 1, (len(words), 5)).astype(np.float32), rng.normal(0, 1, (16, 5)).astype(np.float32)
    subwords = Subwords(NgramOptions(2, 3, 16), buckets, word_vectors=own)
    matrix = subwords.combine(words.blob, words.offsets, np.arange(len(words)))
    vectors = WordVectors(words, matrix, counts=np.arange(len(words), 0, -1), subwords=subwords, context=own)
    found: dict[str, bytes] = {}
    for name, form in (
        ("w.txt", "word2vec"),
        ("w.txt.gz", "word2vec"),
        ("w.bin", "word2vec-binary"),
        ("w.bin.gz", "word2vec-binary"),
        ("g", "glove"),
        ("f.bin", "fasttext"),
        ("f.bin.gz", "fasttext"),
        ("m.safetensors", "sentence-transformers"),
        ("tensor.tsv", "projector"),
        ("v.npz", "npz"),
    ):
        write_vectors(vectors, folder / name, form)
        found[name] = (folder / name).read_bytes()
    found["tokenizer.json"], found["metadata.tsv"] = (folder / "tokenizer.json").read_bytes(), (folder / "metadata.tsv").read_bytes()
    found["q.ftz"] = quantised()
    vectors.save(folder / "v.vectors")
    found["v.vectors"] = (folder / "v.vectors").read_bytes()
    return found


def quantised() -> bytes:
    """A supervised model of fastText, pruned and quantised, with norms."""
    rng = np.random.default_rng(2)
    header = struct.pack("<14id", 793712314, 12, 4, 5, 5, 1, 5, 1, 3, 3, 16, 2, 3, 100, 1e-4)
    entries = b"".join(word + b"\0" + struct.pack("<qb", 9, kind) for word, kind in ((b"good", 0), (b"bad", 0), (b"__label__a", 1)))
    pairs = struct.pack("<6i", 3, 1, 7, 0, 11, 2)
    dictionary = struct.pack("<3i2q", 3, 2, 1, 99, 3) + entries + pairs
    codes, centroids = rng.integers(0, 256, 10).astype(np.uint8).tobytes(), rng.normal(0, 1, 256 * 4).astype("<f4").tobytes()
    norms = rng.integers(0, 256, 5).astype(np.uint8).tobytes() + struct.pack("<4i", 1, 1, 1, 1)
    values = rng.normal(0, 1, 256).astype("<f4").tobytes()
    matrix = struct.pack("<BB2qi", 1, 1, 5, 4, 10) + codes + struct.pack("<4i", 4, 2, 2, 2) + centroids + norms + values
    return header + dictionary + matrix + struct.pack("<B2q", 0, 1, 4) + bytes(16)


def answers(vectors: WordVectors) -> None:
    words = vectors.words.strings()
    assert vectors.matrix.shape == (len(words), vectors.dimensions)
    assert len(set(words)) == len(words)
    with np.errstate(all="ignore"):
        vectors.info()
        for word in (words[0], words[-1], "unseen"):
            try:
                vectors.vector(word)
                vectors.most_similar(word, top=2)
            except UnknownWordError:
                assert word == "unseen"
            except UsageError as error:
                assert "zero" in str(error)


def use(path: Path) -> None:
    """Open a file in each way of reading and ask it; raises the first refusal when all have had their turn."""
    refusals = []
    for errors in ("strict", "replace", "skip") if path.suffix != ".vectors" else ("strict",):
        try:
            answers(load(path) if errors == "strict" else read_vectors(path, errors=errors))
        except LmkitError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]


def opened(folder: Path, name: str) -> Path:
    """What is opened to see a file: itself, or the one that it belongs to."""
    return folder / {companion: main for main, companion in BESIDE.items()}.get(name, name)


def place(folder: Path, name: str) -> Callable[[bytes], bool]:
    """How to check a damaged file of that name."""
    return lambda raw: damage.check(folder / name, raw, lambda path: use(opened(folder, name)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Random damage to vectors files, seed after seed; a fault leaves the file.")
    parser.add_argument("runs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lmkit-fuzz-"))
    draw, sound = random.Random(options.seed).randrange, 0
    files = seeds(folder)
    for run in range(options.runs):
        name = list(files)[run % len(files)]
        raw = damage.damaged(files[name], draw)
        if name.endswith(".gz") and draw(2):  # sound packing of damaged bytes
            raw = gzip.compress(damage.damaged(gzip.decompress(files[name]), draw), 1)
        try:
            sound += place(folder, name)(raw)
        except BaseException:
            print(f"seed {options.seed}, run {run}: see {folder / name}")
            raise
        (folder / name).write_bytes(files[name])
        if run % 1000 == 999:
            print(f"{run + 1:,} files, {sound:,} of them still vectors", flush=True)


if __name__ == "__main__":
    main()
