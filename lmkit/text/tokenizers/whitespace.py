"""White space, as KenLM cuts: NUL, tab, CR, space and LF; other Unicode spaces belong to the word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lmkit.text.tokenizers._base import Tokenizer

_WORD = re.compile("[^\0\t\r \n]+")


class WhitespaceTokenizer(Tokenizer):
    """`detokenize(tokenize(text))` is `text` with its white space folded to single spaces."""

    name = "whitespace"

    def tokenize(self, text: str) -> list[str]:
        return _WORD.findall(text)

    def detokenize(self, tokens: Sequence[str]) -> str:
        return " ".join(tokens)
