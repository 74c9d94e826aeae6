"""Vectors of 16 float32 inside kernels: what the compiler does not find by itself in loops over short rows.

A vector is a value of the type `float32x16`, held in registers: one of AVX-512, two of AVX2, four of NEON, as LLVM cuts it for the
machine. Rows that are read so are padded to a multiple of `LANES` floats. Arrays are one-dimensional, C-contiguous float32, and an index
counts floats; nothing is checked.

| function | gives |
|---|---|
| zeros16(), splat16(x) | a vector of zeros, of one scalar in all lanes |
| load16(array, i), store16(array, i, v) | array[i:i+16]; loadi16 reads int32 |
| twice8(a) | its first eight lanes, twice |
| add16, sub16, mul16, div16, min16, max16 (a, b) | lane by lane |
| fma16(a, b, c) | a * b + c, rounded once where the machine can |
| floor16(a), sum16(a) | lane by lane; sum of the lanes, as a scalar |
| fold16(a0 .. a15) | the sixteen sums of sixteen vectors, in one vector |
| bits16(a), floats16(b) | the float32 lanes as int32 lanes and back (a vector of type `int32x16`) |
| toint16(a), tofloat16(b) | rounded towards zero; converted |
| addi16, subi16, andi16, ori16, shli16, shri16 (a, b), splati16(n) | int32 lanes; shri16 is arithmetic |
| sumi16(a) | sum of int32 lanes as int64 |

Where Numba is switched off, NumPy arrays of 16 entries stand in.
"""

from __future__ import annotations

import numba
import numpy as np

from lmkit._jit import uncounted

LANES = 16

if numba.config.DISABLE_JIT:

    def zeros16():
        return np.zeros(16, np.float32)

    def splat16(value):
        return np.full(16, value, np.float32)

    def load16(array, index):
        return array[index : index + 16].copy()

    def loadi16(array, index):
        return array[index : index + 16].copy()

    def broadcast16(array, index):
        return np.full(16, array[index], np.float32)

    def store16(array, index, value):
        array[index : index + 16] = value

    def add16(a, b):
        return a + b

    def sub16(a, b):
        return a - b

    def mul16(a, b):
        return a * b

    def div16(a, b):
        return a / b

    def min16(a, b):
        return np.minimum(a, b)

    def max16(a, b):
        return np.maximum(a, b)

    def fma16(a, b, c):
        return (a.astype(np.float64) * b + c).astype(np.float32)

    def floor16(a):
        return np.floor(a)

    def sum16(a):
        return a.sum(dtype=np.float32)

    def fold16(a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q):
        return np.stack([a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q]).sum(1, dtype=np.float32)

    def twice8(a):
        return np.concatenate([a[:8], a[:8]])

    def bits16(a):
        return a.view(np.int32).copy()

    def floats16(a):
        return a.view(np.float32).copy()

    def toint16(a):
        return a.astype(np.int32)

    def tofloat16(a):
        return a.astype(np.float32)

    def splati16(value):
        return np.full(16, value, np.int32)

    def addi16(a, b):
        return a + b

    def subi16(a, b):
        return a - b

    def andi16(a, b):
        return a & b

    def ori16(a, b):
        return a | b

    def shli16(a, b):
        return a << b

    def shri16(a, b):
        return a >> b

    def sumi16(a):
        return int(a.sum(dtype=np.int64))

    def prefetch_row(array, index, size):
        """Start loading array[index : index + size], line by line."""

else:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic, models, register_model

    _FLOATS = ir.VectorType(ir.FloatType(), LANES)
    _INTS = ir.VectorType(ir.IntType(32), LANES)
    _LONGS = ir.VectorType(ir.IntType(64), LANES)
    _INT = ir.IntType(32)

    class Vector(types.Type):
        """A Numba type whose values are LLVM vectors."""

    float32x16 = Vector("float32x16")
    int32x16 = Vector("int32x16")

    @register_model(Vector)
    class _VectorModel(models.PrimitiveModel):
        def __init__(self, manager, type_):
            super().__init__(manager, type_, _FLOATS if type_.name == "float32x16" else _INTS)

    def _splat(builder, scalar, vector_type):
        first = builder.insert_element(ir.Constant(vector_type, ir.Undefined), scalar, _INT(0))
        return builder.shuffle_vector(
            first, ir.Constant(vector_type, ir.Undefined), ir.Constant(ir.VectorType(_INT, LANES), [_INT(0)] * LANES)
        )

    def _pointer(context, builder, array_type, array, index_type, index, vector_type):
        values = context.make_array(array_type)(context, builder, array)
        place = context.cast(builder, index, index_type, types.intp)
        return builder.bitcast(builder.gep(values.data, [place]), vector_type.as_pointer())

    def _call(builder, name, result, arguments):
        function_type = ir.FunctionType(result, [argument.type for argument in arguments])
        return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)

    @intrinsic
    def zeros16(typing_context):
        def generate(context, builder, signature, arguments):
            return ir.Constant(_FLOATS, [0.0] * LANES)

        return float32x16(), generate

    @intrinsic
    def splat16(typing_context, value):
        def generate(context, builder, signature, arguments):
            return _splat(builder, context.cast(builder, arguments[0], signature.args[0], types.float32), _FLOATS)

        return float32x16(value), generate

    @intrinsic
    def splati16(typing_context, value):
        def generate(context, builder, signature, arguments):
            return _splat(builder, context.cast(builder, arguments[0], signature.args[0], types.int32), _INTS)

        return int32x16(value), generate

    @intrinsic
    def load16(typing_context, array, index):
        def generate(context, builder, signature, arguments):
            pointer = _pointer(context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1], _FLOATS)
            return builder.load(pointer, align=4)

        return float32x16(array, index), generate

    @intrinsic
    def loadi16(typing_context, array, index):
        def generate(context, builder, signature, arguments):
            pointer = _pointer(context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1], _INTS)
            return builder.load(pointer, align=4)

        return int32x16(array, index), generate

    @intrinsic
    def broadcast16(typing_context, array, index):
        """array[index], an index from 0, in all lanes. An index that might count from the end would cost more than the load."""

        def generate(context, builder, signature, arguments):
            pointer = _pointer(context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1], ir.FloatType())
            return _splat(builder, builder.load(pointer, align=4), _FLOATS)

        return float32x16(array, index), generate

    @intrinsic
    def store16(typing_context, array, index, value):
        def generate(context, builder, signature, arguments):
            pointer = _pointer(context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1], _FLOATS)
            builder.store(arguments[2], pointer, align=4)
            return context.get_dummy_value()

        return types.void(array, index, value), generate

    def _binary(operation, vector=float32x16):
        @intrinsic
        def function(typing_context, a, b):
            def generate(context, builder, signature, arguments):
                return operation(builder, arguments[0], arguments[1])

            return vector(vector, vector), generate

        return function

    def _select(test):
        def operation(builder, a, b):
            return builder.select(builder.fcmp_ordered(test, a, b), a, b)

        return operation

    add16 = _binary(lambda builder, a, b: builder.fadd(a, b))
    sub16 = _binary(lambda builder, a, b: builder.fsub(a, b))
    mul16 = _binary(lambda builder, a, b: builder.fmul(a, b))
    div16 = _binary(lambda builder, a, b: builder.fdiv(a, b))
    min16 = _binary(_select("<"))
    max16 = _binary(_select(">"))
    addi16 = _binary(lambda builder, a, b: builder.add(a, b), int32x16)
    subi16 = _binary(lambda builder, a, b: builder.sub(a, b), int32x16)
    andi16 = _binary(lambda builder, a, b: builder.and_(a, b), int32x16)
    ori16 = _binary(lambda builder, a, b: builder.or_(a, b), int32x16)
    shli16 = _binary(lambda builder, a, b: builder.shl(a, b), int32x16)
    shri16 = _binary(lambda builder, a, b: builder.ashr(a, b), int32x16)

    @intrinsic
    def fma16(typing_context, a, b, c):
        def generate(context, builder, signature, arguments):
            return _call(builder, "llvm.fmuladd.v16f32", _FLOATS, arguments)  # a machine without FMA multiplies, then adds

        return float32x16(float32x16, float32x16, float32x16), generate

    @intrinsic
    def floor16(typing_context, a):
        def generate(context, builder, signature, arguments):
            return _call(builder, "llvm.floor.v16f32", _FLOATS, arguments)

        return float32x16(float32x16), generate

    def _convert(source, target, operation, llvm_target):
        @intrinsic
        def function(typing_context, a):
            def generate(context, builder, signature, arguments):
                return getattr(builder, operation)(arguments[0], llvm_target)

            return target(source), generate

        return function

    bits16 = _convert(float32x16, int32x16, "bitcast", _INTS)
    floats16 = _convert(int32x16, float32x16, "bitcast", _FLOATS)
    toint16 = _convert(float32x16, int32x16, "fptosi", _INTS)
    tofloat16 = _convert(int32x16, float32x16, "sitofp", _FLOATS)

    def _shuffle(builder, a, b, places):
        return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, len(places)), [_INT(place) for place in places]))

    def _halved(builder, vector, add):
        """The sum of a vector's lanes, by halves."""
        width = LANES
        while width > 1:
            width //= 2
            low = _shuffle(builder, vector, vector, range(width))
            high = _shuffle(builder, vector, vector, range(width, 2 * width))
            vector = add(low, high)
        return builder.extract_element(vector, _INT(0))

    @intrinsic
    def sum16(typing_context, a):
        def generate(context, builder, signature, arguments):
            return _halved(builder, arguments[0], builder.fadd)

        return types.float32(float32x16), generate

    @intrinsic
    def sumi16(typing_context, a):
        def generate(context, builder, signature, arguments):
            return _halved(builder, builder.sext(arguments[0], _LONGS), builder.add)

        return types.int64(int32x16), generate

    def _fold(builder, vectors):
        """Sums of 16 vectors, in order: pairs of vectors are folded into one that holds the halves of both, four times."""
        width = LANES
        while len(vectors) > 1:
            width //= 2
            # each vector holds groups of 2 * width lanes that belong to one sum; the first group of a, then that of b, and so on
            groups = LANES // (2 * width)
            low = [
                lane
                for side in (0, LANES)
                for group in range(groups)
                for lane in range(side + group * 2 * width, side + group * 2 * width + width)
            ]
            high = [lane + width for lane in low]
            vectors = [
                builder.fadd(_shuffle(builder, a, b, low), _shuffle(builder, a, b, high))
                for a, b in zip(vectors[::2], vectors[1::2], strict=True)
            ]
        return vectors[0]

    @intrinsic
    def fold16(typing_context, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q):
        def generate(context, builder, signature, arguments):
            return _fold(builder, list(arguments))

        return float32x16(*[float32x16] * LANES), generate

    @intrinsic
    def twice8(typing_context, a):
        """The first eight lanes, twice."""

        def generate(context, builder, signature, arguments):
            return _shuffle(builder, arguments[0], arguments[0], [*range(8), *range(8)])

        return float32x16(float32x16), generate

    @intrinsic
    def prefetch_row(typing_context, array, index, size):
        """Start loading array[index : index + size] of float32, line by line."""

        def generate(context, builder, signature, arguments):
            array_type = signature.args[0]
            values = context.make_array(array_type)(context, builder, arguments[0])
            base = context.cast(builder, arguments[1], signature.args[1], types.intp)
            count = context.cast(builder, arguments[2], signature.args[2], types.intp)
            byte_pointer = ir.IntType(8).as_pointer()
            function_type = ir.FunctionType(ir.VoidType(), [byte_pointer, _INT, _INT, _INT])
            function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
            with cgutils.for_range_slice(builder, count.type(0), count, count.type(LANES)) as (offset, _):
                pointer = builder.bitcast(builder.gep(values.data, [builder.add(base, offset)]), byte_pointer)
                builder.call(function, [pointer, _INT(0), _INT(3), _INT(1)])  # read, keep in all cache levels, data
            return context.get_dummy_value()

        return types.void(array, index, size), generate


