"""What the commands about word vectors share: which vectors are asked, how typed words are read, and what is said beside the answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit.errors import FormatError, InputError, UsageError
from lmkit_cli import output, reading

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import Neighbour, WordVectors

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="A file of vectors, or a network over words; `last` is the newest vectors in models/. The starter vectors that come with "
        "lmkit if left out.",
        show_default=False,
    ),
]
Top = Annotated[int, typer.Option("--top", "-n", help="How many words.", min=1)]
Restrict = Annotated[
    int | None, typer.Option("--restrict", help="Only the so many most frequent words answer.", min=1, show_default="all words")
]


def open_vectors(name: str | None, others: str = "--model takes others") -> tuple[WordVectors, str]:
    """The vectors that a command asks, and how to call them; the starter vectors, with a note that says so, if no name was given.

    others : how the command takes other vectors, for that note.

    Raises
    ------
    InputError : if there is no such file.
    FormatError : if it can't be read.
    UsageError : if it holds a model of another kind.
    """
    if name is None:
        from lmkit.embeddings import starter

        vectors = starter.load()
        output.note(f"Starter vectors: {starter.describe(vectors)}; {others}.")
        return vectors, "starter"
    import lmkit

    path = vectors_path(name)
    loaded = held_in(lmkit.load(path))
    if not hasattr(loaded, "most_similar"):
        raise UsageError(f"{path}: holds a {type(loaded).__name__}, no word vectors; train some with `lmkit train-w2v`.")
    if name == "last":
        output.note(f"Vectors: {path}")
    if loaded.made.get("read_from") == path.name:  # in a form of others, just now: what was wrong with it
        for note in loaded.made.get("notes", []):
            output.note(f"{path}: {note}")
    return loaded, str(path)


def held_in(model: Any) -> Any:
    """The word vectors that a model holds: an estimator's, the input embedding of a network over words; any other is given back."""
    if not hasattr(model, "network_"):
        return getattr(model, "vectors_", model)
    from lmkit.comparison.word_vectors import vectors_of

    return next(iter(vectors_of(model).values()), model)


def vectors_path(name: str) -> Path:
    """The file that a name means: `last` is the newest vectors in models/. Raises InputError if there are none."""
    if name != "last" or Path(name).exists():
        return Path(name)
    if not (found := _files()):
        raise InputError(
            f"There are no vectors in the folder {reading.MODELS_FOLDER.resolve()} yet; train some with `lmkit train-w2v`, "
            "or leave out --model for the starter vectors."
        )
    return reading.newest(found)


def path_of_any(name: str) -> Path:
    """The file that a name means: `last` is the newest in models/, a language model or vectors. Raises InputError if there is none."""
    if name == "last" and not Path(name).exists() and (found := [*_files(), *reading.language_models()]):
        return reading.newest(found)
    return reading.model_path(name)


def _files() -> list[Path]:
    return [path for path in reading.MODELS_FOLDER.glob("*") if path.is_file() and _holds_vectors(path)]


def _holds_vectors(path: Path) -> bool:
    from lmkit._container import is_container, read_container

    if is_container(path):
        try:
            return read_container(path).kind == "vectors"
        except FormatError:
            return False
    from lmkit.embeddings import formats

    return not path.name.lower().endswith((".lm", ".arpa", ".arpa.gz")) and formats.recognise(path) is not None


def as_read(vectors: WordVectors, words: Sequence[str]) -> list[str]:
    """Typed words as the vectors spell them; where that differs, a note says so. Raises UsageError for what is no text."""
    read = [vectors.as_read(reading.check_prompt(word)) for word in words]
    changed = [f"{typed} as {spelled}" for typed, spelled in zip(words, read, strict=True) if typed != spelled]
    if changed:
        output.note(f"Read as in the training text: {', '.join(changed)}.")
    return read


def answer_table(answers: Sequence[Neighbour], header: str, score: str = "similarity") -> str:
    """Answers, ranked."""
    rows = [[str(rank), output.clipped(answer.word), f"{answer.similarity:.4f}"] for rank, answer in enumerate(answers, 1)]
    return output.table(["", header, score], rows, right=[0, 2])


def as_json(answers: Sequence[Neighbour]) -> list[dict[str, Any]]:
    """Answers for --json."""
    return [{"word": answer.word, "similarity": answer.similarity} for answer in answers]
