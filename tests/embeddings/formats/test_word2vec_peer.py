"""The original word2vec: its text and binary files, of one training, are read as the same words and numbers, and written byte for byte.

Needs the program, named by the environment variable WORD2VEC or found on the path; skipped where it is missing.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import lmkit
from lmkit.embeddings.formats import Writing, write_vectors

WORD2VEC = os.environ.get("WORD2VEC") or shutil.which("word2vec")
pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(not WORD2VEC, reason="needs word2vec's program: set WORD2VEC to it (github.com/tmikolov/word2vec)"),
]


def test_both_forms(tmp_path: Path) -> None:
    draw = random.Random(1)
    words = ["cat", "dog", "naïve", "日本語", "x" * 90, "the", "a"]
    (tmp_path / "t.txt").write_text("".join(" ".join(draw.choices(words, k=8)) + "\n" for _ in range(300)), encoding="utf-8")
    for binary in (0, 1):
        settings = {
            "train": tmp_path / "t.txt",
            "output": tmp_path / f"v{binary}",
            "binary": binary,
            "size": 12,
            "threads": 1,
            "min-count": 1,
        }
        command = [WORD2VEC, *(str(part) for name, value in settings.items() for part in (f"-{name}", value))]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    text, binary_form = lmkit.load(tmp_path / "v0"), lmkit.load(tmp_path / "v1")
    assert text.made["format"] == "word2vec text"
    assert binary_form.made["format"] == "word2vec binary"
    assert text.words == binary_form.words
    assert set(words) < set(text.words)
    assert np.allclose(text.matrix, binary_form.matrix, atol=5.1e-7)
    write_vectors(binary_form, tmp_path / "again.bin")
    assert (tmp_path / "again.bin").read_bytes() == (tmp_path / "v1").read_bytes()
    write_vectors(binary_form, tmp_path / "again.txt", options=Writing(digits="classic"))
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "v0").read_bytes()
