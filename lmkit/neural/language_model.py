"""What neural language models share as people use them: training around the trainer, exact scores, files, the model card."""

from __future__ import annotations

import abc
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

import lmkit
from lmkit.errors import FormatError, InputError
from lmkit.events import ScoredEvents
from lmkit.neural import memory
from lmkit.neural.batching import TrainingText
from lmkit.neural.checkpoint import Checkpoint
from lmkit.neural.layers.initial import Zeros
from lmkit.neural.output_layer import allow_training
from lmkit.neural.recipe import Recipe
from lmkit.neural.starting import begin_from, begin_with_vectors, check_source, origin
from lmkit.neural.trainer import Listener, Trainer
from lmkit.neural.workers import ThreadWorkers
from lmkit.text.answering import AnsweringModel
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions
from lmkit.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lmkit._container import Container
    from lmkit.protocols import WordVectors


class NeuralLanguageModel(AnsweringModel, abc.ABC):
    """Base of the neural language models: subclasses say what network there is and how it reads."""

    kind: str
    architecture_class: type[Any]
    network_class: type[Any]
    _fitted_with = "network_"

    def __init__(
        self,
        architecture: Any = None,
        recipe: Recipe | None = None,
        min_count: int = 1,
        max_vocabulary_size: int | None = None,
        reading: TextOptions | None = None,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        self.architecture = architecture
        self.recipe = recipe
        self.min_count = min_count
        self.max_vocabulary_size = max_vocabulary_size
        self.reading = reading
        self.seed = seed
        self.threads = threads

    @property
    def _shape(self) -> Any:
        return self.architecture or self.architecture_class()

    @property
    def _recipe(self) -> Recipe:
        return self.recipe or Recipe()

    # -- what a subclass says --------------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def _make_source(self, text: TrainingText, threads: int) -> Any:
        """The batches of training."""

    @abc.abstractmethod
    def _validate(self, text: TrainingText, workers: ThreadWorkers) -> np.ndarray:
        """Log probabilities of a text's events, in training: fast rather than to the last digit."""

    @abc.abstractmethod
    def _score(self, text: TrainingText, carry: bool, workers: ThreadWorkers) -> np.ndarray:
        """Exact log probabilities of a text's events."""

    @abc.abstractmethod
    def initial_state(self, batch: int = 1) -> Any:
        """State before the first token."""

    @abc.abstractmethod
    def advance(self, state: Any, token_ids: Sequence[int] | np.ndarray) -> Any:
        """State after one more token each."""

    @abc.abstractmethod
    def log_probs(self, state: Any) -> np.ndarray:
        """Natural logarithms of the next token's probabilities, float64 (batch, V)."""

    # -- training --------------------------------------------------------------------------------------------------------------------------

    def fit(
        self,
        corpus: Any,
        y: None = None,
        *,
        valid: Any = None,
        vocabulary: Vocabulary | None = None,
        vectors: WordVectors | None = None,
        freeze_vectors: bool = False,
        start_from: NeuralLanguageModel | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_minutes: float = 10.0,
        resume: bool = False,
        listeners: Sequence[Listener] = (),
    ) -> Any:
        """Train.

        Parameters
        ----------
        corpus : an EncodedCorpus, a Path (file, folder), a string (the text itself), an iterable of sentences, or of lists of tokens.
        y : ignored, for scikit-learn's sake.
        valid : a second text, read as the first: validated on it, the weights with the best perplexity are kept.
        vocabulary : the words that the model knows; None takes those of the text. Not together with `min_count`, `max_vocabulary_size`.
        vectors : word vectors that the embedding begins with; words that they don't know begin at random.
        freeze_vectors : the embedding is not trained further.
        start_from : a model of the same kind and sizes that the weights are taken from. Its vocabulary and reading are kept where none are
            given; loss, dropout, recipe and text may be others.
        checkpoint : file that the training is kept in every `checkpoint_minutes`, and on Ctrl-C. It is left there: delete it once
            the model is saved.
        resume : go on from `checkpoint`.
        listeners : called with a record (JSON-able dict) every 50 steps and at each validation.

        Raises
        ------
        InputError : if the text can't be read or is too short.
        UsageError : if this machine's memory is too small, the checkpoint is of another training, or `start_from` does not fit.
        DivergenceError : if training diverges; `checkpoint` keeps what was good.
        """
        recipe = self._recipe
        threads = ThreadWorkers(self.threads).count
        if start_from is not None and vocabulary is None:
            vocabulary = start_from.vocabulary
        encoded = as_corpus(corpus, self.reading or (start_from.text_options if start_from is not None else TextOptions()))
        vocabulary = encoded.vocabulary.chosen(type(self).__name__, vocabulary, self.min_count, self.max_vocabulary_size)
        text = TrainingText.of(encoded, vocabulary)
        other = None if valid is None else as_corpus(valid, encoded.options)
        held_out = None if other is None else TrainingText.of(other, vocabulary)
        source = self._make_source(text, threads)
        counts = np.bincount(text.stream, minlength=len(vocabulary)).astype(np.int64)
        excluded = (vocabulary.BOS,) if encoded.options.sentence_boundaries else (vocabulary.BOS, vocabulary.EOS)
        self._check_vocabulary(counts, excluded)
        keeps_best = held_out is not None and checkpoint is None  # else beside the checkpoint
        memory.estimate(self._shape, recipe.make_optimizer(), source.max_rows, len(counts), keeps_best=keeps_best).check()
        self._begin(counts, excluded, vocabulary, start_from)
        if vectors is not None:
            self._beginning_notes.append(begin_with_vectors(self.network_, vocabulary, vectors, freeze_vectors))
        self._adopt(vocabulary, encoded.options)
        store = None
        if checkpoint is not None:
            store = Checkpoint(checkpoint, self._identity(encoded, other, vocabulary, recipe, threads))
        with ThreadWorkers(threads) as workers:
            self.network_.begin(source.max_rows, source.max_texts, threads)
            trainer = Trainer(
                self.network_,
                source,
                recipe,
                workers,
                validate=self._validation(held_out, workers),
                checkpoint=store,
                every=60 * checkpoint_minutes,
                listeners=tuple(listeners),
            )
            if resume:
                trainer.resume()
            result = trainer.run()
        self.network_.is_packed = False  # the weights have changed
        self._describe(encoded, recipe, threads, result)
        if store is not None:
            self.notes_ += [f"Resumed with {name} {now}, where it had been {before}." for name, (before, now) in store.changes.items()]
        return self

    def _begin(self, counts: np.ndarray, excluded: tuple[int, ...], vocabulary: Vocabulary, start_from: NeuralLanguageModel | None) -> None:
        """Make the network, with the weights of another model where one is given."""
        self.network_ = self.network_class(self._shape, counts, excluded, self.seed)
        self.counts_ = counts
        self.excluded_: tuple[int, ...] = excluded
        self._origin, self._beginning_notes = None, list[str]()
        if start_from is not None:
            check_source(start_from, self.kind, vocabulary, excluded)
            self._beginning_notes += begin_from(self.network_, start_from.network_)
            self._origin = origin(start_from)

    def _validation(self, held_out: TrainingText | None, workers: ThreadWorkers) -> Callable[[], float] | None:
        """What gives the perplexity of the held-out text, None without one."""
        if held_out is None or len(held_out.stream) == 0:
            return None

        def validate() -> float:
            mean = -float(self._validate(held_out, workers).mean())
            return float(np.exp(mean)) if mean < 700 else float("inf")

        return validate

    def _check_vocabulary(self, counts: np.ndarray, excluded: tuple[int, ...]) -> None:
        seen = int(np.count_nonzero(counts)) - sum(int(counts[token_id] > 0) for token_id in excluded)
        if seen < 2:
            raise InputError("The training text holds one token over and over: there is nothing to predict; take a text with more words.")

    def _identity(
        self, corpus: EncodedCorpus, valid: EncodedCorpus | None, vocabulary: Vocabulary, recipe: Recipe, threads: int
    ) -> dict[str, Any]:
        """What a training shares with its checkpoints."""
        return {
            "kind": self.kind,
            "architecture": self._shape.to_dict(),
            "recipe": recipe.to_dict(),
            "vocabulary": vocabulary.hash,
            "corpus": {"sha256": corpus.sha256, "tokens": len(corpus)},
            "valid": None if valid is None else f"{valid.sha256}, {len(valid)} tokens",
            "seed": self.seed,
            "threads": threads,
            **({} if self._origin is None else {"started_from": self._origin}),
        }

    def _adopt(self, vocabulary: Vocabulary, options: TextOptions) -> None:
        self.vocabulary_, self.text_options_ = vocabulary, options

    def _describe(self, corpus: EncodedCorpus, recipe: Recipe, threads: int, result: Any) -> None:
        """The notes and the model card."""
        self.history_ = result.history
        self.notes_ = [*corpus.notes, *self._beginning_notes]
        if self.counts_[self.vocabulary_.UNK] == 0 and corpus.options.is_word_level:
            self.notes_.append(
                "No word of the training text is unknown, so nothing was learnt of <unk>, as which unknown words are scored; "
                "--min-count 2 makes it of words seen once."
            )
        self.metadata_: dict[str, Any] = {
            "made_by": f"lmkit {lmkit.__version__}",
            "corpus": {
                "name": corpus.name,
                "sha256": corpus.sha256,
                "split": corpus.split_record,
                "tokens": len(corpus),
                "sentences": corpus.n_sentences,
            },
            "recipe": recipe.to_dict(),
            "seed": self.seed,
            "threads": threads,
            "training": {"steps": result.step, "epochs": result.epoch, "seconds": result.seconds, "best_valid_perplexity": result.best},
            "history": result.history,
            "notes": self.notes_,
            **({} if self._origin is None else {"started_from": self._origin}),
        }

    # -- the LanguageModel protocol --------------------------------------------------------------------------------------------------------

    @property
    def default_state(self) -> Literal["reset", "carry"]:
        """How the model was trained to read: carried from sentence to sentence, or each sentence apart."""
        trained = (self.metadata_.get("recipe") or {}).get("text", "streams") if hasattr(self, "metadata_") else "streams"
        return "reset" if trained == "sentences" else "carry"

    def score(self, corpus: Any, state: Literal["reset", "carry"] = "reset", threads: int | None = None) -> ScoredEvents:
        """Score every token of a text, and the end of every sentence.

        Parameters
        ----------
        corpus : as for `fit`.
        state : "reset" begins each sentence (each document, in continuous text) anew, "carry" goes on where the last one ended: as a
            model trained on streams is used to (see `default_state`).
        threads : by default all cores. The result is the same for any number, to the bit.
        """
        self._check_fitted("network_")
        encoded = as_corpus(corpus, self.text_options_)
        text = TrainingText.of(encoded, self.vocabulary_)
        scores = np.empty(0)
        if len(text.stream):
            with ThreadWorkers(threads or self.threads) as workers:
                scores = self._score(text, state == "carry", workers)
        return ScoredEvents.of_corpus(encoded, self.vocabulary_, scores, ends=self.text_options_.sentence_boundaries)

    # -- files -----------------------------------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file. Raises OutputError."""
        from lmkit._container import write_container

        self._check_fitted("network_")
        document = {
            "architecture": {**self._shape.to_dict(), "output": self.network_.output.to_dict()},  # with what defaults came to
            "excluded": list(self.excluded_),
            "text": self.text_options_.to_dict(),
            "vocabulary_hash": self.vocabulary_.hash,
            **self.metadata_,
        }
        tensors = {**self.network_.to_tensors(), **self.vocabulary_.to_tensors(), "token_counts": self.counts_}
        write_container(path, self.kind, document, tensors)

    @classmethod
    def from_container(cls, container: Container) -> Any:
        """Open a model file; `lmkit.load` calls it."""
        try:
            architecture = cls.architecture_class.from_dict(container.metadata["architecture"])
            record = container.metadata.get("recipe")
            recipe = None if record is None else Recipe(**record)
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError(
                f"{container.path}: the record of its architecture can't be read ({error}); it may come from a newer lmkit: update lmkit."
            ) from None
        model = cls(architecture, recipe, seed=int(container.metadata.get("seed", 0)))
        model._load(container, architecture)
        return model

    def _load(self, container: Container, architecture: Any) -> None:
        """Become the model of a file."""
        metadata = dict(container.metadata)
        where = str(container.path)
        vocabulary = Vocabulary.from_tensors(container, where=where)
        self._adopt(vocabulary, TextOptions.from_dict(metadata.pop("text", {}), where=where))
        self.counts_ = container.array("token_counts", np.int64, 1)
        self.excluded_ = tuple(int(token_id) for token_id in metadata.pop("excluded", ()))
        if len(self.counts_) != len(vocabulary) or any(not 0 <= token_id < len(vocabulary) for token_id in self.excluded_):
            raise FormatError(f"{where}: its counts do not fit its vocabulary; the file is damaged.")
        self.network_ = self.network_class(architecture, np.array(self.counts_), self.excluded_, self.seed, draws=Zeros(container.path))

        def read(name: str, shape: tuple[int, ...]) -> np.ndarray:
            tensor = container.array(name)
            if tuple(tensor.shape) != shape or tensor.dtype != np.float32:
                raise FormatError(
                    f"{where}: the tensor {name!r} is {tensor.dtype} {list(tensor.shape)}, expected float32 {list(shape)}; it is damaged."
                )
            return tensor

        self.network_.load_tensors(read)
        allow_training(self.network_.output, len(vocabulary), self.excluded_)
        for name in ("architecture", "vocabulary_hash"):
            metadata.pop(name, None)
        self.metadata_ = metadata
        self.notes_ = list(metadata.get("notes") or [])
        self.history_ = list(metadata.get("history") or [])

    def info(self) -> dict[str, Any]:
        """The model card, JSON-able: kind, sizes, how it was made."""
        self._check_fitted("network_")
        return {
            "kind": self.kind,
            "architecture": self._shape.to_dict(),
            "weights": int(sum(parameter.value.size for parameter in self.network_.parameters)),
            "vocabulary_size": len(self.vocabulary_),
            "vocabulary_hash": self.vocabulary_.words_hash,
            "is_normalised": self.is_normalised,
            "state": self.default_state,
            "text": self.text_options_.to_dict(),
            **self.metadata_,
        }
