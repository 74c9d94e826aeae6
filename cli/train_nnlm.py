"""`lmkit train-nnlm`: from a corpus to a saved language model of a fixed window."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from lmkit_cli import neural_training as training
from lmkit_cli import options, reading


class Combine(enum.StrEnum):
    concatenate = "concatenate"
    average = "average"


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
    optimizer: training.Optimizer = None,
    learning_rate: training.LearningRate = None,
    schedule: training.Schedule = None,
    weight_decay: training.WeightDecay = None,
    clip: training.Clip = None,
    batch: Annotated[int, typer.Option(help="Positions a batch, in random order.", min=1)] = 700,
    by_sentence: Annotated[
        bool, typer.Option("--by-sentence/--streams", help="Let windows end at the beginning of a sentence, or reach back into the last.")
    ] = False,
    epochs: training.Epochs = None,
    minutes: training.Minutes = None,
    patience: training.Patience = None,
    validations: training.Validations = None,
    valid: training.Valid = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where the model goes.", show_default="models/nnlm-<corpus>.lm")] = None,
    vectors: training.Vectors = None,
    freeze_vectors: training.FreezeVectors = False,
    resume: training.Resume = False,
    checkpoint_minutes: training.CheckpointMinutes = 10.0,
    log: training.Log = None,
    unit: options.UnitOption = None,
    tokenizer: options.Tokenizer = None,
    sentences: options.SentencesOption = None,
    no_sentence_boundaries: options.NoBoundaries = False,
    blank_lines: options.BlankLinesOption = None,
    lowercase: options.Lowercase = None,
    fold_numbers: options.FoldNumbers = None,
    normalization: options.NormalizationOption = None,
    encoding: options.Encoding = None,
    min_count: training.MinCount = 1,
    vocab_size: training.VocabSize = None,
    vocabulary: training.KnownWords = None,
    split: options.Split = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
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
    recipe = training.change_recipe(
        Recipe(batch=batch, steps=1),
        optimizer=optimizer,
        weight_decay=weight_decay,
        schedule=schedule,
        clip=clip,
        learning_rate=learning_rate,
        text="sentences" if by_sentence else "streams",
        epochs=epochs,
        minutes=minutes,
        patience=patience,
        validations=validations,
    )
    spec = corpus if corpus is not None else lmkit_corpora.default_corpus()
    text_options = reading.text_options(
        spec,
        unit=unit,
        no_sentence_boundaries=no_sentence_boundaries,
        tokenizer=tokenizer,
        sentences=sentences,
        blank_lines=blank_lines,
        lowercase=lowercase,
        fold_numbers=fold_numbers,
        normalization=normalization,
        encoding=encoding,
    )
    model = WindowLanguageModel(
        shape, recipe, min_count=min_count, max_vocabulary_size=vocab_size, reading=text_options, seed=seed or 0, threads=threads
    )
    training.train(
        model,
        spec,
        target=out if out is not None else reading.MODELS_FOLDER / f"nnlm-{reading.corpus_label(spec)}.lm",
        split=split,
        valid=valid,
        known_words=vocabulary,
        vectors=vectors,
        freeze_vectors=freeze_vectors,
        resume=resume,
        checkpoint_minutes=checkpoint_minutes,
        log=log,
        json=json,
        quiet=quiet,
    )
