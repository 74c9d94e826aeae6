"""The best answer to each of many analogy questions, over a block of candidate rows.

| name | dtype, shape | what |
|---|---|---|
| plus, minus, scale | float32 (U, n) | a function of the cosine of each of U query words with each of n candidates |
| a, b, c | int32 (Q,) | query word of each question, 0 <= . < U |
| excluded | int64 (Q, 3) | spellings that can't be answers |
| spelling | int64 (n,) | number of each candidate's spelling |
| best_score, best_row | float32 (Q,), int64 (Q,) | best so far, and its row; updated |

Candidates are gone through in stretches that stay in the second-level cache for all questions; within, in chunks that are first only
compared with the best so far, which vectorises, and looked at one by one where one of them is better. Of equal ones the first row wins.
"""

from __future__ import annotations

from lmkit._jit import kernel

_STRETCH = 512
_CHUNK = 64


@kernel
def best_sums(plus, minus, a, b, c, excluded, spelling, first_row, best_score, best_row, start, stop):
    """Maximise plus[b] - minus[a] + plus[c]: 3CosAdd on cosines, 3CosMul on their logarithms. For the questions start..stop."""
    n = plus.shape[1]
    for low in range(0, n, _STRETCH):
        high = min(low + _STRETCH, n)
        for q in range(start, stop):
            best = best_score[q]
            for chunk in range(low, high, _CHUNK):
                end = min(chunk + _CHUNK, high)
                of_a, of_b, of_c = minus[a[q], chunk:end], plus[b[q], chunk:end], plus[c[q], chunk:end]  # slices, or it won't vectorise
                better = 0
                for j in range(end - chunk):
                    better |= of_b[j] - of_a[j] + of_c[j] > best
                if better:
                    for j in range(end - chunk):
                        score = of_b[j] - of_a[j] + of_c[j]
                        if score > best:
                            word = spelling[chunk + j]
                            if word != excluded[q, 0] and word != excluded[q, 1] and word != excluded[q, 2]:
                                best = score
                                best_row[q] = first_row + chunk + j
            best_score[q] = best


@kernel
def best_directions(plus, scale, a, b, c, offset, excluded, spelling, first_row, best_score, best_row, start, stop):
    """Maximise (plus[b] - plus[a] - offset) * scale[c]: PairDistance. offset: float32 (Q,). For the questions start..stop."""
    n = plus.shape[1]
    for low in range(0, n, _STRETCH):
        high = min(low + _STRETCH, n)
        for q in range(start, stop):
            best, shift = best_score[q], offset[q]
            for chunk in range(low, high, _CHUNK):
                end = min(chunk + _CHUNK, high)
                of_a, of_b, of_c = plus[a[q], chunk:end], plus[b[q], chunk:end], scale[c[q], chunk:end]
                better = 0
                for j in range(end - chunk):
                    better |= (of_b[j] - of_a[j] - shift) * of_c[j] > best
                if better:
                    for j in range(end - chunk):
                        score = (of_b[j] - of_a[j] - shift) * of_c[j]
                        if score > best:
                            word = spelling[chunk + j]
                            if word != excluded[q, 0] and word != excluded[q, 1] and word != excluded[q, 2]:
                                best = score
                                best_row[q] = first_row + chunk + j
            best_score[q] = best
