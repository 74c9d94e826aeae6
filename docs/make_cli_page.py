"""Write docs/cli.md from the help of the commands. Run it after a change of the command line; a test checks that the page is current."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from lmkit_cli import app

PAGE = Path(__file__).resolve().parent / "cli.md"
_WIDTH = 100
_HEAD = """# The command line

<!-- Written by docs/make_cli_page.py from the commands' own help. Change the help, then run it. -->

Results go to standard output, notes and progress to standard error. The exit status is 0, 1 for a failure, 2 for a wrong call, 130 after
Ctrl-C. An error is one sentence; `--debug` adds Python's traceback.
"""


def page() -> str:
    """The text that docs/cli.md should hold."""
    root = typer.main.get_command(app.app)
    parts = [_HEAD, _section("lmkit", root, None)]
    for name in app.COMMANDS:
        command = app.load_command(name)
        parts.append(_section(f"lmkit {name}", command, None))
        children = getattr(command, "commands", {})
        parts += [_section(f"lmkit {name} {child_name}", child, None) for child_name, child in children.items()]
    return "\n".join(parts)


def _section(path: str, command: Any, parent: Any) -> str:
    context = command.make_context(path, ["--help"], parent=parent, resilient_parsing=True, terminal_width=_WIDTH, max_content_width=_WIDTH)
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"## {path}\n\n```\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
