"""`lmkit train-w2v`: from a corpus to saved word vectors."""

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
    word2vec = "word2vec"
    gensim = "gensim"
    fasttext = "fasttext"


def command(
    corpus: options.Corpus = None,
    model: Annotated[Model, typer.Option("--model", "-model", help="Predict words from their contexts, or centres from windows.")] = (
        Model.skipgram
    ),
    loss: Annotated[Loss, typer.Option("--loss", "-loss", help="Negative sampling, or hierarchical softmax.")] = Loss.ns,
    dim: shared.Dim = 100,
    window: shared.Window = 5,
    negative: shared.Negative = 5,
    epochs: shared.Epochs = 5,
    learning_rate: shared.LearningRate = None,
    sample: shared.Sample = 1e-3,
    min_count: shared.MinCount = 5,
    max_vocab: shared.MaxVocab = None,
    out: Annotated[Path | None, typer.Option("--out", "-output", help="Where it goes.", show_default="models/w2v-<corpus>.vectors")] = None,
    compat: Annotated[
        Compat | None, typer.Option(help="Do everything as word2vec.c, gensim or fastText do.", show_default="lmkit's own way")
    ] = None,
    own_negatives: Annotated[
        bool, typer.Option("--own-negatives", help="Draw negatives for every pair of skip-gram, not once for a window.")
    ] = False,
    fixed_window: Annotated[
        bool, typer.Option("--fixed-window", help="Take every window whole, instead of a size drawn up to it.")
    ] = False,
    noise_exponent: Annotated[float | None, typer.Option(help="Negatives are drawn by counts to this power.", show_default="0.75")] = None,
    cbow_sum: Annotated[bool, typer.Option("--cbow-sum", help="Sum the window's vectors for CBOW, instead of their mean.")] = False,
    cbow_divided: Annotated[
        bool, typer.Option("--cbow-divided", "--koan", help="Divide CBOW's gradient by the number of context words, as kōan does.")
    ] = False,
    left_context: Annotated[
        bool,
        typer.Option(
            "--left-context", help="Train on the words before each word alone, as a language model (with --loss hs); rare words are <unk>."
        ),
    ] = False,
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
    """Train word vectors with word2vec: skip-gram or CBOW, negative sampling or hierarchical softmax.

    A plain file is split at white space and its lines are sentences; corpora of the catalogue name their own reading. word2vec.c's and
    fastText's spellings of options work: -size, -dim, -ws, -neg, -iter, -epoch, -alpha, -lr, -t, -minCount, -threads, -output.
    """
    from lmkit.embeddings.models import Word2Vec
    from lmkit.embeddings.presets import get_variant

    changes = {
        name: value
        for name, value, given in (
            ("share_negatives", False, own_negatives),
            ("shrink_windows", False, fixed_window),
            ("noise_exponent", noise_exponent, noise_exponent is not None),
            ("cbow_mean", False, cbow_sum),
            ("cbow_divided", True, cbow_divided),
        )
        if given
    }
    reading_options = {
        "tokenizer": tokenizer,
        "sentences": sentences,
        "no_sentence_boundaries": no_sentence_boundaries,
        "lowercase": lowercase,
        "fold_numbers": fold_numbers,
        "normalization": normalization,
        "encoding": encoding,
    }
    if left_context:
        from lmkit.embeddings.language_model import EmbeddingLanguageModel
        from lmkit_cli.left_context import LanguageModelTraining, check_options

        check_options(loss.value, start, compat, bool(changes))
        predictor = EmbeddingLanguageModel(
            model.value, dim, window, epochs, learning_rate, min_count, max_vocab, seed=1 if seed is None else seed, threads=threads
        )
        predictor.settings()
        language = LanguageModelTraining(corpus, out, "w2v", split, **reading_options)
        text = language.run_language_model(predictor, held_out=held_out, patience=patience, minutes=checkpoint_minutes, resume=resume)
        language.tell_language_model(predictor, text, json=json, quiet=quiet)
        return
    estimator = Word2Vec(
        model=model.value,
        loss=loss.value,
        dim=dim,
        window=window,
        negative=negative,
        epochs=epochs,
        learning_rate=learning_rate,
        sample=sample,
        min_count=min_count,
        max_vocabulary_size=max_vocab,
        compat=get_variant(None if compat is None else compat.value).replace(**changes),
        seed=1 if seed is None else seed,
        threads=threads,
    )
    estimator.settings()  # refused before the text is read
    training = shared.Training(corpus, out, "w2v", split, **reading_options)
    read = training.run(estimator, held_out=held_out, patience=patience, start=start, minutes=checkpoint_minutes, resume=resume)
    training.tell(estimator, read, json=json, quiet=quiet)
