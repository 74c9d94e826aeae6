"""Static embeddings of sentence-transformers: model.safetensors with `embedding.weight`, and tokenizer.json beside it.

A folder of sentence-transformers holds both in `0_StaticEmbedding`, and modules.json that says so.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmkit import _files
from lmkit.embeddings.formats import _safetensors, _tokenizer
from lmkit.embeddings.formats._result import vectors_of
from lmkit.errors import FormatError

if TYPE_CHECKING:
    from lmkit.embeddings.formats import Writing
    from lmkit.embeddings.vectors import WordVectors

FORM = "sentence-transformers static embedding"
TENSOR = "embedding.weight"
_FOLDER = "0_StaticEmbedding"
_TYPE = "sentence_transformers.models.StaticEmbedding"


def recognises(path: Path, start: bytes) -> bool:
    """A safetensors file with that tensor, or a folder that has one where modules.json says so."""
    if path.is_dir():
        return _weights(path) is not None
    return TENSOR in _safetensors.names(path, start)


def _weights(folder: Path) -> Path | None:
    for part in (folder / _FOLDER, folder):
        file = part / "model.safetensors"
        if TENSOR in _safetensors.names(file, None):
            return file
    return None


def read(path: Path, errors: str) -> WordVectors:
    """See `read_vectors`. Rows of the unknown token are left out if they are zero."""
    file = _weights(path) if path.is_dir() else path
    if file is None:
        raise FormatError(f"{path}: holds no model.safetensors with the tensor {TENSOR!r}.")
    matrix = _safetensors.matrix(file, TENSOR)
    rows = _tokenizer.rows_of(file, matrix, errors)
    return vectors_of(rows, path, FORM)


def write(vectors: WordVectors, path: Path, options: Writing) -> None:
    """See `write_vectors`. A name that ends in .safetensors makes that file and tokenizer.json beside it, any other a folder for
    SentenceTransformer(PATH). Subwords can't be written: words without a row have no vector there."""
    if path.name.endswith(".safetensors"):
        _tokenizer.write_pair(vectors, path, TENSOR)
        return
    with _files.making_folder(path) as folder:
        part = folder / _FOLDER
        part.mkdir()
        _tokenizer.write_pair(vectors, part / "model.safetensors", TENSOR)
        modules: list[dict[str, Any]] = [{"idx": 0, "name": "0", "path": _FOLDER, "type": _TYPE}]
        (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n", encoding="utf-8")
        config: dict[str, Any] = {
            "model_type": "SentenceTransformer",
            "prompts": {},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        }
        (folder / "config_sentence_transformers.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
