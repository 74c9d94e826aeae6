"""Machine instructions that Numba has no name for: prefetching, counting bits, reading bits as a float, comparing 64 bytes or 16 words at
once. Plain forms stand in where Numba is switched off."""

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

    def equal_words(array, index, value):
        """uint64 whose bit i says whether array[index + i] is this value, for the 16 entries of a uint32 array from index on."""
        return np.uint64(int(np.packbits(array[index : index + 16] == value, bitorder="little").view(np.uint16)[0]))

    def words_at_most(array, index, value):
        """As `equal_words`, for being this value or below."""
        return np.uint64(int(np.packbits(array[index : index + 16] <= value, bitorder="little").view(np.uint16)[0]))

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

    def _compare(builder, context, array_type, array, place, relation, value, width, count):  # type: ignore[no-untyped-def]
        """Compare `count` entries of `width` bits from a place on with a value: one bit each."""
        values = context.make_array(array_type)(context, builder, array)
        vector = ir.VectorType(ir.IntType(width), count)
        pointer = builder.bitcast(builder.gep(values.data, [place]), vector.as_pointer())
        block = builder.load(pointer, align=width // 8)
        first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), count), [ir.Constant(ir.IntType(32), 0)] * count)
        splat = builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), everywhere)
        return builder.bitcast(builder.icmp_unsigned(relation, block, splat), ir.IntType(count))

    @intrinsic
    def equal_mask(typing_context, array, index, byte):  # type: ignore[no-untyped-def]
        """uint64 whose bit i says whether array[index + i] is this byte, for the 64 bytes of a uint8 array from index on."""

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            array_type, index_type, byte_type = signature.args
            place = context.cast(builder, arguments[1], index_type, types.intp)
            wanted = context.cast(builder, arguments[2], byte_type, types.uint8)
            return _compare(builder, context, array_type, arguments[0], place, "==", wanted, 8, 64)

        return types.uint64(array, index, byte), generate

    @intrinsic
    def equal_words(typing_context, array, index, value):  # type: ignore[no-untyped-def]
        """uint64 whose bit i says whether array[index + i] is this value, for the 16 entries of a uint32 array from index on."""

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            array_type, index_type, value_type = signature.args
            place = context.cast(builder, arguments[1], index_type, types.intp)
            wanted = context.cast(builder, arguments[2], value_type, types.uint32)
            return builder.zext(_compare(builder, context, array_type, arguments[0], place, "==", wanted, 32, 16), ir.IntType(64))

        return types.uint64(array, index, value), generate

    @intrinsic
    def words_at_most(typing_context, array, index, value):  # type: ignore[no-untyped-def]
        """As `equal_words`, for being this value or below."""

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            array_type, index_type, value_type = signature.args
            place = context.cast(builder, arguments[1], index_type, types.intp)
            wanted = context.cast(builder, arguments[2], value_type, types.uint32)
            return builder.zext(_compare(builder, context, array_type, arguments[0], place, "<=", wanted, 32, 16), ir.IntType(64))

        return types.uint64(array, index, value), generate
