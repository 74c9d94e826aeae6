"""The n-gram language model as people use it: made from text or counts, kept in files; what it answers is `NgramScorer`'s."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lmkit
from lmkit._memory import parse_size
from lmkit._validation import check_int
from lmkit.errors import InvalidParameterError, UsageError
from lmkit.ngram.counting.counts import NgramCounts
from lmkit.ngram.counting.estimation import Outcome, Recipe, as_path, estimate, estimate_counts, estimate_to_arpa
from lmkit.ngram.formats import native
from lmkit.ngram.pruning.subjects import as_prunings
from lmkit.ngram.querying.backoff import MAXIMUM_ORDER, BackoffTrie
from lmkit.ngram.querying.compact import CompactTrie
from lmkit.ngram.scorer import NgramScorer
from lmkit.ngram.smoothing import Smoothing, get_method
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions
from lmkit.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from lmkit._container import Container


class NgramLanguageModel(NgramScorer):
    """Back-off n-gram model over words, characters or bytes.

    Parameters
    ----------
    order : int in 1..100, longest n-gram. Lowered, with a note, where no sentence is that long.
    smoothing : name of a method in `lmkit.ngram.smoothing`, or one with its parameters, such as `WittenBell(interpolated=False)`.
    min_count : words that occur less often become `<unk>`.
    max_vocabulary_size : the most frequent so many tokens are kept, `<unk>`, `<s>` and `</s>` included; None keeps all.
    pruning : what is taken out as the model is made: counts, so that (0, 0, 1) drops n-grams above order 2 that occur once, or a method of
        `lmkit.ngram.pruning` or several; None keeps all.
    reading : how text becomes sentences and tokens; by default at white space, a line a sentence. Kept in the model and applied to
        whatever it scores.
    memory : how much memory the process may take while it estimates: bytes, or such as "2G" or "50%" (of the machine's). What does not fit
        is counted on disk; the model is the same to the bit. None for no bound.
    temp : folder for temporary files, by default that of the model file if there is one, or else the system's. They have no names, so that
        nothing remains of them however the process ends.
    threads : cores used to estimate, by default all. The model is the same for any number.

    Attributes
    ----------
    order_ : int, longest n-gram in the model.
    trie_ : `BackoffTrie`, or `CompactTrie` after `compact`.
    notes_ : list of sentences about the training that the user should see.
    metadata_ : JSON-able dict, how the model was made.

    Examples
    --------
    >>> from lmkit import NgramLanguageModel
    >>> model = NgramLanguageModel(order=3).fit("the cat sat\\nthe cat ran\\nthe dog sat")
    >>> round(model.perplexity("the dog ran"), 2)
    4.06
    """

    def __init__(
        self,
        order: int = 5,
        smoothing: str | Smoothing = "modified-kneser-ney",
        min_count: int = 1,
        max_vocabulary_size: int | None = None,
        reading: TextOptions | None = None,
        pruning: Any = None,
        memory: int | str | None = None,
        temp: str | os.PathLike[str] | None = None,
        threads: int | None = None,
    ) -> None:
        self.order = order
        self.smoothing = smoothing
        self.min_count = min_count
        self.max_vocabulary_size = max_vocabulary_size
        self.reading = reading
        self.pruning = pruning
        self.memory = memory
        self.temp = temp
        self.threads = threads

    # -- training --------------------------------------------------------------------------------------------------------------------------

    def fit(self, corpus: Any, y: None = None, *, held_out: Any = None, vocabulary: Vocabulary | None = None) -> NgramLanguageModel:
        """Count and smooth.

        Parameters
        ----------
        corpus : an EncodedCorpus, a Path (file, folder), a string (the text itself), an iterable of sentences, or of lists of tokens.
        y : ignored, for scikit-learn's sake.
        held_out : a second text, read as the first, on which the smoothing method tunes what it does not compute by formula
            (`jelinek-mercer`, and methods with discount="tuned").
        vocabulary : the words that the model knows, such as another model's with which it is to be mixed; others are `<unk>`. None takes
            those of the text. Not together with `min_count` or `max_vocabulary_size`.

        Raises
        ------
        InvalidParameterError : if a parameter is outside its range, or a held-out text is missing or of no use.
        InputError : if the text can't be read or has no tokens.
        """
        self._estimate(corpus, held_out, None, vocabulary)
        return self

    def fit_to_file(
        self, corpus: Any, path: str | os.PathLike[str], *, held_out: Any = None, vocabulary: Vocabulary | None = None
    ) -> NgramLanguageModel:
        """`fit` and `save` in one, with less memory: the file is written while the n-grams are estimated, and the model is mapped from it.

        Parameters
        ----------
        corpus, held_out, vocabulary : as for `fit`.
        path : the model file; the same bytes as `save` would write.

        Raises
        ------
        InvalidParameterError, InputError : as `fit`.
        OutputError : if the file can't be written; what stood at `path` before is then untouched.
        """
        self._estimate(corpus, held_out, Path(path), vocabulary)
        return self

    def fit_to_arpa(
        self, corpus: Any, path: str | os.PathLike[str], *, held_out: Any = None, vocabulary: Vocabulary | None = None
    ) -> dict[str, Any]:
        """Estimate straight into an ARPA file: in less time and memory than `fit` and `write_arpa`, since no model is made to be asked.

        Parameters
        ----------
        corpus, held_out, vocabulary : as for `fit`.
        path : the file; the same bytes as `write_arpa` would write, gzipped if the name ends in .gz.

        Returns
        -------
        The model card, as `info` gives it. This object learns nothing but its notes: `from_arpa` opens the model.

        Raises
        ------
        InvalidParameterError, InputError, OutputError : as `fit_to_file`.
        """
        recipe, encoded, words, other = self._prepare(corpus, held_out, vocabulary)
        outcome, sizes = estimate_to_arpa(encoded, words, other, recipe, Path(path))
        self._describe(outcome, encoded.options, list(encoded.notes), {"corpus": encoded.record()}, other)
        return self._card(outcome.order, sizes, outcome.vocabulary, encoded.options, outcome.is_normalised)

    def fit_counts(
        self, counts: NgramCounts, vocabulary: Vocabulary, *, held_out: Any = None, origin: dict[str, Any] | None = None
    ) -> NgramLanguageModel:
        """Smooth counts that are there already, such as those of several texts (`lmkit.ngram.count_files.merge_counts` and `trie_of`).

        Parameters
        ----------
        counts : their order is the model's; `order`, `min_count` and `max_vocabulary_size` play no part. Counts that are no whole numbers
            are for methods that take them, such as `witten-bell`.
        vocabulary : the words of the counts. Texts are read by `reading`.
        held_out : as for `fit`.
        origin : JSON-able, what the model card says of the texts.

        Raises
        ------
        UsageError : for counts that the smoothing method can't take.
        """
        options = self.reading or TextOptions(sentences="line" if counts.boundaries else "none")
        if options.sentence_boundaries != counts.boundaries:
            raise UsageError("Of counts and reading one has sentence boundaries and the other has none; take a reading as the texts'.")
        method = get_method(self.smoothing)
        method.check_held_out(held_out is not None)
        recipe = Recipe(counts.order, method, as_prunings(self.pruning))
        other = None if held_out is None else as_corpus(held_out, options)
        outcome = estimate_counts(counts, vocabulary, other, recipe)
        self._accept(outcome, options, [], {} if origin is None else {"corpus": origin}, other)
        return self

    def _estimate(self, corpus: Any, held_out: Any, path: Path | None, known: Vocabulary | None) -> None:
        """Train, and write a file if there is a path."""
        recipe, encoded, vocabulary, other = self._prepare(corpus, held_out, known)
        origin = {"corpus": encoded.record()}

        def document(outcome: Outcome) -> dict[str, Any]:
            self._describe(outcome, encoded.options, list(encoded.notes), origin, other)
            return self._document(encoded.options, outcome.vocabulary, outcome.is_normalised)

        self._accept(estimate(encoded, vocabulary, other, recipe, path, document), encoded.options, list(encoded.notes), origin, other)

    def _prepare(
        self, corpus: Any, held_out: Any, known: Vocabulary | None
    ) -> tuple[Recipe, EncodedCorpus, Vocabulary, EncodedCorpus | None]:
        """What estimation needs: the parameters, checked, the text, its words, and the held-out text."""
        order = check_int("NgramLanguageModel", "order", self.order, minimum=1, maximum=MAXIMUM_ORDER)
        method = get_method(self.smoothing)
        method.check_held_out(held_out is not None)
        memory = None if self.memory is None else parse_size("NgramLanguageModel", "memory", self.memory)
        threads = None if self.threads is None else check_int("NgramLanguageModel", "threads", self.threads, minimum=1)
        recipe = Recipe(order, method, as_prunings(self.pruning), memory, as_path(self.temp), threads)
        encoded = as_corpus(corpus, self.reading or TextOptions())
        other = None if held_out is None else as_corpus(held_out, encoded.options)
        return recipe, encoded, encoded.vocabulary.chosen("NgramLanguageModel", known, self.min_count, self.max_vocabulary_size), other

    def _accept(
        self, outcome: Outcome, options: TextOptions, notes: list[str], origin: dict[str, Any], held_out: EncodedCorpus | None
    ) -> None:
        """Become the model that came of estimation."""
        self._install(outcome.trie, outcome.vocabulary, options, outcome.is_normalised)
        self._describe(outcome, options, notes, origin, held_out)

    def _describe(
        self, outcome: Outcome, options: TextOptions, notes: list[str], origin: dict[str, Any], held_out: EncodedCorpus | None
    ) -> None:
        """The notes and the model card."""
        self.notes_ = [*notes, *outcome.notes]
        if outcome.order < self.order and origin.get("corpus", {}).get("tokens") is not None:
            unit = "the longest sentence, <s> and </s> included," if options.sentence_boundaries else "the text"
            self.notes_.append(f"Order {self.order} was lowered to {outcome.order}: {unit} has {outcome.order} tokens.")
        if held_out is not None and held_out.sha256 == origin.get("corpus", {}).get("sha256"):
            self.notes_.append(
                "The held-out text is the training text itself, of which every n-gram was seen: what was tuned on it serves no other text. "
                "Give a text of its own."
            )
        self.metadata_: dict[str, Any] = {
            "made_by": f"lmkit {lmkit.__version__}",
            "options": {
                name: value.to_dict() if isinstance(value, Smoothing) else value
                for name, value in self.get_params().items()
                if name not in ("reading", "pruning", "memory", "temp", "threads")
            },
            **origin,
            **({"held_out": held_out.record()} if held_out is not None else {}),
            "estimation": {"smoothing": get_method(self.smoothing).to_dict(), **outcome.details},
            **({"pruning": outcome.pruning} if outcome.pruning else {}),
            "notes": self.notes_,
        }

    # -- forms -----------------------------------------------------------------------------------------------------------------------------

    def fast_trie(self) -> BackoffTrie:
        """The fast form of the model's n-grams; made in memory if the model is compact."""
        self._check_fitted("trie_")
        return self.trie_.expand() if isinstance(self.trie_, CompactTrie) else self.trie_

    def compact(self, bits: int | None = None) -> NgramLanguageModel:
        """The same model in its compact form: about 8 bytes an n-gram, or 4.5 with bits=8, for slower queries.

        bits : None keeps every probability; 2 to 16 rounds probabilities and back-off weights to so many bits, which costs some
        perplexity and
            leaves sums that are not exactly one.
        """
        return self._in_form(CompactTrie.from_trie(self.fast_trie(), bits), {"form": "compact", "quantised_bits": bits})

    def fast(self) -> NgramLanguageModel:
        """The same model in its fast form, which every model has that was not made by `compact`."""
        return self._in_form(self.fast_trie(), {"form": "fast"})

    def _in_form(self, trie: BackoffTrie | CompactTrie, record: dict[str, Any]) -> NgramLanguageModel:
        model = type(self)(**self.get_params())
        model._install(trie, self.vocabulary_, self.text_options_, self.is_normalised_)
        model.notes_ = list(self.notes_)
        model.metadata_ = {**self.metadata_, "storage": {**self.metadata_.get("storage", {}), **record}}
        return model

    def with_ngrams(
        self, trie: BackoffTrie, vocabulary: Vocabulary, record: dict[str, Any], notes: Sequence[str] = (), *, replace: bool = False
    ) -> NgramLanguageModel:
        """A model made of this one, such as by pruning: other n-grams, read as this one.

        It is described as this one but for `record` and `notes`; with `replace` by these alone.
        """
        model = type(self)(**({"order": trie.order, "reading": self.reading} if replace else self.get_params()))
        model._install(trie, vocabulary, self.text_options, self.is_normalised_)
        model.notes_ = [*([] if replace else self.notes_), *notes]
        kept = {} if replace else {key: value for key, value in self.metadata_.items() if key != "storage"}
        model.metadata_ = {**kept, **record, "notes": model.notes_}
        return model

    # -- files -----------------------------------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write lmkit's own file (docs/file-formats.md), beside its target and then renamed. Raises OutputError."""
        self._check_fitted("trie_")
        document = self._document(self.text_options_, self.vocabulary_, self.is_normalised_)
        native.write_native(path, self.trie_, self.vocabulary_, document)

    def _document(self, options: TextOptions, vocabulary: Vocabulary, is_normalised: bool) -> dict[str, Any]:
        """Metadata of the model file."""
        return {
            **self.metadata_,
            "text": options.to_dict(),
            "vocabulary_hash": vocabulary.hash,
            "is_normalised": is_normalised,
        }

    def write_arpa(self, path: str | os.PathLike[str]) -> None:
        """Write an ARPA file, gzipped if the name ends in .gz. Reading it back gives the same probabilities to the bit. Raises
        OutputError."""
        self._check_fitted("trie_")
        from lmkit.ngram.formats.arpa_writing import write_arpa

        write_arpa(path, self.fast_trie(), self.vocabulary_)

    @classmethod
    def from_container(cls, container: Container) -> NgramLanguageModel:
        """Open lmkit's own file; `lmkit.load` calls it."""
        trie, vocabulary = native.read_native(container)
        metadata = dict(container.metadata)
        options = TextOptions.from_dict(metadata.pop("text", {}), where=str(container.path))
        is_normalised = bool(metadata.pop("is_normalised", True))
        metadata.pop("vocabulary_hash", None)
        known = {name: value for name, value in (metadata.get("options") or {}).items() if name in cls._parameter_names()}
        if isinstance(known.get("smoothing"), dict):
            with contextlib.suppress(InvalidParameterError):  # a later version's method: usable, but not fitted again
                known["smoothing"] = get_method(known["smoothing"])
        model = cls(**{**known, "order": trie.order, "reading": options})
        model._install(trie, vocabulary, options, is_normalised)
        model.metadata_ = metadata
        model.notes_ = list(metadata.get("notes") or [])
        return model

    @classmethod
    def from_arpa(cls, path: str | os.PathLike[str], reading: TextOptions | None = None) -> NgramLanguageModel:
        """Read an ARPA file, plain or gzipped. The file does not say how its text was read: by default at white space, a line a sentence.

        Raises
        ------
        FormatError : with the line, if the file is cut or inconsistent.
        """
        from lmkit.ngram.formats.arpa import read_arpa

        trie, vocabulary, has_boundaries, notes = read_arpa(path)
        options = reading or TextOptions(sentences="line" if has_boundaries else "none")
        model = cls(order=trie.order, smoothing="modified-kneser-ney", reading=options)
        model._install(trie, vocabulary, options)
        model.notes_ = notes
        model.metadata_ = {"made_by": f"read from the ARPA file {os.fspath(path)}", "options": {}, "notes": notes}
        return model

    def info(self) -> dict[str, Any]:
        """The model card, JSON-able: kind, sizes, how it was made."""
        self._check_fitted("trie_")
        return self._card(self.order_, self.trie_.sizes, self.vocabulary_, self.text_options_, self.is_normalised_)

    def _card(self, order: int, sizes: list[int], vocabulary: Vocabulary, options: TextOptions, is_normalised: bool) -> dict[str, Any]:
        return {
            "kind": "ngram",
            "order": order,
            "ngrams": sizes,
            "vocabulary_size": len(vocabulary),
            "vocabulary_hash": vocabulary.words_hash,
            "is_normalised": is_normalised,
            "text": options.to_dict(),
            **self.metadata_,
        }
