"""Options and arguments that several commands share, each defined once as an Annotated type.

Text options default to None, "as the corpus says": only what the user typed overrides a corpus's own reading.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated

import typer

from lmkit_cli import output


class Unit(enum.StrEnum):
    word = "word"
    char = "char"
    byte = "byte"


class Sentences(enum.StrEnum):
    line = "line"
    paragraph = "paragraph"
    detected = "detected"


class BlankLines(enum.StrEnum):
    keep = "keep"
    drop = "drop"


class Normalization(enum.StrEnum):
    NFC = "NFC"
    NFD = "NFD"
    NFKC = "NFKC"
    NFKD = "NFKD"


def _set_quiet(value: bool) -> bool:
    output.set_quiet(value)
    return value


# Every command takes these five.
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes, only the result.", callback=_set_quiet)]
Debug = Annotated[bool, typer.Option("--debug", help="Show Python's traceback when something fails.")]
Seed = Annotated[
    int | None,
    typer.Option(help="Seed of the random draws, for a repeatable result; no effect where nothing is drawn.", min=0, show_default=False),
]
Threads = Annotated[int | None, typer.Option(help="Threads to use where work is shared; all cores if left out.", min=1, show_default=False)]

MODEL_FILES = "lmkit's own file, a mixture too, ARPA or KenLM's binary; `last` is the newest in models/."
Model = Annotated[str, typer.Argument(help=f"A model: {MODEL_FILES}", show_default=False)]
Corpus = Annotated[
    str | None,
    typer.Argument(
        help="A catalogue name (`lmkit corpus list`), NAME:SPLIT, a file, a folder, a glob, or - for standard input; "
        "the default corpus if left out.",
        show_default=False,
    ),
]

# How text becomes tokens.
UnitOption = Annotated[Unit | None, typer.Option("--unit", help="What a token is.", show_default="word")]
Tokenizer = Annotated[
    str | None,
    typer.Option(help="How text is cut into words: whitespace, treebank, regex; or characters, bytes.", show_default="whitespace"),
]
SentencesOption = Annotated[
    Sentences | None, typer.Option("--sentences", help="What a sentence is; detected: Punkt, trained on the text.", show_default="line")
]
NoBoundaries = Annotated[bool, typer.Option("--no-sentence-boundaries", help="Read one continuous text without sentence ends.")]
BlankLinesOption = Annotated[
    BlankLines | None,
    typer.Option("--blank-lines", help="Count an empty line as an empty sentence, as KenLM does, or drop it.", show_default="keep"),
]
Lowercase = Annotated[bool | None, typer.Option("--lowercase/--no-lowercase", help="Lower-case the text.", show_default="no")]
FoldNumbers = Annotated[
    bool | None, typer.Option("--fold-numbers/--no-fold-numbers", help="Write every number as N, as PTB does.", show_default="no")
]
NormalizationOption = Annotated[
    Normalization | None, typer.Option("--normalization", help="Unicode normalisation form.", show_default="none")
]
Encoding = Annotated[str | None, typer.Option(help="Encoding of the text, such as latin-1.", show_default="utf-8")]
Split = Annotated[str | None, typer.Option(help="The part of the corpus to use: train, valid or test.", show_default=False)]


@dataclasses.dataclass
class CorpusOptions:
    """The options of a command that reads a corpus, as the user typed them: how it is read, and those of every command."""

    unit: UnitOption = None
    tokenizer: Tokenizer = None
    sentences: SentencesOption = None
    no_sentence_boundaries: NoBoundaries = False
    blank_lines: BlankLinesOption = None
    lowercase: Lowercase = None
    fold_numbers: FoldNumbers = None
    normalization: NormalizationOption = None
    encoding: Encoding = None
    split: Split = None
    json: Json = False
    quiet: Quiet = False
    debug: Debug = False
    seed: Seed = None
    threads: Threads = None
