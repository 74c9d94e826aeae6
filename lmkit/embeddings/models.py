"""Word2vec as people use it: fit on a text, get word vectors."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from lmkit._estimator import Estimator
from lmkit._validation import check_choice
from lmkit.embeddings.options import LOSSES, MODELS, Settings, Variant, check_patience
from lmkit.embeddings.presets import get_variant
from lmkit.embeddings.training.checkpoint import Checkpoints, keep_checkpoints
from lmkit.embeddings.training.merging import choose_threads
from lmkit.embeddings.training.objective import Objective, Parameters, make_objective
from lmkit.embeddings.training.text import TrainingText, WordRows
from lmkit.embeddings.training.trainer import Options, Report, Trainer, new_parameters
from lmkit.embeddings.vectors import WordVectors
from lmkit.errors import FormatError, InputError, InvalidParameterError
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions


class Word2Vec(Estimator):
    """Word vectors by skip-gram or CBOW (Mikolov et al. 2013a, 2013b).

    Parameters
    ----------
    model : "skipgram" or "cbow".
    loss : "ns", negative sampling, or "hs", hierarchical softmax.
    dim : numbers in a vector, >= 1.
    window : words on either side of a word that count as its context, at most.
    negative : noise words drawn for a prediction; only for "ns".
    epochs : passes over the text; with compat="fasttext" more where there are rare words (see `Variant.counts_rare_words`).
    learning_rate : at first; it falls linearly. None takes the variant's: 0.025 for skip-gram and 0.05 for CBOW if 240 million words are
        read in all, up to three times as much for fewer (see `Variant.rate_words`) unless `fit` gets vectors to begin with; along a tree
        0.03 and 0.05.
    sample : frequent words are left out at random, those the more that make up more than about this share of the text; 0 leaves none out.
    min_count : words seen less often get no vector.
    max_vocabulary_size : so many vectors at most, for the most frequent words; None for all.
    compat : "word2vec", "gensim" or "fasttext" do everything as these do (see `lmkit.embeddings.presets`), a `Variant` as it says. None is
        lmkit's own way: as word2vec, but one set of negatives for all words of a window, which is several times faster at the same quality.
    reading : how text becomes sentences and tokens, for what is not encoded yet; by default at white space, a line a sentence.
    seed : one seed, one number of threads, one text: the same bytes on one machine.
    threads : copies of the model that are trained at once and merged at fixed points; the memory of threads + 1 models. None is one for
        each core, but no more than one for 100,000 words of text: with fewer words each the vectors are worse than those of one thread.

    Attributes
    ----------
    vectors_ : `WordVectors`.
    history_ : list of one dict an epoch: loss (nats for a pair of words, its negatives included), pairs, centres, tokens, learning_rate,
        held_out_loss where a held-out text was given.
    notes_ : list of sentences about the training that the user should see.

    Examples
    --------
    >>> from lmkit.embeddings import Word2Vec
    >>> model = Word2Vec(dim=8, min_count=1, threads=1).fit("a rose is a rose\\nis a rose")
    >>> model.vectors_
    WordVectors(3 words, 8 dimensions, context)
    """

    def __init__(
        self,
        model: str = "skipgram",
        loss: str = "ns",
        dim: int = 100,
        window: int = 5,
        negative: int = 5,
        epochs: int = 5,
        learning_rate: float | None = None,
        sample: float = 1e-3,
        min_count: int = 5,
        max_vocabulary_size: int | None = None,
        compat: str | Variant | None = None,
        reading: TextOptions | None = None,
        seed: int = 1,
        threads: int | None = None,
    ) -> None:
        self.model = model
        self.loss = loss
        self.dim = dim
        self.window = window
        self.negative = negative
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.sample = sample
        self.min_count = min_count
        self.max_vocabulary_size = max_vocabulary_size
        self.compat = compat
        self.reading = reading
        self.seed = seed
        self.threads = threads

    def fit(
        self,
        corpus: Any,
        y: None = None,
        *,
        held_out: Any = None,
        patience: int | None = None,
        start: WordVectors | None = None,
        checkpoints: Checkpoints | None = None,
        report: Callable[[Report], None] | None = None,
    ) -> Word2Vec:
        """Train.

        Parameters
        ----------
        corpus : an EncodedCorpus, a Path (file, folder), a string (the text itself), an iterable of sentences, or of lists of tokens. The
            ids of an EncodedCorpus are used as they are, so that one that is memory-mapped may be larger than the memory.
        y : ignored, for scikit-learn's sake.
        held_out : a second text, read as the first, on which the loss is measured after each epoch.
        patience : epochs without a lower held-out loss after which training ends; the vectors of the best epoch are then kept.
        start : vectors to begin with, of the same dim. All its words keep a vector, however rare they are here; new words begin at random.
        checkpoints : store the training now and then, or go on from where it was stored.
        report : called with a `Report` about twice a second.

        Raises
        ------
        InvalidParameterError : if a parameter is outside its range.
        InputError : if the text can't be read, or too few words are frequent enough.
        KeyboardInterrupt : after Ctrl-C; `vectors_` then holds what was learned so far, and the checkpoint, where asked for, is stored.
        """
        settings = self.settings()
        check_patience(type(self).__name__, patience, held_out)
        encoded = as_corpus(corpus, self.reading)
        if self.learning_rate is None and start is None:
            words = settings.epochs * len(encoded)
            rate = settings.variant.learning_rate(settings.model, settings.loss, words)
            settings = dataclasses.replace(settings, learning_rate=rate)
        settings, notes = choose_threads(settings, self.threads, len(encoded))
        try:
            rows = WordRows.from_corpus(
                encoded, self.min_count, self.max_vocabulary_size, settings.variant, None if start is None else start.words
            )
            text = TrainingText(encoded, rows, settings.sample, settings.variant)
            objective = self._objective(text, settings)
        except InputError as error:
            if isinstance(corpus, str) and os.path.isfile(corpus):
                raise InputError(
                    f"{error} This text is the name of a file; to train on what the file holds, give Path({corpus!r})."
                ) from None
            raise
        other = None
        if held_out is not None:
            other = TrainingText(as_corpus(held_out, encoded.options), rows, settings.sample, settings.variant)
        parameters = new_parameters(objective, settings)
        if start is not None:
            self._begin_with(start, rows, parameters, objective)
            if not np.isfinite(parameters.largest()):
                raise FormatError(f"{start.where}: the output vectors or the subwords hold NaN or infinity; the file is damaged.")
        options = Options(report=report, held_out=other, patience=patience)
        trainer = Trainer(objective, text, settings, options, parameters)
        keep_checkpoints(trainer, checkpoints, {"estimator": type(self).__name__, **_identity(settings, encoded, rows, start)})
        self.notes_ = [*encoded.notes, *notes]
        try:
            trainer.run()
        finally:  # after Ctrl-C as well: what was learned so far is of use
            self._keep(trainer)
        return self

    def _keep(self, trainer: Trainer) -> None:
        corpus, rows = trainer.text.corpus, trainer.text.rows
        self.history_ = trainer.state.history
        self.notes_ += trainer.kept_notes()
        if self.history_ and not any(record["pairs"] for record in self.history_):
            self.notes_.append(
                "Nothing was learned, since no word was left with another beside it; take a longer text, or leave fewer words out (sample, "
                "--sample 0)."
            )
        made = {
            "estimator": type(self).__name__,
            "settings": trainer.settings.to_dict(),
            "min_count": self.min_count,
            "max_vocabulary_size": self.max_vocabulary_size,
            "corpus": corpus.record(),
            "known_tokens": trainer.text.known,
            "history": self.history_,
            "kept_epoch": trainer.kept_epoch or len(self.history_),
        }
        exported = trainer.objective.export(trainer.parameters)
        self.vectors_ = WordVectors(**exported, counts=rows.counts, text_options=corpus.options, made=made)

    def settings(self) -> Settings:
        """The training that the parameters describe, with the learning rate for a large text: `fit` raises it for a small one.

        Raises
        ------
        InvalidParameterError : if a parameter is outside its range.
        """
        return self._settings(get_variant(self.compat))

    def _settings(self, variant: Variant) -> Settings:
        owner = type(self).__name__
        check_choice(owner, "model", self.model, MODELS)
        check_choice(owner, "loss", self.loss, LOSSES)
        return Settings(
            self.model,
            self.loss,
            self.dim,
            self.window,
            self.negative,
            self.epochs,
            variant.learning_rate(self.model, self.loss) if self.learning_rate is None else self.learning_rate,
            self.sample,
            self.seed,
            (os.cpu_count() or 1) if self.threads is None else self.threads,
            variant,
        )

    def _objective(self, text: TrainingText, settings: Settings) -> Objective:
        return make_objective(text, settings)

    def start_notes(self, start: WordVectors) -> list[str]:
        """What a training that begins with these vectors can't take over from them, a sentence each."""
        notes = []
        if self.loss == "hs":
            notes.append("The vectors to begin with bring none for the tree, which begins anew.")
        elif start.context is None:
            notes.append("The vectors to begin with have no output vectors; these begin anew.")
        return notes + self._subword_notes(start)

    def _subword_notes(self, start: WordVectors) -> list[str]:
        if start.subwords is None:
            return []
        return ["The subwords of the vectors to begin with stay behind; FastText (train-fasttext) goes on with them."]

    def _check_start(self, start: WordVectors) -> None:
        if start.dimensions != self.dim:
            raise InvalidParameterError(
                f"The 'dim' parameter of {type(self).__name__} must be {start.dimensions}, as the vectors to begin with have. "
                f"Got {self.dim} instead."
            )
        start.check_finite()

    def _begin_with(self, start: WordVectors, rows: WordRows, parameters: Parameters, objective: Objective) -> None:
        """Copy vectors that are there already into the matrices."""
        self._check_start(start)
        found = rows.words.find_packed(start.words.blob, start.words.offsets, -1)
        known = np.flatnonzero(found >= 0)
        parameters.input_matrix[found[known]] = start.matrix[known]
        if self.loss == "ns" and start.context is not None:
            parameters.output_matrix[found[known]] = start.context[known]

    def info(self) -> dict[str, Any]:
        """The model card, JSON-able."""
        self._check_fitted("vectors_")
        return self.vectors_.info()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vectors in lmkit's own format; `lmkit.load` opens it. Raises OutputError."""
        self._check_fitted("vectors_")
        self.vectors_.save(path)


def _identity(settings: Settings, corpus: EncodedCorpus, rows: WordRows, start: WordVectors | None) -> dict[str, Any]:
    """What must be equal for a training to go on from a checkpoint."""
    return {
        "settings": settings.to_dict(),
        "corpus": {"sha256": corpus.sha256, "tokens": len(corpus), "options": corpus.options.to_dict()},
        "vocabulary": {"words": len(rows), "hash": rows.words.hash},
        "start": None if start is None else start.words.hash,
    }
