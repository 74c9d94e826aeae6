"""The part of `lmkit convert` that reads and writes state dicts of PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lmkit.errors import UsageError
from lmkit_cli import output, saving

if TYPE_CHECKING:
    from lmkit.neural.models import RecurrentLanguageModel
    from lmkit.text.options import TextOptions

ENDINGS = (".pt", ".pth")


def read(path: Path, target: Path, words: Path | None, options: TextOptions | None, json: bool) -> None:
    """From a state dict and its words to a recurrent model in lmkit's own file."""
    from lmkit.neural import torch_files

    if target.suffix != ".lm":
        raise UsageError(f"{target}: a state dict of PyTorch becomes lmkit's own file; end OUT in .lm.")
    if words is None:
        raise UsageError(f"{path}: a state dict has no words; give them with --words FILE, one a line in the order of the ids.")
    lines = _lines(words)
    model = torch_files.model_of_state_dict(torch_files.read_state_dict(path), lines, options, where=str(path))
    model.save(target)
    if json:
        output.result_json({"out": str(target), "bytes": target.stat().st_size, **model.info()})
        return
    shape = model.network_.architecture
    for entry in model.notes_:
        output.note(f"Note: {entry}")
    output.result(f"{target}: {shape.cell}, {shape.layers} x {shape.hidden}, {len(lines):,} words, {output.size(target.stat().st_size)}")


def write(model: RecurrentLanguageModel, target: Path, json: bool) -> None:
    """From a recurrent model to a state dict, its words beside it."""
    from lmkit.neural import torch_files

    words = target.with_suffix(".words.txt")
    saving.check_target(words)
    lines = torch_files.write_state_dict(model, target)
    words.write_text("".join(f"{word}\n" for word in lines), encoding="utf-8")
    if model.network_.architecture.cell == "elman-relu":
        output.note(
            "Note: a state dict doesn't tell ReLU from tanh: give torch.nn.RNN nonlinearity='relu'; lmkit reads it back as elman, tanh."
        )
    if json:
        output.result_json({"out": str(target), "words": str(words), "bytes": target.stat().st_size})
        return
    output.result(f"{target}: {output.size(target.stat().st_size)}; its words, in the order of the ids: {words}")


def _lines(path: Path) -> list[str]:
    from lmkit.errors import InputError

    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: the words can't be read ({error.strerror}); check the path.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 at byte {error.start:,}; store the words in UTF-8.") from None
