"""`lmkit train-rnn`: from a corpus to a saved recurrent language model."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import neural_training as training
from lmkit_cli import options, reading
from lmkit_cli.shared_options import taking


class InitialState(enum.StrEnum):
    zero = "zero"
    learned = "learned"


@taking(training.TrainingOptions)
def command(
    corpus: options.Corpus = None,
    cell: Annotated[
        str | None, typer.Option(help="lstm, lstm-peephole, gru, gru-reset-before, elman, elman-relu, jordan, qrnn.", show_default="lstm")
    ] = None,
    layers: Annotated[int | None, typer.Option(help="Number of layers.", min=1, show_default="2")] = None,
    hidden: Annotated[int | None, typer.Option(help="Units of a layer.", min=1, show_default="200")] = None,
    embedding: Annotated[int | None, typer.Option(help="Size of the word vectors.", min=1, show_default="as --hidden")] = None,
    tied: Annotated[
        bool | None,
        typer.Option(
            "--tied/--untied", help="Output weights are the word vectors; the last of several layers is as wide.", show_default="no"
        ),
    ] = None,
    bidirectional: Annotated[bool, typer.Option("--bidirectional", hidden=True)] = False,
    output_layer: training.OutputLayer = None,
    initial_state: Annotated[
        InitialState | None, typer.Option(help="State before a text: zeros, or trained with the rest.", show_default="zero")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Begin from a known recipe: zaremba-small, zaremba-medium, zaremba-large, tied-200, tied-512, fast-cpu, regularised-512, "
            "regularised-2x512, char-shakespeare (one text, by characters); other options change it.",
            show_default="none",
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(help="Share dropped at inputs, between layers, at outputs.", min=0, max=0.99, show_default="0"),
    ] = None,
    dropout_input: Annotated[float | None, typer.Option(help="At inputs alone.", min=0, max=0.99, show_default="--dropout")] = None,
    dropout_between: Annotated[float | None, typer.Option(help="Between layers.", min=0, max=0.99, show_default="--dropout")] = None,
    dropout_output: Annotated[float | None, typer.Option(help="At outputs.", min=0, max=0.99, show_default="--dropout")] = None,
    dropout_words: Annotated[float | None, typer.Option(help="Of whole words of the embedding.", min=0, max=0.99, show_default="0")] = None,
    dropout_recurrent: Annotated[
        float | None, typer.Option(help="Of recurrent weights (weight drop); zoneout in a QRNN.", min=0, max=0.99, show_default="0")
    ] = None,
    variational: Annotated[
        bool | None, typer.Option("--variational/--no-variational", help="One mask for all steps of a batch.", show_default="no")
    ] = None,
    activation_penalty: Annotated[
        float | None,
        typer.Option("--activation-penalty", "--ar", help="Penalty on large outputs of the last layer (AR).", min=0, show_default="0"),
    ] = None,
    temporal_penalty: Annotated[
        float | None, typer.Option("--temporal-penalty", "--tar", help="Penalty on their changes in time (TAR).", min=0, show_default="0")
    ] = None,
    batch: training.Batch = None,
    steps: Annotated[
        int | None, typer.Option("--steps", "--bptt", help="Steps that gradients run back through time.", min=1, show_default="35")
    ] = None,
    random_steps: Annotated[
        bool | None,
        typer.Option("--random-steps/--fixed-steps", help="Draw the steps of each batch around --steps.", show_default="fixed"),
    ] = None,
    by_sentence: Annotated[
        bool | None,
        typer.Option("--by-sentence/--streams", help="Each sentence apart, or streams with carried state.", show_default="streams"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where the model goes.", show_default="models/<cell>-<corpus>.lm")] = None,
    *,
    shared: training.TrainingOptions,
) -> None:
    """Train a recurrent language model on a corpus: LSTM, GRU, QRNN, Elman or Jordan.

    A training that is interrupted, by Ctrl-C or by force, goes on with --resume from its last checkpoint and ends with the same weights.
    """
    import lmkit_corpora
    from lmkit.neural.architecture import Architecture
    from lmkit.neural.models import RecurrentLanguageModel
    from lmkit.neural.presets import changed, get_preset
    from lmkit.neural.recipe import Recipe

    if bidirectional:
        raise UsageError(
            "--bidirectional: a network that also reads from the end has seen the word that it should predict, so it scores no next words; "
            "leave the option out, or encode whole texts from Python with lmkit.neural.layers.bidirectional."
        )
    begun = None if preset is None else get_preset(preset)
    source = training.model_to_start_from(shared, RecurrentLanguageModel)
    if source is not None and preset is not None:
        raise UsageError("--start-from and --preset both say what the network is; give one of them.")
    shape = source.architecture if source is not None else Architecture() if begun is None else begun.architecture
    drop = changed(shape.dropout, input=dropout, between=dropout, output=dropout)
    drop = changed(
        drop,
        input=dropout_input,
        between=dropout_between,
        output=dropout_output,
        words=dropout_words,
        recurrent=dropout_recurrent,
        variational=variational,
    )
    shape = changed(
        shape,
        cell=cell,
        layers=layers,
        hidden=hidden,
        embedding=embedding,
        tied=tied,
        output=None if output_layer is None else training.parse_choice(output_layer),
        initial_state=None if initial_state is None else initial_state.value,
        dropout=drop,
        activation_penalty=activation_penalty,
        temporal_penalty=temporal_penalty,
    )
    if dropout_between and shape.layers == 1:
        raise UsageError(
            "--dropout-between drops what one layer gives the next, and this network has one; take --layers 2, or leave it out."
        )
    recipe = training.change_recipe(
        Recipe() if begun is None else begun.recipe,
        shared,
        batch=batch,
        steps=steps,
        random_steps=random_steps,
        text=None if by_sentence is None else "sentences" if by_sentence else "streams",
    )
    spec = corpus if corpus is not None else lmkit_corpora.default_corpus()
    target = out if out is not None else reading.MODELS_FOLDER / f"{shape.cell}-{reading.corpus_label(spec)}.lm"
    training.train(RecurrentLanguageModel, shape, recipe, spec, target, shared, preset=begun, start_from=source)
