"""Plain Python twin of the word kernels: what white-space text means, one line at a time, with a dict for the ids."""

from __future__ import annotations

import re
from collections import Counter


def split_words(line: str) -> list[str]:
    """White space is NUL, tab, CR and space (and the newline that ended the line); nothing else is."""
    return [word for word in re.split("[\0\t\r ]", line) if word]


def read_sentences(data: bytes, sentences: str = "line", blank_lines: str = "keep") -> list[list[str]]:
    """Sentences of a UTF-8 text, literal <s> and </s> left out."""
    text = data.decode().removeprefix("\ufeff")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    rows = [split_words(line) for line in lines]
    kept = [[word for word in row if word not in ("<s>", "</s>")] for row in rows]
    if sentences == "none":
        return [[word for row in kept for word in row]]
    if sentences == "line":
        return kept if blank_lines == "keep" else [row for row in kept if row]
    paragraphs: list[list[str]] = [[]]
    for row, words in zip(rows, kept, strict=True):
        if row:
            paragraphs[-1] += words
        else:
            paragraphs.append([])
    return [paragraph for paragraph in paragraphs if paragraph]


def number(sentences: list[list[str]]) -> tuple[list[str], list[int], list[int]]:
    """(vocabulary, ids, counts): ids by first appearance behind <unk>, <s> and </s>."""
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2}
    ids = [vocabulary.setdefault(word, len(vocabulary)) for sentence in sentences for word in sentence]
    counts = Counter(ids)
    return list(vocabulary), ids, [counts[i] for i in range(len(vocabulary))]


def first_bad_byte(data: bytes) -> int:
    """Place of the first byte that is not UTF-8, -1 if there is none."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return -1
