"""Linear interpolation of language models of any family, with weights learnt on held-out text.

p(w|h) = sum over models m of weight_m(b(h)) p_m(w|h), the weights those that make a held-out text most probable (Jelinek and Mercer 1980;
there is one optimum, since the log-likelihood is concave in the weights). They may differ by bucket b(h): the length of the longest n-gram
that an n-gram model of the mixture knows at the end of the history. A bucket must not depend on the predicted word, such as the length of
the n-gram that was hit would, or the mixture would not sum to one.
"""

from __future__ import annotations

import contextlib
import contextvars
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lmkit._container import write_container
from lmkit._validation import check_choice, check_float
from lmkit.errors import FormatError, InputError, InvalidParameterError, NotFittedError, UsageError
from lmkit.events import ScoredEvents
from lmkit.protocols import LanguageModel
from lmkit.text.answering import AnsweringModel
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions, reading_difference
from lmkit.text.vocabulary import Vocabulary
from lmkit.text.vocabulary_union import VocabularyUnion
from lmkit.wrappers.mixture_weights import log_sum, weights_by_bucket
from lmkit.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from lmkit._container import Container

KIND = "mixture"
_opening: contextvars.ContextVar[tuple[Path, ...]] = contextvars.ContextVar("opening", default=())


class Mixture(AnsweringModel):
    """Language models interpolated; itself a language model.

    Parameters
    ----------
    models : two language models or more that read text in the same way.
    weights : one a model, none negative, summing to one; None learns them from the text that `fit` gets.
    by : "static" for one set of weights, "context" for one for each length of the history that is known.
    vocabularies : "same" refuses models that don't know the same words, since they don't predict the same events. "union" lets the mixture
        know every word of any: a model that lacks some of them shares its probability of `<unk>` out evenly among those and the
        mixture's own `<unk>`, so that each model stays a distribution over the same events.

    Attributes
    ----------
    weights_ : float64 (buckets, models); one bucket for "static".
    notes_ : list of sentences about the fit that the user should see.

    Examples
    --------
    >>> from lmkit import NgramLanguageModel
    >>> from lmkit.wrappers.mixture import Mixture
    >>> text = "the cat sat\\nthe cat ran\\nthe dog sat"
    >>> mixture = Mixture([NgramLanguageModel(order=n).fit(text) for n in (1, 3)]).fit("the dog ran\\nthe cat sat")
    >>> round(float(mixture.weights_.sum()), 6)
    1.0
    """

    def __init__(
        self,
        models: Sequence[LanguageModel],
        weights: Sequence[float] | None = None,
        by: Literal["static", "context"] = "static",
        vocabularies: Literal["same", "union"] = "same",
    ) -> None:
        self.models = models
        self.weights = weights
        self.by = by
        self.vocabularies = vocabularies
        with contextlib.suppress(NotFittedError):  # parts that `sklearn.base.clone` made are fitted later
            self._prepare()

    def _prepare(self) -> None:
        """Check the parts and number their words."""
        parts = list(self.models)
        if len(parts) < 2:
            raise InvalidParameterError(f"The 'models' parameter of Mixture must be two models or more. Got {len(parts)} instead.")
        check_choice("Mixture", "by", self.by, ("static", "context"))
        check_same_reading([part.text_options for part in parts])
        self._union = VocabularyUnion([part.vocabulary for part in parts], self.vocabularies)
        for number, part in enumerate(parts, 1):
            if not part.is_normalised:
                raise UsageError(f"The scores of model {number} are no probabilities, so a mixture with it would be none. Leave it out.")
        if self.by == "context" and self._ruler is None:
            raise UsageError("Weights by context need an n-gram model in the mixture, whose n-grams tell how much of a history is known.")
        self.notes_: list[str] = []
        self.metadata_: dict[str, Any] = {}
        if self.weights is not None:
            self.weights_ = np.tile(_checked_weights(self.weights, len(parts)), (self._buckets, 1))

    @property
    def default_state(self) -> Literal["reset", "carry"]:
        """Carried along where a network of the mixture was trained to read on from sentence to sentence."""
        return "carry" if any(getattr(part, "default_state", "reset") == "carry" for part in self.models) else "reset"

    @property
    def _ruler(self) -> Any:
        """The n-gram model that measures histories: the one of highest order."""
        rulers: list[Any] = [part for part in self.models if hasattr(part, "context_length")]
        return max(rulers, key=lambda part: part.order_, default=None)

    @property
    def _buckets(self) -> int:
        return 1 if self.by == "static" else int(self._ruler.order_)

    # -- learning --------------------------------------------------------------------------------------------------------------------------

    def fit(self, corpus: Any, y: None = None) -> Mixture:
        """Learn the weights that make a held-out text most probable, unless they were given.

        Parameters
        ----------
        corpus : a text that none of the models was trained on; anything that models' `fit` takes.

        Raises
        ------
        InputError : if the text has no events that any model gives a probability above 0.
        """
        self._prepare()
        encoded = as_corpus(corpus, self.text_options)
        scores = self._scores(encoded, self.default_state, None)
        possible = np.isfinite(scores).any(axis=0)
        if not possible.any():
            raise InputError("The held-out text has no events that any of the models gives a probability. Take another one.")
        self.notes_ = list(encoded.notes)
        if not possible.all():
            self.notes_.append(f"{int((~possible).sum()):,} events have probability 0 in all models and taught nothing.")
        steps = 0
        if self.weights is None:
            buckets = self._bucket_of_events(encoded, self.default_state) if self.by == "context" else None
            self.weights_, steps = weights_by_bucket(scores, buckets, self._buckets)
        self.metadata_ = {
            "held_out": {"name": encoded.name, "sha256": encoded.sha256, "tokens": len(encoded), "sentences": encoded.n_sentences},
            "steps": steps,
            "state": self.default_state,
        }
        return self

    # -- the LanguageModel protocol --------------------------------------------------------------------------------------------------------

    @property
    def vocabulary(self) -> Vocabulary:
        return self._union.vocabulary

    @property
    def text_options(self) -> TextOptions:
        return self.models[0].text_options

    def score(self, corpus: Any, state: Literal["reset", "carry"] = "reset", threads: int | None = None) -> ScoredEvents:
        """Score every token of a text, and the end of every sentence.

        Parameters as those of the models. With "carry" a network that was trained on sentences begins each anew all the same.
        """
        self._check_fitted("weights_")
        encoded = as_corpus(corpus, self.text_options)
        scores = self._scores(encoded, state, threads)
        buckets = self._bucket_of_events(encoded, state) if self.by == "context" else np.zeros(scores.shape[1], np.int64)
        with np.errstate(divide="ignore"):
            mixed = log_sum(scores + np.log(self.weights_[buckets]).T)
        return ScoredEvents.of_corpus(encoded, self.vocabulary, mixed, ends=self.text_options.sentence_boundaries)

    def initial_state(self, batch: int = 1) -> tuple[Any, ...]:
        """States before the first word: one of each model."""
        return tuple(part.initial_state(batch) for part in self.models)

    def advance(self, state: tuple[Any, ...], token_ids: Sequence[int] | np.ndarray) -> tuple[Any, ...]:
        """States after one more word in each history."""
        ids = np.asarray(token_ids)
        return tuple(part.advance(own, numbers[ids]) for part, own, numbers in zip(self.models, state, self._union.maps, strict=True))

    def log_probs(self, state: tuple[Any, ...]) -> np.ndarray:
        """Natural logarithms of the next word's probabilities, float64 (batch, vocabulary); -inf for `<s>`."""
        self._check_fitted("weights_")
        rows = np.stack([self._union.spread(m, part.log_probs(own)) for m, (part, own) in enumerate(zip(self.models, state, strict=True))])
        buckets = self._bucket_of_state(state, rows.shape[1])
        with np.errstate(divide="ignore"):
            return log_sum(rows + np.log(self.weights_[buckets]).T[:, :, None])

    def _scores(self, encoded: EncodedCorpus, state: Literal["reset", "carry"], threads: int | None) -> np.ndarray:
        """Natural-log probabilities of each model, float64 (models, events), over the words of the mixture."""
        given = {} if threads is None else {"threads": threads}
        events = [part.score(encoded, _state_of(part, state), **given) for part in self.models]
        ends = events[0].is_end
        if any(len(other) != len(ends) or not np.array_equal(other.is_end, ends) for other in events[1:]):
            raise UsageError("The models score different events of this text, so they can't be mixed.")
        words = np.full(len(ends), Vocabulary.EOS, np.int64)
        words[~ends] = encoded.ids_in(self.vocabulary)
        return np.stack([self._union.share(m, words, own.log_probabilities) for m, own in enumerate(events)])

    # -- buckets ---------------------------------------------------------------------------------------------------------------------------

    def _bucket_of_state(self, state: tuple[Any, ...], batch: int) -> np.ndarray:
        if self.by == "static":
            return np.zeros(batch, np.int64)
        ruler = self._ruler
        own = next(part_state for part, part_state in zip(self.models, state, strict=True) if part is ruler)
        return np.asarray(ruler.context_length(own), np.int64)

    def _bucket_of_events(self, encoded: EncodedCorpus, state: Literal["reset", "carry"]) -> np.ndarray:
        """int64 (events,): all sentences step by step, side by side."""
        ruler, ends = self._ruler, self.text_options.sentence_boundaries
        ids, offsets = encoded.ids_in(ruler.vocabulary), np.asarray(encoded.sentence_offsets)
        if not ends and state == "carry":
            offsets = offsets[[0, -1]]
        lengths = np.diff(offsets) + (1 if ends else 0)
        starts = offsets[:-1] + (np.arange(len(lengths)) if ends else 0)
        result = np.empty(len(ids) + (len(lengths) if ends else 0), np.int64)
        order = np.argsort(-lengths, kind="stable")
        states = ruler.initial_state(len(order))
        for step in range(int(lengths.max(initial=0))):
            active = int(np.searchsorted(-lengths[order], -step))  # those longer than `step` come first
            states = states[:active]
            result[starts[order[:active]] + step] = ruler.context_length(states)
            going_on = int(np.searchsorted(-(np.diff(offsets)[order]), -step))
            going_on = min(going_on, active)
            states = ruler.advance(states[:going_on], ids[offsets[order[:going_on]] + step]) if going_on else states[:0]
        return result

    # -- what people ask -------------------------------------------------------------------------------------------------------------------

    def perplexities(self, text: Any, threads: int | None = None) -> list[float]:
        """The perplexity of each model alone, over the events of the mixture: with a union of vocabularies each shares its `<unk>` out."""
        scores = self._scores(as_corpus(text, self.text_options), self.default_state, threads)
        return [math.exp(-row.mean()) if len(row) and np.isfinite(row).all() else math.inf for row in scores]

    # -- files -----------------------------------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], parts: Sequence[str | os.PathLike[str]]) -> None:
        """Write the weights, and where the models' files are: the models themselves stay where they are.

        Parameters
        ----------
        parts : the file of each model; stored relative to the folder of `path`, so that a folder of both can be moved.

        Raises
        ------
        OutputError : if it can't be written.
        """
        self._check_fitted("weights_")
        if len(parts) != len(self.models):
            raise InvalidParameterError(f"The 'parts' parameter of save must be {len(self.models)} paths. Got {len(parts)} instead.")
        folder = Path(path).resolve().parent
        records = [
            {"path": os.path.relpath(Path(part).resolve(), folder), "vocabulary_hash": model.vocabulary.hash}
            for part, model in zip(parts, self.models, strict=True)
        ]
        document = {"models": records, "by": self.by, "vocabulary": self.vocabularies, "notes": self.notes_, **self.metadata_}
        write_container(path, KIND, document, {"mixture.weights": self.weights_})

    @classmethod
    def from_container(cls, container: Container) -> Mixture:
        """Open a mixture and its models; `lmkit.load` calls it.

        Raises
        ------
        FormatError : if the file is damaged, one of its models is not what it was, or a mixture holds itself.
        """
        own = container.path.resolve()
        if own in _opening.get():
            raise FormatError(f"{container.path}: is a mixture that holds itself. Make it again of other models.")
        token = _opening.set((*_opening.get(), own))
        try:
            return cls._opened(container, own.parent)
        finally:
            _opening.reset(token)

    @classmethod
    def _opened(cls, container: Container, folder: Path) -> Mixture:
        from lmkit.loading import load

        document = dict(container.metadata)
        records = document.pop("models", None)
        damaged = FormatError(f"{container.path}: does not tell its models. The file is damaged.")
        if not isinstance(records, list) or not all(isinstance(one, dict) and isinstance(one.get("path"), str) for one in records):
            raise damaged
        by, kind = document.pop("by", None), document.pop("vocabulary", None)
        weights = np.array(container.array("mixture.weights", np.float64, ndim=2))
        if by not in ("static", "context") or kind not in ("same", "union") or weights.shape[1] != len(records) or len(weights) < 1:
            raise damaged
        models = []
        for record in records:
            path = folder / record["path"]
            if not path.is_file():
                raise InputError(f"{container.path}: mixes {path}, which is not there. Put it back, or make the mixture again.")
            models.append(load(path))
            if models[-1].vocabulary.hash != record.get("vocabulary_hash"):
                raise FormatError(f"{container.path}: mixes {path}, whose vocabulary is not what it was. Make the mixture again.")
        mixture = cls(models, None, by, kind)
        if len(weights) != mixture._buckets or not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise damaged
        if np.abs(weights.sum(axis=1) - 1).max() > 1e-6:
            raise damaged
        mixture.weights_, mixture.notes_ = weights, list(document.pop("notes", None) or [])
        mixture.metadata_ = document
        return mixture

    def info(self) -> dict[str, Any]:
        """The card, JSON-able: the models' own cards, the weights, how they were found."""
        self._check_fitted("weights_")
        return {
            "kind": KIND,
            "models": [part.info() for part in self.models if hasattr(part, "info")],
            "weights": self.weights_.tolist(),
            "by": self.by,
            "vocabulary": self.vocabularies,
            "vocabulary_size": len(self.vocabulary),
            "vocabulary_hash": self.vocabulary.words_hash,
            "is_normalised": True,
            "notes": self.notes_,
            **self.metadata_,
        }


