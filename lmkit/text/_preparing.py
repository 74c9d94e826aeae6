"""From a block of UTF-8 to what a numberer reads: characters transformed, one sentence a line, tokens between spaces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from lmkit._memory import let_go
from lmkit.errors import UsageError
from lmkit.text import _numbering
from lmkit.text.options import TextOptions
from lmkit.text.tokenizers import get_tokenizer
from lmkit.text.vocabulary import SPECIALS, Vocabulary

_NUMBER = r"[+-]?(?:\d+(?:[.,:]\d+)*|\.\d+)(?:\\?/\d+)?"
_IS_NUMBER = re.compile(_NUMBER)
_NUMBER_IN_TEXT = re.compile(rf"(?<!\S){_NUMBER}(?!\S)")
NUMBER_TOKEN = "N"
_PIECE = 1 << 20
_CUT = re.compile("[\0\t\r \n]")


class Preparer:
    """Turns blocks of text into blocks for the numberer of the same options.

    Parameters
    ----------
    stream : whether each block is numbered by itself, so that sentences must come out whole.

    Attributes
    ----------
    cut : how `read_document` must cut blocks: "byte", "space" or "line".
    """

    def __init__(self, options: TextOptions, stream: bool = False) -> None:
        self._options = options
        self._tokenizer = get_tokenizer(options.tokenizer)
        self._fold_in_text = options.fold_numbers and not options.is_word_level
        self._changes_text = options.transforms or self._fold_in_text
        self._is_plain = options.tokenizer in ("whitespace", "characters", "bytes") and _numberer_ends_sentences(options, stream)
        self._is_direct = self._is_plain and not self._changes_text and options.tokenizer != "characters"
        self.cut = "space"
        if not self._is_plain or (stream and options.sentence_boundaries):
            self.cut = "line"
        elif self._is_direct and options.tokenizer == "bytes" and options.encoding == "utf-8":
            self.cut = "byte"
        self._sentences: Any = None
        if not self._is_plain:
            from lmkit.text.sentences import make_splitter

            self._sentences = make_splitter(options)

    def feed(self, block: np.ndarray) -> Iterator[np.ndarray]:
        """Prepare a block (uint8 (n,) of UTF-8, cut as `cut` says): uint8 UTF-8, or uint32 code points for characters."""
        if self._is_direct:
            yield block
            return
        yield from self._prepared(str(memoryview(block), "utf-8"))

    def end_document(self) -> Iterator[np.ndarray]:
        """What was kept back for a sentence that ran on."""
        if self._sentences is not None:
            yield from self._numberable(self._sentences.end())

    def _prepared(self, text: str) -> Iterator[np.ndarray]:
        text = self.transform(text)
        yield from self._numberable(text if self._sentences is None else self._sentences.feed(text))

    def _numberable(self, text: str) -> Iterator[np.ndarray]:
        if not text:
            return
        name = self._options.tokenizer
        if name == "characters":
            yield np.frombuffer(text.replace("\r\n", "\n").encode("utf-32-le"), np.uint32)
            return
        if name in ("treebank", "regex"):
            tokenize = self._tokenizer.tokenize
            text = "\n".join([" ".join(tokenize(line)) if line else line for line in text.split("\n")])
        yield np.frombuffer(text.encode(), np.uint8)

    def transform(self, text: str) -> str:
        """Apply Unicode normalisation, lower-casing, and number folding where tokens are no words."""
        form = cast(Literal["NFC", "NFD", "NFKC", "NFKD"] | None, self._options.normalization)
        if form:
            text = unicodedata.normalize(form, text)
        if self._options.lowercase:
            text = text.lower()
            if form:
                text = unicodedata.normalize(form, text)
        if self._fold_in_text:
            text = _NUMBER_IN_TEXT.sub(NUMBER_TOKEN, text)
        return text

    def tokens(self, text: str) -> list[str]:
        """Tokens of one sentence."""
        return self._folded(self._tokenizer.tokenize(self.transform(text)))

    def spell_tokens(self, tokens: Iterable[str], where: str) -> list[str]:
        """Tokens that a user cut, of one sentence, as `spell_token` spells them. where : they stand, for the message.

        Raises UsageError for a token that is empty or holds white space.
        """
        spelled = [self.spell_token(token) for token in tokens]
        for token in spelled:
            if not token or _CUT.search(token):
                raise UsageError(f"The token {token!r} of {where} is empty or holds white space; join its parts, for example with '_'.")
        return self._folded(spelled)

    def _folded(self, tokens: list[str]) -> list[str]:
        if not self._options.fold_numbers or not self._options.is_word_level:
            return tokens
        return [NUMBER_TOKEN if _IS_NUMBER.fullmatch(token) else token for token in tokens]

    def spell_token(self, token: str) -> str:
        """A token that a user cut: transformed, and spelled as the tokenizer spells white space."""
        token = self.transform(token)
        if self._options.tokenizer == "characters" and len(token) == 1:
            return self._tokenizer.tokenize(token)[0]
        return token


def _numberer_ends_sentences(options: TextOptions, stream: bool) -> bool:
    """Whether the numberer finds the ends of sentences itself, in the text as it is."""
    if options.sentences == "paragraph":
        return options.tokenizer == "whitespace" and not stream
    return options.sentences != "detected"


def make_numberer(
    options: TextOptions, stream: bool = False, folder: Path | None = None
) -> _numbering.WordNumberer | _numbering.SymbolNumberer:
    """The numberer for what a Preparer of the same options yields; ids are gathered in files of `folder` if one is given."""
    if options.sentences == "none":
        mode = _numbering.CONTINUOUS
    elif options.sentences == "line":
        mode = _numbering.LINES_KEEP if options.blank_lines == "keep" else _numbering.LINES_DROP
    elif options.sentences == "paragraph" and options.tokenizer == "whitespace" and not stream:
        mode = _numbering.PARAGRAPHS
    else:
        mode = _numbering.LINES_DROP
    if options.tokenizer == "characters":
        from lmkit.text.tokenizers.characters import spell_character

        return _numbering.SymbolNumberer(mode, 0x110000, spell_character, folder)
    if options.tokenizer == "bytes":
        from lmkit.text.tokenizers.byte_level import BYTE_TOKENS

        return _numbering.SymbolNumberer(mode, 256, BYTE_TOKENS.__getitem__, folder)
    return _numbering.WordNumberer(mode, folder)


def place_unit(options: TextOptions, stream: bool = False) -> str:
    """What a numberer's line numbers count: lines of the text, or sentences where these were found before."""
    plain_words = options.tokenizer == "whitespace" and _numberer_ends_sentences(options, stream)
    return "line" if options.sentences in ("line", "none") or plain_words else "sentence"


