"""What a tokenizer is."""

from __future__ import annotations

import abc
import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from lmkit.text.vocabulary import SPECIALS, Vocabulary

# Literal specials stand for themselves where white space surrounds them, also for tokenizers that would cut at < and >. While such a
# tokenizer works they are replaced by noncharacters, which Unicode keeps free for a program's own use.
_LITERAL = re.compile(r"(?<!\S)(?:<unk>|</?s>)(?!\S)")
_STAND_INS = dict(zip(SPECIALS, ("\ufdd0", "\ufdd1", "\ufdd2"), strict=True))
_LITERALS = {stand_in: special for special, stand_in in _STAND_INS.items()}


class Tokenizer(abc.ABC):
    """Cuts a text (a line, a sentence, a paragraph) into tokens and joins tokens to a text. No token holds white space."""

    name: ClassVar[str]
    is_word_level: ClassVar[bool] = True  # tokens are separated by a space in the text

    @abc.abstractmethod
    def tokenize(self, text: str) -> list[str]:
        """Tokens of a text."""

    @abc.abstractmethod
    def detokenize(self, tokens: Sequence[str]) -> str:
        """A readable text from tokens."""

    def measure(self, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
        """(characters, bytes): what each token of a vocabulary covers of a text, int32 (V,) each."""
        return vocabulary.characters, vocabulary.bytes

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def with_stand_ins(text: str) -> str:
    """`text` with literal <unk>, <s> and </s> replaced by single characters that no tokenizer cuts."""
    if "<unk>" not in text and "s>" not in text:
        return text
    return _LITERAL.sub(lambda match: _STAND_INS[match[0]], text)


def without_stand_ins(tokens: list[str]) -> list[str]:
    """Undo `with_stand_ins`."""
    return [_LITERALS.get(token, token) for token in tokens]
