"""Letting a language model of any family go on with a text that a person typed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lmkit.beam_search import beam_search
from lmkit.sampling import Decoding, generate, generate_many
from lmkit.text.encoding import encode_prompt
from lmkit.text.tokenizers import get_tokenizer

if TYPE_CHECKING:
    from lmkit.protocols import LanguageModel

_TOGETHER = 64  # texts that are written side by side


def continue_text(
    model: LanguageModel,
    prompt: str | Sequence[str] = "",
    *,
    decoding: Decoding | None = None,
    max_tokens: int = 100,
    min_tokens: int = 0,
    rng: np.random.Generator | int | None = None,
) -> str:
    """Continue a prompt to the end of a sentence; the text with the prompt in front. Parameters as for `lmkit.sampling.generate`."""
    tokens = encode_prompt(prompt, model.text_options)
    ids = model.vocabulary.lookup(tokens).tolist()
    produced = generate(model, ids, decoding=decoding, max_tokens=max_tokens, min_tokens=min_tokens, rng=rng)
    return _text(model, tokens, list(produced))


def continue_texts(
    model: LanguageModel,
    prompts: Sequence[str | Sequence[str]],
    *,
    decoding: Decoding | None = None,
    max_tokens: int = 100,
    min_tokens: int = 0,
    rngs: Sequence[np.random.Generator] | None = None,
) -> list[str]:
    """Continue many prompts side by side: what `continue_text` gives for each with its generator, of a network in a fraction of the time.

    rngs : one a prompt; None takes fresh ones. See `generators`.
    """
    if rngs is None:
        rngs = generators(None, len(prompts))
    beginnings = [encode_prompt(prompt, model.text_options) for prompt in prompts]
    texts = []
    for first in range(0, len(prompts), _TOGETHER):
        part = slice(first, first + _TOGETHER)
        ids = [model.vocabulary.lookup(tokens).tolist() for tokens in beginnings[part]]
        found = generate_many(model, ids, decoding=decoding, max_tokens=max_tokens, min_tokens=min_tokens, rngs=rngs[part])
        texts += [_text(model, tokens, produced) for tokens, produced in zip(beginnings[part], found, strict=True)]
    return texts


def generators(seed: int | None, count: int) -> list[np.random.Generator]:
    """A generator for each of many texts, all from one seed; None draws a fresh seed."""
    return [np.random.default_rng(spawned) for spawned in np.random.SeedSequence(seed).spawn(count)]


def stream_text(
    model: LanguageModel,
    prompt: str | Sequence[str] = "",
    *,
    decoding: Decoding | None = None,
    max_tokens: int = 100,
    min_tokens: int = 0,
    rng: np.random.Generator | int | None = None,
) -> Iterator[str]:
    """What `continue_text` gives, in pieces as they are written, the prompt first; joined they are that text.

    A piece is held back while what follows may still change it: a character of several bytes, a mark that will lose its space.
    """
    tokens = encode_prompt(prompt, model.text_options)
    ids = model.vocabulary.lookup(tokens).tolist()
    produced: list[int] = []
    shown = _text(model, tokens, [])
    yield shown
    for token_id in generate(model, ids, decoding=decoding, max_tokens=max_tokens, min_tokens=min_tokens, rng=rng):
        produced.append(token_id)
        text = _text(model, tokens, produced)
        safe = text.rstrip("\N{REPLACEMENT CHARACTER}")
        if safe.startswith(shown) and len(safe) > len(shown):
            yield safe[len(shown) :]
            shown = safe
    text = _text(model, tokens, produced)
    if text.startswith(shown):
        yield text[len(shown) :]


def best_texts(
    model: LanguageModel,
    prompt: str | Sequence[str] = "",
    *,
    beams: int = 5,
    length_penalty: float = 1.0,
    max_tokens: int = 100,
    min_tokens: int = 0,
    allow_unknown: bool = False,
) -> list[str]:
    """What a beam search finds, best first, with the prompt in front. Parameters as for `lmkit.beam_search.beam_search`."""
    tokens = encode_prompt(prompt, model.text_options)
    found = beam_search(
        model,
        model.vocabulary.lookup(tokens).tolist(),
        beams=beams,
        length_penalty=length_penalty,
        max_tokens=max_tokens,
        min_tokens=min_tokens,
        allow_unknown=allow_unknown,
    )
    return [_text(model, tokens, list(hypothesis.ids)) for hypothesis in found]


def _text(model: LanguageModel, tokens: Sequence[str], produced: Sequence[int]) -> str:
    return get_tokenizer(model.text_options.tokenizer).detokenize([*tokens, *model.vocabulary.decode(produced)])
