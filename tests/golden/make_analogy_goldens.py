"""Makes the golden file of the analogy tests: generated vectors and questions, and what word2vec's compute-accuracy says of them.

    python tests/golden/make_analogy_goldens.py --compute-accuracy PATH

Needs compute-accuracy compiled from tmikolov/word2vec (commit 20c129a). Writes tests/golden/data/analogies.json: its output for each
threshold. The vectors and questions are not stored: tests make them again with the functions below.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"
THRESHOLDS = (0, 150)


def vectors() -> tuple[list[str], np.ndarray]:
    """220 words of 12 dimensions: seven relations between 12 pairs each, noise, and words that differ only in case."""
    rng = np.random.default_rng(7)
    words: list[str] = []
    rows: list[np.ndarray] = []
    for relation in range(7):
        offset = rng.normal(size=12)
        for pair in range(12):
            base = rng.normal(size=12)
            words += [f"a{relation}x{pair}", f"B{relation}x{pair}"]
            rows += [base, base + offset + rng.normal(scale=0.7, size=12)]
    order = rng.permutation(len(words))
    words, rows = [words[place] for place in order], [rows[place] for place in order]
    for place in range(0, 60, 3):  # other spellings of known words, near to them
        words.append(words[place].swapcase())
        rows.append(rows[place] + rng.normal(scale=0.2, size=12))
    while len(words) < 220:
        words.append(f"noise{len(words)}")
        rows.append(rng.normal(size=12))
    return words, np.array(rows, np.float32)


def questions() -> str:
    """Seven sections of 132 questions, some with words that have no vector."""
    lines = []
    for relation in range(7):
        lines.append(f": {'gram' if relation > 4 else 'sem'}-{relation}")
        first, second = "aB" if relation == 6 else "Ab"  # the last section is spelt as the vectors are
        pairs = [(f"{first}{relation}x{pair}", f"{second}{relation}x{pair}") for pair in (*range(11), 99)]
        lines += [f"{a} {b} {c} {d}" for a, b in pairs for c, d in pairs if a != c]
    return "\n".join(lines) + "\n"


def word2vec_binary(words: list[str], matrix: np.ndarray) -> bytes:
    """The vectors as word2vec writes them."""
    body = b"".join(word.encode() + b" " + row.tobytes() + b"\n" for word, row in zip(words, matrix, strict=True))
    return f"{len(words)} {matrix.shape[1]}\n".encode() + body


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compute-accuracy", required=True)
    program = parser.parse_args().compute_accuracy
    outputs = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.bin"
        path.write_bytes(word2vec_binary(*vectors()))
        for threshold in THRESHOLDS:
            run = subprocess.run([program, path, str(threshold)], input=questions(), capture_output=True, text=True, check=True)
            outputs[str(threshold)] = run.stdout.splitlines()
    (DATA / "analogies.json").write_text(json.dumps(outputs, indent=1) + "\n")


if __name__ == "__main__":
    main()
