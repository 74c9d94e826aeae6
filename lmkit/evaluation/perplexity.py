"""The accounting block: every figure that people call the perplexity of a model, from one stream of scored events.

Perplexities of two tools rarely compare because they count different events: unknown words in or out, ends in or out, per word or per
character. The block prints all of them with the number of events behind each.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit.events import EventSums, ScoredEvents, Sum

if TYPE_CHECKING:
    from lmkit.protocols import LanguageModel

_LN10 = math.log(10)


@dataclasses.dataclass(frozen=True)
class Accounting:
    """Sums over scored events; blocks of one text add up with `+`.

    Attributes
    ----------
    known_words, unknown_words, ends : `Sum` of the three kinds of events.
    zero_probabilities : number of events with probability 0.
    characters, bytes : what the events cover of the text, separators included.
    sentences : number of sentences.
    vocabulary_size : number of tokens the model can predict.
    vocabulary_hash : of the model's vocabulary.
    is_normalised : False if the scores don't sum to one after each history, so that no figure compares with another model's.
    """

    known_words: Sum
    unknown_words: Sum
    ends: Sum
    zero_probabilities: int
    characters: int
    bytes: int
    sentences: int
    vocabulary_size: int
    vocabulary_hash: str
    is_normalised: bool = True

    @classmethod
    def from_events(cls, events: ScoredEvents) -> Accounting:
        """Sum a stream of events."""
        word = ~events.is_end

        def total(chosen: np.ndarray) -> Sum:
            return Sum(int(np.count_nonzero(chosen)), float(events.log_probabilities[chosen].sum()))

        return cls(
            known_words=total(word & ~events.is_oov),
            unknown_words=total(word & events.is_oov),
            ends=total(events.is_end),
            zero_probabilities=int(np.isneginf(events.log_probabilities).sum()),
            characters=int(events.characters.sum(dtype=np.int64)),
            bytes=int(events.bytes.sum(dtype=np.int64)),
            sentences=int(np.count_nonzero(np.diff(events.sentence))) + (len(events) > 0),
            vocabulary_size=events.vocabulary_size,
            vocabulary_hash=events.vocabulary_hash,
            is_normalised=events.is_normalised,
        )

    @classmethod
    def from_sums(cls, sums: EventSums, model: LanguageModel) -> Accounting:
        """From what a model added up itself."""
        return cls(
            **{field.name: getattr(sums, field.name) for field in dataclasses.fields(sums)},
            vocabulary_size=len(model.vocabulary) - (1 if model.text_options.sentence_boundaries else 2),
            vocabulary_hash=model.vocabulary.words_hash,
            is_normalised=model.is_normalised,
        )

    def __add__(self, other: Accounting) -> Accounting:
        """The sums over two parts of a text, scored by one model, cut between sentences. Raises ValueError for two vocabularies."""
        if self.vocabulary_hash != other.vocabulary_hash:
            raise ValueError("these were scored with different vocabularies, so they can't be added")
        return Accounting(
            **{
                field.name: getattr(self, field.name)
                if field.name.startswith(("vocabulary", "is_normalised"))
                else getattr(self, field.name) + getattr(other, field.name)
                for field in dataclasses.fields(self)
            }
        )

    @property
    def all(self) -> Sum:
        return self.known_words + self.unknown_words + self.ends

    @property
    def bits_per_character(self) -> float:
        """Bits of all events over the characters they cover; nan for an empty text. Without the spelling of unknown words."""
        return self._bits / self.characters if self.characters else math.nan

    @property
    def bits_per_byte(self) -> float:
        """Bits of all events over the UTF-8 bytes they cover; nan for an empty text. Without the spelling of unknown words."""
        return self._bits / self.bytes if self.bytes else math.nan

    @property
    def _bits(self) -> float:
        return -self.all.log_probability / math.log(2)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; infinite and undefined figures are None."""
        known, unknown, ends = self.known_words, self.unknown_words, self.ends
        figures = {
            "perplexity": self.all.perplexity,
            "perplexity_without_oov": (known + ends).perplexity,
            "perplexity_without_ends": (known + unknown).perplexity,
            "perplexity_without_oov_and_ends": known.perplexity,
            "bits_per_token": self._bits / self.all.count if self.all.count else math.nan,
            "bits_per_character": self.bits_per_character,
            "bits_per_byte": self.bits_per_byte,
            "bits_per_character_is_lower_bound": unknown.count > 0,
            "log10_probability": self.all.log_probability / _LN10,
            "tokens": self.all.count,
            "words": known.count + unknown.count,
            "oov": unknown.count,
            "ends": ends.count,
            "zero_probabilities": self.zero_probabilities,
            "sentences": self.sentences,
            "characters": self.characters,
            "bytes": self.bytes,
            "vocabulary_size": self.vocabulary_size,
            "vocabulary_hash": self.vocabulary_hash,
            "is_normalised": self.is_normalised,
        }
        return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in figures.items()}

    def render(self) -> str:
        """The block as text, a line a figure."""
        known, unknown, ends = self.known_words, self.unknown_words, self.ends
        rows = [
            ("perplexity", self.all, "every word and end"),
            ("  without OOV", known + ends, "unknown words left out, as SRILM's ppl"),
            ("  without ends", known + unknown, "ends of sentences left out"),
            ("  without both", known, "known words only"),
        ]
        lines = [f"{name:<22}{_number(total.perplexity):>14}   over {total.count:>12,} events: {what}" for name, total, what in rows]
        if ends.count == 0:  # continuous text: the rows without ends would repeat the others
            lines = lines[:2]
        bound = "   at least: the spelling of unknown words is not paid for" if unknown.count else ""
        lines.append(f"{'bits per character':<22}{_number(self.bits_per_character):>14}   over {self.characters:>12,} characters{bound}")
        lines.append(f"{'bits per byte':<22}{_number(self.bits_per_byte):>14}   over {self.bytes:>12,} bytes{bound}")
        words = known.count + unknown.count
        share = f" ({100 * unknown.count / words:.2f} %)" if words else ""
        lines.append(f"{'OOV':<22}{unknown.count:>14,}   of {words:,} words{share}; a literal <unk> counts as one")
        lines.append(f"{'sentences':<22}{self.sentences:>14,}")
        lines.append(f"{'log10 probability':<22}{_log10(self.all.log_probability / _LN10):>14}")
        lines.append(f"{'vocabulary':<22}{self.vocabulary_size:>14,}   tokens that can be predicted, hash {self.vocabulary_hash[:12]}")
        if self.zero_probabilities:
            lines.append(
                f"{'zero probabilities':<22}{self.zero_probabilities:>14,}   events the model holds impossible: the perplexity is infinite"
            )
        if not self.is_normalised:
            lines.append(
                f"{'no probabilities':<22}{'':>14}   this model's scores don't sum to one, so its figures compare with no other model's"
            )
        return "\n".join(lines)


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return f"{value:,.5f}" if abs(value) < 1e6 else f"{value:.6g}"


def _log10(value: float) -> str:
    """Sums grow with the text, so that six digits would be too few of them."""
    return f"{value:,.5f}" if math.isfinite(value) else _number(value)
