"""A text in parts that fit the memory, from files, the catalogue or standard input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lmkit_cli import reading

if TYPE_CHECKING:
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.encoding import EncodedStream
    from lmkit.text.options import TextOptions
    from lmkit.text.sources import TextSource

_BLOCK_SENTENCES = 1 << 16


class TextParts:
    """A text under one reading, in parts that fit the memory; standard input as its lines arrive. `notes` is whole behind the last part."""

    def __init__(self, spec: str, split: str | None, text_options: TextOptions) -> None:
        self.spec = spec
        self.notes: tuple[str, ...] = ()
        self._split = split
        self._options = text_options

    @property
    def is_one_sentence(self) -> bool:
        return self.spec == "-" and not self._options.sentence_boundaries

    def whole_source(self) -> TextSource | None:
        """The text as it lies in files; None for a part of it, for the catalogue's corpora, and for standard input, which is read once."""
        if self.spec == "-" or self._split not in (None, "all") or reading.is_in_catalogue(self.spec):
            return None
        from lmkit.text.sources import open_source

        return open_source(reading.split_off(self.spec)[0])

    def parts(self, history: int, whole: bool = False) -> Iterator[tuple[EncodedCorpus, int]]:
        """(part, n): the first n tokens of the part were scored before and stand there as the history of the others.

        history : how many tokens back a model looks. whole : one part, since a state is carried through the text.
        """
        if self.spec == "-":
            from lmkit.text.encoding import encode, encode_stream
            from lmkit.text.sources import open_source

            if whole:
                corpus = encode(open_source("-"), self._options)
                self.notes = corpus.notes
                yield corpus, 0
                return
            stream = encode_stream(open_source("-"), self._options)
            yield from _with_history(stream, history) if self.is_one_sentence else ((corpus, 0) for corpus in stream)
            self.notes = stream.notes
            return
        import lmkit_corpora

        corpus = lmkit_corpora.load_corpus(self.spec, split=self._split, options=self._options)
        self.notes = corpus.notes
        block = max(corpus.n_sentences, 1) if whole else _BLOCK_SENTENCES
        for start in range(0, max(corpus.n_sentences, 1), block):
            yield corpus.sentence_range(start, min(start + block, corpus.n_sentences)), 0


def _with_history(stream: EncodedStream, history: int) -> Iterator[tuple[EncodedCorpus, int]]:
    """Parts of continuous text, each with the end of what came before in front of it."""
    before: EncodedCorpus | None = None
    for part in stream:
        known = 0 if before is None else min(history, len(before))
        joined = part if before is None or not known else part.preceded_by(before, known)
        yield joined, known
        before = joined
