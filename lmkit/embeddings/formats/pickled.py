"""Python pickles, gensim's own `save` among them: recognised, so that the refusal says what to do. A pickle can run any code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lmkit.errors import FormatError

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors


def recognises(path: Path, start: bytes) -> bool:
    """The PROTO opcode with a protocol from 2 on, or a class of gensim in a text pickle."""
    return (len(start) > 2 and start[0] == 0x80 and 2 <= start[1] <= 5 and start[2:3] in b"\x95c}](KX\x8c") or start.startswith(
        b"ccopy_reg"
    )


def read(path: Path, errors: str) -> WordVectors:
    """Always raises FormatError."""
    raise FormatError(
        f"{path}: is a Python pickle, as gensim's save() writes it, which can run any code and is never opened here. Open it where you "
        "trust it: gensim.models.KeyedVectors.load(PATH).save_word2vec_format(OUT, binary=True), and read OUT."
    )
