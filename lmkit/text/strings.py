"""Many strings as two arrays, with their numbers looked up by a hash table: what vocabularies and word vectors stand on."""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import overload

import numpy as np

from lmkit.errors import FormatError, InvalidParameterError

MAXIMUM_SIZE = 2**31 - 1  # ids are int32
_SCANS = 32
"""Look-ups of one string that scan all of them before the hash table is built: a command that asks for three words never compiles it."""


class StringTable:
    """V distinct strings, numbered from 0.

    Parameters
    ----------
    blob : uint8 (B,), the strings in UTF-8, one after the other.
    offsets : int64 (V+1,), string i is blob[offsets[i]:offsets[i+1]].
    where : what holds the strings, for messages: a path or a class.

    Arrays are used as they are, without a copy, so that they may be memory-mapped; the hash table is built at the first look-up of many
    strings. A string that occurs twice is noticed then, or by `check_distinct`.
    """

    item = "word"  # what a string is called in messages
    group = "list of words"

    def __init__(self, blob: np.ndarray, offsets: np.ndarray, where: str = "") -> None:
        self._blob = blob
        self._offsets = offsets
        self._where = where or type(self).__name__
        self._scans_left = _SCANS

    @classmethod
    def from_strings(cls, strings: Iterable[str]) -> StringTable:
        """From strings in the order of their numbers.

        Raises
        ------
        InvalidParameterError : for a string that occurs twice or is empty, named with its places.
        """
        blob, offsets = packed(list(strings))
        check_size(len(offsets) - 1)
        empty = np.flatnonzero(offsets[1:] == offsets[:-1])
        if len(empty):
            raise InvalidParameterError(f"A {cls.group} can't hold the empty {cls.item} (at place {empty[0]}); leave it out.")
        table = StringTable(blob, offsets)
        table.check_distinct(InvalidParameterError)
        return table

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __contains__(self, string: object) -> bool:
        return isinstance(string, str) and self.index(string) >= 0

    def __iter__(self) -> Iterator[str]:
        return iter(self.strings())

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self.string(one) for one in range(len(self))[index]]
        return self.string(index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StringTable):
            return NotImplemented
        return self is other or (
            np.array_equal(self._offsets, other._offsets) and np.array_equal(self._blob[: self._size], other._blob[: other._size])
        )

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} {self.item}s)"

    @property
    def _size(self) -> int:
        return int(self._offsets[-1])

    @property
    def blob(self) -> np.ndarray:
        """uint8 (B,): the strings in UTF-8, one after the other."""
        return self._blob[: self._size]

    @property
    def offsets(self) -> np.ndarray:
        """int64 (V+1,): where each string starts in `blob`."""
        return self._offsets

    def string(self, index: int) -> str:
        """The string with a number, 0 <= index < len(self). Raises IndexError outside of it."""
        if not 0 <= index < len(self):
            raise IndexError(f"id {index} is outside this {self.group} of {len(self):,} {self.item}s")
        return self._blob[self._offsets[index] : self._offsets[index + 1]].tobytes().decode()

    def strings(self) -> list[str]:
        """All strings in the order of their numbers."""
        raw = self.blob.tobytes()
        borders = self._offsets.tolist()
        return [raw[start:stop].decode() for start, stop in itertools.pairwise(borders)]

    def index(self, string: str) -> int:
        """The number of a string, -1 if it is not here. Raises as `check_distinct` if it is here twice."""
        if "_table" not in self.__dict__ and self._scans_left > 0:
            self._scans_left -= 1
            return self._scan(string)
        return int(self.find([string])[0])

    def find(self, strings: Sequence[str]) -> np.ndarray:
        """int32 (len(strings),): the number of each, -1 where it is not here."""
        return self.find_packed(*packed(strings), -1)

    def find_packed(self, blob: np.ndarray, offsets: np.ndarray, missing: int = -1) -> np.ndarray:
        """int32: numbers of strings that lie one after the other (blob uint8, offsets int64), `missing` where one is not here."""
        from lmkit.numeric import _kernels_hash

        found = np.empty(len(offsets) - 1, np.int32)
        _kernels_hash.look_up(frozen(self._blob), frozen(self._offsets), self._table, frozen(blob), frozen(offsets), missing, found)
        return found

    @functools.cached_property
    def bytes(self) -> np.ndarray:
        """int32 (V,): length of each string in UTF-8 bytes."""
        return np.diff(self._offsets).astype(np.int32)

    @functools.cached_property
    def characters(self) -> np.ndarray:
        """int32 (V,): length of each string in Unicode code points."""
        return np.add.reduceat((self.blob & 0xC0) != 0x80, self._offsets[:-1], dtype=np.int32)

    @functools.cached_property
    def hash(self) -> str:
        """sha256, 64 hex digits, over all strings in order, each followed by a newline."""
        terminated = np.insert(self.blob, self._offsets[1:], 10)
        return hashlib.sha256(memoryview(terminated)).hexdigest()

    def pick(self, indices: np.ndarray) -> StringTable:
        """The strings with these numbers (int (n,)), numbered anew in this order."""
        return StringTable(*gather_strings(self._blob, self._offsets, indices), self._where)

    def tensors(self, name: str) -> dict[str, np.ndarray]:
        """Arrays for a model file: NAME.bytes uint8 (B,), NAME.offsets int64 (V+1,)."""
        return {f"{name}.bytes": self.blob, f"{name}.offsets": self._offsets}

    @classmethod
    def from_named_tensors(cls, tensors: Mapping[str, np.ndarray], name: str, where: str) -> StringTable:
        """From what `tensors` gave, used without a copy.

        Raises
        ------
        FormatError : if the arrays are missing or don't fit together; `where` names the file.
        """
        for part in (f"{name}.bytes", f"{name}.offsets"):
            if part not in tensors:
                raise FormatError(f"{where}: the tensor {part!r} is missing; the file is damaged, make it again.")
        blob, offsets = tensors[f"{name}.bytes"], tensors[f"{name}.offsets"]
        fault = cls.fault(blob, offsets)
        if fault:
            raise FormatError(f"{where}: {fault}; the file is damaged, make it again.")
        return StringTable(blob, offsets, where)

    @classmethod
    def fault(cls, blob: np.ndarray, offsets: np.ndarray) -> str:
        """What is wrong with stored arrays, or an empty string. Strings that occur twice are not looked for."""
        if blob.dtype != np.uint8 or blob.ndim != 1 or offsets.dtype != np.int64 or offsets.ndim != 1:
            return f"the {cls.group} has tensors of a wrong type"
        if len(offsets) < 1 or offsets[0] != 0 or offsets[-1] != len(blob) or np.any(offsets[1:] <= offsets[:-1]):
            return f"the {cls.group}'s offsets do not rise from 0 to its length"
        if len(offsets) - 1 > MAXIMUM_SIZE:
            return f"the {cls.group} has more {cls.item}s than ids"
        bad = first_bad_byte(blob)
        if bad >= 0:
            return f"the {cls.group} is not UTF-8 at byte {bad}"
        if np.any((blob[offsets[:-1]] & 0xC0) == 0x80):
            return f"a {cls.item} of the {cls.group} begins inside a character"
        return ""

    def check_distinct(self, error: type[Exception] = FormatError) -> None:
        """Raise `error`, naming the first string that occurs twice and both its places. Builds the hash table."""
        self._built(error)

    @property
    def table(self) -> np.ndarray:
        """uint64 (2 C,): the hash table, as numeric/_kernels_hash.py reads it; built when it is first asked for. Raises FormatError if a
        string occurs twice."""
        return self._table

    @functools.cached_property
    def _table(self) -> np.ndarray:
        return self._built(FormatError)

    def _built(self, error: type[Exception]) -> np.ndarray:
        """The hash table, or `error` if a string occurs twice."""
        from lmkit.numeric import _kernels_hash

        if "_table" in self.__dict__:
            return self.__dict__["_table"]
        table = empty_table(len(self))
        double = _kernels_hash.build_table(frozen(self._blob), frozen(self._offsets), len(self), table)
        if double >= 0:
            raise self._double(double, error)
        self.__dict__["_table"] = table
        return table

    def _double(self, second: int, error: type[Exception]) -> Exception:
        first = self._places(self.string(second))[0]
        return error(
            f"{self._where}: the {self.item} {self.string(second)!r} occurs twice in the {self.group}, "
            f"at places {first} and {second}; keep one of them."
        )

    def _scan(self, string: str) -> int:
        places = self._places(string)
        if len(places) > 1:
            raise self._double(int(places[1]), FormatError)
        return int(places[0]) if len(places) else -1

    def _places(self, string: str) -> np.ndarray:
        """int64: where a string is, without a hash table: compared byte after byte with those of its length."""
        wanted = np.frombuffer(string.encode("utf-8", "surrogatepass"), np.uint8)
        found = np.flatnonzero(self.bytes == len(wanted))
        for place, byte in enumerate(wanted):
            found = found[self._blob[self._offsets[found] + place] == byte]
        return found


