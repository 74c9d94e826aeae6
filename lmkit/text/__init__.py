"""Text to ids and back: options, tokenizers, sentences, vocabularies, encoded corpora, and small matrices for teaching.

Names are imported when they are first used, so that `import lmkit.text` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmkit.text.corpus import EncodedCorpus as EncodedCorpus
    from lmkit.text.encoding import as_corpus as as_corpus
    from lmkit.text.encoding import encode as encode
    from lmkit.text.encoding import encode_prompt as encode_prompt
    from lmkit.text.encoding import encode_stream as encode_stream
    from lmkit.text.matrices import cooccurrence_matrix as cooccurrence_matrix
    from lmkit.text.matrices import document_term_matrix as document_term_matrix
    from lmkit.text.matrices import one_hot as one_hot
    from lmkit.text.matrices import transition_counts as transition_counts
    from lmkit.text.options import TextOptions as TextOptions
    from lmkit.text.sentences import train_sentence_model as train_sentence_model
    from lmkit.text.sources import TextSource as TextSource
    from lmkit.text.sources import lines_source as lines_source
    from lmkit.text.sources import open_source as open_source
    from lmkit.text.sources import text_source as text_source
    from lmkit.text.splitting import split_corpus as split_corpus
    from lmkit.text.tokenizers import Tokenizer as Tokenizer
    from lmkit.text.tokenizers import get_tokenizer as get_tokenizer
    from lmkit.text.tokenizers import tokenizer_names as tokenizer_names
    from lmkit.text.vocabulary import Vocabulary as Vocabulary

_HOMES = {
    "EncodedCorpus": "corpus",
    "TextOptions": "options",
    "TextSource": "sources",
    "Tokenizer": "tokenizers",
    "Vocabulary": "vocabulary",
    "as_corpus": "encoding",
    "cooccurrence_matrix": "matrices",
    "document_term_matrix": "matrices",
    "encode": "encoding",
    "encode_prompt": "encoding",
    "encode_stream": "encoding",
    "get_tokenizer": "tokenizers",
    "lines_source": "sources",
    "one_hot": "matrices",
    "open_source": "sources",
    "split_corpus": "splitting",
    "text_source": "sources",
    "tokenizer_names": "tokenizers",
    "train_sentence_model": "sentences",
    "transition_counts": "matrices",
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
