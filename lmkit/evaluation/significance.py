"""Is one model better than another, or is it chance? The mean difference in bits an event, with an interval and a p-value.

Both models have scored the same events, so that the difference is taken event by event and only its own scatter counts (paired).
Events near each other depend on each other; what is drawn again is therefore not the event but a block of whole sentences (blocks that
do not overlap: Carlstein 1986, The Use of Subseries Values for Estimating the Variance of a General Statistic from a Stationary Sequence;
in language processing Koehn 2004, Statistical Significance Tests for Machine Translation Evaluation).

With D_b the sum of the differences in block b and N_b its events, the estimate is the ratio sum D_b / sum N_b. The bootstrap draws blocks
with replacement and takes the ratio again, so that long and short blocks are weighed as in the estimate. The permutation test flips
the sign of D_b: if the models are as good as each other, which of the two a block's scores belong to is arbitrary.

The difference between a model and the source that generated the text (lmkit_corpora.generated) estimates the Kullback-Leibler divergence
rate of the model from the source, in bits an event: its distance from the best possible.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from lmkit._validation import check_float, check_int
from lmkit.errors import InputError, UsageError
from lmkit.events import ScoredEvents

_LN2 = math.log(2.0)
_EXACT_BLOCKS = 12
"""Up to here all 2^blocks sign patterns are tried, and the p-value is exact."""

_CELLS = 1 << 22
"""Random numbers held at once: 32 MB."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """How much worse the first model is than the second.

    Attributes
    ----------
    bits : mean of -log2 p(first) + log2 p(second) over the events, in bits an event; above 0 where the second model is better.
    low, high : the confidence interval of `bits` by the block bootstrap.
    confidence : its level.
    p_value : of the two-sided sign-flip test that there is no difference.
    events : events compared; `left_out` of the streams' events were not (out of vocabulary, or ends), as asked for.
    blocks : blocks drawn, of about `events_per_block` events each.
    resamples, seed : of the bootstrap and the test.
    per : "event", or "character" where `bits`, `events` and `events_per_block` count characters.
    """

    bits: float
    low: float
    high: float
    confidence: float
    p_value: float
    events: int
    left_out: int
    blocks: int
    events_per_block: float
    resamples: int
    seed: int
    per: str = "event"

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return dataclasses.asdict(self)

    def render(self, first: str = "the first model", second: str = "the second") -> str:
        """One sentence for people."""
        better, worse = (second, first) if self.bits >= 0 else (first, second)
        low, high = sorted((abs(self.low), abs(self.high))) if self.low * self.high > 0 else (self.low, self.high)
        if self.low * self.high <= 0 and self.bits < 0:
            low, high = -self.high, -self.low
        unit = f"{'an' if self.per == 'event' else 'a'} {self.per}"
        return (
            f"{better} is {abs(self.bits):.4f} bits {unit} better than {worse} ({self.confidence:.0%} interval {low:.4f} to {high:.4f}, "
            f"p = {self.p_value:.2g}, {self.events:,} {self.per}s in {self.blocks:,} blocks)"
        )


def difference(
    first: ScoredEvents,
    second: ScoredEvents,
    *,
    include_oov: bool = True,
    include_ends: bool = True,
    sentences_per_block: int | None = None,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Difference:
    """Mean difference in bits an event between two streams over the same events, with a bootstrap interval and a permutation p-value.

    Parameters
    ----------
    first, second : what two models said of one text. Their vocabularies may differ as long as the same events are in them.
    include_oov : False leaves out events that are out of vocabulary for either model. With True such events must be the same in both:
        what `<unk>` costs in one model can't be set against a word's probability in the other.
    include_ends : False leaves out ends of sentences.
    sentences_per_block : None chooses so that there are about 500 blocks, and one block a sentence for short texts. A single
        sentence (continuous text) is cut into up to 500 runs of equal length instead.
    confidence : level of the interval, between 0 and 1.
    resamples : how many times blocks are drawn and signs flipped.
    seed : the same seed gives the same figures.

    Raises
    ------
    UsageError
        If the streams describe different events: the sentence says which difference came first.
    InputError
        If an event has probability 0 in either, or fewer than two blocks are left.

    Examples
    --------
    >>> import numpy as np
    >>> def stream(p):
    ...     n = len(p)
    ...     zero, one = np.zeros(n, np.int64), np.ones(n, np.int32)
    ...     return ScoredEvents(one, np.log(p), zero > 0, zero > 0, one, one, np.arange(n), zero, 3, "hash")
    >>> round(difference(stream(np.full(8, 0.25)), stream(np.full(8, 0.5))).bits, 12)
    1.0
    """
    owner = "difference"
    check_float(owner, "confidence", confidence, minimum=0.0, maximum=1.0, open_minimum=True)
    check_int(owner, "resamples", resamples, minimum=1)
    if sentences_per_block is not None:
        check_int(owner, "sentences_per_block", sentences_per_block, minimum=1)
    _refuse_other_events(first, second, include_oov)
    chosen = np.ones(len(first), np.bool_)
    if not include_oov:
        chosen &= ~(first.is_oov | second.is_oov)
    if not include_ends:
        chosen &= ~first.is_end
    for name, stream in (("first", first), ("second", second)):
        impossible = chosen & ~np.isfinite(stream.log_probabilities)
        if impossible.any():
            position = int(np.argmax(impossible))
            raise InputError(
                f"Event {position} (sentence {int(stream.sentence[position])}) has the log probability "
                f"{stream.log_probabilities[position]} in the {name} model, which makes the difference infinite; smooth that model, or "
                f"leave unknown words out by include_oov=False."
            )
    bits = (second.log_probabilities - first.log_probabilities)[chosen] / _LN2
    blocks = _blocks(first.sentence[chosen], sentences_per_block)
    found = _tested(bits, np.ones(len(bits)), blocks, confidence, resamples, seed)
    return dataclasses.replace(found, left_out=len(first) - len(bits))


def character_difference(
    first: ScoredEvents, second: ScoredEvents, *, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Difference:
    """Mean difference in bits a character between two streams that cover the same sentences in any units, tested as by `difference`.

    Raises
    ------
    UsageError
        If the streams don't cover the same characters, sentence by sentence.
    InputError
        If an event has probability 0 in either, or there are fewer than two blocks of sentences.
    """
    check_float("character_difference", "confidence", confidence, minimum=0.0, maximum=1.0, open_minimum=True)
    check_int("character_difference", "resamples", resamples, minimum=1)
    bits, characters = zip(*map(_by_sentence, (first, second)), strict=True)
    if not np.array_equal(characters[0], characters[1]):
        raise UsageError("The two streams don't cover the same characters sentence by sentence; read the text in the same sentences.")
    if not (np.isfinite(bits[0]).all() and np.isfinite(bits[1]).all()):
        raise InputError("One of the models holds an event impossible, which makes the difference infinite; smooth that model.")
    blocks = _blocks(np.arange(len(characters[0])), None)
    return _tested(bits[0] - bits[1], characters[0], blocks, confidence, resamples, seed, "character")


def _by_sentence(events: ScoredEvents) -> tuple[np.ndarray, np.ndarray]:
    """Of each sentence its bits, and the characters that it covers, float64."""
    ranks = np.zeros(len(events), np.int64)
    ranks[1:] = np.cumsum(np.diff(events.sentence) != 0)
    return np.bincount(ranks, weights=-events.log_probabilities / _LN2), np.bincount(ranks, weights=events.characters)


def _tested(
    bits: np.ndarray, weights: np.ndarray, blocks: np.ndarray, confidence: float, resamples: int, seed: int, per: str = "event"
) -> Difference:
    """The ratio of sums with its interval and p-value. bits, weights : float64 (N,), of what lies in `blocks`, int64 (N,)."""
    count = int(blocks[-1]) + 1 if len(blocks) else 0
    if count < 2:
        raise InputError(f"There are {count} blocks of events to compare, and an interval needs at least 2; score a longer text.")
    sums = np.bincount(blocks, weights=bits, minlength=count)
    sizes = np.bincount(blocks, weights=weights, minlength=count)
    bootstrap_rng, flips_rng = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    ratios = _bootstrap(sums, sizes, resamples, bootstrap_rng)
    low, high = np.quantile(ratios, [(1 - confidence) / 2, (1 + confidence) / 2])
    total = int(sizes.sum())
    return Difference(
        bits=float(sums.sum() / sizes.sum()),
        low=float(low),
        high=float(high),
        confidence=float(confidence),
        p_value=_sign_flips(sums, resamples, flips_rng),
        events=total,
        left_out=0,
        blocks=count,
        events_per_block=total / count,
        resamples=resamples,
        seed=seed,
        per=per,
    )


def _refuse_other_events(first: ScoredEvents, second: ScoredEvents, include_oov: bool) -> None:
    """Raise UsageError unless both streams describe the same events."""
    advice = "score both models on the same text with the same reading"
    if len(first) != len(second):
        raise UsageError(f"The two streams describe different events ({len(first):,} and {len(second):,} of them); {advice}.")
    for column in ("is_end", "sentence", "document", "characters", "bytes"):
        differs = getattr(first, column) != getattr(second, column)
        if differs.any():
            position = int(np.argmax(differs))
            values = getattr(first, column)[position], getattr(second, column)[position]
            raise UsageError(
                f"The two streams describe different events (event {position} has {column} {values[0]} in the first and {values[1]} in the "
                f"second); {advice}."
            )
    if first.vocabulary_hash == second.vocabulary_hash and (differs := _other_tokens(first.token_ids, second.token_ids)).any():
        raise UsageError(f"The two streams describe different events (event {int(np.argmax(differs))} is another word in each); {advice}.")
    if include_oov and (differs := first.is_oov != second.is_oov).any():
        position = int(np.argmax(differs))
        raise UsageError(
            f"{int(differs.sum()):,} words are out of vocabulary for one model only (the first is event {position}), and the price of "
            f"<unk> can't be compared with that of a word; leave such events out with include_oov=False, or train both with one vocabulary."
        )


def _other_tokens(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """bool (N,): tokens that can't be the same words, whatever the order in which the two number the words."""
    if np.array_equal(first, second):
        return np.zeros(len(first), np.bool_)
    differs = np.zeros(len(first), np.bool_)
    for one, other in ((first, second), (second, first)):
        _, place, inverse = np.unique(one, return_index=True, return_inverse=True)
        differs |= other != other[place][inverse]
    return differs


