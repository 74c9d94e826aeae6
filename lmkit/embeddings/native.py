"""Word vectors in lmkit's own files: see docs/file-formats.md."""

from __future__ import annotations

import os

import numpy as np

import lmkit
from lmkit._container import Container, write_container
from lmkit.embeddings.quantized import QuantizedMatrix
from lmkit.embeddings.vectors import WordVectors
from lmkit.errors import FormatError, InvalidParameterError
from lmkit.text.options import TextOptions
from lmkit.text.strings import StringTable


def write_native(path: str | os.PathLike[str], vectors: WordVectors) -> None:
    """Write all that the vectors hold. Raises OutputError, and FormatError for NaN and infinity."""
    tensors = {"vectors.norms": vectors.norms}
    if vectors.float_rows is not None:
        tensors["vectors.matrix"] = vectors.float_rows
    if vectors.quantized is not None:
        tensors |= vectors.quantized.to_tensors("vectors")
    tensors |= vectors.words.tensors("words")
    if vectors.counts is not None:
        tensors["words.counts"] = vectors.counts
    tensors |= {f"{name}.matrix": part for name, part in (("context", vectors.context), ("tree", vectors.tree)) if part is not None}
    if vectors.subwords is not None:
        tensors |= vectors.subwords.to_tensors()
    metadata = {
        "text": None if vectors.text_options is None else vectors.text_options.to_dict(),
        "subwords": None if vectors.subwords is None else vectors.subwords.to_record(),
        "made": {"lmkit_version": lmkit.__version__, **vectors.made},
    }
    write_container(path, "vectors", metadata, tensors)


def read_native(container: Container) -> WordVectors:
    """Open what `write_native` wrote, memory-mapped. Raises FormatError if parts are missing or don't fit together."""
    where = str(container.path)
    metadata = container.metadata
    if "vectors.matrix" not in container and "vectors.codes" not in container:
        raise FormatError(f"{where}: holds no vectors; the file is damaged, make it again.")
    words = StringTable.from_named_tensors(container, "words", where)
    subwords = None
    if metadata.get("subwords") is not None:
        from lmkit.embeddings.subwords import Subwords

        subwords = Subwords.from_tensors(container, metadata["subwords"], where)

    def part(name: str, dtype: type, ndim: int) -> np.ndarray | None:
        return container.array(name, dtype, ndim) if name in container else None

    try:
        return WordVectors(
            words,
            part("vectors.matrix", np.float32, 2),
            counts=part("words.counts", np.int64, 1),
            context=part("context.matrix", np.float32, 2),
            tree=part("tree.matrix", np.float32, 2),
            subwords=subwords,
            text_options=None if metadata.get("text") is None else TextOptions.from_dict(metadata["text"], where),
            made=metadata.get("made"),
            quantized=QuantizedMatrix.from_tensors(container, "vectors") if "vectors.codes" in container else None,
            norms=part("vectors.norms", np.float32, 1),
            where=where,
        )
    except InvalidParameterError as error:
        fault = str(error).rstrip(".")
        raise FormatError(f"{'' if where in fault else where + ': '}{fault}. The file is damaged, make it again.") from None
