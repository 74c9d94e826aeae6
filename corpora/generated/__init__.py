"""Corpora made here, from a recipe and a seed, of which more is known than of any text that people wrote."""

from __future__ import annotations

from lmkit_corpora.generated.analogies import AnalogyCorpus, planted_analogies
from lmkit_corpora.generated.unifilar import Sample, UnifilarSource, made_up_words

__all__ = ["AnalogyCorpus", "Sample", "UnifilarSource", "made_up_words", "planted_analogies"]
