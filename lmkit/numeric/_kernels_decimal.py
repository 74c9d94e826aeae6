"""Decimal numbers in text, read and printed eight digits at a time.

`data` and `buffer` are uint8 arrays; up to 16 bytes behind the place that counts are touched (DECIMAL_PADDING), none outside the array.

A number that is read is rounded once, to the nearest float64 (Clinger 1990: an integer below 2^53 divided or multiplied by a power of ten
up to 10^22 is one rounding, since both are exact). What does not fit this is reported as HARD, and the caller reads it in another way.
Rounding the float64 to float32 afterwards gives what NumPy and gensim give, and gives back the float32 that `write_shortest` printed.
"""

from __future__ import annotations

import math

import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_memory import load8, store8, trailing_zeros

DECIMAL_PADDING = 24  # bytes that must follow the last one that counts
NUMBER_WIDTH = 56  # the longest number that is printed: 39 digits before the point (float32), the point, the sign, decimals

OK, BAD_NUMBER, HARD = 0, 1, 2

_EXACT = 22  # 10^22 is the highest power of ten that is a float64
_POWERS = 10.0 ** np.arange(_EXACT + 1)
_WHOLE_POWERS = 10 ** np.arange(18, dtype=np.int64)
_MOST = np.int64(1) << np.int64(53)
_HIGH = np.uint64(0x8080808080808080)
_DIGIT_ZEROS = np.uint64(0x3030303030303030)
_ABOVE_NINE = np.uint64(0x7676767676767676)  # 0x80 - 10 in each byte
_HUNDREDS = np.uint64(0x0000007F0000007F)
_TENS = np.uint64(0x000F000F000F000F)