def frozen(array: np.ndarray) -> np.ndarray:
    """A read-only view: kernels see one type whether an array is memory-mapped or not."""
    view = array.view()
    view.flags.writeable = False
    return view


def empty_table(strings: int) -> np.ndarray:
    """A free hash table for so many strings, at most half full. uint64 (2 C,), see numeric/_kernels_hash.py."""
    slots = 1 << max(2 * strings, 16).bit_length()
    return np.zeros(2 * slots, np.uint64)


def gather_strings(blob: np.ndarray, offsets: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Blob and offsets of the strings with these ids, in this order."""
    ids = np.asarray(ids, np.int64)
    lengths = offsets[ids + 1] - offsets[ids]
    new_offsets = np.zeros(len(ids) + 1, np.int64)
    np.cumsum(lengths, out=new_offsets[1:])
    places = np.arange(new_offsets[-1]) + np.repeat(offsets[ids] - new_offsets[:-1], lengths)
    return blob[places], new_offsets


def packed(strings: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Blob and offsets of strings."""
    encoded = [string.encode("utf-8", "surrogatepass") for string in strings]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(string) for string in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def check_size(size: int) -> None:
    """Raise InvalidParameterError for more strings than int32 ids."""
    if size > MAXIMUM_SIZE:
        raise InvalidParameterError(f"A vocabulary can hold at most {MAXIMUM_SIZE:,} tokens. Got {size:,}.")


def first_bad_byte(blob: np.ndarray) -> int:
    """Place of the first byte that is not UTF-8, or -1. Only bytes above 127 are looked at, and the one behind each run of them: looked for
    among eight bytes at a time, since most have none."""
    whole = len(blob) & ~7
    eights = np.ascontiguousarray(blob[:whole]).view(np.uint64)
    near = (eights & np.uint64(0x8080808080808080)) != 0
    near[1:] |= near[:-1]  # the byte behind a run may lie in the next eight
    rows = np.flatnonzero(near)
    part = np.concatenate([eights[rows].view(np.uint8), blob[whole:]])
    high = part >= 0x80
    kept = high.copy()
    kept[1:] |= high[:-1]
    try:
        part[kept].tobytes().decode()
    except UnicodeDecodeError as error:
        place = int(np.flatnonzero(kept)[error.start])
        return int(rows[place >> 3]) * 8 + (place & 7) if place < 8 * len(rows) else whole + place - 8 * len(rows)
    return -1
