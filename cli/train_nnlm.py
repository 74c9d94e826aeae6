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
    window: Annotated[int, typer.Option("--window", help="How many tokens before the next one it sees.", min=1)] = 4,
    hidden: Annotated[int, typer.Option(help="Units of the hidden layer.", min=1)] = 200,
    embedding: Annotated[int, typer.Option(help="Size of the word vectors.", min=1)] = 100,
    combine: Annotated[
        Combine, typer.Option(help="The window's vectors in order, or their average: a bag of words.")
    ] = Combine.concatenate,
    direct: Annotated[bool, typer.Option("--direct", help="Join word vectors to the output layer directly too.")] = False,
    tied: Annotated[
        bool, typer.Option("--tied", help="Output weights are the word vectors; needs --embedding as wide as --hidden.")
    ] = False,
    output_layer: Annotated[
        str, typer.Option("--output", help="Output layer: full, classes, huffman, adaptive, sampled, nce, blackout.")
    ] = "full",
    dropout: Annotated[float, typer.Option(help="Share dropped at inputs and outputs.", min=0, max=0.99)] = 0.0,
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
    from lmkit.neural.layers.dropout import Dropout
    from lmkit.neural.recipe import Recipe
    from lmkit.neural.window import WindowArchitecture
    from lmkit.neural.window_model import WindowLanguageModel

    shape = WindowArchitecture(
        window=window,
        hidden=hidden,
        embedding=embedding,
        combine=combine.value,
        direct=direct,
        tied=tied,
        output=output_layer,
        dropout=Dropout(input=dropout, output=dropout),
    )
    recipe = training.change_recipe(Recipe(batch=batch, steps=1), shared, text="sentences" if by_sentence else "streams")
    spec = corpus if corpus is not None else lmkit_corpora.default_corpus()
    target = out if out is not None else reading.MODELS_FOLDER / f"nnlm-{reading.corpus_label(spec)}.lm"
    training.train(WindowLanguageModel, shape, recipe, spec, target, shared)
