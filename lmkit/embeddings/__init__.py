"""Word vectors: word2vec and fastText, their training, search and files.

Names are imported when they are first used, so that `import lmkit.embeddings` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmkit.embeddings.documents import DocumentVectorizer as DocumentVectorizer
    from lmkit.embeddings.fasttext import FastText as FastText
    from lmkit.embeddings.language_model import EmbeddingLanguageModel as EmbeddingLanguageModel
    from lmkit.embeddings.models import Word2Vec as Word2Vec
    from lmkit.embeddings.options import SentenceCap as SentenceCap
    from lmkit.embeddings.options import Sigmoid as Sigmoid
    from lmkit.embeddings.options import Variant as Variant
    from lmkit.embeddings.training.checkpoint import Checkpoints as Checkpoints
    from lmkit.embeddings.vectors import WordVectors as WordVectors

_HOMES = {
    "Checkpoints": "training.checkpoint",
    "DocumentVectorizer": "documents",
    "EmbeddingLanguageModel": "language_model",
    "FastText": "fasttext",
    "SentenceCap": "options",
    "Sigmoid": "options",
    "Variant": "options",
    "Word2Vec": "models",
    "WordVectors": "vectors",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
