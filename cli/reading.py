"""From what the user typed to corpora, reading options and models."""

from __future__ import annotations

import dataclasses
import enum
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lmkit import _files
from lmkit.errors import InputError, OutputError, UsageError
from lmkit_cli import output

if TYPE_CHECKING:
    from lmkit.text.options import TextOptions
    from lmkit.text.vocabulary import Vocabulary

MODELS_FOLDER = Path("models")
_SPLITS = ("train", "valid", "test", "all")
_UNIT_TOKENIZERS = {"char": "characters", "byte": "bytes"}


def split_off(spec: str) -> tuple[str, str | None]:
    """A corpus argument as (what it names, the split after its colon or None), read as `lmkit_corpora.load_corpus` reads it."""
    import lmkit_corpora

    base, colon, split = spec.rpartition(":")
    if colon and (base in lmkit_corpora.names() or (split in _SPLITS and not os.path.exists(spec) and os.path.exists(base))):
        return base, split
    return spec, None


def is_in_catalogue(spec: str) -> bool:
    """Whether a corpus argument names a corpus of the catalogue, with a split or without."""
    import lmkit_corpora

    return split_off(spec)[0] in lmkit_corpora.names()


def choose_split(spec: str, split: str | None, wanted: str) -> str | None:
    """The split to read: what the user said, else `wanted` where the catalogue splits this corpus, else everything (None).

    Raises
    ------
    UsageError : if a split is asked of standard input, which is read once and never stored.
    """
    import lmkit_corpora

    base, named = split_off(spec)
    if base == "-" and split is not None:
        raise UsageError("Standard input can't be split; store the text in a file, or leave out --split.")
    if split is not None or named is not None:
        return split or named
    return wanted if is_in_catalogue(spec) and wanted in lmkit_corpora.get(spec).splits else None


def text_options(
    spec: str,
    *,
    unit: str | None = None,
    no_sentence_boundaries: bool = False,
    **given: Any,
) -> TextOptions | None:
    """The corpus's own reading changed by what the user typed; None if nothing was typed.

    `given` holds fields of TextOptions, None for what was left out.

    Raises
    ------
    UsageError : if two options contradict each other.
    """
    changes = _typed(given)
    if unit in _UNIT_TOKENIZERS:
        tokenizer = changes.setdefault("tokenizer", _UNIT_TOKENIZERS[unit])
        if tokenizer != _UNIT_TOKENIZERS[unit]:
            raise UsageError(f"--unit {unit} and --tokenizer {tokenizer} exclude each other; give one of them.")
    if unit == "word" and changes.get("tokenizer") in _UNIT_TOKENIZERS.values():
        raise UsageError(f"--unit word and --tokenizer {changes['tokenizer']} exclude each other; give one of them.")
    if no_sentence_boundaries:
        if "sentences" in changes:
            raise UsageError(f"--no-sentence-boundaries and --sentences {changes['sentences']} exclude each other; give one of them.")
        changes["sentences"] = "none"
    if not changes and unit is None:
        return None
    import lmkit_corpora

    base = lmkit_corpora.default_reading(spec)
    if unit == "word" and base.tokenizer in _UNIT_TOKENIZERS.values():
        changes.setdefault("tokenizer", "whitespace")
    return dataclasses.replace(base, **changes)


TYPED = ("tokenizer", "sentences", "blank_lines", "lowercase", "fold_numbers", "normalization", "encoding")
"""Fields of TextOptions that commands have options for."""


def typed_options(spec: str, typed: Any, unit: str | None = None) -> TextOptions | None:
    """As `text_options`, of an object that holds what the user typed in fields of these names; a command may lack some.

    unit : what a token is.
    """
    given = {name: getattr(typed, name, None) for name in TYPED}
    return text_options(spec, unit=unit, no_sentence_boundaries=typed.no_sentence_boundaries, **given)


def corpus_label(spec: str) -> str:
    """A short name of the corpus for file names: `sotu` for sotu:train, `news` for /data/news.txt.gz, `stdin` for -."""
    if spec == "-":
        return "stdin"
    spec, _ = split_off(spec)
    name = Path(spec).name or Path(spec).resolve().name
    while Path(name).suffix in {".gz", ".bz2", ".xz", ".zst", ".txt", ".tokens"}:
        name = Path(name).stem
    kept = "".join(char if char.isalnum() or char in "._-" else "_" for char in name).strip("._")
    return kept or "corpus"


def model_path(name: str) -> Path:
    """The file that a model argument names; `last` is the newest model in models/.

    Raises
    ------
    InputError : if `last` is asked for and there is none.
    """
    path = Path(name)
    if name != "last" or path.exists():
        return path
    if not (found := language_models()):
        raise InputError(f"There is no model in the folder {MODELS_FOLDER.resolve()} yet; train one with `lmkit train-ngram`.")
    return newest(found)


