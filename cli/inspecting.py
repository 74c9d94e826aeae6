"""`lmkit inspect`: looking into networks."""

from __future__ import annotations

import typer

from lmkit_cli import inspect_gates, inspect_gradients, inspect_units

command = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@command.callback()
def _group() -> None:
    """Look into networks: how far their gradients reach, what their gates and units do."""


command.command("gradients")(inspect_gradients.command)
command.command("gates")(inspect_gates.command)
command.command("units")(inspect_units.command)
