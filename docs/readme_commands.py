"""Take the commands out of README.md, so that the tests and .ci/run execute what the reader is told.

A block of the README is named by the comment before it: `<!-- command: NAME -->` and then a fenced block. `python docs/readme_commands.py`
lists the names; with a name it prints that block.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
_BLOCK = re.compile(r"<!-- command: (?P<name>[\w-]+) -->\n+```(?:sh|python)\n(?P<text>.*?)```", re.DOTALL)


def named_blocks() -> dict[str, str]:
    """The README's named command blocks, in their order."""
    return {match["name"]: match["text"] for match in _BLOCK.finditer(README.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    blocks = named_blocks()
    if len(sys.argv) == 2 and sys.argv[1] in blocks:
        print(blocks[sys.argv[1]], end="")
    else:
        print("README.md has the blocks:", *blocks, sep="\n  ")
        sys.exit(len(sys.argv) > 1)