def check_same_reading(options: Sequence[TextOptions]) -> None:
    """Raise UsageError unless all read text in the same way; the encoding of files may differ."""
    first = options[0].to_dict()
    for number, other in enumerate(options[1:], 2):
        differs = reading_difference(first, other.to_dict(), ("model 1", f"model {number}"))
        if differs is not None:
            raise UsageError(f"These models don't predict the same events: {differs}. Train them with the same reading.")


def _state_of(part: LanguageModel, state: Literal["reset", "carry"]) -> Literal["reset", "carry"]:
    """How a part reads where the mixture reads so: a network that was trained on sentences reads no further."""
    while isinstance(part, Wrapper):
        part = part.model
    return "reset" if getattr(part, "default_state", state) == "reset" else state


def _checked_weights(weights: Sequence[float], models: int) -> np.ndarray:
    """float64 (1, models)."""
    given = [check_float("Mixture", "weights", value, minimum=0) for value in np.asarray(weights, np.float64).reshape(-1).tolist()]
    if len(given) != models or abs(sum(given) - 1) > 1e-6:
        raise InvalidParameterError(
            f"The 'weights' parameter of Mixture must be {models} numbers that sum to one, one a model. Got {list(weights)!r} instead."
        )
    return np.array([given]) / sum(given)
