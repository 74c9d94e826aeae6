"""`lmkit train-nnlm`: from a corpus to a saved language model of a fixed window."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from lmkit_cli import neural_training as training
from lmkit_cli import options, reading
from lmkit_cli.shared_options import taking


class Combine(enum.StrEnum):
    concatenate = "concatenate"
    average = "average"


@taking(training.TrainingOptions)
def command(
    corpus: options.Corpus = None,
    window: Annotated[
        int | None, typer.Option("--window", help="How many tokens before the next one it sees.", min=1, show_default="4")
    ] = None,
    hidden: Annotated[int | None, typer.Option(help="Units of the hidden layer.", min=1, show_default="200")] = None,
    embedding: Annotated[int | None, typer.Option(help="Size of the word vectors.", min=1, show_default="100")] = None,
    combine: Annotated[
        Combine | None, typer.Option(help="The window's vectors in order, or their average: a bag of words.", show_default="concatenate")
    ] = None,
    direct: Annotated[
        bool | None, typer.Option("--direct/--no-direct", help="Join word vectors to the output layer directly too.", show_default="no")
    ] = None,
    tied: Annotated[
        bool | None,
        typer.Option(
            "--tied/--untied", help="Output weights are the word vectors; needs --embedding as wide as --hidden.", show_default="no"
        ),
    ] = None,
    output_layer: training.OutputLayer = None,
    dropout: Annotated[float | None, typer.Option(help="Share dropped at inputs and outputs.", min=0, max=0.99, show_default="0")] = None,
    batch: Annotated[int, typer.Option(help="Positions a batch, in random order.", min=1)] = 700,
    by_sentence: Annotated[
        bool, typer.Option("--by-sentence/--streams", help="Let windows end at the beginning of a sentence, or reach back into the last.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Where the model goes.", show_default="models/nnlm-<corpus>.lm")] = None,
    *,
    shared: training.TrainingOptions,
) -> None:
    """Train a language model that sees a fixed window of words.

    This is the neural n-gram model of Bengio, Ducharme, Vincent and Jauvin (2003): the vectors of the last words, a hidden layer, and the
    next word.
    """
    import lmkit_corpora
    from lmkit.neural.presets import changed
    from lmkit.neural.recipe import Recipe
    from lmkit.neural.window import WindowArchitecture
    from lmkit.neural.window_model import WindowLanguageModel

    source = training.model_to_start_from(shared, WindowLanguageModel)
    shape = WindowArchitecture() if source is None else source.architecture
    shape = changed(
        shape,
        window=window,
        hidden=hidden,
        embedding=embedding,
        combine=None if combine is None else combine.value,
        direct=direct,
        tied=tied,
        output=None if output_layer is None else training.parse_choice(output_layer),
        dropout=changed(shape.dropout, input=dropout, output=dropout),
    )
    recipe = training.change_recipe(Recipe(batch=batch, steps=1), shared, text="sentences" if by_sentence else "streams")
    spec = corpus if corpus is not None else lmkit_corpora.default_corpus()
    target = out if out is not None else reading.MODELS_FOLDER / f"nnlm-{reading.corpus_label(spec)}.lm"
    training.train(WindowLanguageModel, shape, recipe, spec, target, shared, start_from=source)
