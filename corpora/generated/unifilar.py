"""Random sources whose state is determined by what they emitted, so that their entropy rate is known exactly.

A source has states; in state s it emits symbol x with probability p(x | s) and goes to the state delta(s, x). Because delta is a
function of s and x (the source is *unifilar*), whoever knows the start and the emitted symbols knows the state. The chance of a text
is then the product of p(x_t | s_t), and the entropy rate is the average over the stationary distribution pi of the states of the entropy
of what each emits (Shannon 1948, A Mathematical Theory of Communication, theorem 5, equation "H = sum P_i H_i" for a finite-state source;
Travers and Crutchfield 2011, Exact Synchronization for Finite-State Sources, J. Stat. Phys. 145, section 2, on unifilarity):

    h = sum_s pi(s) H(s),     H(s) = - sum_x p(x | s) ln p(x | s)     nats an event

An n-gram (Markov) source is unifilar with the last n - 1 words as its state. A probabilistic automaton may remember more than any n-gram.

With sentences, `</s>` is an event like every other, and brings the source back to its start (a renewal). pi is then the share of the events
that each state emits in the long run, and h counts every word and every `</s>`, as lmkit's models are scored.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit._validation import check_float, check_int
from lmkit.errors import InputError, InvalidParameterError
from lmkit.events import ScoredEvents

if TYPE_CHECKING:
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.vocabulary import Vocabulary

END = "</s>"
LN2 = math.log(2.0)

_DENSE_STATES = 3000
"""Up to here the stationary distribution comes from one dense solve (at most 72 MB); above, from power iteration."""

_BATCH = 4096
"""Sentences drawn side by side. Part of what a seed means: changing it changes the samples."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """A text drawn from a source, with what the source itself says of every event.

    Attributes
    ----------
    text : words joined by spaces, a sentence a line; for a continuous source one line.
    events : one record a word, and one a `</s>` for a source with sentences. `token_ids` are ids in `source.vocabulary`.
    """

    text: str
    events: ScoredEvents

    @property
    def mean_bits(self) -> float:
        """Bits an event that the source itself pays on this very sample; near the entropy rate, and what no model beats on average."""
        return -float(self.events.log_probabilities.mean()) / LN2

    def encode(self) -> EncodedCorpus:
        """The text as models take it; `model.score` of it has the same events as `events`."""
        from lmkit.text.encoding import encode
        from lmkit.text.options import TextOptions
        from lmkit.text.sources import text_source

        sentences = "line" if self.events.is_end.any() else "none"
        return encode(text_source(self.text, "sample"), TextOptions(sentences=sentences), progress=False)


class UnifilarSource:
    """A unifilar source over words, in compressed rows: the edges of state s are those from `offsets[s]` to `offsets[s + 1]`.

    Parameters
    ----------
    words : the S words, without `</s>`; symbol x is words[x], and symbol len(words) is `</s>`.
    offsets : int64 (states + 1,)
    symbols : int32 (edges,), which symbol; no symbol twice in a state.
    probabilities : float64 (edges,), above 0, summing to 1 in each state within 1e-9 (and scaled to do so exactly).
    targets : int32 (edges,), the state after it; for `</s>` always `start`.
    start : the state before the first word.
    state_names : what people call the states, for messages; optional.

    Raises
    ------
    InvalidParameterError
        If rows don't sum to one, `</s>` leads elsewhere than to the start, or from some reachable state there is no way back (to an end
        of the sentence, or to the start of a continuous source), so that there is no single stationary distribution.
    """

    def __init__(
        self,
        words: Sequence[str],
        offsets: np.ndarray,
        symbols: np.ndarray,
        probabilities: np.ndarray,
        targets: np.ndarray,
        start: int = 0,
        state_names: Sequence[Hashable] | None = None,
    ) -> None:
        self.words = list(words)
        self.offsets = np.ascontiguousarray(offsets, np.int64)
        self.symbols = np.ascontiguousarray(symbols, np.int32)
        self.targets = np.ascontiguousarray(targets, np.int32)
        self.start = int(start)
        self._names = state_names
        self._check(np.ascontiguousarray(probabilities, np.float64))
        sums = np.add.reduceat(np.asarray(probabilities, np.float64), self.offsets[:-1])
        self.probabilities = np.asarray(probabilities, np.float64) / np.repeat(sums, np.diff(self.offsets))
        self._check_recurrent()

    # --- making one ---------------------------------------------------------------------------------------------------------------

    @classmethod
    def from_automaton(
        cls, states: Mapping[Hashable, Mapping[str, tuple[float, Hashable]]], start: Hashable | None = None
    ) -> UnifilarSource:
        """A probabilistic finite automaton: state -> {word: (probability, next state)}; the word "</s>" ends a sentence.

        `start` is the first state unless named. The next state of `</s>` must be the start.

        >>> even = UnifilarSource.from_automaton({"A": {"0": (0.5, "A"), "1": (0.5, "B")}, "B": {"1": (1.0, "A")}})
        >>> round(even.entropy_rate_bits, 12)  # the even process: 2/3 bit
        0.666666666667
        """
        if not states:
            raise InvalidParameterError("The 'states' parameter of UnifilarSource must be a mapping with at least one state. Got none.")
        numbers = {name: number for number, name in enumerate(states)}
        words = list(dict.fromkeys(word for row in states.values() for word in row if word != END))
        ids = {word: number for number, word in enumerate(words)} | {END: len(words)}
        symbols, probabilities, targets, offsets = [], [], [], [0]
        for name, row in states.items():
            for word, (probability, target) in row.items():
                if target not in numbers:
                    raise InvalidParameterError(f"State {name!r} leads by {word!r} to {target!r}, which is no state; add it to the states.")
                symbols.append(ids[word])
                probabilities.append(probability)
                targets.append(numbers[target])
            offsets.append(len(symbols))
        first = numbers[start] if start is not None else 0
        return cls(words, np.array(offsets), np.array(symbols), np.array(probabilities), np.array(targets), first, list(states))

    @classmethod
    def from_ngrams(cls, contexts: Mapping[Sequence[str], Mapping[str, float]]) -> UnifilarSource:
        """An n-gram source: context (the last words, oldest first, shorter at the start of a sentence) -> {word: probability}.

        The context after a word is the longest suffix of (context + word) that is a key; () is the start of a sentence, and where
        an end leads. Contexts of length n - 1 make a source of order n.

        >>> coin = UnifilarSource.from_ngrams({(): {"heads": 0.5, "tails": 0.5}})
        >>> coin.entropy_rate_bits
        1.0
        """
        rows = {tuple(context): row for context, row in contexts.items()}
        if () not in rows:
            raise InvalidParameterError("The 'contexts' parameter of from_ngrams must have the empty context (), the start of a sentence.")
        states: dict[Hashable, dict[str, tuple[float, Hashable]]] = {}
        for context, row in rows.items():
            states[context] = {}
            for word, probability in row.items():
                after: tuple[str, ...] = () if word == END else (*context, word)
                while after not in rows:
                    after = after[1:]
                states[context][word] = (probability, after)
        return cls.from_automaton(states, ())

    @classmethod
    def random_ngrams(
        cls, order: int, vocabulary_size: int, *, branching: int = 8, end_probability: float = 0.08, skew: float = 1.0, seed: int = 0
    ) -> UnifilarSource:
        """An n-gram source of made-up words: every context allows `branching` words, drawn so that low-numbered words are frequent.

        Parameters
        ----------
        order : n; the state is the last n - 1 words of the sentence, fewer at its start.
        vocabulary_size : words, without `</s>`.
        branching : different words that can follow a context.
        end_probability : of `</s>` after n - 1 words of a sentence or more; none comes before. 0 makes a continuous source.
        skew : exponent of the Zipf law by which the words that may follow a context are chosen, and of their probabilities in it.
        seed : of the numbers above, not of samples.
        """
        check_int("random_ngrams", "order", order, minimum=1)
        check_int("random_ngrams", "vocabulary_size", vocabulary_size, minimum=1)
        branching = min(check_int("random_ngrams", "branching", branching, minimum=1), vocabulary_size)
        rng = np.random.default_rng(seed)
        words = made_up_words(vocabulary_size)
        popularity = np.arange(1, vocabulary_size + 1) ** -float(skew)
        popularity /= popularity.sum()
        rank = np.arange(1, branching + 1) ** -float(skew)
        end = check_float("random_ngrams", "end_probability", end_probability, minimum=0.0, maximum=0.99)
        states: dict[Hashable, dict[str, tuple[float, Hashable]]] = {}
        waiting: list[tuple[int, ...]] = [()]
        known = {()}
        while waiting:  # breadth first, so that the numbering of states depends on the seed alone
            next_waiting = []
            for context in waiting:
                chosen = rng.choice(vocabulary_size, branching, replace=False, p=popularity)
                following = (context[-1] + 1) % vocabulary_size if context else 0
                if following not in chosen:
                    chosen[-1] = following  # a ring through all words, so that every word occurs
                weights = rank * rng.gamma(2.0, size=branching)
                full = len(context) == order - 1 and (order > 1 or end > 0)
                weights *= (1 - end * full) / weights.sum()
                row: dict[str, tuple[float, Hashable]] = {}
                for symbol, weight in zip(chosen.tolist(), weights.tolist(), strict=True):
                    after = (*context, symbol)[-(order - 1) :] if order > 1 else ()
                    row[words[symbol]] = (weight, after)
                    if after not in known:
                        known.add(after)
                        next_waiting.append(after)
                if full and end:
                    row[END] = (end, ())
                states[context] = row
            waiting = next_waiting
        if not end and order > 1:  # contexts shorter than n - 1 occur only at the start: begin inside instead
            inside = next(name for name in states if len(name) == order - 1)  # type: ignore[arg-type]
            return cls.from_automaton({name: row for name, row in states.items() if len(name) == order - 1}, inside)  # type: ignore[arg-type]
        return cls.from_automaton(states, ())

    @classmethod
    def random_automaton(
        cls, states: int, vocabulary_size: int, *, branching: int = 8, end_probability: float = 0.08, skew: float = 1.0, seed: int = 0
    ) -> UnifilarSource:
        """A random automaton: in each state `branching` words may come, and each leads to a state drawn at random.

        The same word leads to different states from different states, so that the state depends on words arbitrarily far back in the
        sentence, and no n-gram model of any order describes the source exactly. Parameters as in `random_ngrams`; `</s>` has
        `end_probability` in every state but the start.
        """
        check_int("random_automaton", "states", states, minimum=2)
        check_int("random_automaton", "vocabulary_size", vocabulary_size, minimum=1)
        branching = min(check_int("random_automaton", "branching", branching, minimum=1), vocabulary_size)
        rng = np.random.default_rng(seed)
        words = made_up_words(vocabulary_size)
        popularity = np.arange(1, vocabulary_size + 1) ** -float(skew)
        popularity /= popularity.sum()
        rank = np.arange(1, branching + 1) ** -float(skew)
        end = check_float("random_automaton", "end_probability", end_probability, minimum=0.0, maximum=0.99)
        rows: dict[Hashable, dict[str, tuple[float, Hashable]]] = {}
        for state in range(states):
            chosen = rng.choice(vocabulary_size, branching, replace=False, p=popularity)
            weights = rank * rng.gamma(2.0, size=branching)
            weights *= (1 - end * (state > 0)) / weights.sum()
            targets = rng.integers(1 if end else 0, states, branching)
            targets[0] = 1 + state % (states - 1) if end else (state + 1) % states  # a ring: every state is reachable
            rows[state] = {words[x]: (w, t) for x, w, t in zip(chosen.tolist(), weights.tolist(), targets.tolist(), strict=True)}
            if end and state:
                rows[state][END] = (end, 0)
        return cls.from_automaton(rows, 0)

    # --- what is known of it exactly ------------------------------------------------------------------------------------------------

    @property
    def states(self) -> int:
        return len(self.offsets) - 1

    @property
    def has_sentences(self) -> bool:
        """Whether `</s>` is among its events."""
        return bool((self.symbols == len(self.words)).any())

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Its words with lmkit's specials in front: symbol x has the id x + 3, `</s>` the id 2."""
        from lmkit.text.vocabulary import Vocabulary

        return Vocabulary.from_tokens(self.words)

    @cached_property
    def state_entropies(self) -> np.ndarray:
        """H(s) in nats, float64 (states,)."""
        return -np.add.reduceat(self.probabilities * np.log(self.probabilities), self.offsets[:-1])

    @cached_property
    def stationary(self) -> np.ndarray:
        """pi: the share of all events that each state emits in the long run, float64 (states,), 0 for states never reached.

        Solves pi P = pi, sum pi = 1, over the recurrent states. They form one class (checked when the source was made), which makes the
        solution unique (also where the chain is periodic: then pi is the average over time).

        Raises
        ------
        InputError
            If power iteration, used above a few thousand states, has not settled to 1e-13 after 100,000 rounds.
        """
        rows = np.repeat(np.arange(self.states), np.diff(self.offsets))
        kept = np.flatnonzero(self._recurrent)
        number = np.full(self.states, -1)
        number[kept] = np.arange(len(kept))
        inside = self._recurrent[rows]
        sources, targets, weights = number[rows[inside]], number[self.targets[inside]], self.probabilities[inside]
        if len(kept) <= _DENSE_STATES:
            system = np.zeros((len(kept), len(kept)))
            np.add.at(system, (targets, sources), weights)  # P transposed
            system -= np.eye(len(kept))
            system[0] = 1.0  # one equation of pi (P - 1) = 0 follows from the others: sum pi = 1 takes its place
            right = np.zeros(len(kept))
            right[0] = 1.0
            share = np.linalg.solve(system, right)
        else:
            from scipy.sparse import csr_array

            transition = csr_array((weights, (targets, sources)), shape=(len(kept), len(kept)))
            share = np.full(len(kept), 1.0 / len(kept))
            for _ in range(100_000):
                after = 0.5 * (transition @ share + share)  # the lazy chain: same pi, never periodic
                change = float(np.abs(after - share).sum())
                share = after / after.sum()
                if change < 1e-13:
                    break
            else:
                raise InputError(f"The source with {len(kept)} states mixes too slowly for power iteration; use fewer states.")
        pi = np.zeros(self.states)
        pi[kept] = share
        return pi

    @property
    def entropy_rate(self) -> float:
        """Nats an event, `</s>` counted where it occurs. No model has a lower mean negative log probability in the long run."""
        return float(self.stationary @ self.state_entropies)

    @property
    def entropy_rate_bits(self) -> float:
        """Bits an event."""
        return self.entropy_rate / LN2

    @property
    def perplexity(self) -> float:
        """exp of the entropy rate: the perplexity of the source itself, the lowest that any model can have in the long run."""
        return math.exp(self.entropy_rate)

    @property
    def mean_sentence_length(self) -> float:
        """Words a sentence, without `</s>`; inf for a continuous source."""
        ends = self.symbols == len(self.words)
        rows = np.repeat(np.arange(self.states), np.diff(self.offsets))
        rate = float((self.stationary[rows] * self.probabilities)[ends].sum())
        return (1.0 - rate) / rate if rate else math.inf

    def distribution(self, history: Sequence[str] = ()) -> dict[str, float]:
        """p(next event | words of the sentence so far, from the start): word or "</s>" -> probability.

        Raises InvalidParameterError if the source can't have emitted that history.
        """
        state = self.start
        ids = {word: number for number, word in enumerate(self.words)}
        for position, word in enumerate(history):
            low, high = self.offsets[state : state + 2]
            found = np.flatnonzero(self.symbols[low:high] == ids.get(word, -1))
            if not len(found):
                raise InvalidParameterError(
                    f"The source never emits {word!r} after {list(history[:position])!r}; ask after another history."
                )
            state = int(self.targets[low + found[0]])
        low, high = self.offsets[state : state + 2]
        spelled = [*self.words, END]
        return {spelled[x]: p for x, p in zip(self.symbols[low:high].tolist(), self.probabilities[low:high].tolist(), strict=True)}

    # --- drawing and scoring ----------------------------------------------------------------------------------------------------------

    def sample(self, *, sentences: int | None = None, tokens: int | None = None, seed: int = 0) -> Sample:
        """Draw a text: so many sentences, or whole sentences until there are at least so many tokens (exactly, if continuous).

        The same arguments give the same text. Events are those of a model with this vocabulary: every word and every `</s>`.

        Raises InvalidParameterError if not exactly one of `sentences` and `tokens` is given, or a continuous source is asked for sentences.
        """
        if (sentences is None) == (tokens is None):
            raise InvalidParameterError("UnifilarSource.sample needs either 'sentences' or 'tokens'; give one of them.")
        if not self.has_sentences and sentences is not None:
            raise InvalidParameterError("This source has no </s>, so that it has no sentences; ask for tokens instead.")
        wanted = check_int("sample", "tokens" if sentences is None else "sentences", tokens if sentences is None else sentences, minimum=1)
        rng = np.random.default_rng(seed)
        if not self.has_sentences:
            edges = self._draw_continuous(wanted, rng)
            return self._describe(edges, np.zeros(len(edges), np.int64))
        parts: list[np.ndarray] = []
        part_sentences: list[np.ndarray] = []
        drawn = words = 0
        while (drawn if sentences is not None else words) < wanted:
            edges, sentence = self._draw_sentences(_BATCH, rng)
            is_end = self.symbols[edges] == len(self.words)
            keep = _BATCH
            if sentences is not None:
                keep = min(keep, wanted - drawn)
            else:
                lengths = np.bincount(sentence[~is_end], minlength=_BATCH)
                keep = min(keep, int(np.searchsorted(np.cumsum(lengths), wanted - words)) + 1)
                words += int(lengths[:keep].sum())
            kept = sentence < keep
            parts.append(edges[kept])
            part_sentences.append(sentence[kept] + drawn)
            drawn += keep
        return self._describe(np.concatenate(parts), np.concatenate(part_sentences))

    def score(self, corpus: EncodedCorpus) -> ScoredEvents:
        """What the source says of any text: -inf from the first event of a sentence that it can't emit to the sentence's end.

        Works on an encoded corpus, event by event, independently of `sample`; it is the oracle for texts that come from files.
        """
        ids = corpus.ids_in(self.vocabulary).astype(np.int64) - 3
        lengths = np.diff(corpus.sentence_offsets)
        ends = self.has_sentences and corpus.options.sentence_boundaries
        count = len(lengths) if ends else 0
        symbols = np.full(len(ids) + count, len(self.words))
        sentence = np.repeat(np.arange(len(lengths)), lengths + bool(ends))
        is_end = np.zeros(len(symbols), np.bool_)
        if ends:
            is_end[np.cumsum(lengths + 1) - 1] = True
        symbols[~is_end] = ids
        following: list[dict[int, tuple[int, float]]] = [{} for _ in range(self.states)]
        for state in range(self.states):
            for edge in range(self.offsets[state], self.offsets[state + 1]):
                following[state][int(self.symbols[edge])] = (int(self.targets[edge]), math.log(self.probabilities[edge]))
        log_probabilities = np.full(len(symbols), -math.inf)
        state, last = self.start, -1
        for position, (symbol, index) in enumerate(zip(symbols.tolist(), sentence.tolist(), strict=True)):
            if ends and index != last:
                state, last = self.start, index
            step = following[state].get(symbol) if state >= 0 else None
            if step is None:
                state = -1
            else:
                state, log_probabilities[position] = step
        events = ScoredEvents.of_corpus(corpus, self.vocabulary, log_probabilities, ends=ends)
        return dataclasses.replace(events, vocabulary_size=len(self.words) + int(self.has_sentences))

    # --- inside -----------------------------------------------------------------------------------------------------------------------

    def _draw_sentences(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """`count` sentences side by side, a step a round: (edges, sentence of each), sorted by sentence, in order within."""
        upper = self._cumulative
        state = np.full(count, self.start)
        alive = np.arange(count)
        edges, owners = [], []
        while len(alive):
            drawn = np.searchsorted(upper, state + rng.random(len(alive)), side="right")
            edges.append(drawn)
            owners.append(alive)
            going = self.symbols[drawn] != len(self.words)
            state, alive = self.targets[drawn[going]].astype(np.int64), alive[going]
        owner = np.concatenate(owners)
        order = np.argsort(owner, kind="stable")
        return np.concatenate(edges)[order], owner[order]

    def _draw_continuous(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """One run of `count` events from the start."""
        from bisect import bisect_right

        upper = self._cumulative.tolist()
        targets = self.targets.tolist()
        state = self.start
        edges = np.empty(count, np.int64)
        for position, uniform in enumerate(rng.random(count).tolist()):
            edge = bisect_right(upper, state + uniform)
            edges[position] = edge
            state = targets[edge]
        return edges

    @cached_property
    def _cumulative(self) -> np.ndarray:
        """s + p(x <= edge | s): one rising array over all edges, so that one search finds the edge for any state and uniform number.

        The last edge of state s holds exactly s + 1, and uniform numbers are below 1, so that no draw leaves its row.
        """
        running = np.cumsum(self.probabilities)
        before = np.concatenate([[0.0], running])[self.offsets[:-1]]
        rows = np.repeat(np.arange(self.states), np.diff(self.offsets))
        cumulative = np.minimum(running - before[rows], 1.0) + rows
        cumulative[self.offsets[1:] - 1] = np.arange(1, self.states + 1)
        return cumulative

    def _describe(self, edges: np.ndarray, sentence: np.ndarray) -> Sample:
        symbols = self.symbols[edges]
        is_end = symbols == len(self.words)
        spelled = np.array([*self.words, ""], dtype=object)
        characters = np.array([len(word) for word in self.words] + [1], np.int32)[symbols]
        octets = np.array([len(word.encode()) for word in self.words] + [1], np.int32)[symbols]
        first = np.ones(len(edges), np.bool_)
        first[1:] = np.diff(sentence) != 0
        spaced = ~is_end & ~first
        separators = np.where(is_end, "\n", np.where(first, "", " "))
        text = "".join(np.stack([separators.astype(object), spelled[symbols]], axis=1).ravel().tolist())
        events = ScoredEvents(
            token_ids=np.where(is_end, 2, symbols + 3).astype(np.int32),
            log_probabilities=np.log(self.probabilities)[edges],
            is_oov=np.zeros(len(edges), np.bool_),
            is_end=is_end,
            characters=characters + spaced,
            bytes=octets + spaced,
            sentence=sentence.astype(np.int64),
            document=np.zeros(len(edges), np.int64),
            vocabulary_size=len(self.words) + int(self.has_sentences),
            vocabulary_hash=self.vocabulary.words_hash,
        )
        return Sample(text if self.has_sentences else text + "\n", events)

    def _check(self, probabilities: np.ndarray) -> None:
        owner = "UnifilarSource"
        if len(set(self.words)) != len(self.words):
            raise InvalidParameterError(f"The 'words' parameter of {owner} must be different words.")
        for word in self.words:
            if not word or word.split() != [word] or word in ("<s>", "</s>", "<unk>"):
                raise InvalidParameterError(
                    f"The 'words' parameter of {owner} must be words without white space or specials. Got {word!r}."
                )
        sizes = np.diff(self.offsets)
        if len(sizes) < 1 or self.offsets[0] != 0 or self.offsets[-1] != len(self.symbols) or (sizes < 1).any():
            raise InvalidParameterError(f"Every state of {owner} must emit something: 'offsets' must rise from 0 to the number of edges.")
        if not len(self.symbols) == len(probabilities) == len(self.targets):
            raise InvalidParameterError(f"'symbols', 'probabilities' and 'targets' of {owner} must be equally long.")
        rows = np.repeat(np.arange(len(sizes)), sizes)
        if not ((probabilities > 0) & (probabilities <= 1 + 1e-9)).all():
            bad = int(np.flatnonzero(~((probabilities > 0) & (probabilities <= 1 + 1e-9)))[0])
            raise InvalidParameterError(
                f"{self._state(rows[bad])} of {owner} has probability {float(probabilities[bad])}; leave out what can't come."
            )
        sums = np.add.reduceat(probabilities, self.offsets[:-1])
        if (np.abs(sums - 1) > 1e-9).any():
            bad = int(np.argmax(np.abs(sums - 1)))
            raise InvalidParameterError(f"The probabilities of {self._state(bad)} of {owner} must sum to 1, not to {float(sums[bad])!r}.")
        if ((self.targets < 0) | (self.targets >= len(sizes))).any() or not 0 <= self.start < len(sizes):
            raise InvalidParameterError(f"'targets' and 'start' of {owner} must be states from 0 to {len(sizes) - 1}.")
        if ((self.symbols < 0) | (self.symbols > len(self.words))).any():
            raise InvalidParameterError(f"'symbols' of {owner} must be from 0 to {len(self.words)}, the last being </s>.")
        pairs = rows * (len(self.words) + 1) + self.symbols
        if len(np.unique(pairs)) != len(pairs):
            raise InvalidParameterError(f"{owner} must be unifilar: no state may have the same word twice.")
        if (self.targets[self.symbols == len(self.words)] != self.start).any():
            raise InvalidParameterError(f"</s> must lead back to the start state of {owner}, as every sentence begins there.")

    def _check_recurrent(self) -> None:
        """Find the one class of states that the source stays in; raise if there is more than one."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import breadth_first_order, connected_components

        rows = np.repeat(np.arange(self.states), np.diff(self.offsets))
        graph = csr_array((np.ones(len(rows)), (rows, self.targets)), shape=(self.states, self.states))  # joins parallel edges: scipy
        graph.sum_duplicates()  # loops for ever on a matrix with an entry stored twice
        reached = np.zeros(self.states, np.bool_)
        reached[breadth_first_order(graph, self.start, return_predecessors=False)] = True
        _, component = connected_components(graph, directed=True, connection="strong")
        leaves = np.zeros(component.max() + 1, np.bool_)
        leaves[component[rows[component[rows] != component[self.targets]]]] = True
        final = np.unique(component[reached & ~leaves[component]])
        if len(final) != 1:
            raise InvalidParameterError(
                f"This UnifilarSource can end up in {len(final)} separate sets of states, so that it has no single entropy rate; join them."
            )
        self._recurrent = component == final[0]
        if self.has_sentences and not self._recurrent[self.start]:
            state = self._state(int(np.flatnonzero(self._recurrent)[0]))
            raise InvalidParameterError(f"From {state} of UnifilarSource no sentence ever ends; give it a way to </s>.")

    def _state(self, number: int) -> str:
        return f"state {self._names[number]!r}" if self._names is not None else f"state {number}"

    def to_dict(self) -> dict[str, Any]:
        """The exact figures, JSON-able: what is written beside a generated corpus."""
        length = self.mean_sentence_length
        return {
            "states": self.states,
            "words": len(self.words),
            "sentences": self.has_sentences,
            "entropy_rate_nats": self.entropy_rate,
            "entropy_rate_bits": self.entropy_rate_bits,
            "perplexity": self.perplexity,
            "mean_sentence_length": None if math.isinf(length) else length,
        }


def made_up_words(count: int) -> list[str]:
    """`count` different pronounceable words, two letters a syllable, the first ones shortest: ba, be, bi ... baba, babe ...

    >>> made_up_words(3)
    ['ba', 'be', 'bi']
    """
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    words = []
    for number in range(count):
        word, rest = "", number
        while True:
            word = syllables[rest % len(syllables)] + word
            rest = rest // len(syllables) - 1
            if rest < 0:
                break
        words.append(word)
    return words
