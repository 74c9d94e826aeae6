"""`lmkit huffman`: the Huffman codes of words with counts, as a table and as a drawn tree."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from lmkit.errors import InputError, UsageError
from lmkit_cli import options, output

_DRAWN = 64  # words; a larger tree is drawn when it is asked for


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORD=COUNT... | CORPUS",
            help="Words with their counts, such as fat=3 fridge=2; or a corpus to count: a catalogue name, a file, a folder, -.",
            show_default=False,
        ),
    ] = None,
    counts: Annotated[
        Path | None, typer.Option("--counts", help="A file with a word and its count on each line, instead.", show_default=False)
    ] = None,
    min_count: Annotated[int, typer.Option(help="Leave out words of a corpus seen less often.", min=1)] = 1,
    limit: Annotated[int, typer.Option(help="Rows of the table, shortest codes first; JSON holds all words.", min=1)] = 40,
    tree: Annotated[bool | None, typer.Option("--tree/--no-tree", help="Draw the tree.", show_default=f"up to {_DRAWN} words")] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Show the Huffman code and path of each word of a list with counts.

    The codes are those that hierarchical softmax trains with; a path names inner nodes from the root down, numbered as they were joined,
    the root last. At a node, bit 0 leads to the lighter side. Beside the mean length of a code stands the entropy, which no code beats.
    """
    from lmkit.numeric.huffman import HuffmanTree

    counted = _read(words or [], counts, min_count)
    names, numbers = list(counted), list(counted.values())
    found = HuffmanTree.from_counts(numbers)
    order = sorted(range(len(names)), key=lambda i: (len(found.code(i)), -numbers[i], i))
    bits = int(found.counts @ found.lengths)
    if json:
        output.result_json(
            {
                "words": [{"word": names[i], "count": numbers[i], "code": found.code(i), "path": found.path(i)} for i in order],
                "tokens": int(found.counts.sum()),
                "bits": bits,
                "expected_length": found.expected_length,
                "entropy": found.entropy,
                "longest": int(found.lengths.max()),
            }
        )
        return
    rows = [
        [output.clipped(names[i]), f"{numbers[i]:,}", found.code(i), str(len(found.code(i))), " ".join(map(str, found.path(i)))]
        for i in order[:limit]
    ]
    output.result(output.table(["word", "count", "code", "bits", "path"], rows, right=(1, 3)))
    if len(order) > limit:
        output.result(f"... and {len(order) - limit:,} more words (--limit).")
    if tree or (tree is None and len(names) <= _DRAWN):
        output.result("\n" + found.draw([output.printable(output.clipped(name)) for name in names]))
    tokens = int(found.counts.sum())
    output.result(f"\n{bits:,} bits for {tokens:,} tokens: {found.expected_length:.4f} bits a token; entropy {found.entropy:.4f} bits.")


def _read(words: list[str], listed: Path | None, min_count: int) -> dict[str, int]:
    """Words and their counts, from whichever source was given. Raises UsageError or InputError."""
    if listed is not None:
        if words:
            raise UsageError("--counts and words or a corpus exclude each other; give one of them.")
        return _read_list(listed)
    if not words:
        raise UsageError("Give words with counts, such as a=3 b=2, or a corpus; see `lmkit huffman --help`.")
    if len(words) == 1 and (_pair(words[0]) is None or Path(words[0]).exists()):
        return _count_corpus(words[0], min_count)
    counted: dict[str, int] = {}
    for word in words:
        pair = _pair(word)
        if pair is None:
            raise UsageError(f"{word!r} is no word with a count; write it as in fat=3.")
        if pair[0] in counted:
            raise UsageError(f"The word {pair[0]!r} occurs twice; give it once, with one count.")
        counted[pair[0]] = pair[1]
    return counted


def _pair(text: str) -> tuple[str, int] | None:
    word, equals, count = text.rpartition("=")
    return (word, int(count)) if equals and word and count.isascii() and count.isdigit() else None


def _read_list(path: Path) -> dict[str, int]:
    counted: dict[str, int] = {}
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        parts = line.split()
        if len(parts) != 2 or not (parts[1].isascii() and parts[1].isdigit()):
            raise InputError(f"{path}: line {number:,} is not a word and a whole number: {output.clipped(line.strip())!r}; correct it.")
        if parts[0] in counted:
            raise InputError(f"{path}: line {number:,} names {parts[0]!r} a second time; keep one of them.")
        counted[parts[0]] = int(parts[1])
    if not counted:
        raise InputError(f"{path}: holds no words; write a word and its count on each line.")
    return counted


def _lines(path: Path) -> Iterable[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 at byte {error.start:,}; store the list in UTF-8.") from None
    except OSError as error:
        raise InputError(f"{path}: the list can't be read ({error.strerror}).") from None


def _count_corpus(spec: str, min_count: int) -> dict[str, int]:
    import numpy as np

    import lmkit_corpora

    corpus = lmkit_corpora.load_corpus(spec)
    counts = np.bincount(corpus.ids, minlength=len(corpus.vocabulary))
    ids = np.flatnonzero(counts >= min_count)
    ids = ids[np.argsort(-counts[ids], kind="stable")]
    if len(ids) == 0:
        raise InputError(f"{spec}: no word occurs {min_count:,} times; lower --min-count.")
    return {corpus.vocabulary.token(int(i)): int(counts[i]) for i in ids}