@kernel
def eight_value(digits):  # type: ignore[no-untyped-def]
    """The number whose 8 digits (0..9, no ASCII) are the bytes of a uint64, the first digit lowest: pairs, fours, eight."""
    digits = (digits * np.uint64(10) + (digits >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    digits = (digits * np.uint64(100) + (digits >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return np.int64((digits * np.uint64(10000) + (digits >> np.uint64(32))) & np.uint64(0xFFFFFFFF))


@kernel
def eight_digits(value):  # type: ignore[no-untyped-def]
    """The 8 decimal digits of 0 <= value < 10^8 as ASCII in a uint64, the first digit in the lowest byte.

    Splits into halves of 4, 2 and 1 digits, all parts of a step in one multiplication: x * 10486 >> 20 is x // 100 below 10^4,
    x * 103 >> 10 is x // 10 below 100.
    """
    value = np.uint64(value)
    high = value // np.uint64(10000)
    pair = high | ((value - high * np.uint64(10000)) << np.uint64(32))
    quotients = ((pair * np.uint64(10486)) >> np.uint64(20)) & _HUNDREDS
    four = quotients | ((pair - quotients * np.uint64(100)) << np.uint64(16))
    quotients = ((four * np.uint64(103)) >> np.uint64(10)) & _TENS
    return quotients | ((four - quotients * np.uint64(10)) << np.uint64(8)) | _DIGIT_ZEROS


@kernel
def is_field_end(byte):  # type: ignore[no-untyped-def]
    """Space, tab, CR, LF."""
    return byte == 32 or byte == 10 or byte == 9 or byte == 13


@kernel
def read_field(data, start):  # type: ignore[no-untyped-def]
    """(value, place behind, status) of the number that begins at `start` and ends at a space, tab, CR or LF; one follows.

    One digit, a point and up to 15 decimals go the fast way; all others go to `read_slowly`.
    """
    at = start
    negative = data[at] == 45
    if negative:
        at += 1
    whole = np.int64(data[at]) - 48
    if 0 <= whole <= 9 and data[at + 1] == 46:
        at += 2
        digits = load8(data, at) ^ _DIGIT_ZEROS
        others = ((digits + _ABOVE_NINE) | digits) & _HIGH  # set in bytes that are no digits; exact up to the first of them
        count = np.int64(trailing_zeros(others) >> np.uint64(3))
        if 0 < count < 8:
            if is_field_end(data[at + count]):
                digits <<= np.uint64(64) - np.uint64(8 * count)
                value = np.float64(whole * _WHOLE_POWERS[count] + eight_value(digits)) / _POWERS[count]
                return (-value if negative else value), at + count, OK
        elif count == 8:
            mantissa = whole * np.int64(100000000) + eight_value(digits)
            digits = load8(data, at + 8) ^ _DIGIT_ZEROS
            others = ((digits + _ABOVE_NINE) | digits) & _HIGH
            count = np.int64(trailing_zeros(others) >> np.uint64(3))
            if count < 8 and is_field_end(data[at + 8 + count]):
                if count > 0:
                    digits <<= np.uint64(64) - np.uint64(8 * count)
                    mantissa = mantissa * _WHOLE_POWERS[count] + eight_value(digits)
                if mantissa <= _MOST:
                    value = np.float64(mantissa) / _POWERS[8 + count]
                    return (-value if negative else value), at + 8 + count, OK
    return read_slowly(data, start)


@kernel
def read_slowly(data, start):  # type: ignore[no-untyped-def]
    """As `read_field`: any decimal number with point and exponent, inf, infinity and nan in any case, with a sign."""
    end = start
    while not is_field_end(data[end]):
        end += 1
    at = start
    negative = False
    if at < end and (data[at] == 45 or data[at] == 43):
        negative = data[at] == 45
        at += 1
    if at < end and (data[at] | 32) > 96 and (data[at] | 32) != 101:  # a letter
        if _is_word(data, at, end, 110, 97, 110):
            return np.nan, end, OK
        if _is_word(data, at, end, 105, 110, 102) or (
            end - at == 8 and _is_word(data, at, at + 3, 105, 110, 102) and _is_inity(data, at + 3)
        ):
            return (-np.inf if negative else np.inf), end, OK
        return 0.0, end, BAD_NUMBER
    mantissa = np.int64(0)
    exponent = np.int64(0)
    digits = 0
    dropped = False
    point = False
    while at < end:
        byte = data[at]
        if 48 <= byte <= 57:
            digits += 1
            if mantissa < 100000000000000000:
                mantissa = mantissa * 10 + np.int64(byte - 48)
                if point:
                    exponent -= 1
            else:
                dropped = dropped or byte != 48
                if not point:
                    exponent += 1
        elif byte == 46 and not point:
            point = True
        else:
            break
        at += 1
    if digits == 0:
        return 0.0, end, BAD_NUMBER
    if at < end and (data[at] | 32) == 101:  # e
        at += 1
        minus = False
        if at < end and (data[at] == 45 or data[at] == 43):
            minus = data[at] == 45
            at += 1
        if at == end:
            return 0.0, end, BAD_NUMBER
        power = np.int64(0)
        while at < end and 48 <= data[at] <= 57:
            power = min(power * 10 + np.int64(data[at] - 48), np.int64(99999))
            at += 1
        exponent += -power if minus else power
    if at != end:
        return 0.0, end, BAD_NUMBER
    while mantissa != 0 and exponent < 0 and mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    if mantissa == 0:
        return (-0.0 if negative else 0.0), end, OK
    if dropped or mantissa > _MOST or exponent < -_EXACT or exponent > _EXACT:
        return 0.0, end, HARD
    value = np.float64(mantissa)
    value = value / _POWERS[-exponent] if exponent < 0 else value * _POWERS[exponent]
    return (-value if negative else value), end, OK


@kernel
def _is_word(data, start, end, first, second, third):  # type: ignore[no-untyped-def]
    return end - start == 3 and (data[start] | 32) == first and (data[start + 1] | 32) == second and (data[start + 2] | 32) == third


@kernel
def _is_inity(data, at):  # type: ignore[no-untyped-def]
    return (
        (data[at] | 32) == 105
        and (data[at + 1] | 32) == 110
        and (data[at + 2] | 32) == 105
        and (data[at + 3] | 32) == 116
        and (data[at + 4] | 32) == 121
    )


@kernel
def _write_special(value, buffer, at):  # type: ignore[no-untyped-def]
    """nan, inf, -inf."""
    if value == value:
        if value < 0:
            buffer[at] = 45
            at += 1
        buffer[at], buffer[at + 1], buffer[at + 2] = 105, 110, 102
    else:
        buffer[at], buffer[at + 1], buffer[at + 2] = 110, 97, 110
    return at + 3


@kernel
def _write_whole(value, digits, buffer, at):  # type: ignore[no-untyped-def]
    """0 <= value < 10^16 with at least so many digits, 16 at most: zeros in front."""
    high = value // np.int64(100000000)
    if digits <= 8 and high == 0:
        text = eight_digits(value)
        store8(buffer, at, text >> np.uint64(8 * (8 - digits)) if digits > 0 else text)
        return at + digits
    low = value - high * np.int64(100000000)
    if digits < 16:
        text = eight_digits(high)
        store8(buffer, at, text >> np.uint64(8 * (16 - digits)))
    else:
        store8(buffer, at, eight_digits(high))
    store8(buffer, at + digits - 8, eight_digits(low))
    return at + digits


@kernel
def _count_digits(value):  # type: ignore[no-untyped-def]
    digits = 1
    while digits < 17 and value >= _WHOLE_POWERS[digits]:
        digits += 1
    return digits


@kernel
def _decimal_exponent(x):  # type: ignore[no-untyped-def]
    """e with 10^e <= x < 10^(e+1), for x > 0."""
    exponent = np.int64(math.floor(math.log10(x)))
    if _times_power(1.0, exponent) > x:
        exponent -= 1
    elif _times_power(1.0, exponent + 1) <= x:
        exponent += 1
    return exponent


@kernel
def _times_power(x, exponent):  # type: ignore[no-untyped-def]
    """x * 10^exponent: one rounding up to 10^22 either way."""
    while exponent > _EXACT:
        x *= _POWERS[_EXACT]
        exponent -= _EXACT
    while exponent < -_EXACT:
        x /= _POWERS[_EXACT]
        exponent += _EXACT
    return x * _POWERS[exponent] if exponent >= 0 else x / _POWERS[-exponent]


@kernel
def _write_digits(mantissa, digits, exponent, significant, buffer, at):  # type: ignore[no-untyped-def]
    """Print mantissa (so many digits) * 10^(exponent - digits + 1) as C's %g does: zeros behind left out, scientific where the exponent
    is below -4 or at least `significant`."""
    while digits > 1 and mantissa % 10 == 0:
        mantissa //= 10
        digits -= 1
    if exponent < -4 or exponent >= significant:
        first = mantissa // _WHOLE_POWERS[digits - 1]
        buffer[at] = 48 + first
        at += 1
        if digits > 1:
            buffer[at] = 46
            at = _write_whole(mantissa - first * _WHOLE_POWERS[digits - 1], digits - 1, buffer, at + 1)
        buffer[at] = 101
        buffer[at + 1] = 45 if exponent < 0 else 43
        power = abs(exponent)
        buffer[at + 2] = 48 + power // 10
        buffer[at + 3] = 48 + power % 10
        return at + 4
    if exponent < 0:
        buffer[at] = 48
        buffer[at + 1] = 46
        return _write_whole(mantissa, digits - exponent - 1, buffer, at + 2)
    if digits <= exponent + 1:
        return _write_whole(mantissa * _WHOLE_POWERS[exponent + 1 - digits], exponent + 1, buffer, at)
    decimals = digits - exponent - 1
    whole = mantissa // _WHOLE_POWERS[decimals]
    at = _write_whole(whole, exponent + 1, buffer, at)
    buffer[at] = 46
    return _write_whole(mantissa - whole * _WHOLE_POWERS[decimals], decimals, buffer, at + 1)


@kernel
def write_shortest(value, buffer, at):  # type: ignore[no-untyped-def]
    """Print a float32 so that reading gives the same float32: 7 significant digits where they suffice, else 8 or 9, no zeros behind.

    Returns the place behind it. Below 10^-4 and from 10^9 on with an exponent.
    """
    x = np.float64(value)
    if not abs(x) < np.inf:
        return _write_special(x, buffer, at)
    if x < 0 or (x == 0 and math.copysign(1.0, x) < 0):
        buffer[at] = 45
        at += 1
        x = -x
    if x == 0:
        buffer[at] = 48
        return at + 1
    if x >= 1e-4 and x < 1.0:
        exponent = np.int64(-1) if x >= 0.1 else (np.int64(-2) if x >= 0.01 else (np.int64(-3) if x >= 0.001 else np.int64(-4)))
    else:
        exponent = _decimal_exponent(x)
    wanted = np.float32(x)
    digits = 6
    mantissa = np.int64(0)
    fits = False
    while not fits:
        digits += 1
        shift = digits - 1 - exponent
        mantissa = np.int64(np.rint(_times_power(x, shift)))
        fits = digits == 9 or np.float32(_times_power(np.float64(mantissa), -shift)) == wanted
    if mantissa >= _WHOLE_POWERS[digits]:
        mantissa //= 10
        exponent += 1
    return _write_digits(mantissa, digits, exponent, 9, buffer, at)


@kernel
def write_significant(value, significant, buffer, at):  # type: ignore[no-untyped-def]
    """Print as C's %.Ng with N = significant digits, 1 to 9: what C++ streams print, and fastText into .vec. The place behind it."""
    x = np.float64(value)
    if not abs(x) < np.inf:
        return _write_special(x, buffer, at)
    if x < 0 or (x == 0 and math.copysign(1.0, x) < 0):
        buffer[at] = 45
        at += 1
        x = -x
    if x == 0:
        buffer[at] = 48
        return at + 1
    exponent = _decimal_exponent(x)
    mantissa = np.int64(np.rint(_times_power(x, significant - 1 - exponent)))
    if mantissa >= _WHOLE_POWERS[significant]:
        mantissa //= 10
        exponent += 1
    return _write_digits(mantissa, significant, exponent, significant, buffer, at)


@kernel
def write_fixed(value, decimals, buffer, at):  # type: ignore[no-untyped-def]
    """Print as C's %.Nf with N = decimals, 1 to 8: what word2vec.c and GloVe print with 6. From 10^9 on as `write_shortest`."""
    x = np.float64(value)
    if not abs(x) < 1e9:
        return write_shortest(value, buffer, at)
    if x < 0 or (x == 0 and math.copysign(1.0, x) < 0):
        buffer[at] = 45
        at += 1
        x = -x
    scaled = np.int64(np.rint(x * _POWERS[decimals]))
    whole = scaled // _WHOLE_POWERS[decimals]
    at = _write_whole(whole, _count_digits(whole), buffer, at)
    buffer[at] = 46
    return _write_whole(scaled - whole * _WHOLE_POWERS[decimals], decimals, buffer, at + 1)
