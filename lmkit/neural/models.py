"""The recurrent language model as people use it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lmkit.neural.architecture import Architecture
from lmkit.neural.batching import BatchSource, ContiguousStreams, Sentences, TrainingText
from lmkit.neural.interfaces import make_shards
from lmkit.neural.language_model import NeuralLanguageModel
from lmkit.neural.reading import hidden_rows, score_apart, score_carried, score_streams
from lmkit.neural.recurrent import RecurrentNetwork
from lmkit.neural.workers import ThreadWorkers
from lmkit.text.encoding import as_corpus

if TYPE_CHECKING:
    from lmkit.neural.adapting import AdaptingCopy
    from lmkit.neural.writing import RecurrentWriter

_VALIDATION_STREAMS = 16


class RecurrentState:
    """What the network remembers of a batch of histories: never changed, so that beams may share it.

    Attributes
    ----------
    layers : for each layer its states, each (batch, H).
    hidden : (batch, H), output of the last layer.
    """

    __slots__ = ("hidden", "layers")

    def __init__(self, layers: list[tuple[np.ndarray, ...]], hidden: np.ndarray) -> None:
        self.layers, self.hidden = layers, hidden

    def __getitem__(self, chosen: Any) -> RecurrentState:
        """Some of the histories, as NumPy's indices choose them."""
        return RecurrentState([tuple(state[chosen] for state in states) for states in self.layers], self.hidden[chosen])


class RecurrentLanguageModel(NeuralLanguageModel):
    """Recurrent network over words, characters or bytes: Elman, Jordan, LSTM, GRU.

    Parameters
    ----------
    architecture : the shape of the network; by default an LSTM of two layers of 200 units.
    recipe : how it is trained.
    min_count : words that occur less often become `<unk>`.
    max_vocabulary_size : the most frequent so many tokens are kept, `<unk>`, `<s>` and `</s>` included; None keeps all.
    reading : how text becomes sentences and tokens; by default at white space, a line a sentence. Kept in the model.
    seed : of the initial weights and of all draws. One seed and number of threads gives the same model again, on one machine.
    threads : cores used, by default all.

    Attributes
    ----------
    network_ : RecurrentNetwork.
    history_ : one record a validation: step, epoch, seconds, perplexities.
    notes_ : sentences about the training that the user should see.
    metadata_ : JSON-able dict, how the model was made.

    Examples
    --------
    >>> from lmkit import RecurrentLanguageModel
    >>> from lmkit.neural.recipe import Recipe
    >>> from lmkit.neural.architecture import Architecture
    >>> model = RecurrentLanguageModel(Architecture(layers=1, hidden=16), Recipe(batch=2, steps=5, epochs=60), threads=1)
    >>> model = model.fit("the cat sat\\nthe dog ran\\n" * 20)
    >>> model.next_words("the cat", top=1)[0].token
    'sat'
    """

    kind = "recurrent"

    architecture_class, network_class = Architecture, RecurrentNetwork
    network_: RecurrentNetwork

    # -- training --------------------------------------------------------------------------------------------------------------------------

    def _make_source(self, text: TrainingText, threads: int) -> BatchSource:
        recipe = self._recipe
        if recipe.text == "sentences":
            return Sentences(text, recipe.batch, recipe.steps, threads, self.seed)
        return ContiguousStreams(text, recipe.batch, recipe.steps, threads, self.seed if recipe.random_steps else None)

    def _validate(self, text: TrainingText, workers: ThreadWorkers) -> np.ndarray:
        if self._recipe.text == "sentences":
            return score_apart(self.network_, text, workers)
        return score_streams(self.network_, text, workers, _VALIDATION_STREAMS)

    def _score(self, text: TrainingText, carry: bool, workers: ThreadWorkers) -> np.ndarray:
        return score_carried(self.network_, text, workers) if carry else score_apart(self.network_, text, workers)

    # -- token by token --------------------------------------------------------------------------------------------------------------------

    def initial_state(self, batch: int = 1) -> RecurrentState:
        """State before the first token of a text, `</s>` having been read as what stands before it."""
        self._check_fitted("network_")
        if not self.network_.is_packed:
            self.network_.pack_for_reading()
        states = self.network_.zero_states(batch)
        self.network_.begin_states(states)
        before = RecurrentState(states, np.empty((batch, 0), self.network_.dtype))
        return self.advance(before, np.full(batch, self.vocabulary_.EOS))

    def advance(self, state: RecurrentState, token_ids: Sequence[int] | np.ndarray) -> RecurrentState:
        """State after one more token in each history. token_ids : int (batch,)."""
        ids = np.ascontiguousarray(token_ids, np.int32)
        layers = [tuple(array.copy() for array in states) for states in state.layers]
        self.network_.room_for(len(ids), len(ids), 1)
        hidden = self.network_.read(ids, layers, make_shards(1, len(ids), 1)[0])
        return RecurrentState(layers, hidden.copy())

    def log_probs(self, state: RecurrentState) -> np.ndarray:
        """Natural logarithms of the next token's probabilities, float64 (batch, V)."""
        return self.network_.output.log_probs(state.hidden)

    def writer(self, batch: int = 1) -> RecurrentWriter:
        """Histories to go on with; see `lmkit.sampling.Writer`."""
        from lmkit.neural.writing import RecurrentWriter

        return RecurrentWriter(self, batch)

    def adapting_copy(self, segment: int) -> AdaptingCopy:
        """A copy that learns from what it reads, in pieces of at most `segment` tokens; for dynamic evaluation."""
        from lmkit.neural.adapting import AdaptingCopy

        self._check_fitted("network_")
        return AdaptingCopy(self.network_, self.counts_, segment)

    def hidden_rows(self, corpus: Any, state: Literal["reset", "carry"] = "reset") -> Iterator[np.ndarray]:
        """What each event of a text is predicted from, in order: float32 (n, H) a piece, valid until the next. Parameters as of `score`."""
        self._check_fitted("network_")
        text = TrainingText.of(as_corpus(corpus, self.text_options_), self.vocabulary_)
        return hidden_rows(self.network_, text, state == "carry")

    def hidden(self, state: RecurrentState) -> np.ndarray:
        """Output of the last layer, float32 (batch, H)."""
        return state.hidden
