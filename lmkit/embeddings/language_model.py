"""Word vectors as a language model: hierarchical softmax, trained on left contexts alone, is a probability of the next word.

A word's probability after a history of m words, nearest first, is the product over the inner nodes n_1 .. n_L of its path in a Huffman tree
(Morin and Bengio 2005; Mnih and Hinton 2009, the log-bilinear model with a tree), s = +1 for a bit 0 and -1 for a bit 1:

    p(w | h) = product over l of sigma(s_l <h, v_{n_l}>),    h = sum over d of beta_{m,d} u_{h_d}.

At every node the two sides share all of the probability, so the words' probabilities sum to one, whatever the vectors are.

CBOW trains exactly this with beta = 1/m, the mean of the history. Skip-gram trains p(w | h_d) = product of sigma(s <u_{h_d}, v_n>) for
every word of the history alone; its p(w | h) is the product of these experts at each node, weighted and normalised over the node's two
sides, which is the formula above: sigma(sum of beta x) = prod sigma(x)^beta / (prod sigma(x)^beta + prod sigma(-x)^beta). The beta are
learned after the vectors, by Newton's method, as the w (w + 1) / 2 weights of a logistic regression on held-out text.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from lmkit._container import write_container
from lmkit._estimator import Estimator
from lmkit._validation import check_choice, check_int
from lmkit.embeddings.history_weights import learned_weights, mean_weights
from lmkit.embeddings.options import MODELS, Settings, Variant
from lmkit.errors import FormatError, InputError, UsageError
from lmkit.events import ScoredEvents
from lmkit.numeric.huffman import HuffmanTree
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.encoding import as_corpus, encode_prompt
from lmkit.text.options import TextOptions
from lmkit.text.vocabulary import Vocabulary, frozen
from lmkit.text.writing import continue_text

if TYPE_CHECKING:
    from lmkit._container import Container
    from lmkit.embeddings.training.checkpoint import Checkpoints
    from lmkit.embeddings.training.trainer import Report
    from lmkit.embeddings.vectors import WordVectors
    from lmkit.sampling import Decoding

KIND = "embedding-lm"
LEARNING_RATES = {"skipgram": 0.025, "cbow": 0.1}


class NextWord(NamedTuple):
    """One row of a next-word table: the token and its probability in [0, 1]."""

    token: str
    probability: float
    ngram_length: None = None


class EmbeddingLanguageModel(Estimator):
    """A language model of word2vec's models with hierarchical softmax over left contexts; see the module's text for p(w | h).

    Parameters
    ----------
    model : "skipgram" or "cbow".
    dim : numbers in a vector, >= 1.
    window : length of the history in words, 1 to 100; always taken whole. Skip-gram predicts better from two words than from five, which
        teach it more of a text's topics.
    epochs : passes over the text.
    learning_rate : at first; it falls linearly. None is 0.025 for skip-gram, 0.1 for CBOW.
    min_count : words seen less often become `<unk>`, which is a word like others.
    max_vocabulary_size : so many tokens at most, the most frequent, `<unk>`, `<s>` and `</s>` among them; None for all.
    reading : how text becomes sentences and tokens, for what is not encoded yet.
    seed, threads : as for `Word2Vec`.

    Attributes
    ----------
    vocabulary_ : Vocabulary, specials first.
    input_ : float32 (V, dim), vectors u of the words as histories, by id. nodes_ : float32 (n, dim), vectors v of the tree's inner nodes.
    weights_ : float64 (window, window), beta; row m - 1 for a history of m words.
    history_ : list of one dict an epoch, as for `Word2Vec`.
    notes_ : list of sentences about the training that the user should see.

    Examples
    --------
    >>> model = EmbeddingLanguageModel(dim=8, window=2, threads=1).fit("the cat sat\\nthe cat ran\\nthe dog sat")
    >>> round(float(np.exp(model.log_probs(model.initial_state())).sum()), 6)
    1.0
    """

    def __init__(
        self,
        model: str = "skipgram",
        dim: int = 100,
        window: int = 5,
        epochs: int = 5,
        learning_rate: float | None = None,
        min_count: int = 1,
        max_vocabulary_size: int | None = None,
        reading: TextOptions | None = None,
        seed: int = 1,
        threads: int | None = None,
    ) -> None:
        self.model = model
        self.dim = dim
        self.window = window
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.min_count = min_count
        self.max_vocabulary_size = max_vocabulary_size
        self.reading = reading
        self.seed = seed
        self.threads = threads

    # -- learning --------------------------------------------------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """The training that the parameters describe. Raises InvalidParameterError."""
        check_choice(type(self).__name__, "model", self.model, MODELS)
        check_int(type(self).__name__, "window", self.window, minimum=1, maximum=100)
        return Settings(
            self.model,
            "hs",
            self.dim,
            self.window,
            0,
            self.epochs,
            LEARNING_RATES[self.model] if self.learning_rate is None else self.learning_rate,
            0.0,
            self.seed,
            (os.cpu_count() or 1) if self.threads is None else self.threads,
            Variant(shrink_windows=False, cbow_divided=True),
            right_context=False,
        )

    def fit(
        self,
        corpus: Any,
        y: None = None,
        *,
        held_out: Any = None,
        vocabulary: Vocabulary | None = None,
        patience: int | None = None,
        checkpoints: Checkpoints | None = None,
        report: Callable[[Report], None] | None = None,
    ) -> EmbeddingLanguageModel:
        """Train.

        Parameters
        ----------
        corpus : as for `Word2Vec.fit`.
        held_out : a second text: the loss is measured on it after each epoch, and skip-gram's weights are learned from it. Without one they
            are learned from the training text.
        vocabulary : the words that the model knows, such as another model's with which it is to be compared; others are `<unk>`. None takes
            those of the text. Not together with `min_count` or `max_vocabulary_size`.
        patience : epochs without a lower held-out loss after which training ends, with the best vectors.
        checkpoints : store the training now and then, or go on from where it was stored.
        report : called with a `Report` about twice a second.

        Raises
        ------
        InvalidParameterError : if a parameter is outside its range.
        InputError : if the text can't be read, or has but one token to predict.
        KeyboardInterrupt : after Ctrl-C, once the checkpoint, where asked for, is stored.
        """
        from lmkit.embeddings.training.checkpoint import keep_checkpoints
        from lmkit.embeddings.training.hierarchical import CbowTree, SkipGramTree, Tree
        from lmkit.embeddings.training.histories import HistoryText
        from lmkit.embeddings.training.trainer import Options, Trainer

        settings = self.settings()
        if patience is not None:
            check_int(type(self).__name__, "patience", patience, minimum=1)
        encoded = as_corpus(corpus, self.reading)
        self.text_options_ = encoded.options
        if vocabulary is not None and (self.min_count > 1 or self.max_vocabulary_size is not None):
            raise UsageError("A vocabulary that is given is taken as it is; leave out min_count and max_vocabulary_size.")
        self.vocabulary_ = vocabulary or encoded.vocabulary.cut(self.min_count, self.max_vocabulary_size, order="frequency")
        text = HistoryText(encoded, self.vocabulary_)
        other = None if held_out is None else HistoryText(as_corpus(held_out, encoded.options), self.vocabulary_, text.counts)
        predicted = self._predicted()[np.argsort(text.row_of)]
        if np.count_nonzero(text.rows.counts[predicted]) < 2:
            raise InputError(f"{encoded.name}: holds fewer than two different tokens to predict; take a longer text.")
        tree = Tree(text.rows.counts, predicted)
        objective = (SkipGramTree if self.model == "skipgram" else CbowTree)(text, settings, tree)  # type: ignore[arg-type]
        options = Options(report=report, held_out=other, patience=patience)  # type: ignore[arg-type]
        trainer = Trainer(objective, text, settings, options)  # type: ignore[arg-type]
        identity = {
            "settings": settings.to_dict(),
            "corpus": {"sha256": encoded.sha256, "tokens": len(encoded), "options": encoded.options.to_dict()},
            "vocabulary": {"words": len(self.vocabulary_), "hash": self.vocabulary_.hash},
        }
        keep_checkpoints(trainer, checkpoints, identity)
        trainer.run()
        self.counts_ = text.counts
        self._adopt(np.ascontiguousarray(trainer.parameters.input_matrix[text.row_of]), tree.node_vectors(trainer.parameters))
        self.history_ = trainer.state.history
        self.notes_ = list(encoded.notes)
        self.weights_ = mean_weights(self.window)
        if self.model == "skipgram":
            chosen = text if other is None else other
            ends = self.text_options_.sentence_boundaries
            self.weights_ = learned_weights(chosen, self.window, ends, self.input_, self.nodes_, self._paths())
            if other is None:
                self.notes_.append("The weights of the words of a history were learned from the training text; a held-out text is better.")
        self.metadata_ = {
            "settings": settings.to_dict(),
            "min_count": self.min_count,
            "max_vocabulary_size": self.max_vocabulary_size,
            "corpus": {"name": encoded.name, "sha256": encoded.sha256, "tokens": len(encoded), "sentences": encoded.n_sentences},
            "history": self.history_,
            "notes": self.notes_,
        }
        return self

    def _predicted(self) -> np.ndarray:
        """bool (V,): `<s>` is never predicted, `</s>` only where the text has sentences."""
        predicted = np.ones(len(self.vocabulary_), np.bool_)
        predicted[Vocabulary.BOS] = False
        predicted[Vocabulary.EOS] = self.text_options_.sentence_boundaries
        return predicted

    def _adopt(self, vectors: np.ndarray, nodes: np.ndarray) -> None:
        """Take the vectors, and build the tree that belongs to the counts."""
        self.input_, self.nodes_ = vectors, nodes
        self._ids = np.flatnonzero(self._predicted())
        # of equal counts the one with the lower id is the earlier leaf, here as in the training
        self.tree_ = HuffmanTree.from_counts(self.counts_[self._ids])
        lengths = np.zeros(len(self.vocabulary_), np.int64)
        lengths[self._ids] = self.tree_.lengths
        self._path_offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])

    # -- the LanguageModel protocol --------------------------------------------------------------------------------------------------------

    @property
    def vocabulary(self) -> Vocabulary:
        self._check_fitted("input_")
        return self.vocabulary_

    @property
    def text_options(self) -> TextOptions:
        self._check_fitted("input_")
        return self.text_options_

    @property
    def is_normalised(self) -> bool:
        return True

    def score(self, corpus: Any, state: Literal["reset", "carry"] = "reset", threads: int | None = None) -> ScoredEvents:
        """Score every token of a text, and the end of every sentence.

        Parameters
        ----------
        corpus : as for `fit`.
        state : "reset" begins each sentence, or document of continuous text, anew. "carry" goes on where the last one ended; it changes
            something for continuous text only, since no history reaches back beyond a sentence.
        threads : by default all cores. The result is the same for any number.
        """
        from lmkit.embeddings._kernels_language_model import score_segments
        from lmkit.embeddings.training.histories import marked_stream

        self._check_fitted("input_")
        encoded: EncodedCorpus = as_corpus(corpus, self.text_options_)
        ends = self.text_options_.sentence_boundaries
        stream, offsets = marked_stream(encoded, self.vocabulary_, state)
        out = np.empty(len(stream) - (len(offsets) - 1 if ends else 0))
        workers = threads or os.cpu_count() or 1
        borders = np.searchsorted(offsets, np.linspace(0, len(stream), 4 * workers + 1)).tolist()
        borders[0], borders[-1] = 0, len(offsets) - 1
        common = frozen(self.input_), frozen(self.nodes_), *self._paths(), self.weights_

        def run(part: int) -> None:
            score_segments(
                frozen(stream), frozen(offsets), borders[part], borders[part + 1], int(ends), *common, np.empty(self.input_.shape[1]), out
            )

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, range(4 * workers)))
        return ScoredEvents.of_corpus(encoded, self.vocabulary_, out, ends=ends)

    def initial_state(self, batch: int = 1) -> np.ndarray:
        """Histories before the first word: int64 (batch, window), ids of the words before, nearest first, -1 for none."""
        self._check_fitted("input_")
        state = np.full((batch, self.weights_.shape[0]), -1, np.int64)
        if self.text_options_.sentence_boundaries:
            state[:, 0] = Vocabulary.BOS
        return state

    def advance(self, state: np.ndarray, token_ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """Histories after one more token each; behind `</s>` a sentence begins."""
        ids = np.asarray(token_ids, np.int64).reshape(-1, 1)
        after = np.concatenate([ids, state[:, :-1]], axis=1)
        ended = ids[:, 0] == Vocabulary.EOS
        if ended.any():
            after[ended] = self.initial_state(1)
        return after

    def hidden(self, state: np.ndarray) -> np.ndarray:
        """float64 (batch, dim): h of each history."""
        known = state >= 0
        reach = known.sum(1)
        weights = np.where(reach[:, None] > 0, self.weights_[np.maximum(reach, 1) - 1], 0.0)
        found: np.ndarray = np.einsum("bd,bdc->bc", weights * known, self.input_[np.maximum(state, 0)].astype(np.float64))
        return found

    def log_probs(self, state: np.ndarray) -> np.ndarray:
        """Natural logarithms of the next token's probabilities, float64 (batch, V); -inf for `<s>`."""
        self._check_fitted("input_")
        scores = self.hidden(state) @ self.nodes_.T.astype(np.float64)
        result = np.full((len(state), len(self.vocabulary_)), -np.inf)
        for row, own in zip(result, scores, strict=True):
            row[self._ids] = self.tree_.log_probabilities(own)
        return result

    def _paths(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return frozen(self._path_offsets), frozen(self.tree_.nodes), frozen(self.tree_.codes)

    # -- what people ask -------------------------------------------------------------------------------------------------------------------

    def perplexity(self, text: Any, *, include_oov: bool = True, include_ends: bool = True) -> float:
        """Perplexity over all words and sentence ends of a text."""
        return self.score(text).perplexity(include_oov=include_oov, include_ends=include_ends)

    def next_words(self, prompt: str = "", top: int = 10) -> list[NextWord]:
        """The most probable tokens after a prompt, most probable first."""
        check_int("next_words", "top", top, minimum=1)
        state = self.initial_state(1)
        for token_id in self.vocabulary.lookup(encode_prompt(prompt, self.text_options)).tolist():
            state = self.advance(state, [token_id])
        row = self.log_probs(state)[0]
        best = np.argsort(-row, kind="stable")[:top]
        return [NextWord(self.vocabulary.token(int(word)), math.exp(row[word])) for word in best if np.isfinite(row[word])]

    def generate(
        self,
        prompt: str = "",
        *,
        decoding: Decoding | None = None,
        max_tokens: int = 100,
        min_tokens: int = 0,
        rng: np.random.Generator | int | None = None,
    ) -> str:
        """Continue a prompt to the end of a sentence; the text with the prompt in front. See `lmkit.sampling`."""
        return continue_text(self, prompt, decoding=decoding, max_tokens=max_tokens, min_tokens=min_tokens, rng=rng)

    @property
    def vectors_(self) -> WordVectors:
        """The words' vectors u, by falling count, without the specials."""
        from lmkit.embeddings.vectors import WordVectors
        from lmkit.text.strings import StringTable

        self._check_fitted("input_")
        first = Vocabulary.EOS + 1
        order = first + np.argsort(-self.counts_[first:], kind="stable")
        words = StringTable(self.vocabulary_.blob, self.vocabulary_.offsets).pick(order)
        made = {"estimator": type(self).__name__, **self.metadata_}
        return WordVectors(words, self.input_[order], counts=self.counts_[order], text_options=self.text_options_, made=made)

    # -- files -----------------------------------------------------------------------------------------------------------------------------

    def info(self) -> dict[str, Any]:
        """The model card, JSON-able."""
        self._check_fitted("input_")
        return {
            "kind": KIND,
            "model": self.model,
            "dim": int(self.input_.shape[1]),
            "window": int(self.weights_.shape[0]),
            "history_weights": self.weights_[-1].tolist(),
            "vocabulary_size": len(self.vocabulary_),
            "vocabulary_hash": self.vocabulary_.hash,
            "is_normalised": True,
            "text": self.text_options_.to_dict(),
            **self.metadata_,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file; `lmkit.load` opens it. Raises OutputError."""
        self._check_fitted("input_")
        document = {"parameters": {"model": self.model}, "text": self.text_options_.to_dict(), **self.metadata_}
        tensors = {"input": self.input_, "nodes": self.nodes_, "weights": self.weights_, "token_counts": self.counts_}
        write_container(path, KIND, document, {**tensors, **self.vocabulary_.to_tensors()})

    @classmethod
    def from_container(cls, container: Container) -> EmbeddingLanguageModel:
        """Open a model file; `lmkit.load` calls it. Raises FormatError if it is damaged."""
        metadata, where = dict(container.metadata), str(container.path)
        model = cls(model=str((metadata.pop("parameters", None) or {}).get("model", "")))
        model.vocabulary_ = Vocabulary.from_tensors(container, where=where)
        model.text_options_ = TextOptions.from_dict(metadata.pop("text", {}), where=where)
        vectors, nodes = container.array("input", np.float32, 2), container.array("nodes", np.float32, 2)
        model.counts_, weights = container.array("token_counts", np.int64, 1), container.array("weights", np.float64, 2)
        size = int(model._predicted().sum())
        if (
            model.model not in MODELS
            or vectors.shape != (len(model.vocabulary_), nodes.shape[1])
            or len(nodes) != size - 1
            or model.counts_.shape != (len(vectors),)
            or model.counts_.min() < 0
            or weights.shape[0] != weights.shape[1]
            or weights.shape[0] == 0
        ):
            raise FormatError(f"{where}: the parts of this {KIND} model don't fit together; the file is damaged, make it again.")
        model.weights_ = np.array(weights)
        model._adopt(vectors, nodes)
        settings = metadata.get("settings") or {}
        for name in ("dim", "window", "epochs", "learning_rate", "seed"):
            setattr(model, name, settings.get(name, getattr(model, name)))
        model.min_count = metadata.get("min_count", model.min_count)
        model.max_vocabulary_size = metadata.get("max_vocabulary_size")
        model.metadata_, model.history_, model.notes_ = metadata, list(metadata.get("history", [])), list(metadata.get("notes", []))
        return model
