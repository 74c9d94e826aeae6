"""What the commands of `lmkit inspect` share: the model and the text that they look at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import reading

if TYPE_CHECKING:
    from lmkit.neural.models import RecurrentLanguageModel
    from lmkit.neural.tracing import Trace
    from lmkit.text.corpus import EncodedCorpus

Model = Annotated[str, typer.Argument(help="A model that `lmkit train-rnn` made; `last` is the newest.")]
Text = Annotated[str | None, typer.Option(help="Text that the model reads: a corpus or a file.", show_default="the default corpus")]
Prompt = Annotated[str | None, typer.Option(help="The text itself, in place of --text.", show_default=False)]
Layer = Annotated[int | None, typer.Option(help="Layer, counted from 0 as in the file's tensors.", min=0, show_default="the last")]
Units = Annotated[
    str | None, typer.Option(help="Units, counted from 0: numbers and ranges, such as 3,17,40-45.", show_default="those with most to show")
]


def recurrent(name: str) -> RecurrentLanguageModel:
    """Open a recurrent model. Raises UsageError for any other."""
    import lmkit
    from lmkit.neural.models import RecurrentLanguageModel

    path = reading.model_path(name)
    model = lmkit.load(path)
    if not isinstance(model, RecurrentLanguageModel):
        raise UsageError(f"{path} is no recurrent network: only `lmkit train-rnn` makes models with gates and a state.")
    return model


def text_of(model: RecurrentLanguageModel, text: str | None, prompt: str | None = None) -> EncodedCorpus:
    """The text that is to be read, with the model's own reading. Raises UsageError for two texts."""
    import lmkit_corpora
    from lmkit.text.encoding import as_corpus

    if prompt is not None:
        if text is not None:
            raise UsageError("--text and --prompt exclude each other; give one of them.")
        if not prompt.strip():
            raise UsageError("--prompt is empty; give the text to look at, or a file with --text.")
        return as_corpus(reading.check_prompt(prompt), model.text_options)
    if text is not None and " " in text and not os.path.exists(text):
        raise UsageError(f"--text {text!r} names no file; give the text itself with --prompt.")
    return lmkit_corpora.load_corpus(text or lmkit_corpora.default_corpus(), options=model.text_options)


def traced(model: RecurrentLanguageModel, text: str | None, prompt: str | None, tokens: int) -> Trace:
    """What the units of a model do over the first so many tokens of the text."""
    from lmkit.neural.tracing import trace

    return trace(model, text_of(model, text, prompt), tokens)


def chosen_layer(model: RecurrentLanguageModel, layer: int | None) -> int:
    """The layer asked for, or the last. Raises UsageError for one that there is not."""
    count = len(model.network_.layers)
    if layer is not None and layer >= count:
        raise UsageError(f"The model has {count} layers, counted from 0; there is no --layer {layer}.")
    return count - 1 if layer is None else layer


def title(name: str, layer: int) -> str:
    """What stands above a picture."""
    return f"{Path(name).name}, layer {layer}"
