"""Text to ids: `encode` for a whole source, `encode_stream` as it arrives, `as_corpus` for whatever a user hands in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lmkit._progress import Progress
from lmkit.errors import InputError, UsageError
from lmkit.text._preparing import Preparer, fold_number_types, make_numberer, place_unit
from lmkit.text._reading import Tally, read_document
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.options import TextOptions
from lmkit.text.sources import TextSource, bytes_source, lines_source, open_source, text_source


def encode(
    source: TextSource, options: TextOptions | None = None, *, cache: bool = False, progress: bool = True, folder: Path | None = None
) -> EncodedCorpus:
    """Read a source whole.

    Parameters
    ----------
    source : from `open_source`, `text_source` or `lines_source`.
    options : how to read it. With sentences="detected" and no sentence model, one is trained on the text first; the corpus' own
        options then hold it.
    cache : keep the result in the cache folder and memory-map it the next time. Only for files; keyed by their content and the options.
    progress : show a bar on a terminal.
    folder : gather the ids in nameless files there rather than in memory, as is done for what goes to the cache.

    Raises
    ------
    InputError : if the text can't be read, or holds no tokens at all.
    """
    options = options or TextOptions()
    if cache and source.is_file:
        from lmkit.text import cache as store

        return store.cached(source, options, lambda folder, sha256: _encode(source, options, progress, folder, sha256))
    return _encode(source, options, progress, folder)


def _encode(source: TextSource, options: TextOptions, progress: bool, folder: Path | None, sha256: str | None = None) -> EncodedCorpus:
    """As `encode`, without the cache. sha256 : of the text, if it is known."""
    trained = False
    if options.sentences == "detected" and options.sentence_model is None:
        from lmkit.text.sentences import train_sentence_model

        if source.is_stream:
            source = _kept(source)
        options = options.replace(sentence_model=train_sentence_model(source, options))
        trained = True
    preparer = Preparer(options)
    numberer = make_numberer(options, folder=folder)
    with _bar(source, progress) as bar:
        tally = Tally(bar, sha256)
        for document in source.documents():
            for block in read_document(document, options, tally, preparer.cut):
                for prepared in preparer.feed(block):
                    numberer.feed(prepared)
            for prepared in preparer.end_document():
                numberer.feed(prepared)
            numberer.end_document()
    if numberer.n_tokens == 0:
        raise no_tokens(source.name, tally.raw_bytes)
    names = [document.name for document in source.documents()]
    notes = describe_sightings(numberer.sightings(), names, place_unit(options))
    corpus = _corpus(numberer, options, source.name, notes)
    corpus.sha256, corpus.raw_bytes, corpus.raw_characters = tally.sha256(), tally.raw_bytes, tally.raw_characters
    if trained:
        corpus.notes += (_training_note(options),)
    return corpus


def as_corpus(text: Any, options: TextOptions | None = None) -> EncodedCorpus:
    """Encode whatever holds a text.

    Parameters
    ----------
    text : a Path is a file, folder or glob; a str is the text itself; an iterable of str is its sentences (options.sentences is then "line"
        or "none"); an iterable of sequences of str is tokenised sentences, cut no further; a TextSource is read; an EncodedCorpus is
        returned as it is.

    Raises
    ------
    UsageError : for anything else, or for a token that holds white space.
    InputError : if the text can't be read, or holds no tokens at all.
    """
    options = options or TextOptions()
    if isinstance(text, EncodedCorpus):
        return text
    if isinstance(text, TextSource):
        return encode(text, options)
    if isinstance(text, Path):
        return encode(open_source(text), options)
    if isinstance(text, str):
        return encode(text_source(text), options)
    if isinstance(text, (bytes, bytearray)) or not isinstance(text, Iterable):
        raise UsageError(
            f"A corpus must be a Path, a str, an iterable of sentences or an EncodedCorpus. Got {type(text).__name__} instead."
        )
    sentences = iter(text)
    first = next(sentences, None)
    if first is None:
        raise no_tokens("text", 0)
    everything = _chained(first, sentences)
    if isinstance(first, str):
        found_before = options.sentences in ("paragraph", "detected")
        return encode(lines_source(everything), options.replace(sentences="line", sentence_model=None) if found_before else options)
    return _encode_tokens(everything, options)


def encode_prompt(prompt: str | Sequence[str], options: TextOptions | None = None) -> list[str]:
    """Tokens of an unfinished sentence, read as `options` say; newlines count as spaces, literal <s> and </s> are left out.

    prompt : text, or tokens, which are cut no further.

    Raises
    ------
    UsageError : for anything else, or for a token that holds white space.
    """
    preparer = Preparer(options or TextOptions())
    if isinstance(prompt, str):
        tokens = preparer.tokens(prompt.replace("\r\n", " ").replace("\n", " "))
    elif isinstance(prompt, Sequence) and all(isinstance(token, str) for token in prompt):
        tokens = preparer.spell_tokens(prompt, "the prompt")
    else:
        raise UsageError(f"A prompt must be a str or a sequence of tokens. Got {prompt!r:.60} instead.")
    return [token for token in tokens if token not in ("<s>", "</s>")]


class EncodedStream(Iterator[EncodedCorpus]):
    """What `encode_stream` returns: an iterator of corpora, one for each stretch of complete lines; `notes` once it is exhausted."""

    def __init__(self, source: TextSource, options: TextOptions, block_tokens: int) -> None:
        if options.sentences == "detected" and options.sentence_model is None:
            raise UsageError("Sentences can't be detected in a stream without a trained sentence model; use --sentences line.")
        self.notes: tuple[str, ...] = ()
        self._source = source
        self._options = options
        self._block_tokens = block_tokens
        self._parts = self._read()

    def __next__(self) -> EncodedCorpus:
        return next(self._parts)

    def _read(self) -> Iterator[EncodedCorpus]:
        tally = Tally()
        total = 0
        sightings: dict[str, Any] = {}
        unit = place_unit(self._options, stream=True)
        names = [document.name for document in self._source.documents()]
        for index, document in enumerate(self._source.documents()):
            preparer = Preparer(self._options, stream=True)
            lines = 0
            read = (0, 0)
            for block, last in _marked_last(read_document(document, self._options, tally, preparer.cut)):
                numberer = make_numberer(self._options, stream=True)
                for prepared in preparer.end_document() if last else preparer.feed(block):
                    numberer.feed(prepared)
                numberer.end_document()
                add_sightings(sightings, numberer.sightings(), lines, index)
                total += numberer.n_tokens
                part = _corpus(numberer, self._options, self._source.name)
                lines += int(np.count_nonzero(block == 10)) if unit == "line" else part.n_sentences
                part.raw_bytes, part.raw_characters = tally.raw_bytes - read[0], tally.raw_characters - read[1]
                if part.n_sentences and (len(part) or self._options.sentence_boundaries):
                    read = (tally.raw_bytes, tally.raw_characters)
                    yield from _pieces(part, self._block_tokens)
        if total == 0:
            raise no_tokens(self._source.name, tally.raw_bytes)
        self.notes = describe_sightings(sightings, names, unit)


def encode_stream(source: TextSource, options: TextOptions | None = None, block_tokens: int = 1 << 20) -> EncodedStream:
    """Encode a source as it arrives: whenever complete lines (paragraphs, for sentences="paragraph") are there, they are yielded.

    Each corpus has a vocabulary of its own, so that memory stays bounded however long the stream runs. In continuous text a part ends
    behind white space.

    Parameters
    ----------
    block_tokens : a part holds at most about so many tokens; whole sentences always.

    Raises
    ------
    UsageError : for sentences="detected" without a trained sentence model.
    InputError : while iterating, if the text can't be read or held no tokens at all.
    """
    return EncodedStream(source, options or TextOptions(), block_tokens)


def _pieces(corpus: EncodedCorpus, tokens: int) -> Iterator[EncodedCorpus]:
    start = 0
    while start < corpus.n_sentences:
        stop = int(np.searchsorted(corpus.sentence_offsets, corpus.sentence_offsets[start] + tokens, side="right")) - 1
        stop = max(stop, start + 1)
        yield corpus if (start, stop) == (0, corpus.n_sentences) else corpus.sentences(start, stop)
        start = stop


def _encode_tokens(sentences: Iterable[Sequence[str]], options: TextOptions) -> EncodedCorpus:
    """Tokenised sentences: joined by spaces, which no token may hold, and read as white-space text."""
    preparer = Preparer(options)

    def lines() -> Iterator[str]:
        for index, sentence in enumerate(sentences):
            if isinstance(sentence, str) or not all(isinstance(token, str) for token in sentence):
                raise UsageError(f"Sentence {index} must be a sequence of tokens, as the first sentence is. Got {sentence!r:.60} instead.")
            yield " ".join(preparer.spell_tokens(sentence, f"sentence {index}"))

    plain = TextOptions(sentences="line" if options.sentence_boundaries else "none", blank_lines=options.blank_lines)
    corpus = encode(lines_source(lines()), plain.replace(fold_numbers=options.fold_numbers and options.is_word_level), progress=False)
    return dataclasses.replace(corpus, options=options)


def _corpus(numberer: Any, options: TextOptions, name: str, notes: tuple[str, ...] = ()) -> EncodedCorpus:
    numbered, vocabulary = numberer.take()
    ids = numbered.ids
    if options.fold_numbers and options.is_word_level:
        ids, vocabulary = fold_number_types(ids, vocabulary)
    return EncodedCorpus(ids, numbered.sentence_offsets, numbered.document_offsets, vocabulary, options, name, notes=notes)


def describe_sightings(sightings: dict[str, Any], document_names: Sequence[str], unit: str) -> tuple[str, ...]:
    """Sentences about literal specials and blank lines. unit: what the sightings' line numbers count."""

    def where(seen: Any) -> str:
        place = f"first in {unit} {seen.line:,}" if seen.count > 1 else f"in {unit} {seen.line:,}"
        return place + (f" of {document_names[seen.document]}" if len(document_names) > 1 else "")

    notes = []
    seen = sightings.get("boundary")
    if seen and seen.count:
        were = "was" if seen.count == 1 else "were"
        notes.append(f"{seen.count:,} literal <s> or </s> {were} left out, as lmplz --skip_symbols does ({where(seen)}).")
    seen = sightings.get("unknown")
    if seen and seen.count:
        are = "is" if seen.count == 1 else "are"
        notes.append(f"{seen.count:,} literal <unk> {are} read as the unknown word ({where(seen)}).")
    seen = sightings.get("blank")
    if seen and seen.count:
        lines = "blank line counts as an empty sentence" if seen.count == 1 else "blank lines count as empty sentences"
        notes.append(f"{seen.count:,} {lines}, as in KenLM ({where(seen)}); --blank-lines drop leaves out what is blank.")
    return tuple(notes)


