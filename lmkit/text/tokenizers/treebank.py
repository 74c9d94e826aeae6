"""The Penn Treebank's word tokenizer, as NLTK has it (no data needed)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lmkit.errors import MissingDependencyError
from lmkit.text.tokenizers._base import Tokenizer, with_stand_ins, without_stand_ins


class TreebankTokenizer(Tokenizer):
    """`nltk.tokenize.NLTKWordTokenizer`: splits contractions ("do n't"), punctuation and a final full stop; expects one sentence.

    `detokenize` is NLTK's TreebankWordDetokenizer: readable, no exact inverse (quotes, spacing).
    """

    name = "treebank"

    def __init__(self) -> None:
        try:
            from nltk.tokenize.destructive import NLTKWordTokenizer
            from nltk.tokenize.treebank import TreebankWordDetokenizer
        except ImportError:
            raise MissingDependencyError("The treebank tokenizer needs NLTK; install it with: pip install nltk") from None
        self._tokenizer: Any = NLTKWordTokenizer()
        self._detokenizer: Any = TreebankWordDetokenizer()

    def tokenize(self, text: str) -> list[str]:
        marked = with_stand_ins(text)
        tokens = self._tokenizer.tokenize(marked)
        return tokens if marked is text else without_stand_ins(tokens)

    def detokenize(self, tokens: Sequence[str]) -> str:
        return str(self._detokenizer.detokenize(list(tokens)))
