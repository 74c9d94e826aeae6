"""Vectors of 16 floats, the counter-based random numbers and alias tables, against plain NumPy and integers."""

from __future__ import annotations

import numpy as np
import pytest

from lmkit._jit import kernel
from lmkit.errors import InvalidParameterError
from lmkit.numeric import _kernels_random as random
from lmkit.numeric import _kernels_simd as simd
from lmkit.numeric.alias import alias_probabilities, alias_table

MASK = (1 << 64) - 1


@kernel
def _apply(values, whole, out):
    a = simd.load16(values, 3)  # not aligned
    simd.store16(out, 0, simd.exp16(a))
    first = simd.load16(values, 0)
    b = simd.load16(values, 16)
    simd.store16(out, 16, simd.fold16(a, b, a, b, first, b, a, b, a, b, a, b, a, b, a, first))
    simd.store16(out, 32, simd.fma16(a, b, simd.splat16(0.5)))
    positive = simd.exp16(a)
    simd.store16(out, 48, simd.fraction16(positive))
    simd.store16(out, 64, simd.tofloat16(simd.exponent16(positive)))
    simd.store16(out, 80, simd.max16(simd.min16(a, b), simd.zeros16()))
    simd.store16(out, 98, simd.twice8(a))
    simd.store16(out, 114, simd.tofloat16(simd.loadi16(whole, 5)))
    out[96] = simd.sum16(a)
    out[97] = simd.sumi16(simd.exponent16(positive))


def test_vectors_against_numpy() -> None:
    values = np.random.default_rng(0).normal(0, 5, 48).astype(np.float32)
    whole = np.arange(7, 28, dtype=np.int32)
    out = np.zeros(130, np.float32)
    _apply(values, whole, out)
    a, b, first = values[3:19], values[16:32], values[:16]
    exact = np.exp(a.astype(np.float64))
    assert np.abs(out[:16] / exact - 1).max() < 3e-7 + 6e-8 * np.abs(a).max()
    sums = [part.astype(np.float64).sum() for part in (a, b, a, b, first, b, a, b, a, b, a, b, a, b, a, first)]
    assert out[16:32] == pytest.approx(sums, abs=2e-5)
    assert out[32:48] == pytest.approx(a.astype(np.float64) * b + 0.5, rel=1e-6, abs=1e-6)
    fraction, exponent = np.frexp(out[:16])
    assert np.array_equal(out[48:64], 2 * fraction)
    assert np.array_equal(out[64:80], exponent - 1)
    assert np.array_equal(out[80:96], np.maximum(np.minimum(a, b), 0))
    assert out[96] == pytest.approx(a.astype(np.float64).sum(), abs=2e-5)
    assert out[97] == (exponent - 1).sum()
    assert np.array_equal(out[98:114], np.tile(a[:8], 2))
    assert np.array_equal(out[114:130], whole[5:21])


def _mix(value: int) -> int:
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK
    return value ^ (value >> 31)


def _draw(key: int, counter: int) -> np.uint64:
    return np.uint64(random.draw(np.uint64(key), np.uint64(counter)))


def test_splitmix64() -> None:
    """The first outputs of SplitMix64 from state 1234567, as published with its reference implementation."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert [int(random.draw(np.uint64(1234567), np.uint64(i))) for i in range(5)] == expected
    assert int(random.mix64(np.uint64(99))) == _mix(99)
    assert len({int(random.subkey(np.uint64(key), np.uint64(number))) for key in range(20) for number in range(20)}) == 400


def test_below_covers_the_range_evenly() -> None:
    draws = np.array([int(random.below(_draw(5, i), 7)) for i in range(7000)])
    counts = np.bincount(draws, minlength=7)
    assert len(counts) == 7
    assert ((counts - 1000) ** 2 / 1000).sum() < 22.5  # chi-square, 6 degrees of freedom, p = 0.001


def test_alias_table_holds_the_distribution() -> None:
    weights = np.array([5.0, 0.0, 1.0, 1e-9, 3.0])
    table = alias_table(weights)
    assert alias_probabilities(table) == pytest.approx(weights / weights.sum(), abs=1e-9)
    draws = np.array([int(random.alias_draw(table, _draw(1, i))) for i in range(9000)])
    counts = np.bincount(draws, minlength=5)
    expected = np.array([5000, 1000, 3000])
    assert counts[1] == 0
    assert ((counts[[0, 2, 4]] - expected) ** 2 / expected).sum() < 13.8  # chi-square, 2 degrees of freedom, p = 0.001
    assert alias_probabilities(alias_table(np.array([2.0]))) == pytest.approx([1.0])


@pytest.mark.parametrize("weights", [[], [0.0, 0.0], [1.0, -1.0], [np.nan]])
def test_alias_table_refuses(weights: list[float]) -> None:
    with pytest.raises(InvalidParameterError, match="weights of an alias table"):
        alias_table(np.array(weights))
