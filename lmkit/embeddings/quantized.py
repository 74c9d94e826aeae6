"""Rows in 8 bits a number with a scale a row, and a search that looks at these first and stays exact.

A row x is stored as codes c in -127 ... 127 and a scale s = max |x_j| / 127, so that x = s c + e with |e_j| <= s / 2. Its length |e| is
kept with it where x itself is at hand. For a query u of length 1, cos(u, x) differs from s (u . c) / |x| by at most |e| / |x|: a bound, not
an estimate. All rows whose upper bound reaches the k-th best cosine found so far are looked at exactly, and none other can be among the
k best.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from lmkit.errors import FormatError

_PIECE = 1 << 13  # rows
_ROUNDING = 4e-6  # of float32 cosines over some hundred dimensions, on either side
_PARALLEL_CODES = 1 << 22  # below, threads cost more than they save


class QuantizedMatrix:
    """V rows of d numbers in 8 bits each. Indexing by a slice or an int array gives the rows as float32 (n, d).

    Parameters
    ----------
    codes : int8 (V, d), -127 to 127.
    scales : float32 (V,), finite and not negative; row i is scales[i] * codes[i].
    errors : float32 (V,), distance of each row from the one that it stands for, over that one's length; None where it stands for itself.
    """

    def __init__(self, codes: np.ndarray, scales: np.ndarray, errors: np.ndarray | None = None) -> None:
        self.codes = np.ascontiguousarray(codes, np.int8)
        self.scales = np.ascontiguousarray(scales, np.float32)
        self.errors = errors

    @classmethod
    def from_matrix(cls, matrix: np.ndarray) -> QuantizedMatrix:
        """Round the rows of a finite float32 (V, d). Rows of zeros stay zeros."""
        codes = np.empty(matrix.shape, np.int8)
        scales = np.empty(len(matrix), np.float32)
        errors = np.zeros(len(matrix), np.float32)
        for start in range(0, len(matrix), _PIECE):
            rows = np.asarray(matrix[start : start + _PIECE], np.float64)
            scale = (np.abs(rows).max(axis=1) / 127).astype(np.float32)
            scale[scale < 1e-37] = 0  # below, 1 / scale overflows
            rounded = np.rint(rows / np.where(scale > 0, scale, 1)[:, None]).clip(-127, 127)
            rounded[scale == 0] = 0
            lengths = np.linalg.norm(rows, axis=1)
            distance = np.linalg.norm(rows - rounded * scale[:, None], axis=1)
            part = slice(start, start + len(rows))
            codes[part], scales[part] = rounded, scale
            np.divide(distance, lengths, out=errors[part], where=lengths > 0, casting="same_kind")
        return cls(codes, scales, errors)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        return self.codes[rows] * self.scales[rows][..., None]

    @property
    def shape(self) -> tuple[int, ...]:
        """(V, d)."""
        return self.codes.shape

    @property
    def norms(self) -> np.ndarray:
        """float32 (V,): length of each row as stored."""
        norms = np.empty(len(self), np.float32)
        for start in range(0, len(self), _PIECE):
            codes = self.codes[start : start + _PIECE].astype(np.float32)  # sums of squares up to 2^24 are exact: d <= 1,040
            norms[start : start + _PIECE] = np.sqrt(np.einsum("ij,ij->i", codes, codes)) * self.scales[start : start + _PIECE]
        return norms

    def pick(self, rows: np.ndarray) -> QuantizedMatrix:
        """Some rows, in this order."""
        return QuantizedMatrix(self.codes[rows], self.scales[rows], None if self.errors is None else self.errors[rows])

    def upper_bounds(self, query: np.ndarray, inverse: np.ndarray, stop: int, threads: int | None = None) -> np.ndarray:
        """float32 (stop,): for each of the first rows, what its cosine with the query can be at most.

        query : float32 (d,), of length 1. inverse : float32 (V,), 1 / length of the rows that the codes stand for.
        """
        from lmkit.embeddings import _kernels_quantized as kernels

        dimensions = self.shape[1]
        largest = min(32767.0, 2.0**31 / (128.0 * dimensions) - 1)
        step = float(np.abs(query).max()) / largest
        whole = np.rint(query.astype(np.float64) / step)
        missed = float(np.linalg.norm(query - whole * step))
        padded = np.zeros(dimensions + kernels.LANES, np.int16)
        padded[:dimensions] = whole
        rest = dimensions % kernels.LANES
        if rest:
            padded[-rest:] = whole[-rest:]
        errors = self._errors
        slack = np.float32(missed * (1 + float(errors.max(initial=0))) + _ROUNDING)
        factors = self.scales[:stop] * inverse[:stop] * np.float32(step)
        out = np.empty(stop, np.float32)
        codes = self.codes.reshape(-1)
        codes.flags.writeable = False
        arguments = (codes, dimensions, padded, factors, errors, slack)

        def work(begin: int, end: int) -> None:
            kernels.upper_bounds(*arguments, begin, end, out)

        share = max(1, min(threads or _cores(), 8))
        if stop * dimensions < _PARALLEL_CODES:
            share = 1
        borders = np.linspace(0, stop, share + 1).astype(int).tolist()
        helpers = [threading.Thread(target=work, args=pair) for pair in itertools.pairwise(borders[1:])]
        for helper in helpers:
            helper.start()
        work(borders[0], borders[1])
        for helper in helpers:
            helper.join()
        return out

    @property
    def _errors(self) -> np.ndarray:
        if self.errors is None:
            self.errors = np.zeros(len(self), np.float32)
        return self.errors

    def to_tensors(self, name: str) -> dict[str, np.ndarray]:
        """Arrays for a model file: NAME.codes int8 (V, d), NAME.scales float32 (V,) and, beside exact rows, NAME.errors float32 (V,)."""
        tensors: dict[str, np.ndarray] = {f"{name}.codes": self.codes, f"{name}.scales": self.scales}
        if self.errors is not None and self.errors.any():
            tensors[f"{name}.errors"] = self.errors
        return tensors

    @classmethod
    def from_tensors(cls, tensors: Any, name: str) -> QuantizedMatrix:
        """From a container that holds what `to_tensors` gave. Raises FormatError if it does not fit together."""
        codes = tensors.array(f"{name}.codes", np.int8, 2)
        scales = tensors.array(f"{name}.scales", np.float32, 1)
        errors = tensors.array(f"{name}.errors", np.float32, 1) if f"{name}.errors" in tensors else None
        if len(scales) != len(codes) or (errors is not None and len(errors) != len(codes)):
            raise FormatError(f"{tensors.path}: the 8-bit rows have not as many scales; the file is damaged, make it again.")
        if not np.all((scales >= 0) & (scales < np.inf)):
            raise FormatError(f"{tensors.path}: a scale of the 8-bit rows is no positive number; the file is damaged, make it again.")
        return cls(codes, scales, errors)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclasses.dataclass(frozen=True)
class QuantizationLoss:
    """What rounding to 8 bits did to some vectors.

    Attributes
    ----------
    relative_error : root mean square over the rows of |x - x'| / |x|.
    worst_error : the largest of these.
    cosine : mean cosine between a vector and its rounded form; 1 is no loss.
    neighbours : share of the 10 nearest words, before and after, that are the same, over a sample of words; 1 is no loss.
    sample : how many words were asked for their neighbours.
    bytes_before, bytes_after : of the rows.
    """

    relative_error: float
    worst_error: float
    cosine: float
    neighbours: float
    sample: int
    bytes_before: int
    bytes_after: int

    def to_record(self) -> dict[str, Any]:
        """JSON-able."""
        return dataclasses.asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> QuantizationLoss:
        """From what `to_record` gave."""
        return cls(**record)

    def __str__(self) -> str:
        return (
            f"8 bits a number: {self.bytes_before / max(self.bytes_after, 1):.1f} times smaller rows; mean cosine with the float32 vectors "
            f"{self.cosine:.6f}, relative error {self.relative_error:.2%} (worst row {self.worst_error:.2%}); {self.neighbours:.1%} of the "
            f"10 nearest words stay, asked of {self.sample:,} words"
        )


def measure_loss(matrix: np.ndarray, quantized: QuantizedMatrix, inverse: np.ndarray, sample: int = 500) -> QuantizationLoss:
    """Compare rows with their rounded form.

    Parameters
    ----------
    matrix : float32 (V, d). inverse : float32 (V,), 1 / length of its rows.
    sample : so many rows at most, evenly spread, are asked for their 10 nearest before and after.
    """
    from lmkit.embeddings.search import RowSearch, inverse_norms

    norms = quantized.norms
    cosines = np.zeros(len(matrix))
    for start in range(0, len(matrix), _PIECE):
        part = slice(start, start + _PIECE)
        cosines[part] = np.einsum("ij,ij->i", matrix[part], quantized[part], dtype=np.float64)
    after_inverse = inverse_norms(norms)
    cosines *= inverse * after_inverse.astype(np.float64)
    sample = min(sample, max(2 * 10**7 // max(len(matrix), 1), 50), len(matrix))  # large vocabularies: seconds, not minutes
    asked = np.unique(np.linspace(0, len(matrix) - 1, sample).astype(np.int64))
    asked = asked[(inverse[asked] > 0) & (after_inverse[asked] > 0)]
    exclude = list(asked[:, None])
    before = RowSearch(matrix, inverse).nearest(matrix[asked] * inverse[asked, None], 10, exclude=exclude)
    after = RowSearch(quantized, after_inverse).nearest(quantized[asked] * after_inverse[asked, None], 10, exclude=exclude)
    kept = [len(np.intersect1d(old, new)) / max(len(old), 1) for (old, _), (new, _) in zip(before, after, strict=True) if len(old)]
    errors = np.zeros(1) if quantized.errors is None else quantized.errors
    rows = inverse > 0
    return QuantizationLoss(
        relative_error=float(np.sqrt(np.mean(np.square(errors, dtype=np.float64)))),
        worst_error=float(errors.max(initial=0)),
        cosine=float(cosines[rows].mean()) if rows.any() else 1.0,
        neighbours=float(np.mean(kept)) if kept else 1.0,
        sample=len(asked),
        bytes_before=int(np.prod(matrix.shape)) * 4,
        bytes_after=quantized.codes.nbytes + quantized.scales.nbytes,
    )
