"""Word2vec as others have it: every choice in which word2vec.c, gensim and fastText differ, set as each of them does.

None of them shares negatives. Draws come from lmkit's own random numbers, so vectors are not theirs to the bit; their quality is theirs
within the noise of a seed (benchmarks/embedding_quality.py).
"""

from __future__ import annotations

from lmkit._validation import check_choice
from lmkit.embeddings.options import SentenceCap, Sigmoid, Variant

WORD2VEC = Variant(  # word2vec.c, commit 20c129a
    name="word2vec",
    share_negatives=False,
    direction="context-in",
    skipgram_rate=0.025,
    rate_words=None,
    cbow_rate=0.05,
    final_rate=0.0,
    rate_floor=1e-4,
    rate_every=10_000,
    subsampling="word2vec",
    noise_collision="skip",
    sigmoid=Sigmoid(6.0, 1000, "clamp"),
    init_range=0.5,
    sentence_cap=SentenceCap(1000, "kept", "split"),
    end_of_sentence="row",
)

GENSIM = Variant(  # gensim 4.4, Word2Vec
    name="gensim",
    share_negatives=False,
    direction="context-in",
    skipgram_rate=0.025,
    rate_words=None,
    cbow_rate=0.025,
    final_rate=1e-4,
    rate_floor=0.0,
    rate_every=10_000,
    subsampling="gensim",
    noise_collision="skip",
    sigmoid=Sigmoid(6.0, 1000, "skip"),
    init_range=1.0,
    sentence_cap=SentenceCap(10_000, "kept", "drop"),
    end_of_sentence="absent",
)

FASTTEXT = Variant(  # fastText, commit 1142dc4
    name="fasttext",
    share_negatives=False,
    direction="centre-in",
    skipgram_rate=0.05,
    rate_words=None,
    cbow_rate=0.05,
    final_rate=0.0,
    rate_floor=0.0,
    rate_every=100,
    subsampling="fasttext",
    counts_rare_words=True,
    noise_exponent=0.5,
    noise_collision="redraw",
    sigmoid=Sigmoid(8.0, 512, "clamp"),
    init_range=1.0,
    sentence_cap=SentenceCap(1025, "read", "split"),  # the line ends once more than 1024 tokens were read
    end_of_sentence="word",
)

PRESETS = {"lmkit": Variant(), "word2vec": WORD2VEC, "gensim": GENSIM, "fasttext": FASTTEXT}


def get_variant(variant: str | Variant | None) -> Variant:
    """A preset by name, a Variant as it is, lmkit's own for None. Raises InvalidParameterError for an unknown name."""
    if isinstance(variant, Variant):
        return variant
    return PRESETS[check_choice("Word2Vec", "compat", variant or "lmkit", PRESETS)]
