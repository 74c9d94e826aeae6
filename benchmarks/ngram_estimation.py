"""From a text to a model that answers queries: lmkit train-ngram against KenLM's lmplz and build_binary, whole processes, in turn.

    python benchmarks/ngram_estimation.py TEXT [--order 5] [--rounds 5] [--kenlm BIN_FOLDER] [--arpa] [--bounds 1G,500M]

BIN_FOLDER holds lmplz and build_binary, built from kpu/kenlm with CMAKE_BUILD_TYPE=Release and -O3 -march=native. Without it lmkit's
own figures are printed. KenLM runs with its default of all cores and 80 % of the memory; its binary is built in both of its forms, probing
(faster queries) and trie (smaller). lmkit's kernels are compiled beforehand, on the text's beginning; its cache of encoded texts is
cleared before every run, so that it reads the text each time as lmplz does. --arpa lets lmkit write ARPA, too, as lmplz does; --bounds runs
it with --memory set to each of these.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from harness import Run, alternate, lmkit_command, report, run_command, summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kenlm", type=Path, help="folder with lmplz and build_binary")
    parser.add_argument("--forms", default="probing,trie", help="of KenLM's binary")
    parser.add_argument("--memory", default="80%", help="lmplz -S")
    parser.add_argument("--name", default="ngram_estimation", help="of the result file")
    parser.add_argument("--arpa", action="store_true", help="let lmkit write ARPA, too")
    parser.add_argument("--bounds", default="", help="lmkit's --memory: run it with each of these, too")
    options = parser.parse_args()
    bounds = [bound for bound in options.bounds.split(",") if bound]
    forms = [form for form in options.forms.split(",") if form]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        contestants = {"lmkit": partial(lmkit_run, options, work)}
        contestants |= {f"lmkit --memory {bound}": partial(lmkit_run, options, work, "--memory", bound) for bound in bounds}
        if options.arpa:
            contestants["lmkit, ARPA"] = partial(lmkit_run, options, work, name="lmkit.arpa")
        with_kenlm = options.kenlm is not None and (options.kenlm / "lmplz").exists()
        if with_kenlm:
            contestants["lmplz"] = partial(lmplz_run, options, work)
            contestants |= {f"build_binary {form}": partial(build_run, options, work, form) for form in forms}
        else:
            print("KenLM's programs were not found (--kenlm BIN_FOLDER), so these are lmkit's figures alone.")
        compile_kernels(options, work)
        runs = alternate(contestants, options.rounds, warm_ups=0)
        sizes = {path.name: path.stat().st_size for path in work.iterdir() if path.is_file()}
    for form in forms if with_kenlm else []:
        runs[f"lmplz + build_binary {form}"] = [a + b for a, b in zip(runs["lmplz"], runs.pop(f"build_binary {form}"), strict=True)]
    details = {
        "text_bytes": options.text.stat().st_size,
        "order": options.order,
        "model_bytes": sizes,
        "kenlm": kenlm_version(options.kenlm),
    }
    report(options.name, summary(runs, "lmkit"), details)


def compile_kernels(options: argparse.Namespace, work: Path) -> None:
    """Run lmkit on the beginning of the text, in all the ways that are to be timed."""
    beginning = work / "beginning.txt"
    with open(options.text, "rb") as source:
        beginning.write_bytes(source.read(10_000_000))
    less = argparse.Namespace(**{**vars(options), "text": beginning})
    for name, further in (("lmkit.lm", ()), ("lmkit.arpa", ()), ("lmkit.lm", ("--memory", "250M"))):
        lmkit_run(less, work, *further, name=name)
    for path in (beginning, work / "lmkit.lm", work / "lmkit.arpa"):
        path.unlink()


def lmkit_run(options: argparse.Namespace, work: Path, *further: str, name: str = "lmkit.lm") -> Run:
    cache = work / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    command = lmkit_command("train-ngram", str(options.text), "--order", str(options.order), "--out", str(work / name), "--quiet", *further)
    return run_command(command, env={"LMKIT_CACHE": str(cache), "NUMBA_CACHE_DIR": str(work / "kernels")})


def lmplz_run(options: argparse.Namespace, work: Path) -> Run:
    lmplz = [str(options.kenlm / "lmplz"), "-o", str(options.order), "-S", options.memory, "-T", str(work), "--discount_fallback"]
    return run_command(lmplz, stdin=options.text, stdout=work / "kenlm.arpa")


def build_run(options: argparse.Namespace, work: Path, form: str) -> Run:
    return run_command([str(options.kenlm / "build_binary"), form, str(work / "kenlm.arpa"), str(work / f"kenlm.{form}")])


def kenlm_version(folder: Path | None) -> str | None:
    """The commit that KenLM was built from, where its checkout stands above the programs."""
    if folder is None:
        return None
    done = subprocess.run(["git", "-C", str(folder), "log", "-1", "--format=kpu/kenlm %h %cs"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
