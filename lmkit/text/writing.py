"""Letting a language model of any family go on with a text that a person typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmkit.sampling import Decoding, generate
from lmkit.text.encoding import encode_prompt
from lmkit.text.tokenizers import get_tokenizer

if TYPE_CHECKING:
    from lmkit.protocols import LanguageModel


def continue_text(
    model: LanguageModel,
    prompt: str = "",
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
    return get_tokenizer(model.text_options.tokenizer).detokenize([*tokens, *model.vocabulary.decode(produced)])
