"""Tokenizers behind one interface. To add one: write a file beside this one and name its class in `_CLASSES`."""

from __future__ import annotations

import functools
import importlib

from lmkit._validation import check_choice
from lmkit.text.tokenizers._base import Tokenizer

_CLASSES = {
    "whitespace": "whitespace:WhitespaceTokenizer",
    "treebank": "treebank:TreebankTokenizer",
    "regex": "regular:RegularTokenizer",
    "characters": "characters:CharacterTokenizer",
    "bytes": "byte_level:ByteTokenizer",
}


def tokenizer_names() -> list[str]:
    """Names that `get_tokenizer` knows."""
    return list(_CLASSES)


@functools.cache
def get_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of a name; imported when it is first asked for.

    Raises
    ------
    InvalidParameterError : for an unknown name.
    MissingDependencyError : if the package behind it is not installed.
    """
    check_choice("get_tokenizer", "name", name, _CLASSES)
    module, _, class_name = _CLASSES[name].partition(":")
    found: Tokenizer = getattr(importlib.import_module(f"{__name__}.{module}"), class_name)()
    return found


__all__ = ["Tokenizer", "get_tokenizer", "tokenizer_names"]
