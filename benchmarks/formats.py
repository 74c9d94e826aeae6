"""Reading and writing model files, and the stand-in for the module `kenlm` against the module itself.

    python benchmarks/formats.py MODEL.arpa TEXT [--build-binary PROGRAM]

CPU seconds, the least of some rounds in turn: nanoseconds an n-gram for files, microseconds a sentence and a word for queries. Needs the
module `kenlm` (pip install lmkit[peers]).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import RESULTS, run_command

from lmkit import load
from lmkit.compat import kenlm as ours
from lmkit.ngram.formats import kenlm_binary
from lmkit.ngram.formats.arpa import read_arpa
from lmkit.ngram.formats.arpa_writing import write_arpa

ROUNDS = 5


def least(*contestants: Callable[[], Any]) -> list[float]:
    """CPU seconds of each, called in turn; the first round compiles and fills caches and is not counted."""
    best = [float("inf")] * len(contestants)
    for _ in range(ROUNDS + 1):
        for i, contestant in enumerate(contestants):
            start = time.process_time()
            contestant()
            if _ > 0:
                best[i] = min(best[i], time.process_time() - start)
    return best


def files(arpa: Path, folder: Path, build_binary: str | None) -> dict[str, float]:
    """Nanoseconds an n-gram."""
    model = load(arpa)
    trie, vocabulary = model.fast_trie(), model.vocabulary
    total = sum(trie.sizes)
    jobs = {
        "read_arpa": lambda: read_arpa(arpa),
        "write_arpa": lambda: write_arpa(folder / "m.arpa", trie, vocabulary),
        "write_kenlm_probing": lambda: kenlm_binary.write_probing(folder / "m.probing", trie, vocabulary),
        "write_kenlm_trie": lambda: kenlm_binary.write_trie(folder / "m.trie", trie, vocabulary),
        "read_kenlm_trie": lambda: kenlm_binary.read_kenlm_binary(folder / "m.trie"),
        "open_kenlm_probing": lambda: kenlm_binary.read_kenlm_binary(folder / "m.probing"),
    }
    result = {name: seconds / total * 1e9 for name, seconds in zip(jobs, least(*jobs.values()), strict=True)}
    if build_binary:
        for kind in ("probing", "trie"):
            result[f"build_binary_{kind}"] = (
                min(run_command([build_binary, kind, str(arpa), str(folder / "t")]).cpu for _ in range(3)) / total * 1e9
            )
    return result


def queries(path: Path, text: Path) -> dict[str, dict[str, float]]:
    """Microseconds, lmkit's and the module's."""
    import kenlm

    lines = [line.strip() for line in text.read_text().splitlines()][:4000]
    words = sum(len(line.split()) for line in lines)
    models = ours.Model(path), kenlm.Model(str(path))
    assert all(models[0].score(line) == models[1].score(line) for line in lines)

    def by_words(model: Any, module: Any) -> None:
        for line in lines[:1000]:
            state, following = module.State(), module.State()
            model.BeginSentenceWrite(state)
            for word in line.split():
                model.BaseScore(state, word, following)
                state, following = following, state

    sentence = least(*(lambda model=model: [model.score(line) for line in lines] for model in models))
    some = sum(len(line.split()) for line in lines[:1000])
    word = least(lambda: by_words(models[0], ours), lambda: by_words(models[1], kenlm))
    return {
        "score_sentence_us": {"lmkit": sentence[0] / len(lines) * 1e6, "kenlm": sentence[1] / len(lines) * 1e6},
        "score_sentence_us_a_word": {"lmkit": sentence[0] / words * 1e6, "kenlm": sentence[1] / words * 1e6},
        "base_score_us": {"lmkit": word[0] / some * 1e6, "kenlm": word[1] / some * 1e6},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("arpa", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--build-binary", help="KenLM's program, for comparison")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "ngrams": sum(load(options.arpa).info()["ngrams"]),
            "files_ns_an_ngram": files(options.arpa, Path(folder), options.build_binary),
            "arpa": queries(options.arpa, options.text),
            "probing": queries(Path(folder) / "m.probing", options.text),
        }
    print(json.dumps(result, indent=1))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "formats.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
