"""Words that are spelled nearly as a given one: what an error message suggests."""

from __future__ import annotations

import numpy as np

from lmkit.text.strings import StringTable


def close_spellings(word: str, table: StringTable, top: int = 3) -> list[str]:
    """The words nearest to `word`, by edits, then by their order in the table (normally by falling frequency).

    An edit inserts, deletes, replaces or swaps neighbouring characters (optimal string alignment); a word of n characters may differ by
    n // 3 of them, at least 1 and at most 3. Upper and lower case count as equal. Reads the whole table: a quarter of a second for 400,000
    words.
    """
    wanted = _code_points(word.casefold())
    limit = min(max(len(wanted) // 3, 1), 3)
    if len(wanted) == 0 or len(table) == 0:
        return []
    near = np.flatnonzero(np.abs(table.characters.astype(np.int64) - len(wanted)) <= limit)
    if len(near) == 0:
        return []
    spelled = [table.string(row) for row in near.tolist()] if len(near) < 1000 else _strings_at(table, near)
    letters, lengths = _padded([string.casefold() for string in spelled])
    distances = _distances(wanted, letters, lengths)
    order = np.argsort(distances, kind="stable")[:top]
    return [spelled[place] for place in order.tolist() if distances[place] <= limit]


def _strings_at(table: StringTable, rows: np.ndarray) -> list[str]:
    everything = table.strings()
    return [everything[row] for row in rows.tolist()]


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _padded(words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(letters uint32 (longest, W), lengths int64 (W,)): a column a word, zeros below."""
    lengths = np.array([len(word) for word in words])
    letters = np.zeros((len(words), int(lengths.max())), np.uint32)
    letters[np.arange(letters.shape[1]) < lengths[:, None]] = _code_points("".join(words))
    return np.ascontiguousarray(letters.T), lengths


def _distances(wanted: np.ndarray, letters: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """int (W,): edits from `wanted` to each column, all columns at once; rows[i][:, w] is the table's line for i letters of word w."""
    size, count = len(wanted), letters.shape[1]
    before: np.ndarray | None = None
    line = np.repeat(np.arange(size + 1, dtype=np.int16)[:, None], count, 1)
    result = np.where(lengths == 0, size, 0)
    for i, letter in enumerate(letters, 1):
        following = np.empty_like(line)
        following[0] = i
        for j in range(1, size + 1):
            differs = letter != wanted[j - 1]
            following[j] = np.minimum(np.minimum(line[j], following[j - 1]) + 1, line[j - 1] + differs)
            if before is not None and j > 1:
                swapped = (letter == wanted[j - 2]) & (letters[i - 2] == wanted[j - 1])
                following[j] = np.where(swapped, np.minimum(following[j], before[j - 2] + 1), following[j])
        before, line = line, following
        result = np.where(lengths == i, line[size], result)
    return result
