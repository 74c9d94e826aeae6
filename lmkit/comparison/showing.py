"""What models say when they are asked, side by side: next words after prompts, and texts that they write."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lmkit.comparison.results import NextWords
from lmkit.comparison.scoring import Scored
from lmkit.protocols import LanguageModel
from lmkit.sampling import Decoding
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.encoding import encode_prompt
from lmkit.text.tokenizers import get_tokenizer
from lmkit.text.writing import continue_text

_SAMPLE = 30
"""Tokens of a sample at most."""
_SAMPLES = 3
_WORDS = 5
_PROMPT = (3, 6)
"""Least and greatest number of words of a prompt that is taken from the text."""


def next_words(order: Sequence[Scored], prompts: Sequence[str]) -> tuple[NextWords, ...]:
    """A table for each prompt: the next words of every model that can be asked, best model first."""
    asked = [(one.contestant.name, one.contestant.model) for one in order if one.contestant.model is not None and one.events.is_normalised]
    return tuple(NextWords(prompt, tuple((name, _most_probable(model, prompt)) for name, model in asked)) for prompt in prompts)


def _most_probable(model: LanguageModel, prompt: str) -> tuple[tuple[str, float], ...]:
    state = model.initial_state(1)
    for token_id in model.vocabulary.lookup(encode_prompt(prompt, model.text_options)).tolist():
        state = model.advance(state, [token_id])
    row = np.asarray(model.log_probs(state))[0]
    best = [word for word in np.argsort(-row, kind="stable")[:_WORDS].tolist() if np.isfinite(row[word])]
    return tuple((model.vocabulary.token(word), math.exp(row[word])) for word in best)


def samples(order: Sequence[Scored], seed: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Sentences of each model, by drawing from its own distribution; the same seeds for all."""
    found = []
    for one in order:
        model = one.contestant.model
        if model is not None and one.events.is_normalised:
            texts = tuple(continue_text(model, decoding=Decoding(), max_tokens=_SAMPLE, rng=seed + n) for n in range(_SAMPLES))
            found.append((one.contestant.name, texts))
    return tuple(found)


def openings(corpus: EncodedCorpus, count: int, seed: int) -> tuple[str, ...]:
    """Beginnings of sentences of a text, drawn at random: prompts where the user gave none. Fewer where sentences are too short."""
    rng = np.random.default_rng(seed)
    lengths = np.diff(np.asarray(corpus.sentence_offsets))
    long = np.flatnonzero(lengths > _PROMPT[1])
    if not len(long):
        return ()
    detokenize = get_tokenizer(corpus.options.tokenizer).detokenize
    drawn = np.sort(rng.choice(long, min(count, len(long)), replace=False))
    sizes = rng.integers(_PROMPT[0], _PROMPT[1] + 1, len(drawn))
    return tuple(
        detokenize(corpus.vocabulary.decode(corpus.sentence_ids(int(place))[:size])) for place, size in zip(drawn, sizes, strict=True)
    )
