"""lmkit: train, inspect and compare language models and word vectors on your own machine.

The names below are loaded when they are first used, so that `import lmkit` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "Contestant": "lmkit.comparison.contestants",
    "EmbeddingLanguageModel": "lmkit.embeddings.language_model",
    "Mixture": "lmkit.wrappers.mixture",
    "WindowLanguageModel": "lmkit.neural.window_model",
    "compare": "lmkit.comparison.comparison",
    "NgramLanguageModel": "lmkit.ngram.model",
    "RecurrentLanguageModel": "lmkit.neural.models",
    "Decoding": "lmkit.sampling",
    "ScoredEvents": "lmkit.events",
    "TextOptions": "lmkit.text.options",
    "WordVectors": "lmkit.embeddings.vectors",
    "load": "lmkit.loading",
}

if TYPE_CHECKING:
    from lmkit.comparison.comparison import compare
    from lmkit.comparison.contestants import Contestant
    from lmkit.embeddings.language_model import EmbeddingLanguageModel
    from lmkit.embeddings.vectors import WordVectors
    from lmkit.events import ScoredEvents
    from lmkit.loading import load
    from lmkit.neural.models import RecurrentLanguageModel
    from lmkit.neural.window_model import WindowLanguageModel
    from lmkit.ngram.model import NgramLanguageModel
    from lmkit.sampling import Decoding
    from lmkit.text.options import TextOptions
    from lmkit.wrappers.mixture import Mixture

__all__ = [
    "Contestant",
    "Decoding",
    "EmbeddingLanguageModel",
    "Mixture",
    "NgramLanguageModel",
    "RecurrentLanguageModel",
    "ScoredEvents",
    "TextOptions",
    "WindowLanguageModel",
    "WordVectors",
    "__version__",
    "compare",
    "load",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'lmkit' has no attribute {name!r}")
