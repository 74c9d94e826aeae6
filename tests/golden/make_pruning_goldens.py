"""Makes the golden files of count cut-offs: what KenLM's lmplz makes of generated.txt with --prune and --limit_vocab_file.

    python tests/golden/make_pruning_goldens.py --lmplz PATH_TO_LMPLZ

Writes tests/golden/data/pruned-*.arpa.gz and pruned-words.txt. The text is that of make_ngram_goldens.py; the files in the repository
were made with
kpu/kenlm 4cb443e, flags --discount_fallback.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
from pathlib import Path

DATA = Path(__file__).parent / "data"
CASES = {
    # name: (order, thresholds, whether only the words of pruned-words.txt stay)
    "pruned-001": (3, [0, 0, 1], False),
    "pruned-0112": (4, [0, 1, 1, 2], False),
    "pruned-1": (3, [1], False),
    "pruned-words": (3, [0], True),
    "pruned-words-001": (3, [0, 0, 1], True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lmplz", required=True, help="path of the lmplz program")
    lmplz = parser.parse_args().lmplz
    source = (DATA / "generated.txt").read_bytes()
    words = sorted(set(source.decode().split()))
    (DATA / "pruned-words.txt").write_text("\n".join([*words[::2], "neverseen"]) + "\n", encoding="utf-8")
    for case, (order, thresholds, limited) in CASES.items():
        command = [lmplz, "-o", str(order), "-S", "1G", "--discount_fallback", "--prune", *map(str, thresholds)]
        command += ["--limit_vocab_file", str(DATA / "pruned-words.txt")] if limited else []
        arpa = subprocess.run(command, input=source, capture_output=True, check=True).stdout
        (DATA / f"{case}.arpa.gz").write_bytes(gzip.compress(arpa, 9, mtime=0))


if __name__ == "__main__":
    main()
