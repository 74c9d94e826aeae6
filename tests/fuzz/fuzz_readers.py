"""A longer fuzzing job for the readers of models, not part of the test run.

    python -m pip install atheris                                  # a fuzzing engine guided by coverage; optional
    PYTHONPATH=.:tests python tests/fuzz/fuzz_readers.py --minutes 60            # with atheris
    PYTHONPATH=.:tests python tests/fuzz/fuzz_readers.py --random 100000         # without it: random damage, seed after seed

A fault stops the job and leaves the file that showed it.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import tempfile
from pathlib import Path


def guided(minutes: float, folder: Path) -> None:
    """Let atheris choose the damage: its bytes are the numbers that `damage.damaged` draws."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: python -m pip install atheris, or run with --random 100000.")
    package = Path(importlib.util.find_spec("lmkit").origin).parent
    kernels = [".".join(path.relative_to(package.parent).with_suffix("").parts) for path in package.rglob("_kernels*.py")]
    with atheris.instrument_imports(include=["lmkit"], exclude=kernels):  # Numba can't compile what is instrumented
        for module in ("lmkit.loading", "lmkit.ngram.model", "lmkit.ngram.formats.kenlm_binary.model"):
            importlib.import_module(module)
    from fuzz import damage  # which imports lmkit too

    files = list(damage.seeds(folder).items())

    def one(data: bytes) -> None:
        provider = atheris.FuzzedDataProvider(data)
        name, raw = files[provider.ConsumeIntInRange(0, len(files) - 1)]
        damage.check(folder / name, damage.damaged(raw, lambda below: provider.ConsumeIntInRange(0, below - 1)))

    atheris.Setup([sys.argv[0], f"-max_total_time={int(60 * minutes)}", "-timeout=60", "-rss_limit_mb=4096"], one)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long atheris runs")
    parser.add_argument("--random", type=int, default=0, metavar="FILES", help="so many randomly damaged files instead")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lmkit-fuzz-"))
    if options.random:
        from fuzz import damage

        damage.main(options.random, options.seed, folder)
    else:
        guided(options.minutes, folder)


if __name__ == "__main__":
    main()
