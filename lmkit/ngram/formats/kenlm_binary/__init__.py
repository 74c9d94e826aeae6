"""KenLM's binary files: hash tables ("probing") and tries, plain, quantised and with compressed pointers (docs/file-formats.md)."""

from __future__ import annotations

from lmkit.ngram.formats.kenlm_binary.header import is_kenlm_binary
from lmkit.ngram.formats.kenlm_binary.reading import read_kenlm_binary
from lmkit.ngram.formats.kenlm_binary.writing import write_probing, write_trie

__all__ = ["is_kenlm_binary", "read_kenlm_binary", "write_probing", "write_trie"]
