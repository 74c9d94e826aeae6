"""Machine instructions that Numba has no name for: prefetching, counting bits, reading bits as a float, comparing 64 bytes at once. Plain
forms stand in where Numba is switched off."""

from __future__ import annotations

import numba
import numpy as np

if numba.config.DISABLE_JIT:

    def prefetch(array, index):
        """prefetch(array, index): start loading the line of a one-dimensional array's element; an index outside is harmless."""

    def count_ones(value):
        """Number of set bits of a uint64."""
        return np.uint64(int(value).bit_count())

    def lowest_one(value):
        """Place of the lowest set bit of a uint64, 64 if there is none."""
        return np.uint64((int(value) & -int(value)).bit_length() - 1 if value else 64)

    def float_from_bits(bits):
        """The float32 with these 32 bits."""
        return np.uint32(bits).view(np.float32)

    def equal_mask(array, index, byte):
        """uint64 whose bit i says whether array[index + i] is this byte, for the 64 bytes of a uint8 array from index on."""
        return np.packbits(array[index : index + 64] == byte, bitorder="little").view(np.uint64)[0]

else:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    @intrinsic
    def prefetch(typing_context, array, index):  # type: ignore[no-untyped-def]
        """prefetch(array, index): start loading the line of a one-dimensional array's element; an index outside is harmless."""
        if not isinstance(array, types.Array) or not isinstance(index, types.Integer):
            return None

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            array_type = signature.args[0]
            values = context.make_array(array_type)(context, builder, arguments[0])
            place = context.cast(builder, arguments[1], signature.args[1], types.intp)
            pointer = cgutils.get_item_pointer(context, builder, array_type, values, [place], wraparound=False)
            byte_pointer = builder.bitcast(pointer, ir.IntType(8).as_pointer())
            number = ir.IntType(32)
            function_type = ir.FunctionType(ir.VoidType(), [byte_pointer.type, number, number, number])
            function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
            # read, keep in all cache levels, data
            builder.call(function, [byte_pointer, number(0), number(3), number(1)])
            return context.get_dummy_value()

        return types.void(array, index), generate

    @intrinsic
    def count_ones(typing_context, value):  # type: ignore[no-untyped-def]
        """Number of set bits of a uint64."""

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.ctpop(context.cast(builder, arguments[0], signature.args[0], types.uint64))

        return types.uint64(types.uint64), generate

    @intrinsic
    def lowest_one(typing_context, value):  # type: ignore[no-untyped-def]
        """Place of the lowest set bit of a uint64, 64 if there is none."""

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

        return types.uint64(types.uint64), generate

    @intrinsic
    def float_from_bits(typing_context, bits):  # type: ignore[no-untyped-def]
        """The float32 with these 32 bits."""

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.bitcast(arguments[0], ir.FloatType())

        return types.float32(types.uint32), generate

    @intrinsic
    def equal_mask(typing_context, array, index, byte):  # type: ignore[no-untyped-def]
        """uint64 whose bit i says whether array[index + i] is this byte, for the 64 bytes of a uint8 array from index on."""

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            array_type, index_type, byte_type = signature.args
            values = context.make_array(array_type)(context, builder, arguments[0])
            place = builder.gep(values.data, [context.cast(builder, arguments[1], index_type, types.intp)])
            vector = ir.VectorType(ir.IntType(8), 64)
            block = builder.load(builder.bitcast(place, vector.as_pointer()), align=1)
            wanted = context.cast(builder, arguments[2], byte_type, types.uint8)
            first = builder.insert_element(ir.Constant(vector, ir.Undefined), wanted, ir.Constant(ir.IntType(32), 0))
            mask = ir.Constant(ir.VectorType(ir.IntType(32), 64), [ir.Constant(ir.IntType(32), 0)] * 64)
            splat = builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)
            return builder.bitcast(builder.icmp_unsigned("==", block, splat), ir.IntType(64))

        return types.uint64(array, index, byte), generate