def language_models() -> list[Path]:
    """The files of language models in models/."""
    return [file for file in MODELS_FOLDER.glob("*") if file.name.lower().endswith((".lm", ".arpa", ".arpa.gz")) and file.is_file()]


def newest(files: Iterable[Path]) -> Path:
    """The file that was written last."""
    return max(files, key=lambda file: file.stat().st_mtime_ns)


def language_model(path: Path) -> Any:
    """Open a language model of any kind.

    Raises
    ------
    UsageError : if the file holds something else, such as word vectors.
    """
    import lmkit

    model = lmkit.load(path)
    if not callable(getattr(model, "score", None)):
        raise UsageError(
            f"{path}: holds {type(model).__name__}, no language model; commands for word vectors are lmkit analogy, neighbors, similarity."
        )
    return model


def check_known_words(vocabulary: str | None, min_count: int, vocab_size: int | None) -> None:
    """Raise UsageError where options choose among words that --vocabulary names already."""
    for name, given in (("--min-count", min_count > 1), ("--vocab-size", vocab_size is not None)):
        if vocabulary is not None and given:
            raise UsageError(f"--vocabulary says which words are known, so {name} has no use; leave one of the two out.")


def known_words(name: str) -> Vocabulary:
    """The vocabulary of a model, or the words of a text file, divided by white space, each once.

    Raises
    ------
    InputError : if there is no such file, or it holds no words.
    """
    import lmkit
    from lmkit.loading import is_model
    from lmkit.text.vocabulary import SPECIALS, Vocabulary

    path = model_path(name)
    if is_model(path):
        return lmkit.load(path).vocabulary  # type: ignore[no-any-return]
    words = dict.fromkeys(read_words(path))
    for special in SPECIALS:
        words.pop(special, None)
    return Vocabulary.from_tokens(words)


def read_words(path: Path) -> tuple[str, ...]:
    """The words of a file, divided by white space. Raises InputError if it can't be read or has none."""
    try:
        words = tuple(path.read_text(encoding="utf-8").split())
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 at byte {error.start:,}; store the word list in UTF-8.") from None
    except OSError as error:
        raise InputError(f"{path}: the word list can't be read ({error.strerror}).") from None
    if not words:
        raise InputError(f"{path}: holds no words; write those that stay, divided by white space.")
    return words


def check_prompt(prompt: str) -> str:
    """The prompt itself, if it is proper text.

    Raises
    ------
    UsageError : if the shell handed over bytes that are not in the terminal's encoding.
    """
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"The prompt is not valid text from character {error.start + 1} on; type it in UTF-8.") from None
    return prompt


def tell_unknown(model: Any, prompt: str) -> None:
    """Note which words of a prompt a language model doesn't know."""
    from lmkit.text.encoding import encode_prompt

    tokens = encode_prompt(prompt, model.text_options)
    unknown = list(dict.fromkeys(token for token, place in zip(tokens, model.vocabulary.find(tokens), strict=True) if place < 0))
    if unknown:
        shown = ", ".join(output.clipped(output.printable(token)) for token in unknown[:10]) + (", ..." if len(unknown) > 10 else "")
        output.note(f"Note: the model doesn't know {shown} of the prompt: read as <unk>.")


def check_output(path: Path) -> None:
    """Refuse early, before minutes of work, an output that can't be written. The folder models/ may be missing: see `make_folder`.

    Raises
    ------
    UsageError : for -, which is no file here.
    OutputError : if the folder is missing or not writable, or the path is a folder, a pipe, a device or a socket.
    """
    if str(path) == "-":
        raise UsageError("'-' is no file here, and this result doesn't go to standard output; name a file to write.")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file.")
    path = _files.target_of(path)
    folder = path.parent
    if folder == MODELS_FOLDER and not folder.exists():
        folder = Path()
    if not folder.is_dir():
        raise OutputError(f"{path}: the folder {folder} does not exist; make it, or name another place.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{path}: no permission to write in {folder}; name another place.")


def make_folder(path: Path) -> None:
    """Make the folder models/ if the output goes there.

    Raises
    ------
    OutputError : if it can't be made.
    """
    if path.parent == MODELS_FOLDER:
        try:
            MODELS_FOLDER.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{path}: the folder {MODELS_FOLDER} could not be made ({error.strerror}); name a file with --out.") from None


def scoring_options(stored: TextOptions, **given: Any) -> TextOptions:
    """The reading that is stored in the model, changed by what the user typed about this text's file."""
    return dataclasses.replace(stored, **_typed(given))


def _typed(given: dict[str, Any]) -> dict[str, Any]:
    """The options that the user typed, as plain values."""
    return {name: value.value if isinstance(value, enum.Enum) else value for name, value in given.items() if value is not None}
