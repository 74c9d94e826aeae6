"""Several threads on one model: each trains a copy of its own, and the copies are merged at fixed points, so that a run with a seed and a
number of threads always ends with the same bytes.

Between two merges thread t moves row r by d(t, r). Rows that few threads touched get the sum of the changes, as if they had been made one
after the other. For rows that every thread updated many times the sum goes too far: each thread alone has already gone most of the way to
where the row wants to be. With n updates by each of T threads, and c the part of that way that one update goes, one thread covers
1 - e^(-cn) of it and all of them one after the other would have covered 1 - e^(-cTn), so the sum is multiplied by

    scale(n) = (1 - e^(-cTn)) / (T (1 - e^(-cn))),

which is 1 for few updates and 1/T, the mean, for many. n is what sub-sampling and the noise distribution lead to expect
(`Objective.updates`); c grows with the learning rate. Rows are in falling order of updates, so the first ones, which change most, are
merged in every round and the others in every `FULL`-th. At a round that merges all rows the copies agree, and there a training can be
interrupted, measured or stored.

Memory: threads + 1 times the model, none but the model itself with one thread.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from lmkit.embeddings.training import _kernels_merge as kernels
from lmkit.embeddings.training.objective import Objective, Parameters, aligned_zeros

SINGLE_STRETCH = 200_000
"""Tokens that one thread trains at a time: enough that the rest costs nothing, little enough that Ctrl-C answers at once."""
STRETCH = 50_000
"""Tokens of a thread between two merges of the first rows."""
FULL = 4
"""Rounds between two merges of all rows."""
HOT_ROWS = 4096
"""Rows that are merged every round."""
CONVERGENCE = 1.0
"""c = CONVERGENCE * learning rate: the part of the way to its optimum that one update moves a row."""
_RATE_STEP = 0.95  # scales are computed anew when the learning rate has fallen by so much


@dataclasses.dataclass(frozen=True)
class Plan:
    """How often what is merged. stretch: tokens of a thread and round. full: rounds between merges of all rows. hot: rows merged always."""

    stretch: int
    full: int
    hot: int

    @classmethod
    def for_threads(cls, threads: int) -> Plan:
        return cls(SINGLE_STRETCH, 1, 0) if threads == 1 else cls(STRETCH, FULL, HOT_ROWS)


def merge_scale(updates: np.ndarray, threads: int, convergence: float) -> np.ndarray:
    """float32: what the sum of the threads' changes of a row is multiplied by (see the module's text).

    updates : float64 (rows,), by each thread since the last merge. convergence : c.
    """
    way = convergence * np.maximum(updates, 1e-9)
    return (-np.expm1(-threads * way) / (-np.expm1(-way) * threads)).astype(np.float32)


class Replicas:
    """The copies of a model that threads train, and the threads.

    Parameters
    ----------
    parameters : the model; up to date whenever all rows are merged.
    objective : tells how often rows are updated.
    threads : how many copies; the results depend on it.
    workers : system threads that do the work, at most `threads`; the results don't depend on it.
    """

    def __init__(self, parameters: Parameters, objective: Objective, threads: int, workers: int) -> None:
        self.threads = threads
        self.plan = Plan.for_threads(threads)
        self._parameters = parameters
        self._objective = objective
        self._pool = ThreadPoolExecutor(min(threads, workers))
        self._matrices = (parameters.input, parameters.output)
        self._rates = tuple(counts / max(objective.text.tokens, 1) for counts in objective.updates()) if threads > 1 else ()
        self._copies: list[np.ndarray] = []
        if threads > 1:
            self._copies = [aligned_zeros(threads * matrix.size).reshape(threads, -1) for matrix in self._matrices]
            self.spread()

    def __enter__(self) -> Replicas:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(wait=True)

    def spread(self) -> None:
        """Give every thread the model as it is."""
        for copies, matrix in zip(self._copies, self._matrices, strict=True):
            copies[:] = matrix

    def of_thread(self, thread: int) -> Parameters:
        """The copy of a thread; with one thread the model itself."""
        if self.threads == 1:
            return self._parameters
        return Parameters(self._copies[0][thread], self._copies[1][thread], self._parameters.dim, self._parameters.stride)

    def run(self, work: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> None:
        """Call `work` with each tuple of arguments, in the threads; returns when all are done."""
        for future in [self._pool.submit(work, *each) for each in arguments]:
            future.result()

    def merge(self, tokens: int, since_full: int, rate: float, initial: float, full: bool) -> None:
        """Merge the first rows, or all.

        Parameters
        ----------
        tokens : that each thread trained in this round. since_full : and since the last merge of all rows.
        rate, initial : the learning rate now and at first.
        """
        if self.threads == 1:
            return
        steps = math.floor(math.log(max(rate / initial, 1e-6)) / math.log(_RATE_STEP))
        convergence = CONVERGENCE * initial * _RATE_STEP**steps
        work = []
        for copies, matrix, per_token in zip(self._copies, self._matrices, self._rates, strict=True):
            rows = len(per_token)
            hot = min(self.plan.hot, rows)
            scale = self._scale(id(per_token), tokens, since_full, convergence)
            last = rows if full else hot
            borders = np.linspace(0, last, self.threads + 1).astype(np.int64)
            work += [
                (matrix, copies, scale, self._parameters.stride, int(borders[part]), int(borders[part + 1]))
                for part in range(self.threads)
                if borders[part] < borders[part + 1]
            ]
        self.run(kernels.merge_rows, work)

    @functools.lru_cache(maxsize=16)  # noqa: B019  (a trainer's replicas live as long as the training)
    def _scale(self, which: int, tokens: int, since_full: int, convergence: float) -> np.ndarray:
        per_token = next(rates for rates in self._rates if id(rates) == which)
        updates = per_token * tokens
        updates[self.plan.hot :] = per_token[self.plan.hot :] * since_full
        return merge_scale(updates, self.threads, convergence)