def fold_number_types(ids: np.ndarray, vocabulary: Vocabulary) -> tuple[np.ndarray, Vocabulary]:
    """All types that are numbers become one, N, with the place of the first of them. The ids are changed in place."""
    tokens = vocabulary.tokens()
    numbers = [index for index, token in enumerate(tokens) if token == NUMBER_TOKEN or _IS_NUMBER.fullmatch(token)]
    if not numbers:
        return ids, vocabulary
    first = numbers[0]
    stays = np.ones(len(tokens), np.bool_)
    stays[numbers[1:]] = False
    new_ids = (np.cumsum(stays) - 1).astype(np.int32)
    new_ids[numbers] = new_ids[first]
    tokens[first] = NUMBER_TOKEN
    for start in range(0, len(ids), _PIECE):
        ids[start : start + _PIECE] = new_ids[ids[start : start + _PIECE]]
        let_go(ids)
    kept = [token for token, stay in zip(tokens, stays, strict=True) if stay]
    counts = np.zeros(len(kept), np.int64)
    np.add.at(counts, new_ids, np.asarray(vocabulary.counts))
    folded = Vocabulary.from_tokens(kept[len(SPECIALS) :], counts[len(SPECIALS) :])
    assert folded.counts is not None
    folded.counts[Vocabulary.UNK] = counts[Vocabulary.UNK]
    return ids, folded
