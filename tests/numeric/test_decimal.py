"""Decimal numbers: read as Python reads them, printed as C prints them, and float32 back from the shortest print."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmkit.numeric import _kernels_decimal as kernels


def numbers() -> np.ndarray:
    """Ordinary vectors' numbers, random bit patterns, and edges."""
    rng = np.random.default_rng(1)
    patterns = rng.integers(0, 2**32, 3000, dtype=np.uint64).astype(np.uint32).view(np.float32)
    edges = [0, -0.0, 1, 10, 123456, 1e8, 1e9, 999999999, 1e-4, 9.9999e-5, 0.5, 0.1, 16777216, 99999.5, 0.99999999, 3.4e38, 1e-45, 1.2e-38]
    return np.concatenate([rng.normal(0, 0.1, 3000), patterns[np.isfinite(patterns)], edges]).astype(np.float32)


def printed(kernel, value, *options) -> str:
    buffer = np.full(kernels.NUMBER_WIDTH + kernels.DECIMAL_PADDING, 35, np.uint8)
    end = kernel(value, *options, buffer, 0)
    return buffer[:end].tobytes().decode()


def read(text: str) -> tuple[float, int, int]:
    return kernels.read_field(np.frombuffer(text.encode() + b"\n" + b"7" * kernels.DECIMAL_PADDING, np.uint8), 0)


def test_the_shortest_print_gives_the_float32_back() -> None:
    for value in numbers():
        text = printed(kernels.write_shortest, value)
        assert np.float32(float(text)) == value, text
        assert math.copysign(1, float(text)) == math.copysign(1, value)
        digits = text.split("e")[0].replace(".", "").replace("-", "").strip("0")
        assert len(digits) <= 9, text


def test_ordinary_numbers_are_as_short_as_numpy_prints_them() -> None:
    for value in np.random.default_rng(2).normal(0, 0.3, 3000).astype(np.float32):
        expected = np.format_float_positional(value) if abs(value) >= 1e-4 else np.format_float_scientific(value)
        assert printed(kernels.write_shortest, value) == expected.rstrip(".")


@pytest.mark.parametrize("significant", [5, 8])
def test_significant_digits_are_those_of_c(significant: int) -> None:
    for value in numbers():
        if abs(value) > 1e-12 or value == 0:  # below, ten to the power is no longer exact
            assert printed(kernels.write_significant, value, significant) == f"{value:.{significant}g}"


def test_fixed_decimals_are_those_of_c() -> None:
    for value in numbers():
        if abs(value) < 1e9:
            assert printed(kernels.write_fixed, value, 6) == f"{value:.6f}"


def test_reading_is_python_s_to_the_bit() -> None:
    rng = np.random.default_rng(3)
    texts = [f"{value:.{rng.integers(1, 17)}f}" for value in rng.normal(0, 5, 2000)]
    texts += [f"{value:.{rng.integers(0, 12)}e}" for value in rng.normal(0, 5, 500) * 10.0 ** rng.integers(-9, 9, 500)]
    texts += ["1", "-1", "+3", "1.", ".5", "-.5", "0", "-0.0", "1e5", "1E-5", "123456789.25", "00012.50", "0.1000000000000000"]
    for text in texts:
        value, end, status = read(text)
        assert status in (kernels.OK, kernels.HARD)
        assert end == len(text)
        if status == kernels.OK:
            assert value == float(text), text
    hard = [text for text in texts if read(text)[2] == kernels.HARD]
    assert len(hard) < len(texts) / 20


def test_what_would_be_rounded_twice_is_left_to_the_caller() -> None:
    for text in ("1e-40", "1e30", "0.12345678901234567890", "123456789012345678"):
        assert read(text)[2] == kernels.HARD


@pytest.mark.parametrize("text", ["", ".", "-", "1e", "1e+", "1.2.3", "0x3", "5,5", "e5", "na", "nano", "infinit", "--1", "1-1", "½"])
def test_what_is_no_number(text: str) -> None:
    assert read(text)[2] == kernels.BAD_NUMBER


def test_not_a_number_and_infinity() -> None:
    assert math.isnan(read("NaN")[0])
    assert [read(text)[0] for text in ("inf", "-Inf", "Infinity", "-infinity")] == [math.inf, -math.inf, math.inf, -math.inf]
    assert [printed(kernels.write_shortest, np.float32(value)) for value in (math.nan, math.inf, -math.inf)] == ["nan", "inf", "-inf"]
