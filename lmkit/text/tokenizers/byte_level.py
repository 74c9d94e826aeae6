"""Bytes: one token a byte of the UTF-8 text, spelled <0x41>."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from lmkit.text.tokenizers._base import Tokenizer
from lmkit.text.vocabulary import Vocabulary

BYTE_TOKENS = tuple(f"<0x{value:02X}>" for value in range(256))
_SPELLED = re.compile(r"<0x([0-9A-F]{2})>")


class ByteTokenizer(Tokenizer):
    """`detokenize(tokenize(text)) == text` for every text; bytes that form no UTF-8 come out as U+FFFD."""

    name = "bytes"
    is_word_level = False

    def tokenize(self, text: str) -> list[str]:
        return [BYTE_TOKENS[value] for value in text.encode()]

    def detokenize(self, tokens: Sequence[str]) -> str:
        parts = []
        for token in tokens:
            match = _SPELLED.fullmatch(token)
            parts.append(bytes((int(match[1], 16),)) if match else token.encode())
        return b"".join(parts).decode("utf-8", "replace")

    def measure(self, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
        """A byte counts one byte, and one character unless it continues one (0x80 to 0xBF)."""
        tokens = vocabulary.tokens()
        values = [_SPELLED.fullmatch(token) for token in tokens]
        characters = np.array(
            [
                len(token) if match is None else 0 if 0x80 <= int(match[1], 16) <= 0xBF else 1
                for token, match in zip(tokens, values, strict=True)
            ],
            np.int32,
        )
        sizes = [len(token.encode()) if match is None else 1 for token, match in zip(tokens, values, strict=True)]
        return characters, np.array(sizes, np.int32)
