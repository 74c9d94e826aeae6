"""How text becomes tokens and sentences: the record that travels with every encoded corpus and every model."""

from __future__ import annotations

import codecs
import dataclasses
from collections.abc import Mapping
from typing import Any

from lmkit._validation import check_choice
from lmkit.errors import FormatError, InvalidParameterError

TOKENIZERS = ("whitespace", "treebank", "regex", "characters", "bytes")
SENTENCES = ("line", "paragraph", "detected", "none")
BLANK_LINES = ("keep", "drop")
NORMALIZATIONS = ("NFC", "NFD", "NFKC", "NFKD")


@dataclasses.dataclass(frozen=True)
class TextOptions:
    """Frozen; two texts read with equal options are comparable.

    Attributes
    ----------
    tokenizer : "whitespace" (NUL, tab, CR, space, LF, as KenLM), "treebank" (NLTK's), "regex" (words, numbers, punctuation),
        "characters" or "bytes".
    sentences : "line", "paragraph" (separated by blank lines, its lines joined), "detected" (Punkt, trained on the corpus, within
        paragraphs) or "none" (continuous text without <s> and </s>).
    blank_lines : "keep" (an empty sentence, as KenLM counts it) or "drop"; only read for sentences="line".
    lowercase : lower-case all text.
    fold_numbers : a token that is a number becomes N, the convention of the Penn Treebank corpus.
    normalization : None or a Unicode normalisation form.
    encoding : of files; any text encoding that Python knows.
    sentence_model : parameters of a trained Punkt model as JSON-able data, None until trained. Only for sentences="detected".
    """

    tokenizer: str = "whitespace"
    sentences: str = "line"
    blank_lines: str = "keep"
    lowercase: bool = False
    fold_numbers: bool = False
    normalization: str | None = None
    encoding: str = "utf-8"
    sentence_model: Mapping[str, Any] | None = dataclasses.field(default=None, hash=False, repr=False)

    def __post_init__(self) -> None:
        check_choice("TextOptions", "tokenizer", self.tokenizer, TOKENIZERS)
        check_choice("TextOptions", "sentences", self.sentences, SENTENCES)
        check_choice("TextOptions", "blank_lines", self.blank_lines, BLANK_LINES)
        for name in ("lowercase", "fold_numbers"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidParameterError(
                    f"The {name!r} parameter of TextOptions must be True or False. Got {getattr(self, name)!r} instead."
                )
        if self.normalization is not None:
            check_choice("TextOptions", "normalization", self.normalization, NORMALIZATIONS)
        object.__setattr__(self, "encoding", _checked_encoding(self.encoding))
        if self.sentence_model is not None and not isinstance(self.sentence_model, Mapping):
            raise InvalidParameterError(
                "The 'sentence_model' parameter of TextOptions must be None or a mapping, as `lmkit.text.train_sentence_model` returns."
            )

    @property
    def sentence_boundaries(self) -> bool:
        """Whether the text has sentences, and models predict their ends."""
        return self.sentences != "none"

    @property
    def is_word_level(self) -> bool:
        """Whether tokens are separated by a space in the text (false for characters and bytes)."""
        return self.tokenizer not in ("characters", "bytes")

    @property
    def transforms(self) -> bool:
        """Whether characters are changed before the text is cut into tokens."""
        return self.lowercase or self.normalization is not None

    def replace(self, **changes: Any) -> TextOptions:
        """A copy with some options changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` reads it back."""
        record = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if self.sentence_model is not None:
            record["sentence_model"] = dict(self.sentence_model)
        return record

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], where: str = "text options") -> TextOptions:
        """Read what `to_dict` wrote.

        Parameters
        ----------
        where : what the record was read from, for the message.

        Raises
        ------
        FormatError : if a key or a value is unknown.
        """
        if not isinstance(record, Mapping):
            raise FormatError(f"{where}: the text options must be an object, got {type(record).__name__}; the file is damaged.")
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(str(key) for key in record if key not in known)
        if unknown:
            raise FormatError(f"{where}: unknown text option {unknown[0]!r}; it may come from a newer lmkit: update lmkit to read it.")
        try:
            return cls(**record)
        except InvalidParameterError as error:
            raise FormatError(f"{where}: {error} It may come from a newer lmkit: update lmkit to read it.") from None


def reading_difference(first: Mapping[str, Any], second: Mapping[str, Any], names: tuple[str, str]) -> str | None:
    """In which option two readings differ, as half a sentence; None for equal ones. The encoding of files may differ.

    first, second : what `TextOptions.to_dict` gave. names : of the models that read so.
    """
    for key in (field.name for field in dataclasses.fields(TextOptions)):
        values = first.get(key), second.get(key)
        if key == "encoding" or values[0] == values[1]:
            continue
        if key == "sentence_model":  # hundreds of lines
            return f"{names[0]} and {names[1]} detect sentences by parameters learnt from different texts"
        return f"{names[0]} reads text with {key} {values[0]!r}, {names[1]} with {values[1]!r}"
    return None


def _checked_encoding(encoding: object) -> str:
    try:
        found = codecs.lookup(encoding)  # type: ignore[arg-type]
    except (LookupError, TypeError, ValueError):
        found = None
    if found is None or found.incrementaldecoder is None or not getattr(found, "_is_text_encoding", True):
        raise InvalidParameterError(
            f"The 'encoding' parameter of TextOptions must be a text encoding that Python knows, such as 'utf-8' or 'latin-1'."
            f" Got {encoding!r} instead."
        )
    return "utf-8" if found.name in ("utf-8", "utf-8-sig") else str(encoding)
