"""A text with planted analogies: word pairs that share a relation, so that what word vectors find can be checked against what is there.

Every pair k of a relation has a theme, some words that occur around both of its halves; each side of the relation has its own company,
words that occur around all words of that side. What stands near a word is then theme plus side, and its log odds are a sum of the two: the
setting in which a : b as c : d is solved by b - a + c (Pennington, Socher and Manning 2014, GloVe, section 3; Arora and others 2016, A
Latent Variable Model Approach to PMI-based Word Embeddings, section 4).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from lmkit._validation import check_float, check_int
from lmkit_corpora.generated.unifilar import made_up_words


@dataclasses.dataclass(frozen=True)
class AnalogyCorpus:
    """The text and what is planted in it.

    Attributes
    ----------
    text : a sentence a line.
    pairs : relation -> its word pairs.
    """

    text: str
    pairs: dict[str, list[tuple[str, str]]]

    @property
    def questions(self) -> str:
        """All questions a b c d in the format of word2vec's questions-words.txt: ": relation" lines, then four words a line."""
        lines = []
        for relation, pairs in self.pairs.items():
            lines.append(f": {relation}")
            lines += [f"{a} {b} {c} {d}" for a, b in pairs for c, d in pairs if a != c]
        return "\n".join(lines) + "\n"


def planted_analogies(
    *,
    relations: int = 4,
    pairs: int = 12,
    sentences: int = 40_000,
    theme_words: int = 6,
    side_words: int = 6,
    filler_words: int = 200,
    length: int = 11,
    noise: float = 0.3,
    seed: int = 0,
) -> AnalogyCorpus:
    """Make the text. Every sentence has one word of a pair and `length` words of company around it.

    Parameters
    ----------
    relations, pairs : how many relations, and word pairs in each.
    sentences : how many lines.
    theme_words, side_words : words of company for each pair and for each side of each relation.
    filler_words : words that stand anywhere, Zipf-distributed.
    length : words of company in a sentence.
    noise : the share of the company that is filler; the rest is theme or side with equal chances.
    seed : the same seed makes the same text.
    """
    owner = "planted_analogies"
    for name, value, minimum in (
        ("relations", relations, 1), ("pairs", pairs, 2), ("sentences", sentences, 1), ("theme_words", theme_words, 1),
        ("side_words", side_words, 1), ("filler_words", filler_words, 1), ("length", length, 2),
    ):  # fmt: skip
        check_int(owner, name, value, minimum=minimum)
    check_float(owner, "noise", noise, minimum=0.0, maximum=0.9)
    rng = np.random.default_rng(seed)
    targets = relations * pairs * 2
    themes = relations * pairs * theme_words
    sides = relations * 2 * side_words
    words = made_up_words(filler_words + targets + themes + sides)
    filler = np.array(words[:filler_words], dtype=object)
    rest = np.array(words[filler_words:], dtype=object)[rng.permutation(targets + themes + sides)]  # no meaning in the spelling
    target = rest[:targets].reshape(relations, pairs, 2)
    theme = rest[targets : targets + themes].reshape(relations, pairs, theme_words)
    side = rest[targets + themes :].reshape(relations, 2, side_words)

    relation = rng.integers(relations, size=sentences)
    pair = rng.integers(pairs, size=sentences)
    half = rng.integers(2, size=sentences)
    shape = (sentences, length)
    from_theme = theme[relation[:, None], pair[:, None], rng.integers(theme_words, size=shape)]
    from_side = side[relation[:, None], half[:, None], rng.integers(side_words, size=shape)]
    law = 1.0 / np.arange(1, filler_words + 1)
    from_filler = filler[rng.choice(filler_words, size=shape, p=law / law.sum())]
    which = rng.random(shape)
    company = np.where(which < noise, from_filler, np.where(which < noise + (1 - noise) / 2, from_theme, from_side))
    place = length // 2
    lines = np.concatenate([company[:, :place], target[relation, pair, half][:, None], company[:, place:]], axis=1)
    text = "\n".join(" ".join(line) for line in lines.tolist()) + "\n"
    planted = {f"relation-{r + 1}": [(str(a), str(b)) for a, b in target[r]] for r in range(relations)}
    return AnalogyCorpus(text, planted)
