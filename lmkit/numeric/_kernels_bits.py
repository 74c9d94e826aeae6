"""Counting the zero bits above the highest one of a number, with the processor's own instruction."""

from __future__ import annotations

import numba
import numpy as np

from lmkit._jit import kernel

if numba.config.DISABLE_JIT:

    @kernel
    def leading_zeros(value):
        """Number of zero bits above the highest one of a uint64; 64 for 0."""
        count = 0
        while count < 64 and not (value >> np.uint64(63 - count)) & np.uint64(1):
            count += 1
        return count

else:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def leading_zeros(typingctx, value):  # type: ignore[no-untyped-def]
        """Number of zero bits above the highest one of a uint64; 64 for 0."""

        def codegen(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

        return types.int64(types.uint64), codegen
