"""Eight bytes at once, at any place of a byte array: the one thing that kernels over text need and NumPy's types don't offer.

`load8(array, at)` is array[at:at+8] as one little-endian uint64, `store8(array, at, value)` writes it back, `trailing_zeros(value)` counts
the zero bits below the lowest one (64 for 0). `array_at(address, length, dtype)` is the array at an address: a call with numbers
costs a fraction of one with arrays, so what is asked once a word is told where its arrays are; the caller keeps them alive. The caller
sees to it that the eight bytes lie inside the array: nothing is checked. Arrays are uint8, one-dimensional and contiguous.
"""

from __future__ import annotations

import sys

import numba
import numpy as np

from lmkit._jit import kernel

PADDING = 8  # bytes that must follow the last one that counts, so that load8 and store8 may run over it

_LITTLE = sys.byteorder == "little"

if numba.config.DISABLE_JIT or not _LITTLE:

    @kernel
    def load8(array, at):  # type: ignore[no-untyped-def]
        """array[at:at+8] as a little-endian number."""
        value = np.uint64(0)
        for i in range(8):
            value |= np.uint64(array[at + i]) << np.uint64(8 * i)
        return value

    @kernel
    def store8(array, at, value):  # type: ignore[no-untyped-def]
        """array[at:at+8] = the bytes of value, lowest first."""
        for i in range(8):
            array[at + i] = np.uint8((value >> np.uint64(8 * i)) & np.uint64(255))

    @kernel
    def trailing_zeros(value):  # type: ignore[no-untyped-def]
        """Number of zero bits below the lowest one."""
        count = 0
        while count < 64 and not (value >> np.uint64(count)) & np.uint64(1):
            count += 1
        return count

    @kernel
    def array_at(address, length, dtype):  # type: ignore[no-untyped-def]
        """The array of `length` values that lies at an address."""
        import ctypes

        raw = (ctypes.c_uint8 * int(length * np.dtype(dtype).itemsize)).from_address(int(address))
        return np.frombuffer(raw, dtype)

else:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    def _place(context, builder, array_type, array_value, index):  # type: ignore[no-untyped-def]
        array = context.make_array(array_type)(context, builder, array_value)
        start = builder.bitcast(array.data, ir.IntType(8).as_pointer())
        return builder.bitcast(builder.gep(start, [index]), ir.IntType(64).as_pointer())

    @intrinsic
    def load8(typingctx, array, at):  # type: ignore[no-untyped-def]
        """array[at:at+8] as a little-endian number."""

        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            array_type, index_type = signature.args
            index = context.cast(builder, arguments[1], index_type, types.intp)
            return builder.load(_place(context, builder, array_type, arguments[0], index), align=1)

        return types.uint64(array, at), codegen

    @intrinsic
    def store8(typingctx, array, at, value):  # type: ignore[no-untyped-def]
        """array[at:at+8] = the bytes of value, lowest first."""

        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            array_type, index_type, value_type = signature.args
            index = context.cast(builder, arguments[1], index_type, types.intp)
            number = context.cast(builder, arguments[2], value_type, types.uint64)
            builder.store(number, _place(context, builder, array_type, arguments[0], index), align=1)
            return context.get_dummy_value()

        return types.void(array, at, value), codegen

    @intrinsic
    def trailing_zeros(typingctx, value):  # type: ignore[no-untyped-def]
        """Number of zero bits below the lowest one."""

        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

        return types.uint64(types.uint64), codegen

    @intrinsic
    def _pointer(typingctx, address):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

        return types.voidptr(types.int64), codegen

    @kernel
    def array_at(address, length, dtype):  # type: ignore[no-untyped-def]
        """The array of `length` values that lies at an address."""
        return numba.carray(_pointer(address), length, dtype)


@kernel
def copy_string(source, start, length, target, at):  # type: ignore[no-untyped-def]
    """target[at:at+length] = source[start:start+length], eight bytes at a time; up to PADDING bytes behind both ends are touched."""
    done = 0
    while done < length:
        store8(target, at + done, load8(source, start + done))
        done += 8
