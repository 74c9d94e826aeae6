"""Whether the test is one: what of its text the models have seen, and what the weights of mixtures were learnt from.

A sentence for the reader for each thing found; what makes a comparison worthless is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from lmkit.comparison.scoring import Scored
from lmkit.errors import UsageError
from lmkit.evaluation.overlap import Overlap, hit_overlap, text_overlap
from lmkit.text.corpus import EncodedCorpus

_REMEMBERS = "tells how well a model remembers, not how well it predicts"


def what_was_seen(scored: Sequence[Scored]) -> list[str]:
    """A sentence for each model whose card says that it was trained on this text, and one where n-gram models know its runs of words."""
    found = []
    suspects: list[tuple[Overlap, int, str]] = []
    for one in scored:
        if one.corpus is None:
            continue
        name = one.contestant.name
        if _was_trained_on(one, one.corpus):
            found.append(f"{name} was trained on this very text: its perplexity {_REMEMBERS}.")
        elif one.contestant.model is not None and one.corpus.options.is_word_level:
            order = int(getattr(one.contestant.model, "order_", 0))
            overlap = hit_overlap(one.events, order)
            if overlap is not None and overlap.is_suspicious:
                suspects.append((overlap, order, name))
    if suspects and not any(one.contestant.bound for one in scored):  # a known source with few forms repeats them honestly
        overlap, order, _ = max(suspects, key=lambda one: one[1])
        names = ", ".join(name for _, _, name in suspects)
        found.append(
            f"{overlap.share:.0%} of the test text's runs of {overlap.length} words hold only {order}-grams that stand in the training "
            f"text of {names}: the test text seems to be a part of it, or made of few forms; if it is a part, a perplexity {_REMEMBERS}."
        )
    return found


def check_held_out(scored: Sequence[Scored], held_out: EncodedCorpus) -> list[str]:
    """What speaks against learning a mixture's weights from a text: a sentence each.

    Raises
    ------
    UsageError : if it is the test text.
    """
    reference = next((one.corpus for one in scored if one.corpus is not None), None)
    found = []
    if reference is not None:
        if (held_out.sha256, held_out.split_record) == (reference.sha256, reference.split_record) and held_out.sha256:
            raise UsageError(
                f"{held_out.name}: is the test text itself, and a mixture whose weights are learnt there has seen what it is tested on; "
                "name another text with --held-out, or leave it out."
            )
        overlap = text_overlap(held_out, reference)
        if overlap.is_suspicious:
            found.append(
                f"{overlap.share:.0%} of the test text's runs of {overlap.length} words stand in the held-out text too, from which the "
                "mixtures' weights were learnt: the mixtures have seen what they are tested on."
            )
    for one in scored:
        if _was_trained_on(one, held_out):
            found.append(f"{one.contestant.name} was trained on the held-out text, so the mixtures trust it more than it deserves.")
    return found


def _was_trained_on(one: Scored, corpus: EncodedCorpus) -> bool:
    """By the card of the model."""
    card = one.contestant.origin.get("card")
    record = card.get("corpus") if isinstance(card, dict) else None
    if not isinstance(record, dict) or not corpus.sha256:
        return False
    return (record.get("sha256"), record.get("split")) == (corpus.sha256, corpus.split_record)
