"""Opening any model file by its content."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from lmkit._container import is_container, read_container
from lmkit.errors import FormatError, InputError

_START = 1 << 16

_READERS = {
    # kind in the container -> module and class with `from_container`
    "ngram": ("lmkit.ngram.model", "NgramLanguageModel"),
    "vectors": ("lmkit.embeddings.vectors", "WordVectors"),
    "embedding-lm": ("lmkit.embeddings.language_model", "EmbeddingLanguageModel"),
    "recurrent": ("lmkit.neural.models", "RecurrentLanguageModel"),
    "window": ("lmkit.neural.window_model", "WindowLanguageModel"),
    "mixture": ("lmkit.wrappers.mixture", "Mixture"),
}


def load(path: str | os.PathLike[str]) -> Any:
    """Open a model: lmkit's own files of any kind, ARPA (plain or compressed), KenLM's binary files, word vectors of any format that
    lmkit reads (word2vec, GloVe, fastText, ...: docs/file-formats.md); recognised by content.

    Raises
    ------
    InputError : if the file is missing.
    FormatError : if it is neither, cut, inconsistent, or of a newer version.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path, or train a model first (lmkit train-ngram, train-w2v, train-rnn ...).")
    if path.is_dir():
        vectors = _foreign_vectors(path)
        if vectors is None:
            raise InputError(f"{path}: is a folder, not a model file.")
        return vectors
    if is_container(path):  # asked first: it costs 64 bytes, and spares own files the imports of the others
        container = read_container(path)
        if container.kind == "events":
            raise FormatError(f"{path}: holds scored events, what a model said of a text; give it to `lmkit compare` or `lmkit diff`.")
        if container.kind not in _READERS:
            raise FormatError(f"{path}: holds a {container.kind!r} model, which this lmkit can't read; it reads: {', '.join(_READERS)}.")
        module, name = _READERS[container.kind]
        return getattr(importlib.import_module(module), name).from_container(container)
    if _is_arpa(path):
        from lmkit.ngram.model import NgramLanguageModel

        return NgramLanguageModel.from_arpa(path)
    if _begins_as_kenlm(path):
        from lmkit.ngram.formats.kenlm_binary import read_kenlm_binary

        return read_kenlm_binary(path)
    if _is_torch_file(path):
        raise FormatError(f"{path}: is a file of PyTorch; make a model of its state dict: lmkit convert {path} model.lm --words WORDS.txt.")
    vectors = _foreign_vectors(path)
    if vectors is None:
        raise FormatError(
            f"{path}: neither a model written by lmkit nor an ARPA file nor KenLM's binary nor word vectors, so it can't be opened."
            f"{_hint(path)}"
        )
    return vectors


def _foreign_vectors(path: Path) -> Any:
    """Word vectors in another's format, or None if the content is of none of these."""
    from lmkit.embeddings import formats

    form = formats.recognise(path)
    return None if form is None else formats.read_vectors(path, form.name)


def is_model(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as one of the model files that `load` opens, word vectors in others' formats left out."""
    path = Path(path)
    return path.is_file() and (is_container(path) or _is_arpa(path) or _begins_as_kenlm(path))


def _is_torch_file(path: Path) -> bool:
    with open(path, "rb") as file:
        if file.read(4) != b"PK\3\4":
            return False
    from lmkit.neural.torch_files import is_torch_file

    return is_torch_file(path)


def _begins_as_kenlm(path: Path) -> bool:
    from lmkit.ngram.formats.kenlm_binary.header import is_kenlm_binary

    return is_kenlm_binary(path)


def _hint(path: Path) -> str:
    """What to do about files that come near to what can be read."""
    from lmkit.text import compression

    try:
        with open(path, "rb") as file:
            raw = file.read(_START)
            file.seek(0)
            start = next(compression.decompressed(file, str(path), _START), b"")
    except (OSError, FormatError):
        return ""
    if start.startswith(b"mmap lm http://kheafield.com/code") and raw != start:
        return " It is KenLM's binary, compressed: unpack it first."
    words = start.split(None, 1)
    if words and words[0] in (b"blmt", b"Qblmt", b"blmtI", b"QblmtI", b"qARPA"):
        return " It is IRSTLM's binary: make ARPA of it with compile-lm --text=yes."
    return ""


def _is_arpa(path: Path) -> bool:
    """Whether \\data\\ stands near the start, behind comments as SRILM may write; compressed or not."""
    from lmkit.text import compression

    try:
        with open(path, "rb") as file:
            start = next(compression.decompressed(file, str(path), _START), b"")
    except (OSError, FormatError):
        return False
    return b"\\data\\" in start
