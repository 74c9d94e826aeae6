"""Products of a few rows with a packed matrix: the recurrence of a network, and products whose rows must not depend on their neighbours.

BLAS packs its right-hand matrix anew at every call, which for the ten rows of one time step costs as much as the product. Here the matrix
is packed once a training step. Every element of the result is summed over the depth in rising order, one fused multiply-add after the
other, however many rows there are: so a row's result is the same to the bit whatever stands beside it.

name     dtype     shape                        what
packed   REAL      (panels, depth, PANEL)       panel p holds the columns p PANEL ... of a (depth, columns) matrix, padded with zeros
a        REAL      any, C-contiguous            rows of `depth` entries that begin at a_start + i a_stride, counted in elements
c        REAL      any, C-contiguous            rows of `columns` entries, c_start + i c_stride; the product is added to them

REAL is float32 or float64. PANEL is two vectors of the machine; a tile of up to TILE rows x PANEL columns stays in registers. Plain twin:
a @ b, in tests/numeric/test_gemm.py.
"""

from __future__ import annotations

import numba
import numpy as np

from lmkit._jit import kernel


def _vector_floats() -> tuple[int, int]:
    """(float32 in a vector register, such registers) of the machine that kernels are compiled for."""
    from llvmlite import binding

    features = numba.config.CPU_FEATURES
    if features is None:
        named = numba.config.CPU_NAME
        features = binding.get_host_cpu_features().flatten() if named in (None, "host") else ""
    if "+avx512f" in features:
        return 16, 32
    if "+avx2" in features:
        return 8, 16
    return 4, 32 if "aarch64" in binding.get_default_triple() or "arm64" in binding.get_default_triple() else 16


_LANES, _REGISTERS = _vector_floats()
PANEL = 2 * _LANES
TILE = 12 if _REGISTERS == 32 else 6  # two accumulators a row, two loads of the panel and one of a must fit the registers

if numba.config.DISABLE_JIT:

    def _tile(rows, a, a_start, a_stride, packed, panel, depth, c, c_start, c_stride):
        flat_a, flat_c = a.reshape(-1), c.reshape(-1)
        for row in range(rows):
            start = c_start + row * c_stride
            left = flat_a[a_start + row * a_stride :][:depth]
            flat_c[start : start + PANEL] += left @ packed.reshape(-1)[panel * depth * PANEL :][: depth * PANEL].reshape(depth, PANEL)

else:
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    def _emit_tile(builder, rows, real, a, a_stride, b, depth, c, c_stride):
        """c[i, :PANEL] += a[i, :depth] @ b[:depth, :PANEL] for `rows` rows, the sums in registers."""
        long = ir.IntType(64)
        vector = ir.VectorType(real, _LANES)
        suffix = "f32" if isinstance(real, ir.FloatType) else "f64"
        fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fmuladd.v{_LANES}{suffix}")
        size = 4 if suffix == "f32" else 8
        sums = [[cgutils.alloca_once(builder, vector) for _ in range(2)] for _ in range(rows)]
        a_rows = [builder.gep(a, [builder.mul(a_stride, long(row))]) for row in range(rows)]
        c_rows = [builder.gep(c, [builder.mul(c_stride, long(row))]) for row in range(rows)]
        zero = ir.Constant(vector, [0.0] * _LANES)
        undefined = ir.Constant(vector, ir.Undefined)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [ir.IntType(32)(0)] * _LANES)
        for row in range(rows):
            for half in range(2):
                builder.store(zero, sums[row][half])
        with cgutils.for_range(builder, depth) as loop:
            place = builder.mul(loop.index, long(PANEL))
            right = [
                builder.load(builder.bitcast(builder.gep(b, [builder.add(place, long(half * _LANES))]), vector.as_pointer()), align=size)
                for half in range(2)
            ]
            for row in range(rows):
                scalar = builder.load(builder.gep(a_rows[row], [loop.index]))
                left = builder.shuffle_vector(builder.insert_element(undefined, scalar, ir.IntType(32)(0)), undefined, everywhere)
                for half in range(2):
                    builder.store(builder.call(fma, [left, right[half], builder.load(sums[row][half])]), sums[row][half])
        for row in range(rows):
            for half in range(2):
                pointer = builder.bitcast(builder.gep(c_rows[row], [long(half * _LANES)]), vector.as_pointer())
                builder.store(builder.fadd(builder.load(pointer, align=size), builder.load(sums[row][half])), pointer, align=size)

    @intrinsic
    def _tile(typing_context, rows, a, a_start, a_stride, packed, panel, depth, c, c_start, c_stride):
        """c[i, :PANEL] += a[i] @ packed[panel] for i < rows <= TILE; all numbers int64."""

        def generate(context, builder, signature, arguments):
            count, a_array, first_a, a_step, b_array, panel_number, length, c_array, first_c, c_step = arguments
            real = context.get_value_type(signature.args[1].dtype)
            long = ir.IntType(64)

            def data(position, value):
                return context.make_array(signature.args[position])(context, builder, value).data

            left = builder.gep(data(1, a_array), [first_a])
            right = builder.gep(data(4, b_array), [builder.mul(panel_number, builder.mul(length, long(PANEL)))])
            target = builder.gep(data(7, c_array), [first_c])
            done = builder.append_basic_block("done")
            switch = builder.switch(count, done)
            for size in range(1, TILE + 1):
                block = builder.append_basic_block(f"rows{size}")
                switch.add_case(long(size), block)
                builder.position_at_end(block)
                _emit_tile(builder, size, real, left, a_step, right, length, target, c_step)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        integer = types.int64
        return types.void(integer, a, integer, integer, packed, integer, integer, c, integer, integer), generate


