"""Word vectors as a language model: hierarchical softmax, trained on left contexts alone, is a probability of the next word.

A word's probability after a history of m words, nearest first, is the product over the inner nodes n_1 .. n_L of its path in a Huffman tree
(Morin and Bengio 2005; Mnih and Hinton 2009, the log-bilinear model with a tree), s = +1 for a bit 0 and -1 for a bit 1:

    p(w | h) = product over l of sigma(s_l <h, v_{n_l}>),    h = sum over d of beta_{m,d} u_{h_d}.

At every node the two sides share all of the probability, so the words' probabilities sum to one, whatever the vectors are. Words that the
training text lacks, as a vocabulary that is given may hold, stand outside of the tree and share a part of their own (`word_tree.py`).

CBOW trains exactly this with beta = 1/m, the mean of the history. Skip-gram trains p(w | h_d) = product of sigma(s <u_{h_d}, v_n>) for
every word of the history alone; its p(w | h) is the product of these experts at each node, weighted and normalised over the node's two
sides, which is the formula above: sigma(sum of beta x) = prod sigma(x)^beta / (prod sigma(x)^beta + prod sigma(-x)^beta). The beta are
learned after the vectors, by Newton's method, as the w (w + 1) / 2 weights of a logistic regression on held-out text.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit._container import write_container
from lmkit._validation import check_choice, check_int
from lmkit.embeddings.history_scorer import HistoryScorer
from lmkit.embeddings.history_weights import learned_weights, mean_weights
from lmkit.embeddings.options import MODELS, Settings, Variant, check_patience
from lmkit.embeddings.word_tree import WordTree, predicted_words, unseen_share
from lmkit.errors import FormatError, InputError, UsageError
from lmkit.text.encoding import as_corpus
from lmkit.text.options import TextOptions
from lmkit.text.vocabulary import SPECIALS, Vocabulary

if TYPE_CHECKING:
    from lmkit._container import Container
    from lmkit.embeddings.training.checkpoint import Checkpoints
    from lmkit.embeddings.training.trainer import Report

KIND = "embedding-lm"
LEARNING_RATES = {"skipgram": 0.025, "cbow": 0.1}


class EmbeddingLanguageModel(HistoryScorer):
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
    tree_ : WordTree, the counts of the training text and the probability of words that it lacks among them.
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
        held_out : a second text: the loss is measured on it after each epoch, and from it are learned skip-gram's weights and the
            probability of words that the training text lacks. Without one they are learned from the training text.
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
        from lmkit.embeddings.training.merging import choose_threads
        from lmkit.embeddings.training.trainer import Options, Trainer

        settings = self.settings()
        check_patience(type(self).__name__, patience, held_out)
        encoded = as_corpus(corpus, self.reading)
        settings, notes = choose_threads(settings, self.threads, len(encoded))
        self.text_options_ = encoded.options
        if vocabulary is not None and (self.min_count > 1 or self.max_vocabulary_size is not None):
            raise UsageError("A vocabulary that is given is taken as it is; leave out min_count and max_vocabulary_size.")
        self.vocabulary_ = vocabulary or encoded.vocabulary.cut(self.min_count, self.max_vocabulary_size, order="frequency")
        if vocabulary is None and len(self.vocabulary_) == len(SPECIALS):
            raise InputError(
                f"{encoded.name}: no word occurs {self.min_count:,} times, so there is nothing to learn; lower the minimum count "
                "(min_count, --min-count) or take a longer text."
            )
        text = HistoryText(encoded, self.vocabulary_)
        other = None if held_out is None else HistoryText(as_corpus(held_out, encoded.options), self.vocabulary_, text.counts)
        ends = encoded.options.sentence_boundaries
        if np.count_nonzero(text.counts[predicted_words(len(text.counts), ends)]) < 2:
            raise InputError(f"{encoded.name}: holds fewer than two different tokens to predict; take a longer text.")
        share = unseen_share(text.counts, ends, None if other is None else np.bincount(other.stream, minlength=len(self.vocabulary_)))
        self.tree_ = WordTree(text.counts, ends, share)
        # the same tree as tree_: of equal counts the one with the lower id is the earlier leaf in both
        tree = Tree(text.rows.counts, self.tree_.seen[np.argsort(text.row_of)])
        objective = (SkipGramTree if self.model == "skipgram" else CbowTree)(text, settings, tree)  # type: ignore[arg-type]
        options = Options(report=report, held_out=other, patience=patience)  # type: ignore[arg-type]
        trainer = Trainer(objective, text, settings, options)  # type: ignore[arg-type]
        identity = {
            "estimator": type(self).__name__,
            "settings": settings.to_dict(),
            "corpus": {"sha256": encoded.sha256, "tokens": len(encoded), "options": encoded.options.to_dict()},
            "vocabulary": {"words": len(self.vocabulary_), "hash": self.vocabulary_.hash},
        }
        keep_checkpoints(trainer, checkpoints, identity)
        trainer.run()
        self.input_ = np.ascontiguousarray(trainer.parameters.input_matrix[text.row_of])
        self.nodes_ = tree.node_vectors(trainer.parameters)
        self.history_ = trainer.state.history
        self.notes_ = [*encoded.notes, *notes, *trainer.kept_notes()]
        self.weights_ = mean_weights(self.window)
        if self.model == "skipgram":
            chosen = text if other is None else other
            self.weights_ = learned_weights(chosen, self.window, ends, self.input_, self.nodes_, self.tree_.paths)
            if other is None:
                self.notes_.append("The weights of the words of a history were learned from the training text; a held-out text is better.")
        self.metadata_ = {
            "settings": settings.to_dict(),
            "min_count": self.min_count,
            "max_vocabulary_size": self.max_vocabulary_size,
            "unseen_share": self.tree_.unseen_share,
            "corpus": {"name": encoded.name, "sha256": encoded.sha256, "tokens": len(encoded), "sentences": encoded.n_sentences},
            "history": self.history_,
            "kept_epoch": trainer.kept_epoch or len(self.history_),
            "notes": self.notes_,
        }
        return self

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
            "vocabulary_hash": self.vocabulary_.words_hash,
            "is_normalised": True,
            "text": self.text_options_.to_dict(),
            **self.metadata_,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file; `lmkit.load` opens it. Raises OutputError."""
        self._check_fitted("input_")
        document = {"parameters": {"model": self.model}, "text": self.text_options_.to_dict(), **self.metadata_}
        tensors = {"input": self.input_, "nodes": self.nodes_, "weights": self.weights_, "token_counts": self.tree_.counts}
        write_container(path, KIND, document, {**tensors, **self.vocabulary_.to_tensors()})

    @classmethod
    def from_container(cls, container: Container) -> EmbeddingLanguageModel:
        """Open a model file; `lmkit.load` calls it. Raises FormatError if it is damaged."""
        metadata, where = dict(container.metadata), str(container.path)
        model = cls(model=str((metadata.pop("parameters", None) or {}).get("model", "")))
        model.vocabulary_ = Vocabulary.from_tensors(container, where=where)
        model.text_options_ = TextOptions.from_dict(metadata.pop("text", {}), where=where)
        vectors, nodes = container.array("input", np.float32, 2), container.array("nodes", np.float32, 2)
        counts, weights = container.array("token_counts", np.int64, 1), container.array("weights", np.float64, 2)
        sentences, share = model.text_options_.sentence_boundaries, metadata.get("unseen_share", -1.0)
        predicted = predicted_words(len(counts), sentences)
        if (
            model.model not in MODELS
            or vectors.shape != (len(model.vocabulary_), nodes.shape[1])
            or counts.shape != (len(vectors),)
            or counts.min() < 0
            or len(nodes) != np.count_nonzero(counts[predicted]) - 1
            or not isinstance(share, float)
            or not (0 < share < 1 or (share == 0 and counts[predicted].all()))
            or weights.shape[0] != weights.shape[1]
            or weights.shape[0] == 0
        ):
            raise FormatError(f"{where}: the parts of this {KIND} model don't fit together; the file is damaged, make it again.")
        model.weights_, model.input_, model.nodes_ = np.array(weights), vectors, nodes
        model.tree_ = WordTree(counts, sentences, share)
        settings = metadata.get("settings") or {}
        for name in ("dim", "window", "epochs", "learning_rate", "seed"):
            setattr(model, name, settings.get(name, getattr(model, name)))
        model.min_count = metadata.get("min_count", model.min_count)
        model.max_vocabulary_size = metadata.get("max_vocabulary_size")
        model.metadata_, model.history_, model.notes_ = metadata, list(metadata.get("history", [])), list(metadata.get("notes", []))
        return model
