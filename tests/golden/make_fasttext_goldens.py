"""Makes tests/golden/data/fasttext-subwords.json.gz: a small model that fastText trained on generated text, and what it prints of words.

    python tests/golden/make_fasttext_goldens.py --program PATH_OF_FASTTEXT

Made with fastText 0.9.2 (commit 1142dc4). The input matrix is in the file as hexadecimal float32, so the test needs no reader of .bin.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import struct
import subprocess
import tempfile
from pathlib import Path

TARGET = Path(__file__).parent / "data" / "fasttext-subwords.json.gz"
SYLLABLES = ["ka", "lo", "mi", "ne", "ru", "så", "ξι", "été", "ß", "日", "本", "ñu", "tra", "o"]
UNKNOWN = ["zzkalo", "été日", "x", "ñ", "</s>", "日本日本日本", "totally-unknown", "<b>", "😀"]
BUCKETS, MIN_N, MAX_N, DIM = 300, 1, 4, 6


def generated_text() -> str:
    rng = random.Random(7)
    words = ["".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 5))) for _ in range(60)] + ["a", "é"]
    lines = (" ".join(words[min(int(rng.paretovariate(0.7)) - 1, 61)] for _ in range(rng.randint(1, 15))) for _ in range(300))
    return "\n".join(lines) + "\n"


def read_input(data: bytes) -> tuple[list[str], bytes]:
    """The words of a dense .bin file and its input matrix."""
    position = struct.calcsize("<14id")
    size, _, _, _, pruned = struct.unpack_from("<3i2q", data, position)
    assert pruned == -1
    position += struct.calcsize("<3i2q")
    words = []
    for _ in range(size):
        end = data.index(0, position)
        words.append(data[position:end].decode())
        position = end + 1 + 9
    rows, columns = struct.unpack_from("<2q", data, position + 1)
    start = position + 1 + 16
    return words, data[start : start + 4 * rows * columns]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    program = parser.parse_args().program
    with tempfile.TemporaryDirectory() as folder:
        text, model = Path(folder, "text.txt"), Path(folder, "model")
        text.write_text(generated_text(), encoding="utf-8")
        # two threads: with one, this version leaves nine tenths of the input matrix uninitialised
        options = {"dim": DIM, "minCount": 2, "epoch": 2, "bucket": BUCKETS, "minn": MIN_N, "maxn": MAX_N, "thread": 2, "verbose": 0}
        call = [program, "skipgram", "-input", str(text), "-output", str(model)]
        subprocess.run([*call, *(part for name, value in options.items() for part in (f"-{name}", str(value)))], check=True)
        words, matrix = read_input(Path(f"{model}.bin").read_bytes())
        asked = [*words[:30], *UNKNOWN]

        def ask(*command: str, given: str = "") -> list[list[str]]:
            done = subprocess.run([program, *command], input=given, capture_output=True, text=True, check=True)
            return [line.split(" ") for line in done.stdout.splitlines()]

        vectors = {parts[0]: parts[1 : DIM + 1] for parts in ask("print-word-vectors", f"{model}.bin", given="\n".join(asked) + "\n")}
        ngrams = {word: [parts[0] for parts in ask("print-ngrams", f"{model}.bin", word)] for word in UNKNOWN if word not in words}
    record = {"minn": MIN_N, "maxn": MAX_N, "buckets": BUCKETS, "dim": DIM, "words": words, "input": matrix.hex()}
    data = json.dumps({**record, "vectors": vectors, "ngrams": ngrams}, ensure_ascii=False).encode()
    TARGET.write_bytes(gzip.compress(data, mtime=0))
    print(f"{TARGET}: {len(words)} words, {len(vectors)} vectors")


if __name__ == "__main__":
    main()
