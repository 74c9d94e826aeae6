"""Characters: one token a Unicode code point; white space and control characters spelled out, so that a token can stand in any file."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from lmkit.text.tokenizers._base import Tokenizer
from lmkit.text.vocabulary import Vocabulary

_SPELLED_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp", "Zs"))
_SPELLED = re.compile(r"<U\+([0-9A-F]{4,6})>")


@functools.lru_cache(maxsize=1 << 16)
def spell_character(code: int) -> str:
    """Token of a code point: the character, or <U+0020> and the like for white space and control characters."""
    character = chr(code)
    return f"<U+{code:04X}>" if unicodedata.category(character) in _SPELLED_CATEGORIES else character


def read_character(token: str) -> str:
    """The character that a token stands for; other tokens (such as <unk>) stand for themselves."""
    if len(token) > 1:
        match = _SPELLED.fullmatch(token)
        if match and int(match[1], 16) <= 0x10FFFF:
            return chr(int(match[1], 16))
    return token


class CharacterTokenizer(Tokenizer):
    """`detokenize(tokenize(text)) == text` for every text."""

    name = "characters"
    is_word_level = False

    def tokenize(self, text: str) -> list[str]:
        return [spell_character(ord(character)) for character in text]

    def detokenize(self, tokens: Sequence[str]) -> str:
        return "".join(map(read_character, tokens))

    def measure(self, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
        texts = [read_character(token) for token in vocabulary.tokens()]
        characters = np.fromiter(map(len, texts), np.int32, len(texts))
        return characters, np.fromiter((len(text.encode("utf-8", "surrogatepass")) for text in texts), np.int32, len(texts))
