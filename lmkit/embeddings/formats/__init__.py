"""File formats of word vectors: one file each, and one row each in `FORMATS`. Files are recognised by their content.

`read_vectors(path)` opens any of them, `write_vectors(vectors, path, format)` writes one; `to_gensim` and `from_gensim` hand vectors over
in memory. docs/file-formats.md describes each.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmkit._validation import check_choice
from lmkit.embeddings.formats._rows import ERRORS
from lmkit.embeddings.formats._source import first_bytes
from lmkit.embeddings.formats.gensim_memory import from_gensim, to_gensim
from lmkit.errors import FormatError, InputError, InvalidParameterError

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors

__all__ = [
    "FORMATS",
    "Format",
    "Writing",
    "format_of_name",
    "from_gensim",
    "read_vectors",
    "recognise",
    "to_gensim",
    "write_vectors",
]

DIGITS = ("shortest", "classic")


@dataclasses.dataclass(frozen=True)
class Format:
    """One row of the table of formats.

    Its module holds `recognises(path, start)`, whether a file (or folder) whose first bytes are `start`, unpacked, is of this format;
    `read(path, errors)`, a WordVectors; and, if it can be written, `write(vectors, path, options)`.

    Attributes
    ----------
    name : what --to takes.
    title : for people.
    module : in this package.
    endings : of files that are written so, without a word about the format.
    writes : whether it can be written.
    """

    name: str
    title: str
    module: str
    endings: tuple[str, ...] = ()
    writes: bool = True

    def load(self) -> Any:
        """The module."""
        return importlib.import_module(f"lmkit.embeddings.formats.{self.module}")


FORMATS = (  # in the order in which their content is looked for: what is surest first
    Format("fasttext", "fastText .bin", "fasttext_bin"),
    Format("npz", "NumPy .npz", "numpy_npz", (".npz",)),
    Format("zip", "zip archive", "zipped", writes=False),
    Format("sentence-transformers", "safetensors, static embeddings of sentence-transformers", "static_embedding", (".safetensors",)),
    Format("model2vec", "safetensors, static embeddings of model2vec", "model2vec"),
    Format("pickle", "Python pickle", "pickled", writes=False),
    Format("floret", "floret text", "floret", writes=False),
    Format("word2vec-binary", "word2vec binary", "word2vec_binary", (".bin", ".bin.gz")),
    Format("word2vec", "word2vec text", "word2vec_text", (".txt", ".txt.gz", ".txt.bz2", ".txt.xz", ".txt.zst")),
    Format("fasttext-vec", "fastText .vec", "fasttext_vec", (".vec", ".vec.gz")),
    Format("projector", "TensorBoard projector, tensors and metadata", "projector", (".tsv",)),
    Format("glove", "GloVe text", "glove"),
)


@dataclasses.dataclass(frozen=True)
class Writing:
    """How to write.

    Attributes
    ----------
    errors : what to do with words that a format can't hold: "strict" refuses, "replace" writes _ for white space, "skip" leaves them out.
    digits : of text formats: "shortest" reads back as the same float32, "classic" is what the format's own tool prints: 6 decimals
        (word2vec, GloVe), 5 significant digits (fastText).
    """

    errors: str = "strict"
    digits: str = "shortest"

    def __post_init__(self) -> None:
        check_choice("write_vectors", "errors", self.errors, ERRORS)
        check_choice("write_vectors", "digits", self.digits, DIGITS)


def recognise(path: str | os.PathLike[str]) -> Format | None:
    """The format that a file or folder shows, by its content; None for none of them, or what can't be read."""
    path = Path(path)
    start = b"" if path.is_dir() else first_bytes(path)
    for form in FORMATS:
        if form.load().recognises(path, start):
            return form
    return None


def read_vectors(path: str | os.PathLike[str], format: str | None = None, errors: str = "strict") -> WordVectors:
    """Open a file of word vectors.

    Parameters
    ----------
    path : a file, plain or compressed (.gz, .bz2, .xz, .zst), or the folder of a static embedding.
    format : a name in FORMATS, or None to look at the content.
    errors : "strict" refuses what is wrong with a file, "replace" and "skip" mend it or leave rows out (formats/_rows.py has the table).
        What was changed stands in `made["notes"]` of the result.

    Returns
    -------
    WordVectors; with subwords if the file has them.

    Raises
    ------
    InputError : if the file is missing.
    FormatError : if it is of none of these formats, cut, damaged or inconsistent: where, and what to do.
    """
    check_choice("read_vectors", "errors", errors, ERRORS)
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path.")
    form = recognise(path) if format is None else named(format)
    if form is None:
        raise FormatError(
            f"{path}: is of none of the vectors' formats that lmkit reads: {', '.join(row.title for row in FORMATS if row.writes)}."
        )
    return form.load().read(path, errors)


def write_vectors(vectors: WordVectors, path: str | os.PathLike[str], format: str | None = None, options: Writing | None = None) -> None:
    """Write word vectors in a format that others read.

    Parameters
    ----------
    path : where; text is compressed if the name ends in .gz, .bz2, .xz or .zst. `model2vec` makes a folder.
    format : a name in FORMATS, or None to take it from the path's ending.

    Raises
    ------
    InvalidParameterError : if the ending tells no format.
    InputError : for words that the format can't hold.
    OutputError : if the file can't be written; what stood there is then untouched.
    FormatError : if a vector holds NaN or infinity, which no reader takes.
    """
    vectors.check_finite()
    form = named(format) if format is not None else format_of_name(path)
    if form is None or not form.writes:
        names = ", ".join(row.name for row in FORMATS if row.writes)
        raise InvalidParameterError(f"The 'format' parameter of write_vectors must be one of {names}. Got {format!r} for {path} instead.")
    form.load().write(vectors, Path(path), options or Writing())


def format_of_name(path: str | os.PathLike[str]) -> Format | None:
    """The format that a file's ending asks for, or None."""
    name = Path(path).name
    return next((form for form in FORMATS if name.endswith(form.endings or ("\0",))), None)


def named(name: str) -> Format:
    """The row of FORMATS with that name. Raises InvalidParameterError."""
    found = check_choice("word vectors", "format", name, [form.name for form in FORMATS])
    return next(form for form in FORMATS if form.name == found)
