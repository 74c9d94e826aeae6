"""fastText as people use it: word vectors that know the parts of words, and vectors for words never seen."""

from __future__ import annotations

import dataclasses

import numpy as np

from lmkit._validation import check_choice, check_int
from lmkit.embeddings.models import Word2Vec
from lmkit.embeddings.options import Settings, Variant
from lmkit.embeddings.presets import get_variant
from lmkit.embeddings.subwords import NgramOptions
from lmkit.embeddings.training.objective import Objective, Parameters
from lmkit.embeddings.training.subword import SubwordBags
from lmkit.embeddings.training.text import TrainingText, WordRows
from lmkit.embeddings.vectors import WordVectors
from lmkit.errors import InvalidParameterError
from lmkit.text.options import TextOptions

LEARNING_RATE = 0.05
"""fastText's own, for both models."""


@dataclasses.dataclass(frozen=True)
class SubwordSettings(Settings):
    """`Settings` and the n-grams that words are made of; None for the words' own rows alone."""

    ngrams: NgramOptions | None = None


class FastText(Word2Vec):
    """Word vectors from character n-grams, by skip-gram or CBOW (Bojanowski, Grave, Joulin and Mikolov 2017).

    A word's vector is the mean of its own row and those of its n-grams, so that words that look alike share what is learned, and a word
    never seen has a vector too.

    Parameters
    ----------
    model, dim, window, epochs, min_count, max_vocabulary_size, reading, seed, threads : as for `Word2Vec`.
    loss : "ns", negative sampling, or "hs", hierarchical softmax.
    negative : noise words drawn for a prediction; only for "ns".
    learning_rate : at first; it falls linearly. None is 0.05.
    sample : as for `Word2Vec`; fastText's own default, 1e-4.
    min_n, max_n : shortest and longest n-gram in characters, over `<word>`. max_n = 0 trains words alone.
    buckets : n-grams are hashed into so many; only those that occur take memory.
    compat : "fasttext" does everything as fastText does, a `Variant` as it says (skip-gram predicts the context from the centre in any
        case). None is lmkit's own way: a centre word's vector is made once for all its pairs, and each pair's negatives are drawn from a
        pool of 256 that changes every 64 words of text.

    Attributes
    ----------
    vectors_ : `WordVectors` with `subwords`.
    history_, notes_ : as for `Word2Vec`.

    Examples
    --------
    >>> from lmkit.embeddings import FastText
    >>> model = FastText(dim=8, min_count=1, threads=1).fit("a rose is a rose\\nis a rose")
    >>> model.vectors_.vector("roses").shape
    (8,)
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
        sample: float = 1e-4,
        min_count: int = 5,
        min_n: int = 3,
        max_n: int = 6,
        buckets: int = 2_000_000,
        max_vocabulary_size: int | None = None,
        compat: str | Variant | None = None,
        reading: TextOptions | None = None,
        seed: int = 1,
        threads: int | None = None,
    ) -> None:
        super().__init__(
            model=model,
            loss=loss,
            dim=dim,
            window=window,
            negative=negative,
            epochs=epochs,
            learning_rate=learning_rate,
            sample=sample,
            min_count=min_count,
            max_vocabulary_size=max_vocabulary_size,
            compat=compat,
            reading=reading,
            seed=seed,
            threads=threads,
        )
        self.min_n = min_n
        self.max_n = max_n
        self.buckets = buckets

    def ngrams(self) -> NgramOptions | None:
        """Which n-grams the parameters describe, None for none. Raises InvalidParameterError."""
        check_int("FastText", "max_n", self.max_n, minimum=0)
        if self.max_n == 0:
            return None
        check_int("FastText", "min_n", self.min_n, minimum=1)
        if self.max_n < self.min_n:
            raise InvalidParameterError(
                f"The 'max_n' parameter of FastText must be an int of at least min_n, which is {self.min_n}, or 0. "
                f"Got {self.max_n!r} instead."
            )
        check_int("FastText", "buckets", self.buckets, minimum=1, maximum=2**31 - 1)
        return NgramOptions(self.min_n, self.max_n, self.buckets)

    def settings(self) -> SubwordSettings:
        """The training that the parameters describe. Raises InvalidParameterError."""
        ngrams = self.ngrams()
        if isinstance(self.compat, str):
            check_choice("FastText", "compat", self.compat, ("fasttext",))
        variant = get_variant(self.compat)
        for name, needed in (("cbow_mean", True), ("noise_collision", "redraw")):
            if getattr(variant, name) != needed:
                raise InvalidParameterError(
                    f"The {name!r} parameter of Variant must be {needed!r} for subwords, as in fastText. "
                    f"Got {getattr(variant, name)!r} instead."
                )
        if self.compat is None:
            variant = variant.replace(skipgram_rate=LEARNING_RATE, cbow_rate=LEARNING_RATE, tree_rate=LEARNING_RATE)
        common = super()._settings(variant.replace(rate_words=None))  # larger steps on small texts cost subwords their analogies
        return SubwordSettings(**{field.name: getattr(common, field.name) for field in dataclasses.fields(common)}, ngrams=ngrams)

    def _objective(self, text: TrainingText, settings: Settings) -> Objective:
        assert isinstance(settings, SubwordSettings)
        return SubwordBags(text, settings, settings.ngrams)

    def _subword_notes(self, start: WordVectors) -> list[str]:
        ngrams = self.ngrams()
        old = None if start.subwords is None else start.subwords.options
        if ngrams is None:
            return super()._subword_notes(start)
        if ngrams == old:
            return []
        if old is None:
            return ["The vectors to begin with have no subwords; all n-grams begin anew."]
        was = f"{old.min_n} to {old.max_n} characters in {old.buckets:,} buckets"
        return [f"The vectors to begin with have n-grams of {was}, and these are others: all n-grams begin anew."]

    def _begin_with(self, start: WordVectors, rows: WordRows, parameters: Parameters, objective: Objective) -> None:
        """Give words the vectors that are there already, and n-grams where these have any of the same kind."""
        assert isinstance(objective, SubwordBags)
        self._check_start(start)
        found = rows.words.find_packed(start.words.blob, start.words.offsets, -1)
        known = np.flatnonzero(found >= 0)
        own = start.matrix if start.subwords is None or start.subwords.word_vectors is None else start.subwords.word_vectors
        parameters.input_matrix[objective.rows.row_of_word[found[known]]] = own[known]
        if start.subwords is not None and start.subwords.options == objective.ngrams:
            places = start.subwords.rows_of(objective.rows.buckets)
            there = places >= 0
            parameters.input_matrix[objective.rows.row_of_bucket[there]] = start.subwords.matrix[places[there]]
        if self.loss == "ns" and start.context is not None:
            parameters.output_matrix[found[known]] = start.context[known]
