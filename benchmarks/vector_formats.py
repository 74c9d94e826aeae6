"""Reading and writing files of word vectors, lmkit against gensim: CPU seconds, megabytes a second, peak memory.

    python benchmarks/vector_formats.py [--words 20000] [--dimensions 300]

Each job runs in turn with its rival's, the least of some rounds after one that compiles and fills caches. The files are made of random
normal numbers; the rival reads the very file that is read here, and both results are compared. Memory is the peak of a process that opens
the file, less that of one that opens a file of 10 words.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import report

import lmkit
from lmkit.embeddings.formats import Writing, write_vectors

ROUNDS = 3
OURS = "import sys, lmkit; lmkit.load(sys.argv[1])"
THEIRS = {
    "word2vec": "from gensim.models import KeyedVectors; KeyedVectors.load_word2vec_format(sys.argv[1])",
    "glove": "from gensim.models import KeyedVectors; KeyedVectors.load_word2vec_format(sys.argv[1], no_header=True)",
    "word2vec-binary": "from gensim.models import KeyedVectors; KeyedVectors.load_word2vec_format(sys.argv[1], binary=True)",
    "fasttext": "from gensim.models.fasttext import load_facebook_vectors; load_facebook_vectors(sys.argv[1])",
}


def least(*contestants: Callable[[], Any]) -> list[float]:
    """CPU seconds of each, called in turn."""
    best = [float("inf")] * len(contestants)
    for turn in range(ROUNDS + 1):
        for i, contestant in enumerate(contestants):
            start = time.process_time()
            contestant()
            if turn > 0:
                best[i] = min(best[i], time.process_time() - start)
    return best


def made(words: int, dimensions: int) -> lmkit.WordVectors:
    matrix = np.random.default_rng(1).normal(0, 0.3, (words, dimensions)).astype(np.float32)
    return lmkit.WordVectors([f"word{row}" for row in range(words)], matrix)


def with_ngrams(vectors: lmkit.WordVectors, buckets: int) -> lmkit.WordVectors:
    from lmkit.embeddings.subwords import NgramOptions, Subwords

    rows = np.random.default_rng(2).normal(0, 0.3, (buckets, vectors.dimensions)).astype(np.float32)
    subwords = Subwords(NgramOptions(3, 6, buckets), rows, word_vectors=vectors.matrix)
    matrix = subwords.combine(vectors.words.blob, vectors.words.offsets, np.arange(len(vectors)))
    return lmkit.WordVectors(vectors.words, matrix, subwords=subwords)


def peak(code: str, path: Path) -> float:
    """MB at most of a process that runs the code, as Linux tells it the process itself: what its parent held does not count there."""
    told = "; print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    done = subprocess.run([sys.executable, "-c", code + told, str(path)], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1000


def compare(form: str, path: Path, small: Path, vectors: lmkit.WordVectors, options: Writing) -> dict[str, Any]:
    """Both read the file; both write it."""
    from gensim.models import KeyedVectors
    from gensim.models.fasttext import load_facebook_vectors

    write_vectors(vectors, path, form, options)
    readers: dict[str, Callable[[], Any]] = {
        "word2vec": lambda: KeyedVectors.load_word2vec_format(str(path)),
        "glove": lambda: KeyedVectors.load_word2vec_format(str(path), no_header=True),
        "word2vec-binary": lambda: KeyedVectors.load_word2vec_format(str(path), binary=True),
        "fasttext": lambda: load_facebook_vectors(str(path)),
    }
    theirs = readers[form]()
    assert np.allclose(lmkit.load(path).matrix, theirs.vectors, atol=1e-6)
    size = path.stat().st_size / 1e6
    read, rival = least(lambda: lmkit.load(path), readers[form])
    result: dict[str, Any] = {"megabytes": round(size, 1), "matrix_megabytes": round(vectors.matrix.nbytes / 1e6, 1)}
    result["read"] = {"lmkit_mb_s": round(size / read), "gensim_mb_s": round(size / rival, 1), "times_gensim": round(rival / read, 1)}
    result["read"]["memory_mb"] = {
        "lmkit": round(peak(OURS, path) - peak(OURS, small)),
        "gensim": round(peak(f"import sys; {THEIRS[form]}", path) - peak(f"import sys; {THEIRS[form]}", small)),
    }
    out = path.with_name("again")
    if form == "fasttext":
        result["write"] = {"lmkit_mb_s": round(size / least(lambda: write_vectors(vectors, out, form, options))[0])}
        return result
    settings = {"binary": form == "word2vec-binary", "write_header": form != "glove"}
    wrote, rival = least(
        lambda: write_vectors(vectors, out, form, options), lambda: theirs.save_word2vec_format(str(path.with_name("theirs")), **settings)
    )
    result["write"] = {"lmkit_mb_s": round(size / wrote), "gensim_mb_s": round(size / rival, 1), "times_gensim": round(rival / wrote, 1)}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=20_000)
    parser.add_argument("--dimensions", type=int, default=300)
    options = parser.parse_args()
    vectors, few = made(options.words, options.dimensions), made(10, options.dimensions)
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, form, writing in (
            ("word2vec text", "word2vec", Writing()),
            ("word2vec text, 6 decimals", "word2vec", Writing(digits="classic")),
            ("GloVe", "glove", Writing()),
            ("word2vec binary", "word2vec-binary", Writing()),
            ("fastText .bin", "fasttext", Writing()),
        ):
            own, small = (with_ngrams(one, 20_000) if form == "fasttext" else one for one in (vectors, few))
            write_vectors(small, folder / "small", form, writing)
            results[label] = compare(form, folder / "file", folder / "small", own, writing)
            print(label, results[label], flush=True)
    report("vector_formats", results, {"words": options.words, "dimensions": options.dimensions, "rounds": ROUNDS})


if __name__ == "__main__":
    main()
