"""`lmkit info`: the card of a model."""

from __future__ import annotations

from typing import Any

from lmkit_cli import options, output, vectors


def command(
    model: options.Model,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Print the card of a model: what it is and how it was made."""
    import lmkit

    path = vectors.path_of_any(model)
    card = {"path": str(path), "file_bytes": path.stat().st_size if path.is_file() else None, **lmkit.load(path).info()}
    if json:
        output.result_json(card)
    else:
        output.result("\n".join(_lines(card)))


def _lines(card: dict[str, Any], indent: str = "") -> list[str]:
    """`key  value` lines, the keys in plain words; what is nested stands indented below its key."""
    wide = max((output.width(str(key)) for key in card), default=0)
    lines = []
    for key, value in card.items():
        name = str(key).replace("_", " ")
        if isinstance(value, dict) and value:
            lines += [indent + name, *_lines(value, indent + "  ")]
        elif isinstance(value, (list, tuple)) and value and (isinstance(value[0], (dict, list, tuple)) or key == "notes"):
            lines.append(indent + name)
            lines += [f"{indent}  {_flat(entry)}" for entry in value]
        else:
            lines.append(f"{indent}{name:<{wide}}  {_flat(value)}")
    return lines


def _flat(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return output.number(value)
    if isinstance(value, dict):
        return ", ".join(f"{str(key).replace('_', ' ')} {_flat(entry)}" for key, entry in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_flat(entry) for entry in value)
    return output.printable(str(value))
