"""exp, tanh and sigmoid in float32 against float64, over their whole range; exact in float64."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from lmkit.numeric import _kernels_elementwise as elementwise
from lmkit.numeric._kernels_elementwise import fast_exp, fast_sigmoid, fast_tanh


@numba.njit
def apply(which, x, out):
    for j in range(len(x)):
        if which == 0:
            out[j] = fast_exp(x[j])
        elif which == 1:
            out[j] = fast_tanh(x[j])
        else:
            out[j] = fast_sigmoid(x[j])


EXACT = [np.exp, np.tanh, lambda x: 1 / (1 + np.exp(-x))]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_relative_error_is_below_3e_7(which: int) -> None:
    small = np.geomspace(1e-30, 0.1, 20_000)
    x = np.concatenate([np.linspace(-87, 87, 200_001), small, -small, [0.0]]).astype(np.float32)
    out = np.empty_like(x)
    apply(which, x, out)
    exact = EXACT[which](x.astype(np.float64))
    kept = np.abs(exact) > 1e-36  # below, float32 has fewer digits
    assert np.all(np.isfinite(out))
    assert np.abs(out[kept] / exact[kept] - 1).max() < 3e-7


def test_beyond_the_range_they_saturate() -> None:
    x = np.array([-1e30, -200, 200, 1e30], np.float32)
    found = []
    for which in range(3):
        out = np.empty_like(x)
        apply(which, x, out)
        found.append(out)
    assert np.all(found[0][:2] < 1.3e-38)
    assert np.all(np.isfinite(found[0]))
    assert found[1].tolist() == [-1, -1, 1, 1]
    assert found[2][2:].tolist() == [1, 1]
    assert np.all(found[2][:2] < 1.3e-38)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_float64_is_exact(which: int) -> None:
    x = np.linspace(-30, 30, 1001)
    out = np.empty_like(x)
    apply(which, x, out)
    np.testing.assert_allclose(out, EXACT[which](x), rtol=1e-12, atol=1e-16)


def test_not_a_number_stays_visible() -> None:
    out = np.empty(1)
    apply(1, np.array([np.nan]), out)
    assert np.isnan(out[0])
    assert elementwise.__doc__ is not None
