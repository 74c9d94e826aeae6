"""tokenizer.json of Hugging Face's tokenizers: which row each word has, and how text is cut into words.

Its name is the same for all vectors, so that a folder has room for one pair. The vectors' file says which words it was written for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lmkit import _files
from lmkit.embeddings.formats import _safetensors
from lmkit.embeddings.formats._rows import Collector, Rows
from lmkit.errors import FormatError, InputError, OutputError

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors

NAME = "tokenizer.json"
_UNKNOWN = ("[UNK]", "<unk>", "<|unknown|>")
_LARGEST = 1 << 29
_HASH = "words_sha256"


def rows_of(file: Path, matrix: np.ndarray, errors: str) -> Rows:
    """The rows of a matrix with the words that tokenizer.json beside `file` gives them. Raises FormatError."""
    path = file.with_name(NAME)
    words, unknown = _read(path)
    wrong = next((row for row in words if not 0 <= row < len(matrix)), None)
    if wrong is not None or len(words) != len(matrix):
        raise FormatError(f"{path}: has {len(words):,} tokens, {file.name} {len(matrix):,} rows; they belong to different models.")
    order = [words[row].encode("utf-8", "surrogatepass") for row in range(len(matrix))]
    if _safetensors.metadata(file).get(_HASH, known := _hash(order)) != known:
        raise FormatError(f"{path}: was written for other vectors than {file.name}; copy the one here that belongs to these.")
    if order[-1].decode("utf-8", "replace") == unknown and not matrix[-1].any() and len(order) > 1:
        order, matrix = order[:-1], matrix[:-1]  # the row that every tokenizer of whole words needs
    offsets = np.zeros(len(order) + 1, np.int64)
    np.cumsum([len(word) for word in order], out=offsets[1:])
    collector = Collector(file, matrix.shape[1], len(order), errors)
    collector.put(matrix, np.frombuffer(b"".join(order), np.uint8), offsets, lambda row: f"row {row:,}")
    return collector.finish()


def _read(path: Path) -> tuple[dict[int, str], str | None]:
    """Token of each row, and the token for unknown words."""
    try:
        if path.stat().st_size > _LARGEST:
            raise FormatError(f"{path}: has more than {_LARGEST:,} bytes, which no tokenizer has.")
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise FormatError(f"{path}: is missing; it says which row each word has. Copy it beside the vectors.") from None
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}).") from None
    except (ValueError, RecursionError):
        raise FormatError(f"{path}: is no JSON; copy it again.") from None
    try:
        model = document["model"]
        vocabulary = model["vocab"]
        pairs = list(vocabulary.items()) if isinstance(vocabulary, dict) else [(entry[0], row) for row, entry in enumerate(vocabulary)]
        pairs += [(token["content"], token["id"]) for token in document.get("added_tokens") or []]
        words = {int(row): str(word) for word, row in pairs}
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
        raise FormatError(f"{path}: holds no `model.vocab` of tokens and their numbers; it is of another kind, or damaged.") from None
    unknown = model.get("unk_token")
    return words, unknown if isinstance(unknown, str) else None


def write_pair(vectors: WordVectors, file: Path, tensor: str) -> None:
    """Write the vectors, one row of zeros for unknown words behind them, and tokenizer.json beside.

    Raises
    ------
    OutputError : if they can't be written, or tokenizer.json there belongs to other vectors.
    InputError : if there is no name left for unknown words.
    """
    words = vectors.words.strings()
    unknown = next((token for token in _UNKNOWN if token not in vectors.words), None)
    if unknown is None:
        raise InputError(f"All of {', '.join(_UNKNOWN)} are words of these vectors; the token for unknown words needs one of them free.")
    matrix = np.concatenate([vectors.matrix, np.zeros((1, vectors.dimensions), np.float32)])
    words.append(unknown)
    text = json.dumps(_document(words, unknown, vectors), ensure_ascii=False).encode("utf-8", "surrogatepass")
    _check_neighbours(file, text)
    with _files.replacing(file.with_name(NAME)) as temporary:
        temporary.write_bytes(text)
    known = _hash(word.encode("utf-8", "surrogatepass") for word in words)
    _safetensors.write(file, {tensor: matrix}, {_HASH: known})


def _hash(words: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for word in words:
        digest.update(word + b"\n")
    return digest.hexdigest()


def _check_neighbours(file: Path, text: bytes) -> None:
    """Refuse to put another tokenizer.json beside other vectors. Raises OutputError."""
    path = file.with_name(NAME)
    others = [other.name for other in sorted(file.parent.glob("*.safetensors")) if other.name != file.name]
    if others and path.exists() and path.read_bytes() != text:
        raise OutputError(f"{path}: belongs to {others[0]}, and other vectors beside it need another; name a file in a folder of its own.")


def _document(words: list[str], unknown: str, vectors: WordVectors) -> dict[str, Any]:
    """A tokenizer of whole words that reads text as the vectors' training text was read; where nobody knows how, words and punctuation
    are divided, and lower-cased if no word has a capital."""
    options = vectors.text_options
    steps: list[dict[str, Any]] = []
    if options is not None and options.normalization is not None:
        steps.append({"type": options.normalization})
    blob = vectors.words.blob
    if options.lowercase if options is not None else not np.any((blob >= 65) & (blob <= 90)):
        steps.append({"type": "Lowercase"})
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": steps} if steps else None,
        "pre_tokenizer": {"type": "WhitespaceSplit" if options is not None and options.tokenizer == "whitespace" else "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: row for row, word in enumerate(words)}, "unk_token": unknown},
    }
