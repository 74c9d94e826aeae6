"""A step of a search that compares the words of a whole cache line at once. A plain form stands in where Numba is switched off."""

from __future__ import annotations

import numba
import numpy as np

LINE_WORDS = 16
"""uint32 words of a cache line."""

if numba.config.DISABLE_JIT:

    def place_in_line(words, index, word):
        """place_in_line(words, index, word): how far behind words[index] the word stands in a uint32 array, if that is in the same line.

        Else minus the number of words from words[index] to the end of the line: where to look next. The line is the memory's, whose
        words in front of `index` and behind the array's end play no part but may be read.
        """
        size = LINE_WORDS - (words.ctypes.data // 4 + int(index)) % LINE_WORDS
        hits = np.flatnonzero(words[index : index + size] == word)
        return int(hits[0]) if len(hits) else -size

else:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def place_in_line(typing_context, words, index, word):  # type: ignore[no-untyped-def]
        """place_in_line(words, index, word): how far behind words[index] the word stands in a uint32 array, if that is in the same line.

        Else minus the number of words from words[index] to the end of the line: where to look next. The line is the memory's, whose
        words in front of `index` and behind the array's end play no part but may be read.
        """
        if not isinstance(words, types.Array) or words.dtype != types.uint32:
            return None

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            array_type, index_type, word_type = signature.args
            number, wide = ir.IntType(32), ir.IntType(64)
            values = context.make_array(array_type)(context, builder, arguments[0])
            place = builder.gep(values.data, [context.cast(builder, arguments[1], index_type, types.intp)])
            address = builder.ptrtoint(place, wide)
            lane = builder.and_(builder.lshr(address, wide(2)), wide(LINE_WORDS - 1))
            vector = ir.VectorType(number, LINE_WORDS)
            line = builder.inttoptr(builder.and_(address, wide(-4 * LINE_WORDS)), vector.as_pointer())
            block = builder.load(line, align=4 * LINE_WORDS)
            wanted = context.cast(builder, arguments[2], word_type, types.uint32)
            first = builder.insert_element(ir.Constant(vector, ir.Undefined), wanted, number(0))
            all_first = ir.Constant(ir.VectorType(number, LINE_WORDS), [number(0)] * LINE_WORDS)
            splat = builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), all_first)
            hits = builder.zext(builder.bitcast(builder.icmp_unsigned("==", block, splat), ir.IntType(LINE_WORDS)), wide)
            hits = builder.lshr(hits, lane)
            found = builder.cttz(hits, ir.IntType(1)(0))
            return builder.select(builder.icmp_unsigned("==", hits, wide(0)), builder.sub(lane, wide(LINE_WORDS)), found)

        return types.int64(words, index, word), generate
