"""A step of a search that compares 16 words at once. A plain form stands in where Numba is switched off."""

from __future__ import annotations

import numba
import numpy as np

FOUND_AMONG = 16
"""Elements that `place_of` looks at; the array must reach so far."""

if numba.config.DISABLE_JIT:

    def place_of(words, index, word):
        """place_of(words, index, word): first i with words[index + i] == word in a uint32 array; FOUND_AMONG if none of so many is."""
        hits = np.flatnonzero(words[index : index + FOUND_AMONG] == word)
        return int(hits[0]) if len(hits) else FOUND_AMONG

else:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def place_of(typing_context, words, index, word):  # type: ignore[no-untyped-def]
        """place_of(words, index, word): first i with words[index + i] == word in a uint32 array; FOUND_AMONG if none of so many is."""
        if not isinstance(words, types.Array) or words.dtype != types.uint32:
            return None

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            array_type, index_type, word_type = signature.args
            values = context.make_array(array_type)(context, builder, arguments[0])
            place = builder.gep(values.data, [context.cast(builder, arguments[1], index_type, types.intp)])
            number, mask = ir.IntType(32), ir.IntType(FOUND_AMONG)
            vector = ir.VectorType(number, FOUND_AMONG)
            block = builder.load(builder.bitcast(place, vector.as_pointer()), align=4)
            wanted = context.cast(builder, arguments[2], word_type, types.uint32)
            first = builder.insert_element(ir.Constant(vector, ir.Undefined), wanted, number(0))
            all_first = ir.Constant(ir.VectorType(number, FOUND_AMONG), [number(0)] * FOUND_AMONG)
            splat = builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), all_first)
            hits = builder.bitcast(builder.icmp_unsigned("==", block, splat), mask)
            return builder.zext(builder.cttz(hits, ir.IntType(1)(0)), ir.IntType(64))

        return types.int64(words, index, word), generate