def _blocks(sentence: np.ndarray, sentences_per_block: int | None) -> np.ndarray:
    """Block of each event, int64 (events,), counted from 0 without gaps, never decreasing."""
    if not len(sentence):
        return np.zeros(0, np.int64)
    rank = np.zeros(len(sentence), np.int64)  # sentence number without gaps: all events of some may have been left out
    rank[1:] = np.cumsum(np.diff(sentence) != 0)
    sentences = int(rank[-1]) + 1
    if sentences == 1:
        runs = min(500, len(sentence) // 20)
        return np.arange(len(sentence)) * max(runs, 1) // len(sentence)
    size = sentences_per_block or max(1, round(sentences / 500))
    return rank // size


def _bootstrap(sums: np.ndarray, sizes: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Ratios of `resamples` draws of blocks with replacement, float64 (resamples,)."""
    count = len(sums)
    ratios = np.empty(resamples)
    step = max(1, _CELLS // count)
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        drawn = rng.integers(count, size=(stop - start, count))
        ratios[start:stop] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return ratios


def _sign_flips(sums: np.ndarray, resamples: int, rng: np.random.Generator) -> float:
    """Two-sided p-value: how often flipped signs give a sum as large as the one seen (1e-12 of slack for rounding)."""
    seen = abs(float(sums.sum())) - 1e-12 * float(np.abs(sums).sum())
    if len(sums) <= _EXACT_BLOCKS:
        patterns = 1 - 2 * ((np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums))) & 1)
        return float((np.abs(patterns @ sums) >= seen).mean())
    larger = 0
    step = max(1, _CELLS // len(sums))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        signs = rng.integers(2, size=(rows, len(sums)), dtype=np.int8).astype(np.float64) * 2 - 1
        larger += int((np.abs(signs @ sums) >= seen).sum())
    return (1 + larger) / (1 + resamples)
