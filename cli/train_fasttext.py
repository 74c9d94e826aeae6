"""`lmkit train-fasttext`: from a corpus to saved word vectors with subwords."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from lmkit_cli import options
from lmkit_cli import vector_training as shared


class Model(enum.StrEnum):
    skipgram = "skipgram"
    cbow = "cbow"


class Loss(enum.StrEnum):
    ns = "ns"
    hs = "hs"


class Compat(enum.StrEnum):
    fasttext = "fasttext"


def command(
    corpus: options.Corpus = None,
    model: Annotated[Model, typer.Option("--model", "-model", help="Predict contexts from a word, or words from their windows.")] = (
        Model.skipgram
    ),
    loss: Annotated[Loss, typer.Option("--loss", "-loss", help="Negative sampling, or hierarchical softmax.")] = Loss.ns,
    min_n: Annotated[int, typer.Option("--min-n", "-minn", help="Shortest n-gram of characters.", min=1)] = 3,
    max_n: Annotated[int, typer.Option("--max-n", "-maxn", help="Longest n-gram of characters; 0 trains words alone.", min=0)] = 6,
    buckets: Annotated[
        int, typer.Option("--buckets", "-bucket", help="n-grams are hashed into so many buckets; only those that occur take memory.", min=1)
    ] = 2_000_000,
    dim: shared.Dim = 100,
    window: shared.Window = 5,
    negative: shared.Negative = 5,
    epochs: shared.Epochs = 5,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "-lr", "-alpha", help="At first; it falls linearly.", show_default="0.05")
    ] = None,
    sample: shared.Sample = 1e-4,
    min_count: shared.MinCount = 5,
    max_vocab: shared.MaxVocab = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-output", help="Where it goes.", show_default="models/fasttext-<corpus>.vectors")
    ] = None,
    compat: Annotated[Compat | None, typer.Option(help="Do everything as fastText does.", show_default="lmkit's own way")] = None,
    held_out: shared.HeldOut = None,
    patience: shared.Patience = None,
    start: shared.Start = None,
    checkpoint_minutes: shared.CheckpointMinutes = 10.0,
    resume: shared.Resume = False,
    tokenizer: options.Tokenizer = None,
    sentences: options.SentencesOption = None,
    no_sentence_boundaries: options.NoBoundaries = False,
    lowercase: options.Lowercase = None,
    fold_numbers: options.FoldNumbers = None,
    normalization: options.NormalizationOption = None,
    encoding: options.Encoding = None,
    split: options.Split = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: shared.ThreadsOption = None,
) -> None:
    """Train word vectors that know the parts of words.

    As fastText does: from the n-grams of characters that words are made of, so that words never seen have vectors too. A plain
    file is split at white space and its lines are sentences; corpora of the catalogue name their own reading. fastText's spellings of
    options work: -dim, -ws, -neg, -epoch, -lr, -t, -minCount, -minn, -maxn, -bucket, -thread, -output.
    """
    from lmkit.embeddings.fasttext import FastText

    estimator = FastText(
        model=model.value,
        loss=loss.value,
        dim=dim,
        window=window,
        negative=negative,
        epochs=epochs,
        learning_rate=learning_rate,
        sample=sample,
        min_count=min_count,
        min_n=min_n,
        max_n=max_n,
        buckets=buckets,
        max_vocabulary_size=max_vocab,
        compat=None if compat is None else compat.value,
        seed=1 if seed is None else seed,
        threads=threads,
    )
    estimator.settings()  # refused before the text is read
    training = shared.Training(
        corpus,
        out,
        "fasttext",
        split,
        tokenizer=tokenizer,
        sentences=sentences,
        no_sentence_boundaries=no_sentence_boundaries,
        lowercase=lowercase,
        fold_numbers=fold_numbers,
        normalization=normalization,
        encoding=encoding,
    )
    read = training.run(estimator, held_out=held_out, patience=patience, start=start, minutes=checkpoint_minutes, resume=resume)
    training.tell(estimator, read, json=json, quiet=quiet)
