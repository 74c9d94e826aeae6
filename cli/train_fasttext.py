"""`lmkit train-fasttext`: from a corpus to saved word vectors with subwords."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from lmkit_cli import options
from lmkit_cli import vector_training as training
from lmkit_cli.shared_options import taking


class Compat(enum.StrEnum):
    fasttext = "fasttext"


@taking(training.TrainingOptions)
def command(
    corpus: options.Corpus = None,
    model: Annotated[
        training.Model, typer.Option("--model", "-model", help="Predict contexts from a word, or words from their windows.")
    ] = (training.Model.skipgram),
    loss: training.LossOption = training.Loss.ns,
    min_n: Annotated[int, typer.Option("--min-n", "-minn", help="Shortest n-gram of characters.", min=1)] = 3,
    max_n: Annotated[int, typer.Option("--max-n", "-maxn", help="Longest n-gram of characters; 0 trains words alone.", min=0)] = 6,
    buckets: Annotated[
        int, typer.Option("--buckets", "-bucket", help="n-grams are hashed into so many buckets; only those that occur take memory.", min=1)
    ] = 2_000_000,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "-lr", "-alpha", help="At first; it falls linearly.", show_default="0.05")
    ] = None,
    sample: training.Sample = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-output", help="Where it goes.", show_default="models/fasttext-<corpus>.vectors")
    ] = None,
    compat: Annotated[Compat | None, typer.Option(help="Do everything as fastText does.", show_default="lmkit's own way")] = None,
    train: training.Train = None,
    *,
    shared: training.TrainingOptions,
) -> None:
    """Train word vectors that know the parts of words.

    As fastText does: from the n-grams of characters that words are made of, so that words never seen have vectors too. A plain
    file is split at white space and its lines are sentences; corpora of the catalogue name their own reading. fastText's spellings of
    options work: -dim, -ws, -neg, -epoch, -lr, -t, -minCount, -minn, -maxn, -bucket, -thread, -input, -output.
    """
    from lmkit.embeddings.fasttext import FastText

    corpus, model, loss = training.as_word2vec(corpus, train, model, None, loss, None, shared.negative, None)
    training.refuse_idle({"--negative": (loss.value == "hs" and bool(shared.negative), "for negative sampling")})
    estimator = FastText(
        model=model.value,
        loss=loss.value,
        learning_rate=learning_rate,
        negative=training.NEGATIVE if shared.negative is None else shared.negative,
        sample=1e-4 if sample is None else sample,
        min_n=min_n,
        max_n=max_n,
        buckets=buckets,
        compat=None if compat is None else compat.value,
        **shared.parameters(),
    )
    estimator.settings()  # refused before the text is read
    run = training.Training(corpus, out, "fasttext", shared)
    run.tell(estimator, run.run(estimator))
