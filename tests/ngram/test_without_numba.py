"""The kernels as plain Python, which people step through with a debugger: the same figures as compiled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import lmkit
from lmkit.compat import kenlm
from lmkit.text import open_source

TEXT = "the cat sat\nthe cat ran\nthe dog sat"


def figures(folder: Path) -> list[Any]:
    """Of a model made, asked, written in each format and read again; the last entry is text."""
    (folder / "text").write_text("the dog ran\n")
    model = lmkit.NgramLanguageModel(order=3).fit(TEXT)
    model.write_arpa(folder / "x.arpa")
    model.save(folder / "x.lm")
    summed = model.sum_scores(open_source(folder / "text"), model.text_options)
    assert summed is not None
    return [
        model.perplexity("the dog ran"),
        model.next_words("the", 1)[0].probability,
        float(model.score_sentences(["the dog ran"])[0]),
        lmkit.load(folder / "x.arpa").perplexity("the dog ran"),
        model.compact().fast().perplexity("the dog ran"),
        summed[0].known_words.log_probability,
        lmkit.NgramLanguageModel(order=3, pruning=(0, 1)).fit(TEXT).perplexity("the dog ran"),
        float(kenlm.Model(str(folder / "x.lm")).score("the dog ran")),
        model.sample(2, rng=1),
    ]


def test_the_same_figures(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, __file__, str(tmp_path)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    plain, compiled = json.loads(done.stdout), figures(tmp_path)
    assert plain[:-1] == pytest.approx(compiled[:-1], rel=1e-6)
    assert plain[-1] == compiled[-1]


if __name__ == "__main__":
    warnings.simplefilter("ignore", RuntimeWarning)  # plain integers of 64 bits say so where they wrap around
    print(json.dumps(figures(Path(sys.argv[1]))))
