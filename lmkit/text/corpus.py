"""A text as ids: what every model trains on and is scored on."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from lmkit.text.options import TextOptions
from lmkit.text.vocabulary import Vocabulary


@dataclasses.dataclass(eq=False)
class EncodedCorpus:
    """N tokens in S sentences in D documents, with a vocabulary of their own.

    It holds all types of this text in order of first appearance, so one encoding serves every model: `ids_in(model.vocabulary)`
    translates, and how an unknown word is spelled stays known.

    Attributes
    ----------
    ids : int32 (N,), words only, no <s> and </s>; a literal <unk> of the text is 0.
    sentence_offsets : int64 (S+1,), sentence i is ids[sentence_offsets[i]:sentence_offsets[i+1]]. In continuous text a document is
        one "sentence".
    document_offsets : int64 (D+1,), into the sentences.
    vocabulary : the types of the text. Parts made by `sentences` share that of the whole.
    options : how the text was read; with sentences="detected" the trained sentence model is in it.
    name : for people.
    sha256 : of the text's bytes, decompressed, documents one after the other; "" when unknown. A part bears that of the whole.
    raw_bytes, raw_characters : size of the text as it was read (bytes of the file; Unicode code points).
    notes : what the user should be told, one sentence each. Parts made by `sentences` bear those of the whole.
    split_record : how this part was cut from a whole (JSON-able), or None.
    """

    ids: np.ndarray
    sentence_offsets: np.ndarray
    document_offsets: np.ndarray
    vocabulary: Vocabulary
    options: TextOptions = dataclasses.field(default_factory=TextOptions)
    name: str = "text"
    sha256: str = ""
    raw_bytes: int = 0
    raw_characters: int = 0
    notes: tuple[str, ...] = ()
    split_record: Mapping[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return (
            f"EncodedCorpus({self.name!r}: {len(self):,} tokens, {len(self.vocabulary):,} types, "
            f"{self.n_sentences:,} sentences, {self.n_documents:,} documents)"
        )

    def record(self) -> dict[str, Any]:
        """What a model's card says of a text, JSON-able."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "split": self.split_record,
            "tokens": len(self),
            "sentences": self.n_sentences,
        }

    @property
    def n_sentences(self) -> int:
        return len(self.sentence_offsets) - 1

    @property
    def n_documents(self) -> int:
        return len(self.document_offsets) - 1

    def ids_in(self, vocabulary: Vocabulary) -> np.ndarray:
        """int32 (N,): the tokens as ids of another vocabulary, 0 where it does not know them."""
        if vocabulary is self.vocabulary:
            return self.ids
        return vocabulary.map_from(self.vocabulary)[self.ids]

    @functools.cached_property
    def type_lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """int32 (V,) each: Unicode code points and UTF-8 bytes that each type of the vocabulary covers, separators not counted."""
        from lmkit.text.tokenizers import get_tokenizer

        return get_tokenizer(self.options.tokenizer).measure(self.vocabulary)

    @property
    def token_characters(self) -> np.ndarray:
        """int32 (N,): Unicode code points that each token covers, separators not counted. For a byte: 0 if it continues a character."""
        return self.type_lengths[0][self.ids]

    @property
    def token_bytes(self) -> np.ndarray:
        """int32 (N,): UTF-8 bytes that each token covers, separators not counted."""
        return self.type_lengths[1][self.ids]

    def sentence_ids(self, index: int) -> np.ndarray:
        """int32 (n,): ids of one sentence, 0 <= index < n_sentences."""
        return self.ids[self.sentence_offsets[index] : self.sentence_offsets[index + 1]]

    def sentences(self, start: int = 0, stop: int | None = None) -> EncodedCorpus:
        """The sentences [start, stop), as slices are read in Python, without a copy of ids; the vocabulary is that of the whole."""
        start, stop, _ = slice(start, stop).indices(self.n_sentences)
        part = self.sentence_range(start, max(start, stop))
        part.raw_bytes, part.raw_characters = part.written_size()
        return part

    def sentence_range(self, start: int, stop: int) -> EncodedCorpus:
        """As `sentences`, for 0 <= start <= stop <= n_sentences and without measuring the part: its raw sizes are 0."""
        first_token = self.sentence_offsets[start]
        last_token = self.sentence_offsets[stop]
        documents = np.clip(self.document_offsets, start, stop) - start
        touched = np.flatnonzero(np.diff(documents))
        return dataclasses.replace(
            self,
            ids=self.ids[first_token:last_token],
            sentence_offsets=self.sentence_offsets[start : stop + 1] - first_token,
            document_offsets=np.concatenate([np.zeros(1, np.int64), documents[touched + 1]]),
            raw_bytes=0,
            raw_characters=0,
        )

    def preceded_by(self, earlier: EncodedCorpus, tokens: int) -> EncodedCorpus:
        """This stretch of continuous text with the last tokens of the stretch before it in front: the history of its first words.

        tokens : how many of them, 1 <= tokens <= len(earlier). Raw sizes stay those of this stretch.
        """
        spelled = [earlier.vocabulary.token(token_id) for token_id in earlier.ids[-tokens:].tolist()]
        new = [token for token in dict.fromkeys(spelled) if token not in self.vocabulary]
        vocabulary = Vocabulary.from_tokens([*self.vocabulary.tokens()[Vocabulary.EOS + 1 :], *new]) if new else self.vocabulary
        ids = np.concatenate([vocabulary.lookup(spelled), self.ids])
        offsets = np.concatenate([self.sentence_offsets[:1], self.sentence_offsets[1:] + tokens])
        return dataclasses.replace(self, ids=ids, sentence_offsets=offsets, vocabulary=vocabulary)

    def written_size(self) -> tuple[int, int]:
        """(bytes, characters) of the text with single separators: a space between words, a newline behind each sentence."""
        characters, bytes_ = self.type_lengths
        separators = 0
        if self.options.is_word_level:
            empty = int(np.count_nonzero(np.diff(self.sentence_offsets) == 0))
            separators = len(self) + (empty if self.options.sentence_boundaries else 0)
        elif self.options.sentence_boundaries:
            separators = self.n_sentences
        return int(bytes_[self.ids].sum(dtype=np.int64)) + separators, int(characters[self.ids].sum(dtype=np.int64)) + separators

    def compact(self) -> EncodedCorpus:
        """The same text with a vocabulary of its own types only, in order of first appearance, counted anew."""
        from lmkit.text import _kernels_words

        new_ids = np.full(len(self.vocabulary), -1, np.int32)
        order = np.empty(len(self.vocabulary), np.int32)
        new_ids[:3] = order[:3] = np.arange(3)
        ids = np.array(self.ids)
        size = _kernels_words.renumber(ids, new_ids, 3, order)
        counts = np.bincount(ids, minlength=size).astype(np.int64)
        return dataclasses.replace(self, ids=ids, vocabulary=self.vocabulary.select(order[:size], counts))

    def split(
        self, valid: float = 0.05, test: float = 0.05, unit: str | None = None, blocks: int | None = None
    ) -> dict[str, EncodedCorpus]:
        """Cut into train, valid and test, deterministically; see `lmkit.text.splitting.split_corpus`."""
        from lmkit.text.splitting import split_corpus

        return split_corpus(self, valid=valid, test=test, unit=unit, blocks=blocks)
