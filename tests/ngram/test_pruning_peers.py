"""Count cut-offs and vocabulary limits against lmplz itself, on random texts. Needs the program: LMPLZ=PATH, or have it on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lmkit import NgramLanguageModel
from lmkit.ngram.pruning import CountCutoffs, Pruning, VocabularyLimit

LMPLZ = os.environ.get("LMPLZ") or shutil.which("lmplz")

pytestmark = [pytest.mark.peers, pytest.mark.skipif(LMPLZ is None, reason="lmplz is not here; name it by LMPLZ=PATH")]


def entries(text: str) -> dict[str, tuple[float, float]]:
    rows = (line.split("\t") for line in text.split("\n"))
    return {row[1]: (float(row[0]), float(row[2]) if len(row) > 2 else 0.0) for row in rows if len(row) > 1}


@pytest.mark.parametrize("seed", range(40))
def test_random_texts_are_cut_as_lmplz_cuts_them(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    types, order = int(rng.choice([3, 10, 60, 300])), int(rng.integers(2, 6))
    lines = [[f"w{min(int(rng.zipf(1.4)), types)}" for _ in range(rng.integers(0, 12))] for _ in range(rng.choice([5, 60, 400]))]
    lines.append([f"w{i}" for i in range(1, order)])
    highest = sorted(rng.choice([0, 0, 0, 1, 2, 3], rng.integers(1, order + 1)).tolist())
    pruning: list[Pruning] = [CountCutoffs(highest)]
    command = [str(LMPLZ), "-o", str(order), "-S", "64M", "--discount_fallback", "--prune", *map(str, highest)]
    if seed % 2:
        words = sorted({word for line in lines for word in line})
        words = [*rng.permutation(words)[: max(1, len(words) * 2 // 3)]]
        (tmp_path / "words.txt").write_text(" ".join(words), encoding="utf-8")
        command += ["--limit_vocab_file", str(tmp_path / "words.txt")]
        pruning.append(VocabularyLimit(words))
    text = "".join(" ".join(line) + "\n" for line in lines)
    theirs = entries(subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout.decode())
    NgramLanguageModel(order=order, pruning=pruning).fit(lines).write_arpa(tmp_path / "m.arpa")
    ours = entries((tmp_path / "m.arpa").read_text(encoding="utf-8"))
    assert ours.keys() == theirs.keys()
    assert max(np.abs(np.subtract(ours[ngram], theirs[ngram])).max() for ngram in theirs) < 1e-5
