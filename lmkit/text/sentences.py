"""Sentences within paragraphs: blank-line separated paragraphs, and Punkt (Kiss and Strunk, 2006) trained on the corpus itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmkit.errors import FormatError, InputError, MissingDependencyError
from lmkit.text._reading import Tally, read_document
from lmkit.text.options import TextOptions
from lmkit.text.sources import TextSource

TRAINING_CHARACTERS = 5_000_000  # of a large corpus, Punkt sees so many from its start: its statistics have settled long before


class LineSplitter:
    """Every line is a sentence: text passes as it is."""

    def feed(self, text: str) -> str:
        return text

    def end(self) -> str:
        return ""


class ParagraphSplitter:
    """Joins the lines of a paragraph; paragraphs end at blank lines. Feed whole lines; each sentence comes out as one line."""

    def __init__(self) -> None:
        self._open: list[str] = []

    def feed(self, text: str) -> str:
        out: list[str] = []
        for line in text.removesuffix("\n").split("\n") if text else ():
            words = line.strip("\0\t\r ")
            if words:
                self._open.append(words)
            elif self._open:
                self._close(out)
        return "".join(out)

    def end(self) -> str:
        out: list[str] = []
        if self._open:
            self._close(out)
        return "".join(out)

    def _close(self, out: list[str]) -> None:
        out += [sentence + "\n" for sentence in self.split(" ".join(self._open))]
        self._open = []

    def split(self, paragraph: str) -> list[str]:
        """Sentences of a paragraph."""
        return [paragraph]


class PunktSplitter(ParagraphSplitter):
    """Sentences within paragraphs, by a trained model.

    Parameters
    ----------
    model : as `train_sentence_model` returns.
    """

    def __init__(self, model: Mapping[str, Any]) -> None:
        super().__init__()
        self._punkt = _punkt().PunktSentenceTokenizer(_parameters(model))

    def split(self, paragraph: str) -> list[str]:
        """Sentences of a paragraph. Punkt may also end one inside a word, as in "etc.)"; here they end at white space only."""
        sentences: list[str] = []
        start = last = 0
        for begin, end in self._punkt.span_tokenize(paragraph):
            if begin > last:
                sentences.append(paragraph[start:last])
                start = begin
            last = end
        sentences.append(paragraph[start:])
        return sentences


def make_splitter(options: TextOptions) -> LineSplitter | ParagraphSplitter:
    """The splitter that the options ask for.

    Raises
    ------
    InputError : for sentences="detected" without a trained model.
    """
    if options.sentences == "paragraph":
        return ParagraphSplitter()
    if options.sentences != "detected":
        return LineSplitter()
    if options.sentence_model is None:
        raise InputError("Sentences can't be detected without a trained sentence model; train one with lmkit.text.train_sentence_model.")
    return PunktSplitter(options.sentence_model)


def train_sentence_model(source: TextSource, options: TextOptions) -> dict[str, Any]:
    """Train Punkt on the first TRAINING_CHARACTERS of a source, read and transformed as the options say.

    Returns
    -------
    JSON-able: abbreviations, collocations (pairs), sentence_starters, orthographic_context (type -> flags), training_characters.
    """
    from lmkit.text._preparing import Preparer

    transform = Preparer(options.replace(sentences="line")).transform
    paragraphs = ParagraphSplitter()
    parts: list[str] = []
    size = 0
    for document in source.documents():
        for block in read_document(document, options, Tally(), "line"):
            parts.append(paragraphs.feed(transform(str(memoryview(block), "utf-8"))))
            size += len(parts[-1])
            if size >= TRAINING_CHARACTERS:
                break
        parts.append(paragraphs.end())
        if size >= TRAINING_CHARACTERS:
            break
    text = "".join(parts)[:TRAINING_CHARACTERS].replace("\n", "\n\n")
    trainer = _punkt().PunktTrainer()
    trainer.train(text, finalize=True)
    parameters = trainer.get_params()
    return {
        "abbreviations": sorted(parameters.abbrev_types),
        "collocations": sorted(map(list, parameters.collocations)),
        "sentence_starters": sorted(parameters.sent_starters),
        "orthographic_context": {key: flags for key, flags in sorted(parameters.ortho_context.items()) if flags},
        "training_characters": len(text),
    }


def _parameters(model: Mapping[str, Any]) -> Any:
    parameters = _punkt().PunktParameters()
    try:
        parameters.abbrev_types.update(map(str, model["abbreviations"]))
        parameters.collocations.update((str(first), str(second)) for first, second in model["collocations"])
        parameters.sent_starters.update(map(str, model["sentence_starters"]))
        parameters.ortho_context.update({str(key): int(flags) for key, flags in model["orthographic_context"].items()})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"The sentence model can't be read ({type(error).__name__}: {error}); train it again.") from None
    return parameters


def _punkt() -> Any:
    try:
        from nltk.tokenize import punkt
    except ImportError:
        raise MissingDependencyError("Detecting sentences needs NLTK; install it with: pip install nltk") from None
    return punkt
