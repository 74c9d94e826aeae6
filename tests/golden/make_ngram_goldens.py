"""Makes the golden files of the n-gram tests: generated text, and what KenLM says of it.

    python tests/golden/make_ngram_goldens.py --lmplz PATH_TO_LMPLZ

Needs lmplz (built from kpu/kenlm) and the PyPI module `kenlm`. Writes into tests/golden/data: the texts, one ARPA file a case, the scores
of the held-out text under each as JSON, and `versions.json`. The files in the repository were made with the versions that stand there.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.metadata
import json
import subprocess
from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"
CASES = {
    # name: (text, order)
    "generated-o2": ("generated", 2),
    "generated-o3": ("generated", 3),
    "generated-o5": ("generated", 5),
    "generated-o6": ("generated", 6),
    "odd-o3": ("odd", 3),  # discounts fall back
    "odd-o1": ("odd", 1),
}


def generated_text(seed: int, sentences: int, types: int) -> list[str]:
    """Sentences of a random walk over words with Zipf-like successors, empty lines and words in several scripts among them."""
    rng = np.random.default_rng(seed)
    stems = ["ka", "lo", "mé", "ти", "شب", "zu", "né", "π", "ö", "xi"]
    words = [stems[i % 10] + stems[i // 10 % 10] + stems[i // 100 % 10] for i in range(types)]
    walk = np.random.default_rng(2026)  # the same successors for the training and the held-out text
    successors = walk.integers(0, types, (types, 12))
    lines = []
    for _ in range(sentences):
        length = int(rng.geometric(0.12)) - 1
        current = int(min(rng.zipf(1.4), types)) - 1
        line = []
        for _ in range(length):
            line.append(words[current])
            current = int(successors[current, min(rng.zipf(1.6), 12) - 1]) if rng.random() < 0.8 else int(min(rng.zipf(1.3), types)) - 1
        lines.append(" ".join(line))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lmplz", required=True, help="path of the lmplz program")
    lmplz = parser.parse_args().lmplz
    import kenlm

    DATA.mkdir(exist_ok=True)
    texts = {
        "generated": generated_text(1, 700, 800),
        "odd": ["a a a", "a b", "", "b b b b a", "c"],
    }
    held_out = generated_text(2, 120, 900)  # some words are unknown to the models
    for name, lines in {**texts, "held-out": held_out}.items():
        (DATA / f"{name}.txt").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    for case, (text, order) in CASES.items():
        source = (DATA / f"{text}.txt").read_bytes()
        command = [lmplz, "-o", str(order), "-S", "1G", "--discount_fallback"]
        arpa = subprocess.run(command, input=source, capture_output=True, check=True).stdout
        (DATA / f"{case}.arpa.gz").write_bytes(gzip.compress(arpa, 9, mtime=0))
        if order == 1:
            continue  # KenLM estimates unigram models but does not read them
        unpacked = DATA / f"{case}.arpa"
        unpacked.write_bytes(arpa)
        model = kenlm.Model(str(unpacked))
        scores = [[list(event) for event in model.full_scores(line)] for line in held_out]
        unpacked.unlink()
        path = DATA / f"{case}.scores.json.gz"
        path.write_bytes(gzip.compress(json.dumps(scores).encode(), 9, mtime=0))
    versions = {
        "kenlm": importlib.metadata.version("kenlm"),
        "lmplz": "kpu/kenlm 4cb443e",
        "numpy": np.__version__,
        "flags": "--discount_fallback",
    }
    (DATA / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")


if __name__ == "__main__":
    main()
