"""Products of 8-bit rows with a 16-bit query.

| name   | dtype | shape | holds |
|--------|-------|-------|-------|
| codes  | int8  | (V * d,) | the rows, one after the other |
| query  | int16 | (d,), and behind it the tail: (32,) | see `with_tail` |
| factors, errors, out | float32 | (V,) | |

Sums are int32: the caller scales the query so that 128 * sum |query| < 2^31.
"""

from __future__ import annotations

import numba
import numpy as np

from lmkit._jit import kernel

LANES = 32

if numba.config.DISABLE_JIT:

    def dot32(codes, start, query, place):
        """codes[start:start+32] . query[place:place+32] as int64."""
        return int(codes[start : start + LANES].astype(np.int64) @ query[place : place + LANES].astype(np.int64))

    def long_dot(codes, start, query, blocks):
        """Sum over `blocks` blocks of 32."""
        return sum(dot32(codes, start + LANES * block, query, LANES * block) for block in range(blocks))

else:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    _INT = ir.IntType(32)
    _LONG = ir.IntType(64)
    _WIDE = ir.VectorType(_INT, LANES)
    _SUMS = ir.VectorType(_INT, LANES // 2)

    def _load(context, builder, array_type, array, place, lane):
        values = context.make_array(array_type)(context, builder, array)
        pointer = builder.bitcast(builder.gep(values.data, [place]), ir.VectorType(lane, LANES).as_pointer())
        return builder.sext(builder.load(pointer, align=lane.width // 8), _WIDE)

    def _pick(builder, vector, places):
        return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), ir.Constant(ir.VectorType(_INT, len(places)), places))

    def _products(context, builder, signature, codes, start, query, place):
        """Sums of neighbouring products: what x86 has as one instruction, and LLVM finds in this form."""
        left = _load(context, builder, signature.args[0], codes, start, ir.IntType(8))
        right = _load(context, builder, signature.args[2], query, place, ir.IntType(16))
        product = builder.mul(left, right)
        even, odd = ([_INT(lane) for lane in range(first, LANES, 2)] for first in (0, 1))
        return builder.add(_pick(builder, product, even), _pick(builder, product, odd))

    def _sum(builder, vector):
        width = LANES // 2
        while width > 1:
            width //= 2
            low, high = ([_INT(lane) for lane in range(first, first + width)] for first in (0, width))
            vector = builder.add(_pick(builder, vector, low), _pick(builder, vector, high))
        return builder.sext(builder.extract_element(vector, _INT(0)), _LONG)

    @intrinsic
    def dot32(typing_context, codes, start, query, place):
        """codes[start:start+32] . query[place:place+32] as int64."""

        def generate(context, builder, signature, arguments):
            places = [context.cast(builder, arguments[i], signature.args[i], types.intp) for i in (1, 3)]
            return _sum(builder, _products(context, builder, signature, arguments[0], places[0], arguments[2], places[1]))

        return types.int64(codes, start, query, place), generate

    @intrinsic
    def long_dot(typing_context, codes, start, query, blocks):
        """Sum over `blocks` blocks of 32, at least one, from codes[start] and query[0] on."""

        def generate(context, builder, signature, arguments):
            begin, count = (context.cast(builder, arguments[i], signature.args[i], types.intp) for i in (1, 3))
            before = builder.block
            loop, after = builder.append_basic_block("dot.loop"), builder.append_basic_block("dot.end")
            builder.branch(loop)
            builder.position_at_end(loop)
            block = builder.phi(_LONG)
            total = builder.phi(_SUMS)
            place = builder.mul(block, _LONG(LANES))
            found = _products(context, builder, signature, arguments[0], builder.add(begin, place), arguments[2], place)
            added, following = builder.add(total, found), builder.add(block, _LONG(1))
            block.add_incoming(_LONG(0), before)
            block.add_incoming(following, loop)
            total.add_incoming(ir.Constant(_SUMS, [0] * (LANES // 2)), before)
            total.add_incoming(added, loop)
            builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
            builder.position_at_end(after)
            return _sum(builder, added)

        return types.int64(codes, start, query, blocks), generate


@kernel
def upper_bounds(codes, dimensions, query, factors, errors, slack, start, stop, out):
    """out[i] = factors[i] * (codes of row i . query) + errors[i] + slack for start <= i < stop.

    query: int16 (d + 32,): the query and its tail, 32 entries that stand against the last 32 codes of a row where d is at least 32 and
    no multiple of it; entries that the blocks before them have covered are 0.
    """
    blocks = dimensions // LANES
    rest = dimensions - blocks * LANES
    for row in range(start, stop):
        begin = row * dimensions
        total = np.int64(0)
        if blocks > 0:
            total = long_dot(codes, begin, query, blocks)
            if rest > 0:
                total += dot32(codes, begin + dimensions - LANES, query, dimensions)
        else:
            for j in range(dimensions):
                total += np.int64(codes[begin + j]) * np.int64(query[j])
        out[row] = factors[row] * np.float32(total) + errors[row] + slack