@kernel
def _call_tile(rows, a, a_start, a_stride, packed, panel, depth, c, c_start, c_stride):
    _tile(rows, a, a_start, a_stride, packed, panel, depth, c, c_start, c_stride)


@kernel
def add_product(a, a_start, a_stride, rows, packed, columns, c, c_start, c_stride, edge):
    """c[i, :columns] += a[i, :depth] @ the packed matrix, for i < rows.

    edge : REAL (TILE, PANEL), scratch of this thread.
    """
    panels, depth = packed.shape[0], packed.shape[1]
    pieces = (rows + TILE - 1) // TILE
    for panel in range(panels):
        width = min(PANEL, columns - panel * PANEL)
        for piece in range(pieces):
            first = rows * piece // pieces
            count = rows * (piece + 1) // pieces - first
            left = a_start + first * a_stride
            if width == PANEL:
                _call_tile(count, a, left, a_stride, packed, panel, depth, c, c_start + first * c_stride + panel * PANEL, c_stride)
            else:  # a tile would write beyond the row
                edge[:count] = 0
                _call_tile(count, a, left, a_stride, packed, panel, depth, edge, 0, PANEL)
                flat = c.reshape(-1)
                for row in range(count):
                    start = c_start + (first + row) * c_stride + panel * PANEL
                    for column in range(width):
                        flat[start + column] += edge[row, column]


@kernel
def pack(matrix, packed):
    """Pack a matrix (depth, columns) as it is."""
    depth, columns = matrix.shape
    for panel in range(packed.shape[0]):
        first = panel * PANEL
        width = min(PANEL, columns - first)
        for k in range(depth):
            for j in range(width):
                packed[panel, k, j] = matrix[k, first + j]
            for j in range(width, PANEL):
                packed[panel, k, j] = 0


@kernel
def pack_transposed(matrix, packed):
    """Pack the transpose of a matrix (columns, depth), as torch.nn stores weights."""
    columns, depth = matrix.shape
    for panel in range(packed.shape[0]):
        first = panel * PANEL
        width = min(PANEL, columns - first)
        for start in range(0, depth, PANEL):  # square blocks, so that neither side runs out of the cache
            stop = min(start + PANEL, depth)
            for j in range(width):
                for k in range(start, stop):
                    packed[panel, k, j] = matrix[first + j, k]
            for j in range(width, PANEL):
                for k in range(start, stop):
                    packed[panel, k, j] = 0


@kernel
def multiply(a, packed, bias, c, edge):
    """c = a @ the packed matrix + bias, over whole arrays. a : (rows, depth). bias : (columns,). c : (rows, columns)."""
    rows, columns = c.shape
    for row in range(rows):
        for column in range(columns):
            c[row, column] = bias[column]
    add_product(a, 0, a.shape[1], rows, packed, columns, c, 0, columns, edge)


def empty_packed(depth: int, columns: int, dtype: np.dtype) -> np.ndarray:
    """Room for a packed (depth, columns) matrix, aligned to 64 bytes."""
    panels = -(-columns // PANEL)
    size = panels * depth * PANEL
    raw = np.empty(size * dtype.itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * dtype.itemsize].view(dtype).reshape(panels, depth, PANEL)


def empty_edge(dtype: np.dtype) -> np.ndarray:
    """Scratch for `add_product`, one a thread."""
    return np.zeros((TILE, PANEL), dtype)
