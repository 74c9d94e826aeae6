"""Scores of all words from 8-bit weights, with a bound on what that misses; exact scores of the few words that matter.

| name | dtype | shape | holds |
|---|---|---|---|
| weight | float32 | (V, H) | output vectors |
| bias | float32 | (V,) | LOWEST for words that can't follow |
| codes | int8 | (groups, pairs, 2 GROUP) | weight[w] = scales[w] * code + error; of GROUP words two depths at a time, word by word |
| scales | float32 | (groups GROUP,) | 0 behind the last word |
| errors | float32 | (groups GROUP,) | what a score may miss, over the length of the hidden vector |
| lengths | float32 | (groups GROUP,) | length of scales[w] * codes of w |
| hidden | float32 | (n, H); (H,) of one text | |
| queries | int16 | (n, 2 pairs) | hidden = steps * queries + error |
| steps, missed, long | float32 | (n,) | missed: length of that error, long: that of hidden |
| upper, lower | float32 | (n, groups GROUP); one row | bounds of the exact scores hidden . weight[w] + bias[w] |

The exact score is the one of `FlatOutput.log_probs`: a sum over the depth in rising order, one fused multiply-add after the other, to
which the bias is added. Plain twin: hidden @ weight.T + bias, in tests/neural/test_screen.py.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from lmkit._jit import kernel
from lmkit.numeric._kernels_elementwise import multiply_add
from lmkit.numeric._kernels_simd import exp16, load16, mul16, splat16, store16, sub16, sum16

GROUP = 64
LOWEST = np.float32(-3.0e38)
_ULP = np.float32(2.0**-23)

if numba.config.DISABLE_JIT:

    def _group_sums(codes, group, query, sums):
        """sums[w] = codes of word w of the group . query."""
        block = codes[group].reshape(-1, GROUP, 2).astype(np.int64)
        sums[:] = np.einsum("pwd,pd->w", block, query.reshape(-1, 2).astype(np.int64))

else:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    _PARTS = GROUP // 16
    _LONG, _INT = ir.IntType(64), ir.IntType(32)
    _SUMS, _WIDE = ir.VectorType(_INT, 16), ir.VectorType(_INT, 32)
    _BYTES, _SHORTS = ir.VectorType(ir.IntType(8), 32), ir.VectorType(ir.IntType(16), 32)

    def _pick(builder, vector, first):
        places = ir.Constant(_SUMS, [_INT(lane) for lane in range(first, 32, 2)])
        return builder.shuffle_vector(vector, ir.Constant(_WIDE, ir.Undefined), places)

    @intrinsic
    def _group_sums(typing_context, codes, group, query, sums):
        """sums[w] = codes of word w of the group . query, in int32."""

        def generate(context, builder, signature, arguments):
            arrays = [context.make_array(signature.args[i])(context, builder, arguments[i]) for i in (0, 2, 3)]
            number = context.cast(builder, arguments[1], signature.args[1], types.intp)
            pairs = builder.extract_value(arrays[0].shape, 1)
            start = builder.mul(number, builder.mul(pairs, _LONG(2 * GROUP)))
            two = builder.bitcast(arrays[1].data, _INT.as_pointer())
            before = builder.block
            loop, after = builder.append_basic_block("screen.loop"), builder.append_basic_block("screen.end")
            builder.branch(loop)
            builder.position_at_end(loop)
            pair = builder.phi(_LONG)
            totals = [builder.phi(_SUMS) for _ in range(_PARTS)]
            both = builder.load(builder.gep(two, [pair]), align=4)
            first = builder.insert_element(ir.Constant(_SUMS, ir.Undefined), both, _INT(0))
            spread = builder.shuffle_vector(first, ir.Constant(_SUMS, ir.Undefined), ir.Constant(_SUMS, [_INT(0)] * 16))
            right = builder.sext(builder.bitcast(spread, _SHORTS), _WIDE)
            place = builder.add(start, builder.mul(pair, _LONG(2 * GROUP)))
            added = []
            for part in range(_PARTS):
                pointer = builder.gep(arrays[0].data, [builder.add(place, _LONG(32 * part))])
                left = builder.sext(builder.load(builder.bitcast(pointer, _BYTES.as_pointer()), align=1), _WIDE)
                product = builder.mul(left, right)  # LLVM finds the instruction that multiplies 16 bits and adds neighbours
                added.append(builder.add(totals[part], builder.add(_pick(builder, product, 0), _pick(builder, product, 1))))
            following = builder.add(pair, _LONG(1))
            pair.add_incoming(_LONG(0), before)
            pair.add_incoming(following, loop)
            for total, sum_ in zip(totals, added, strict=True):
                total.add_incoming(ir.Constant(_SUMS, [0] * 16), before)
                total.add_incoming(sum_, loop)
            builder.cbranch(builder.icmp_signed("<", following, pairs), loop, after)
            builder.position_at_end(after)
            for part, sum_ in enumerate(added):
                pointer = builder.gep(arrays[2].data, [_LONG(16 * part)])
                builder.store(sum_, builder.bitcast(pointer, _SUMS.as_pointer()), align=4)
            return context.get_dummy_value()

        return types.void(codes, group, query, sums), generate


@kernel
def quantize(weight, codes, scales, errors, lengths):
    """Fill codes (zeros before), scales, errors and lengths."""
    words, size = weight.shape
    for word in range(words):
        largest, length = np.float32(0), np.float32(0)
        for k in range(size):
            largest = max(largest, abs(weight[word, k]))
            length += weight[word, k] * weight[word, k]
        scale = largest / np.float32(127)
        if not scale > np.float32(1e-37):  # below, 1 / scale overflows
            scale = np.float32(0)
        group, place = word // GROUP, 2 * (word % GROUP)
        missed, kept = np.float32(0), np.float32(0)
        for k in range(size):
            code = np.float32(0) if scale == 0 else np.rint(weight[word, k] / scale)
            codes[group, k // 2, place + k % 2] = np.int8(code)
            missed += (weight[word, k] - scale * code) ** 2
            kept += (scale * code) ** 2
        scales[word] = scale
        lengths[word] = math.sqrt(kept) * np.float32(1.001)
        # rounding: of these sums, of the exact score's own, of a bound's few operations
        slack = np.float32(size + 8) * _ULP * np.float32(math.sqrt(length))
        errors[word] = math.sqrt(missed) * np.float32(1.001) + slack


@kernel
def prepare(hidden, queries, steps, missed, long):
    """Fill queries, steps, missed and lengths of hidden vectors."""
    size = hidden.shape[1]
    most = np.float32(min(32767.0, 2.0**31 / (128.0 * (size + 1)) - 1))  # the sums fit 32 bits
    for row in range(len(hidden)):
        vector, query = hidden[row], queries[row]
        largest, length, error = np.float32(0), np.float32(0), np.float32(0)
        for k in range(size):
            largest = max(largest, abs(vector[k]))
            length += vector[k] * vector[k]
        step = max(largest / most, np.float32(1e-30))
        for k in range(size):
            whole = np.rint(vector[k] / step)
            query[k] = np.int16(whole)
            error += (vector[k] - step * whole) ** 2
        steps[row] = step
        missed[row] = np.float32(math.sqrt(error)) * np.float32(1.001)
        long[row] = np.float32(math.sqrt(length)) * np.float32(1.001)


@kernel
def bounds(codes, scales, errors, lengths, bias, queries, steps, missed, long, sums, upper, lower):
    """Bounds of all scores of all hidden vectors, as `prepare` left these."""
    words, rows = bias.size, len(queries)
    for group in range(len(codes)):
        start = group * GROUP
        scale, error, length = scales[start : start + GROUP], errors[start : start + GROUP], lengths[start : start + GROUP]
        added = bias[start : min(start + GROUP, words)]
        for row in range(rows):  # while the group's codes are in the first cache
            _group_sums(codes, group, queries[row], sums)
            top, bottom = upper[row, start : start + GROUP], lower[row, start : start + GROUP]
            step, by_error, by_length = steps[row], long[row], missed[row]
            for w in range(added.size):
                score = np.float32(sums[w]) * (step * scale[w]) + added[w]
                top[w] = score + (by_error * error[w] + by_length * length[w] + np.float32(4) * _ULP * abs(added[w]))
            for w in range(added.size):
                score = np.float32(sums[w]) * (step * scale[w]) + added[w]
                bottom[w] = score - (by_error * error[w] + by_length * length[w] + np.float32(4) * _ULP * abs(added[w]))


@kernel
def exact_scores(hidden, weight, bias, words, count, out):
    """out[i] = hidden . weight[words[i]] + bias[words[i]] for i < count, in the order of sums that all scores have."""
    size, last = hidden.size, count - 1
    for i in range(0, count, 4):  # four at a time, since each multiply-add waits for the one before
        a, b, c, d = words[i], words[min(i + 1, last)], words[min(i + 2, last)], words[min(i + 3, last)]
        sum_a, sum_b, sum_c, sum_d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        row_a, row_b, row_c, row_d = weight[a], weight[b], weight[c], weight[d]
        for k in range(size):
            h = hidden[k]
            sum_a, sum_b = multiply_add(h, row_a[k], sum_a), multiply_add(h, row_b[k], sum_b)
            sum_c, sum_d = multiply_add(h, row_c[k], sum_c), multiply_add(h, row_d[k], sum_d)
        out[i] = sum_a + bias[a]
        if i + 1 < count:
            out[i + 1] = sum_b + bias[b]
        if i + 2 < count:
            out[i + 2] = sum_c + bias[c]
        if i + 3 < count:
            out[i + 3] = sum_d + bias[d]


@kernel
def likeliest(hidden, weight, bias, upper, lower, refused, keep, heap, words, scores):
    """The words that may be among the `keep` with the highest scores, by rising id, and their exact scores; returns how many.

    refused : int64, words that are left out. heap : float32 (keep,), scratch. words int64, scores float32 : (V,), written.
    """
    for i in range(refused.size):
        upper[refused[i]] = LOWEST
        lower[refused[i]] = LOWEST
    for i in range(keep):
        heap[i] = LOWEST
    for word in range(bias.size):  # the smallest of the highest lower bounds stands on top
        x = lower[word]
        if x > heap[0]:
            place = 0
            while True:
                child = 2 * place + 1
                if child >= keep:
                    break
                if child + 1 < keep and heap[child + 1] < heap[child]:
                    child += 1
                if heap[child] >= x:
                    break
                heap[place] = heap[child]
                place = child
            heap[place] = x
    count = 0
    for word in range(bias.size):
        if upper[word] >= heap[0] and upper[word] > LOWEST * np.float32(0.5):
            words[count] = word
            count += 1
    exact_scores(hidden, weight, bias, words, count, scores)
    return count


@kernel
def proposals(upper, words, sharpness, masses, sums):
    """masses[w] = e^(sharpness (upper[w] - the highest)), sums of each group's; returns the highest bound and the sum of all.

    masses : float32 (groups GROUP,). sums : float64 (groups,).
    """
    highest = LOWEST
    for word in range(words):
        highest = max(highest, upper[word])
    shift, factor = splat16(highest), splat16(sharpness)
    total = 0.0
    for group in range(sums.size):
        start, sum_ = group * GROUP, 0.0
        for i in range(start, start + GROUP, 16):
            mass = exp16(mul16(sub16(load16(upper, i), shift), factor))
            store16(masses, i, mass)
            sum_ += sum16(mass)
        sums[group] = sum_
        total += sum_
    return total


@kernel
def draw(hidden, weight, bias, upper, refused, temperature, uniforms, masses, sums, word, score):
    """A word drawn with probability in proportion to e^(score / temperature), exactly; -1 if the uniform numbers ran out.

    A word is proposed in proportion to e^(upper bound / temperature) and taken with probability e^((score - upper bound) / temperature):
    what remains is in proportion to e^(score / temperature) (von Neumann's rejection), and only proposed words are scored exactly.

    uniforms : float64, two a trial. word int64 (1,), score float32 (1,) : scratch.
    """
    for i in range(refused.size):
        upper[refused[i]] = LOWEST
    sharpness = np.float32(1 / temperature)
    total = proposals(upper, bias.size, sharpness, masses, sums)
    for trial in range(0, uniforms.size - 1, 2):
        wanted = uniforms[trial] * total
        group = 0
        while group + 1 < sums.size and wanted >= sums[group]:
            wanted -= sums[group]
            group += 1
        chosen, stop = group * GROUP, min((group + 1) * GROUP, bias.size)
        while chosen + 1 < stop and wanted >= masses[chosen]:
            wanted -= masses[chosen]
            chosen += 1
        if upper[chosen] > LOWEST * np.float32(0.5):
            word[0] = chosen
            exact_scores(hidden, weight, bias, word, 1, score)
            if uniforms[trial + 1] < math.exp((np.float64(score[0]) - np.float64(upper[chosen])) / temperature):
                return chosen
    return -1
