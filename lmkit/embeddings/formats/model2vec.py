"""Static embeddings of model2vec: a folder with model.safetensors (`embeddings`, and where there are such `weights` and `mapping`),
tokenizer.json and config.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmkit import _files
from lmkit.embeddings.formats import _safetensors, _tokenizer
from lmkit.embeddings.formats._result import vectors_of
from lmkit.errors import FormatError

if TYPE_CHECKING:
    from lmkit.embeddings.formats import Writing
    from lmkit.embeddings.vectors import WordVectors

FORM = "model2vec static embedding"
TENSOR = "embeddings"


def recognises(path: Path, start: bytes) -> bool:
    """A safetensors file with that tensor, or a folder that has one."""
    return TENSOR in (_safetensors.names(path / "model.safetensors", None) if path.is_dir() else _safetensors.names(path, start))


def read(path: Path, errors: str) -> WordVectors:
    """See `read_vectors`. A token's vector is its weight times its row, as model2vec adds them up."""
    file = path / "model.safetensors" if path.is_dir() else path
    matrix = _safetensors.matrix(file, TENSOR)
    known = _safetensors.names(file, None)
    if "mapping" in known:
        mapping = _safetensors.vector(file, "mapping").astype(np.int64)
        if mapping.min(initial=0) < 0 or mapping.max(initial=0) >= len(matrix):
            raise FormatError(f"{file}: the tensor 'mapping' points outside of the {len(matrix):,} rows; the file is damaged.")
        matrix = matrix[mapping]
    if "weights" in known:
        weights = _safetensors.vector(file, "weights").astype(np.float32)
        if len(weights) != len(matrix):
            raise FormatError(f"{file}: has {len(weights):,} weights for {len(matrix):,} rows; the file is damaged.")
        matrix = matrix * weights[:, None]
    return vectors_of(_tokenizer.rows_of(file, matrix, errors), path, FORM)


def write(vectors: WordVectors, path: Path, options: Writing) -> None:
    """See `write_vectors`. Makes a folder for StaticModel.from_pretrained(PATH). Subwords can't be written."""
    with _files.making_folder(path) as folder:
        _tokenizer.write_pair(vectors, folder / "model.safetensors", TENSOR)
        config = {"model_type": "model2vec", "architectures": ["StaticModel"], "hidden_dim": vectors.dimensions, "normalize": False}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