def _training_note(options: TextOptions) -> str:
    size = (options.sentence_model or {}).get("training_characters", 0)
    return f"Sentences are detected by a Punkt model trained on {size:,} characters of this text; it is kept with the text's options."


def add_sightings(total: dict[str, Any], part: dict[str, Any], line: int, document: int) -> None:
    """Add what was seen in a part of a document to `total`. line: how many were read of the document before the part."""
    for name, seen in part.items():
        if seen.count and name not in total:
            total[name] = dataclasses.replace(seen, line=line + seen.line, document=document)
        elif seen.count:
            total[name].count += seen.count


def _marked_last(blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    for block in blocks:
        yield block, False
    yield np.empty(0, np.uint8), True


def _chained(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _kept(source: TextSource) -> TextSource:
    """A stream read into memory, for what needs two passes."""
    data = b"".join(bytes(block) for document in source.documents() for block in document.blocks())
    return bytes_source(data, source.name)


def _bar(source: TextSource, progress: bool) -> Progress | Any:
    import contextlib

    if not progress:
        return contextlib.nullcontext()
    return Progress(f"Reading {source.name}", None if source.is_compressed else source.size, "B")


def no_tokens(name: str, size: int) -> InputError:
    """One sentence about a text of `size` bytes without a word."""
    what = "is empty" if size == 0 else "holds no tokens, only white space"
    return InputError(f"{name}: {what}; name a text with at least one word.")
