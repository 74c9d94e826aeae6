"""Makes KenLM's binary files for the tests from ARPA files in tests/golden/data, and KenLM's scores of the held-out text under each.

    python tests/golden/make_kenlm_binaries.py --programs FOLDER_OF_BUILD_BINARY_AND_LMPLZ

Needs build_binary and lmplz (built from kpu/kenlm, versions.json tells which commit) and the PyPI module `kenlm`. Writes `BINARY.bin.gz`
and, where they differ from those of the ARPA file, `BINARY.scores.json.gz`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import tempfile
from pathlib import Path

DATA = Path(__file__).parent / "data"
BUILDS = {
    # name: (ARPA file, what build_binary is told)
    "generated-o3-probing": ("generated-o3", ["probing"]),
    "generated-o2-probing": ("generated-o2", ["-p", "1.2", "probing"]),
    "generated-o3-trie": ("generated-o3", ["trie"]),
    "generated-o2-trie": ("generated-o2", ["trie"]),
    "generated-o3-array-trie": ("generated-o3", ["-a", "64", "trie"]),
    "generated-o3-quant-trie": ("generated-o3", ["-q", "5", "-b", "4", "trie"]),
    "generated-o3-quant-array-trie": ("generated-o3", ["-q", "8", "-a", "3", "trie"]),
    "odd-o3-probing": ("odd-o3", ["probing"]),
    "odd-o3-trie": ("odd-o3", ["trie"]),
    "odd-o3-quant-array-trie": ("odd-o3", ["-q", "2", "-b", "2", "-a", "8", "trie"]),
    "odd-o3-without-words": ("odd-o3", ["-v", "probing"]),
    "pruned-suffixes-probing": ("pruned-suffixes", ["-p", "4", "probing"]),
    "pruned-suffixes-trie": ("pruned-suffixes", ["trie"]),
}
PRUNED = """\\data\\
ngram 1=7
ngram 2=5
ngram 3=3
ngram 4=1

\\1-grams:
-1.1\t<unk>
-99\t<s>\t-0.3
-0.9\t</s>
-0.8\ta\t-0.11
-0.7\tb\t-0.22
-1.0\tc\t-0.33
-1.2\td

\\2-grams:
-0.5\t<s> a\t-0.15
-0.4\ta b\t-0.25
-0.6\tc a\t-0.35
-0.3\td a
-0.45\tb d\t-0.05

\\3-grams:
-0.2\ta b c\t-0.1
-0.35\tc a b\t-0.2
-0.15\td a </s>

\\4-grams:
-0.1\ta b c d

\\end\\
"""
# "b c", "c d", "b c d" and "a </s>" are not there: KenLM fills blanks in


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", required=True, type=Path, help="folder of build_binary and lmplz")
    programs = parser.parse_args().programs
    import kenlm

    (DATA / "pruned-suffixes.arpa.gz").write_bytes(gzip.compress(PRUNED.encode(), 9, mtime=0))
    held_out = (DATA / "held-out.txt").read_text().splitlines()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for order in (1, 2):
            made = subprocess.run(
                [programs / "lmplz", "-o", str(order), "-S", "1G", "--discount_fallback"],
                input=(DATA / "odd.txt").read_bytes(), capture_output=True, check=True,
            )  # fmt: skip
            (work / f"rest{order}.arpa").write_bytes(made.stdout)
        builds = {**BUILDS, "odd-o3-rest-probing": ("odd-o3", ["-r", f"{work / 'rest1.arpa'} {work / 'rest2.arpa'}", "probing"])}
        for name, (arpa, options) in builds.items():
            (work / "m.arpa").write_bytes(gzip.decompress((DATA / f"{arpa}.arpa.gz").read_bytes()))
            subprocess.run([programs / "build_binary", *options, work / "m.arpa", work / "m.bin"], capture_output=True, check=True)
            (DATA / f"{name}.bin.gz").write_bytes(gzip.compress((work / "m.bin").read_bytes(), 9, mtime=0))
            if "quant" in name or "pruned" in name:
                lines = ["a b c d a b", "c a b c", "d a", "b d a b c d", "x a b"] if "pruned" in name else held_out
                model = kenlm.Model(str(work / "m.bin"))
                scores = [[list(event) for event in model.full_scores(line)] for line in lines]
                (DATA / f"{name}.scores.json.gz").write_bytes(gzip.compress(json.dumps([lines, scores]).encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
