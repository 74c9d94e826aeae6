"""Opening a binary file as a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lmkit.errors import InputError
from lmkit.ngram.formats.kenlm_binary.header import NAMES, PROBING, REST_PROBING, BinaryFile

if TYPE_CHECKING:
    from lmkit.ngram.model import NgramLanguageModel
    from lmkit.text.options import TextOptions


def read_kenlm_binary(path: str | os.PathLike[str], reading: TextOptions | None = None) -> NgramLanguageModel:
    """A model from one of KenLM's binary files: probing, trie, quantised or not, with compressed pointers or not.

    Tries are unpacked into lmkit's own query structure. Hash tables are scored where they lie and opened at once; what needs their n-grams
    themselves finds them again first (`ProbingLanguageModel`).

    Raises
    ------
    InputError : if the file is missing.
    FormatError : if it is cut, damaged, of another version, or without words.
    """
    from lmkit.ngram.formats.kenlm_binary.model import ProbingLanguageModel
    from lmkit.ngram.model import NgramLanguageModel
    from lmkit.text.options import TextOptions

    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path.")
    file = BinaryFile(path)
    kind = file.header.kind
    if kind in (PROBING, REST_PROBING):
        return ProbingLanguageModel.of_file(file, reading)
    from lmkit.ngram.formats.kenlm_binary.trie import read_trie

    levels, words = read_trie(file)
    has_boundaries = bool(levels.log10_probabilities[0][2] > float("-inf"))
    options = reading or TextOptions(sentences="line" if has_boundaries else "none")
    model = NgramLanguageModel(order=file.header.order, reading=options)
    notes = []
    if kind != 2 and "quantised" in NAMES[kind]:
        notes.append(f"{path} is quantised, so its probabilities are rounded.")
    model._install(levels.to_trie(), words.vocabulary, options)
    model.notes_ = notes
    model.metadata_ = {"made_by": f"read from KenLM's binary file {path} ({NAMES[kind]})", "options": {}, "notes": notes}
    return model
