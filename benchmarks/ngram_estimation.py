"""From a text to a model that answers queries: lmkit train-ngram against KenLM's lmplz + build_binary, whole processes, in turn.

    python benchmarks/ngram_estimation.py TEXT [--order 5] [--rounds 5] [--kenlm BIN_FOLDER]

BIN_FOLDER holds lmplz and build_binary, built from kpu/kenlm with CMAKE_BUILD_TYPE=Release and -O3 -march=native. Without it lmkit's own
figures are printed.
KenLM runs with its default of all cores and 80 % of the memory; its binary is built in both of its forms, probing (faster queries) and
trie (smaller). lmkit's kernels are cached by the warm-up run, its cache of encoded texts is cleared before every run.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness import Run, alternate, lmkit_command, report, run_all, run_command, summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kenlm", type=Path, help="folder with lmplz and build_binary")
    parser.add_argument("--memory", default="80%", help="lmplz -S")
    parser.add_argument("--name", default="ngram_estimation", help="of the result file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        contestants = {"lmkit": lambda: lmkit_run(options, work)}
        if options.kenlm and (options.kenlm / "lmplz").exists():
            contestants["lmplz + build_binary probing"] = lambda: kenlm_run(options, work, "probing")
            contestants["lmplz + build_binary trie"] = lambda: kenlm_run(options, work, "trie")
        else:
            print("KenLM's programs were not found (--kenlm BIN_FOLDER), so these are lmkit's figures alone.")
        runs = alternate(contestants, options.rounds)
        sizes = {path.name: path.stat().st_size for path in work.iterdir() if path.is_file()}
    details = {
        "text_bytes": options.text.stat().st_size,
        "order": options.order,
        "model_bytes": sizes,
        "kenlm": kenlm_version(options.kenlm),
    }
    report(options.name, summary(runs, "lmkit"), details)


def lmkit_run(options: argparse.Namespace, work: Path) -> Run:
    cache = work / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    command = lmkit_command("train-ngram", str(options.text), "--order", str(options.order), "--out", str(work / "lmkit.lm"), "--quiet")
    return run_command(command, env={"LMKIT_CACHE": str(cache), "NUMBA_CACHE_DIR": str(work / "kernels")})


def kenlm_run(options: argparse.Namespace, work: Path, form: str) -> Run:
    arpa, binary = work / "kenlm.arpa", work / f"kenlm.{form}"
    lmplz = [str(options.kenlm / "lmplz"), "-o", str(options.order), "-S", options.memory, "-T", str(work), "--discount_fallback"]
    build = [str(options.kenlm / "build_binary"), form, str(arpa), str(binary)]
    return run_all((lmplz, options.text, arpa), (build, None, None))


def kenlm_version(folder: Path | None) -> str | None:
    """The commit that KenLM was built from, where its checkout stands above the programs."""
    if folder is None:
        return None
    done = subprocess.run(["git", "-C", str(folder), "log", "-1", "--format=kpu/kenlm %h %cs"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
