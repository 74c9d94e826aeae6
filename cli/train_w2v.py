"""`lmkit train-w2v`: from a corpus to saved word vectors."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from lmkit_cli import options
from lmkit_cli import vector_training as training
from lmkit_cli.shared_options import taking


class Compat(enum.StrEnum):
    word2vec = "word2vec"
    gensim = "gensim"
    fasttext = "fasttext"


@taking(training.TrainingOptions)
def command(
    corpus: options.Corpus = None,
    model: Annotated[
        training.Model, typer.Option("--model", "-model", help="Predict words from their contexts, or centres from windows.")
    ] = (training.Model.skipgram),
    loss: training.LossOption = training.Loss.ns,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            "-alpha",
            "-lr",
            help="At first; it falls linearly.",
            show_default="0.025 to 0.075, for CBOW 0.05 to 0.15, the higher the fewer words are read; with hs 0.03 and 0.05",
        ),
    ] = None,
    sample: training.Sample = None,
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
    train: training.Train = None,
    cbow: training.Cbow = None,
    hs: training.Hs = None,
    binary: training.Binary = None,
    *,
    shared: training.TrainingOptions,
) -> None:
    """Train word vectors with word2vec: skip-gram or CBOW, negative sampling or hierarchical softmax.

    A plain file is split at white space and its lines are sentences; corpora of the catalogue name their own reading. word2vec.c's and
    fastText's spellings of options work: -size, -dim, -ws, -neg, -iter, -epoch, -alpha, -lr, -t, -minCount, -threads, -output,
    -train, -cbow, -hs.
    """
    from lmkit.embeddings.models import Word2Vec
    from lmkit.embeddings.presets import get_variant

    corpus, model, loss = training.as_word2vec(corpus, train, model, cbow, loss, hs, shared.negative, binary)
    training.refuse_idle(
        {
            "--negative": (loss.value == "hs" and bool(shared.negative), "for negative sampling"),
            "--noise-exponent": (loss.value == "hs" and noise_exponent is not None, "for negative sampling"),
            "--own-negatives": (model.value == "cbow" and own_negatives, "for skip-gram"),
            "--cbow-sum": (model.value == "skipgram" and cbow_sum, "for --model cbow"),
            "--cbow-divided": (model.value == "skipgram" and cbow_divided, "for --model cbow"),
            "--sample": (left_context and sample is not None, "for vectors without --left-context, which reads every word"),
        }
    )
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
    if left_context:
        from lmkit.embeddings.language_model import EmbeddingLanguageModel
        from lmkit_cli.left_context import LanguageModelTraining, check_options

        check_options(loss.value, shared.start, compat, bool(changes))
        predictor = EmbeddingLanguageModel(model=model.value, learning_rate=learning_rate, **shared.parameters())
        predictor.settings()
        language = LanguageModelTraining(corpus, out, "w2v", shared)
        language.tell_language_model(predictor, language.run_language_model(predictor))
        return
    estimator = Word2Vec(
        model=model.value,
        loss=loss.value,
        learning_rate=learning_rate,
        negative=training.NEGATIVE if shared.negative is None else shared.negative,
        sample=1e-3 if sample is None else sample,
        compat=get_variant(None if compat is None else compat.value).replace(**changes),
        **shared.parameters(),
    )
    estimator.settings()  # refused before the text is read
    run = training.Training(corpus, out, "w2v", shared)
    run.tell(estimator, run.run(estimator))