# 2^f for f in [-0.5, 0.5]: Taylor series, coefficients ln(2)^i / i!; the rest is below 1e-8
_EXP2 = (1.0, 0.6931472, 0.24022651, 0.05550411, 0.009618129, 0.0013333558, 0.00015403530)


@uncounted
def exp16(x):
    """e^x lane by lane, relative error below 3e-7 + 6e-8 |x|; x is clipped to +-87, where float32 ends."""
    x = mul16(min16(max16(x, splat16(-87.0)), splat16(87.0)), splat16(1.4426950408889634))
    whole = floor16(add16(x, splat16(0.5)))
    f = sub16(x, whole)
    p = fma16(f, splat16(_EXP2[6]), splat16(_EXP2[5]))
    p = fma16(f, p, splat16(_EXP2[4]))
    p = fma16(f, p, splat16(_EXP2[3]))
    p = fma16(f, p, splat16(_EXP2[2]))
    p = fma16(f, p, splat16(_EXP2[1]))
    p = fma16(f, p, splat16(_EXP2[0]))
    return floats16(addi16(bits16(p), shli16(toint16(whole), splati16(23))))


@uncounted
def fraction16(x):
    """The fraction of positive normal numbers, in [1, 2), lane by lane; `exponent16` gives the power of two that belongs to it."""
    return floats16(ori16(andi16(bits16(x), splati16(0x7FFFFF)), splati16(0x3F800000)))


@uncounted
def exponent16(x):
    """int32 lanes: e where x = fraction * 2^e."""
    return subi16(shri16(bits16(x), splati16(23)), splati16(127))
