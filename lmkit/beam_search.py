"""Beam search: the most probable text, or nearly, where taking the most probable word each time is led astray."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmkit._validation import check_float, check_int
from lmkit.sampling import check_lengths, make_writer, refuse, refused_ids

if TYPE_CHECKING:
    from lmkit.protocols import LanguageModel


@dataclasses.dataclass(frozen=True)
class Hypothesis:
    """A text that a beam search found.

    Attributes
    ----------
    ids : what was written, without the end of the sentence.
    log_probability : natural logarithm of the probability of all that was written, its end included if it has one.
    score : what texts were compared by, see `beam_search`.
    has_ended : whether the model ended it; else `max_tokens` did.
    """

    ids: tuple[int, ...]
    log_probability: float
    score: float
    has_ended: bool


def beam_search(
    model: LanguageModel,
    prompt_ids: Sequence[int] = (),
    *,
    beams: int = 5,
    length_penalty: float = 1.0,
    max_tokens: int = 100,
    min_tokens: int = 0,
    allow_unknown: bool = False,
) -> list[Hypothesis]:
    """The best continuations that a beam finds, best first; up to `beams` of them. Nothing is drawn.

    In each step every text of the beam is continued with every word, and the most probable `beams` of all these stay. A text is compared
    by log p / length^length_penalty, length counting its tokens and its end (Jean et al. 2015, Wu et al. 2016 without their constant): with
    0 the probability decides, which prefers short texts; with 1 the mean of the log probabilities. The search stops when no text of the
    beam can still reach the worst of `beams` ended ones.

    Parameters
    ----------
    prompt_ids : the beginning of the sentence, in the model's vocabulary.
    beams : width of the beam, >= 1.
    length_penalty : >= 0.
    max_tokens, min_tokens : most and fewest tokens of a text.
    allow_unknown : whether `<unk>` may be written.

    Raises
    ------
    InvalidParameterError : for a value outside its range.
    """
    check_int("beam_search", "beams", beams, minimum=1)
    check_float("beam_search", "length_penalty", length_penalty, minimum=0)
    check_lengths("beam_search", max_tokens, min_tokens)
    vocabulary = model.vocabulary
    writer = make_writer(model)
    for token_id in prompt_ids:
        writer.push([token_id])
    live: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    ended: list[Hypothesis] = []
    for length in range(1, max_tokens + 1):
        refused = refused_ids(vocabulary, allow_unknown=allow_unknown, may_end=length > min_tokens)
        candidates = _best(writer.log_probs(), [log_p for _, log_p in live], refused, 2 * beams)
        following: list[tuple[int, int, float]] = []
        for rank, (row, token_id, log_p) in enumerate(candidates):
            if token_id == vocabulary.EOS:
                if rank < beams:  # what would not have stayed in the beam does not end in it
                    ended.append(Hypothesis(live[row][0], log_p, log_p / length**length_penalty, True))
            elif len(following) < beams:
                following.append((row, token_id, log_p))
        ended = sorted(ended, key=lambda found: -found.score)[:beams]
        if not following:
            return ended
        live = [((*live[row][0], token_id), log_p) for row, token_id, log_p in following]
        most = live[0][1] / (max_tokens + 1) ** length_penalty  # all that follows can only make it less probable
        if len(ended) == beams and most <= ended[-1].score:
            return ended
        if length < max_tokens:
            writer.keep([row for row, _, _ in following])
            writer.push([token_id for _, token_id, _ in following])
    cut = [Hypothesis(ids, log_p, log_p / max_tokens**length_penalty, False) for ids, log_p in live]
    return sorted(ended + cut, key=lambda found: -found.score)[:beams]


def _best(log_probs: np.ndarray, before: Sequence[float], refused: Sequence[int], count: int) -> list[tuple[int, int, float]]:
    """(row, token id, log probability of the text with it) of the most probable continuations, best first."""
    totals = np.array(log_probs, np.float64)
    for row, log_p in zip(totals, before, strict=True):
        for token_id in refused:
            refuse(row, token_id)
        row += log_p
    flat = totals.reshape(-1)
    threshold = np.partition(flat, -count)[-count] if count < len(flat) else -np.inf
    places = np.flatnonzero((flat >= threshold) & np.isfinite(flat))
    places = places[np.argsort(-flat[places], kind="stable")[:count]]
    return [(*divmod(int(place), totals.shape[1]), float(flat[place])) for place in places]
