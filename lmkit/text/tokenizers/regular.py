"""A Unicode-aware regular expression: words, numbers, and every punctuation mark or symbol by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lmkit.errors import MissingDependencyError
from lmkit.text.tokenizers._base import Tokenizer, with_stand_ins, without_stand_ins

_PATTERN = r"""
    [\uFDD0-\uFDD2]                                            # stand-ins of literal <unk>, <s>, </s>
  | \p{Nd}+ (?: [.,] \p{Nd}+ )* (?! [\p{L}\p{M}\p{N}\p{Pc}] )  # numbers: 7, 1,234.5
  | W+ (?: ['\u2019] W+ )*                                     # words: don't, 3rd, Gödel, हिन्दी; an apostrophe inside belongs to them
  | \S [\p{M}\p{EMod}]*+ (?: \u200D \S [\p{M}\p{EMod}]*+ )*    # one mark or symbol, an emoji with what it is joined to
"""
_WORD_CLASS = r"[\p{L}\p{M}\p{N}\p{Pc}\u200C\u200D]"

_NO_SPACE_BEFORE = frozenset(".,;:!?%)]}»”’…、。，！？；：")
_NO_SPACE_BEHIND = frozenset("([{«“‘¿¡")
_QUOTES = frozenset("\"'")


class RegularTokenizer(Tokenizer):
    """Nothing is lost: the tokens one after the other are the text without its white space.

    `detokenize` spaces words and punctuation as written English does; it is no exact inverse.
    """

    name = "regex"

    def __init__(self) -> None:
        try:
            import regex
        except ImportError:
            raise MissingDependencyError("The regex tokenizer needs the package regex; install it with: pip install regex") from None
        self._pattern = regex.compile(re.sub(r"\bW\+", _WORD_CLASS.replace("\\", r"\\") + "+", _PATTERN), regex.VERBOSE)

    def tokenize(self, text: str) -> list[str]:
        marked = with_stand_ins(text)
        tokens: list[str] = self._pattern.findall(marked)
        return tokens if marked is text else without_stand_ins(tokens)

    def detokenize(self, tokens: Sequence[str]) -> str:
        parts: list[str] = []
        glued = True  # whether the next token follows without a space
        open_quotes: set[str] = set()
        for token in tokens:
            closes = token in _QUOTES and token in open_quotes
            opens = token in _QUOTES and not closes
            if not (glued or token in _NO_SPACE_BEFORE or closes):
                parts.append(" ")
            parts.append(token)
            glued = token in _NO_SPACE_BEHIND or opens
            (open_quotes.add if opens else open_quotes.discard)(token)
        return "".join(parts)
