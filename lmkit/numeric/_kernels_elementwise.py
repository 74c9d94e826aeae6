"""exp, tanh and sigmoid that loops over rows vectorise: polynomials in float32, the C library's in float64.

LLVM turns a loop whose body is arithmetic and has one store into vector code; a call of expf would keep it scalar, and the vector library
that could help (SVML) is not in llvmlite's wheels. So in float32 each function is a polynomial: relative error below 3e-7 everywhere
(tests/numeric/test_elementwise.py measures it against float64). In float64 they are exact, for gradient checks.

| function | gives |
|---|---|
| fast_exp(x) | e^x; 0 below -87.3, and e^88 above 88 in float32 |
| fast_tanh(x), fast_sigmoid(x) | as named |
| multiply_add(a, b, c) | a b + c, rounded once where the machine can do so |
| copy_rows(source, first, target, start, rows) | target[start : start + rows] = source[first : first + rows], of two-dimensional arrays |

The assignment of a slice in NumPy's notation would compile its check of shapes, which makes strings, with every kernel: 3 seconds each.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from lmkit._jit import kernel

_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)  # exact in 10 bits, so n times it is exact
_LN2_LOW = np.float32(0.6931471805599453 - 0.693359375)
_LOWEST, _HIGHEST = np.float32(-87.3), np.float32(88.0)
_ONE, _TWO, _HALF = np.float32(1), np.float32(2), np.float32(0.5)
# Taylor's series of e^r for |r| <= ln(2)/2: the first term left out is 0.35^8/8! = 5e-9
_E2, _E3, _E4 = np.float32(1 / 2), np.float32(1 / 6), np.float32(1 / 24)
_E5, _E6, _E7 = np.float32(1 / 120), np.float32(1 / 720), np.float32(1 / 5040)
# (tanh(x)/x - 1)/x^2 as a polynomial in x^2 for |x| <= 0.625: least squares at Chebyshev's points, weighted for the relative error
_T0, _T1, _T2 = np.float32(-0.3333328128), np.float32(0.1333143175), np.float32(-0.0537391565)
_T3, _T4 = np.float32(0.02063786149), np.float32(-0.005704042525)
_SMALL = np.float32(0.625)


def _exp_float32(x):
    x = min(max(x, _LOWEST), _HIGHEST)
    n = np.floor(multiply_add(x, _LOG2_E, _HALF))
    r = multiply_add(n, -_LN2_LOW, multiply_add(n, -_LN2_HIGH, x))
    p = multiply_add(_E7, r, _E6)
    p = multiply_add(p, r, _E5)
    p = multiply_add(p, r, _E4)
    p = multiply_add(p, r, _E3)
    p = multiply_add(p, r, _E2)
    p = multiply_add(p, r, _ONE)
    p = multiply_add(p, r, _ONE)
    return p * power_of_two(n)


def _sigmoid_float32(x):
    return _ONE / (_ONE + fast_exp(-x))


def _tanh_float32(x):
    square = x * x
    p = multiply_add(_T4, square, _T3)
    p = multiply_add(p, square, _T2)
    p = multiply_add(p, square, _T1)
    p = multiply_add(p, square, _T0)
    near = multiply_add(p * square, x, x)  # 1 - 2/(e^2x + 1) would lose its digits near 0
    far = _ONE - _TWO / (fast_exp(_TWO * x) + _ONE)
    return near if abs(x) < _SMALL else far


if numba.config.DISABLE_JIT:

    def multiply_add(a, b, c):
        """a b + c."""
        return a * b + c

    def power_of_two(n):
        """2^n for a whole number n in float32."""
        return np.float32(2.0) ** n

    def fast_exp(x):
        """e^x."""
        return _exp_float32(x) if isinstance(x, np.float32) else math.exp(x)

    def fast_tanh(x):
        """tanh(x)."""
        return _tanh_float32(x) if isinstance(x, np.float32) else math.tanh(x)

    def fast_sigmoid(x):
        """1 / (1 + e^-x)."""
        return _sigmoid_float32(x) if isinstance(x, np.float32) else (1 + math.tanh(x / 2)) / 2

else:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic, overload

    @intrinsic
    def multiply_add(typing_context, a, b, c):
        """a b + c."""
        if a not in (types.float32, types.float64) or b != a or c != a:
            return None

        def generate(context, builder, signature, arguments):
            kind = arguments[0].type
            function_type = ir.FunctionType(kind, [kind] * 3)
            name = "llvm.fmuladd.f32" if isinstance(kind, ir.FloatType) else "llvm.fmuladd.f64"
            return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)

        return a(a, b, c), generate

    @intrinsic
    def power_of_two(typing_context, n):
        """2^n for a whole number n in float32: n + 127 is its exponent field."""

        def generate(context, builder, signature, arguments):
            word = ir.IntType(32)
            exponent = builder.add(builder.fptosi(arguments[0], word), word(127))
            return builder.bitcast(builder.shl(exponent, word(23)), ir.FloatType())

        return types.float32(types.float32), generate

    def fast_exp(x):
        """e^x."""

    def fast_tanh(x):
        """tanh(x)."""

    def fast_sigmoid(x):
        """1 / (1 + e^-x)."""

    @overload(fast_exp)
    def _choose_exp(x):
        return _exp_float32 if x == types.float32 else lambda x: math.exp(x)

    @overload(fast_tanh)
    def _choose_tanh(x):
        return _tanh_float32 if x == types.float32 else lambda x: math.tanh(x)

    @overload(fast_sigmoid)
    def _choose_sigmoid(x):
        return _sigmoid_float32 if x == types.float32 else lambda x: 0.5 * (1.0 + math.tanh(0.5 * x))


@kernel
def copy_rows(source, first, target, start, rows):
    for row in range(rows):
        left, right = target[start + row], source[first + row]
        for j in range(len(left)):
            left[j] = right[j]
