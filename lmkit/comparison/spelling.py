"""What the spelling of a word costs that a model doesn't know, so that bits a character compare across vocabularies and units.

A model gives an unknown word the probability of `<unk>`, which says that some word follows and not which: too little for a model of
characters to be held against. The rest is paid here, to a character 5-gram (Witten-Bell) of the words in the model's own vocabulary and of
`<unk>` itself, which texts hold literally. It spells the word and its end; a character that those words lack is one of all code points.
p(<unk>) p(spelling), summed over all words that the model doesn't know, is no more than p(<unk>): the figure is that of a distribution over
texts, and no lower bound. (A speller under a word model: Mielke and Eisner 2019, Spell Once, Summon Anywhere: A Two-Level Open-Vocabulary
Language Model.)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from lmkit.events import ScoredEvents
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.vocabulary import Vocabulary

_ORDER = 5
_ALPHABET = {"characters": 0x110000, "bytes": 0x100}
"""What an unknown token of these units is one of."""


def spelling_costs(vocabulary: Vocabulary, words: Sequence[str]) -> np.ndarray:
    """float64 (len(words),): natural-log probabilities of spelling each word and its end, after the words of a vocabulary."""
    from lmkit.ngram.model import NgramLanguageModel

    known = [list(vocabulary.token(Vocabulary.UNK)), *(list(word) for word in vocabulary.tokens()[Vocabulary.EOS + 1 :])]
    spelled = [list(word) for word in words]
    if not spelled:
        return np.zeros(0)
    events = NgramLanguageModel(order=_ORDER, smoothing="witten-bell").fit(known).score(spelled)
    scores = np.asarray(events.log_probabilities) - np.where(events.is_oov, math.log(_ALPHABET["characters"]), 0.0)
    starts = np.cumsum([0, *(len(word) + 1 for word in spelled)])[:-1]
    return np.add.reduceat(scores, starts)


def how_spelled(unknown: int, word_level: bool) -> str:
    """What `with_spelling` did with so many unknown tokens, as the end of a sentence."""
    if word_level:
        return f"spells {unknown:,} words that it doesn't know by a character {_ORDER}-gram of those it knows"
    return f"pays for {unknown:,} characters that it doesn't know as for one of all that there are"


def with_spelling(events: ScoredEvents, corpus: EncodedCorpus, vocabulary: Vocabulary) -> ScoredEvents:
    """The events of a text with the spelling of unknown words paid for: none of them is unknown any more.

    events : of `corpus`, by a model with this vocabulary.
    """
    unknown = np.flatnonzero(events.is_oov)
    if not len(unknown):
        return events
    scores = np.array(events.log_probabilities)
    if corpus.options.is_word_level:
        words = np.asarray(corpus.ids)[events.is_oov[~events.is_end]]
        types, places = np.unique(words, return_inverse=True)
        scores[unknown] += spelling_costs(vocabulary, [corpus.vocabulary.token(int(number)) for number in types])[places]
    else:
        scores[unknown] -= math.log(_ALPHABET[corpus.options.tokenizer])
    return dataclasses.replace(events, log_probabilities=scores, is_oov=np.zeros(len(events), np.bool_))
