"""Options that several commands have in common, written once: a dataclass of them, taken by a command as one parameter.

Typer reads a command's options from its signature. `taking` gives it a signature that has the command's own parameters and, behind them,
the fields of the dataclass; the command itself gets the dataclass, filled in.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints


def taking(shared: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a command that has a parameter `shared` of this dataclass.

    Fields are annotated as a command's parameters are, and have defaults.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = {**get_type_hints(command, include_extras=True), **get_type_hints(shared, include_extras=True)}
        keyword = inspect.Parameter.KEYWORD_ONLY
        fields = [inspect.Parameter(field.name, keyword, default=field.default) for field in dataclasses.fields(shared)]
        own = [parameter for parameter in inspect.signature(command).parameters.values() if parameter.name != "shared"]
        parameters = [each.replace(kind=keyword, annotation=hints[each.name]) for each in (*own, *fields)]
        names = {field.name for field in fields}

        @functools.wraps(command)
        def call(**given: Any) -> None:
            command(
                **{name: value for name, value in given.items() if name not in names},
                shared=shared(**{name: value for name, value in given.items() if name in names}),
            )

        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {each.name: each.annotation for each in parameters}
        return call

    return decorate
