"""Take the commands out of README.md, so that tests and .ci/run execute what the reader is told, and write their real output into it.

A block is named by the comment before it, `<!-- command: NAME -->`. Then comes a fenced block of `sh` or `python`, then perhaps one
of `text`: what it prints.

    python docs/readme_commands.py             names of the blocks
    python docs/readme_commands.py NAME        print a block
    python docs/readme_commands.py --update    run all blocks but `test` in a folder of their own and write what they print into the README
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

README = Path(__file__).resolve().parent.parent / "README.md"
_BLOCK = re.compile(
    r"<!-- command: (?P<name>[\w-]+) -->\n+```(?P<language>sh|python)\n(?P<text>.*?)```\n(?:\n```text\n(?P<output>.*?)```\n)?", re.DOTALL
)
_SETS_UP = re.compile(r"^(python3 -m venv|\. \.venv/bin/activate|pip install)")


class Block(NamedTuple):
    """One named block: what to run, in what, and what the README says it prints (None if it doesn't say)."""

    language: str
    text: str
    output: str | None


def blocks() -> dict[str, Block]:
    """The README's named blocks, in their order."""
    found = _BLOCK.finditer(README.read_text(encoding="utf-8"))
    return {match["name"]: Block(match["language"], match["text"], match["output"]) for match in found}


def without_set_up(text: str) -> str:
    """A command without the parts that make an environment and install into it."""
    parts = text.strip().split(" && ")
    return " && ".join(part for part in parts if not _SETS_UP.match(part)) + "\n"


def run(block: Block, folder: Path) -> str:
    """Run a block in `folder`, with the programs of this Python's environment, and return what it prints on both streams.

    Raises
    ------
    RuntimeError : if it fails.
    """
    if block.language == "python":
        words = [sys.executable, "-c", block.text]
    else:
        words = ["bash", "-euo", "pipefail", "-c", without_set_up(block.text)]
    surroundings = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "LMKIT_CACHE": str(folder / ".cache"),  # nothing encoded before, and no corpora downloaded before
        "LMKIT_DATA": str(folder / ".data"),
    }
    done = subprocess.run(words, cwd=folder, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}\nended with status {done.returncode}:\n{done.stdout}")
    return done.stdout


def update() -> None:
    """Write what the blocks really print into the README, where it shows output."""
    text = README.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for name, block in blocks().items():
            if name == "test":
                continue
            output = run(block, Path(folder))
            if block.output is not None:
                text = text.replace(f"```text\n{block.output}```", f"```text\n{output}```", 1)
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    named = blocks()
    if sys.argv[1:] == ["--update"]:
        update()
    elif len(sys.argv) == 2 and sys.argv[1] in named:
        print(named[sys.argv[1]].text, end="")
    else:
        print("README.md has the blocks:", *named, sep="\n  ")
        sys.exit(len(sys.argv) > 1)
