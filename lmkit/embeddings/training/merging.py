"""Several threads on one model: each trains a copy of its own, and the copies are merged at fixed points, so that a run with a seed and a
number of threads always ends with the same bytes.

Between two merges thread t moves row r by d(t, r). Rows that few threads touched should get the sum of the changes, as if they had been
made one after the other. But where every thread alone has gone most of the way to where a row is at rest, the sum goes T times too far,
and the model grows without bound; the mean, on the other hand, throws most of what was learned away. Which of the two is right depends on
the direction: vectors share a few directions in which all of them agree, and there a row is at rest after some tens of steps; across them
it still moves after thousands.

To second order a step of row r with a partner p of the other matrix takes it the part lr * sigma'(x) * p p^T of the way to rest. With n
steps since the last merge, M = E[p p^T] over partners as often as they occur, and eigenvectors u_i of M with values m_i, one thread covers
1 - e^(-n w_i) of the way along u_i, w_i = lr * sigma' * m_i, and T threads one after the other would have covered 1 - e^(-T n w_i). So
along u_i the sum of the changes is multiplied by

    (1 - e^(-T n w_i)) / (T (1 - e^(-n w_i))),

which is 1 where little was done and 1/T where the row has come to rest. The first 16 directions have their own value, the others share the
mean of theirs. sigma' is not computed but measured, for either matrix, by which value learns best (`Merging`). n is what the objective
expects (`Objective.updates`), M is taken from the most frequent partners (`Objective.partners`): with subwords from the words, the means of
their rows, for M of the rows themselves is many times larger, and output rows would hardly move.

Rows are in falling order of updates: the first are merged in every round, the next less often, all in every `Plan.full`-th round. At a
round that merges all rows the copies agree, and there a training can be interrupted, measured or stored.

Memory: threads + 1 times the model; with one thread only the model itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from lmkit._blas import one_blas_thread
from lmkit.embeddings.options import Settings
from lmkit.embeddings.training import _kernels_merge as kernels
from lmkit.embeddings.training.objective import Merging, Objective, Parameters, aligned_zeros

SINGLE_STRETCH = 200_000
"""Tokens that one thread trains at a time: enough that the rest costs nothing, little enough that Ctrl-C answers at once."""
STRETCH, TOGETHER = 50_000, 200_000
"""Tokens between two merges of the first rows: so many of a thread, and so many of all threads together, whichever takes longer."""
LEAST_TOGETHER, ROUNDS = 3200, 500
"""In short texts: so many tokens of all threads between two merges at least, and so many rounds of a whole training."""
TIERS, FULL = ((8192, 1),), 8
"""(n, r): the rows before the n-th are merged every r rounds. All rows are merged every FULL rounds."""
TIERS_OF_TWO, FULL_OF_TWO, ROUNDS_OF_TWO = ((1024, 1), (8192, 4)), 16, 250
"""The same for two threads, which have less to tell each other."""
MOMENT_ROWS = 1024
"""Rows from which M is taken: most steps are theirs."""
WORDS_A_THREAD = 100_000
"""Words of text that each thread needs to learn as well as one alone does: see docs/embeddings.md."""
_ITERATIONS = 2  # of the subspace from one round to the next


@dataclasses.dataclass(frozen=True)
class Plan:
    """How often what is merged.

    Attributes
    ----------
    stretch : tokens of a thread and round. full : rounds between merges of all rows. tiers : see `TIERS`.
    slopes : of the input and the output rows, see `Merging`.
    """

    stretch: int
    full: int
    tiers: tuple[tuple[int, int], ...]
    slopes: tuple[float, float]

    @classmethod
    def of(cls, threads: int, tokens: int, merging: Merging) -> Plan:
        """threads : how many copies. tokens : of the text, all epochs together. merging : of the objective."""
        if threads == 1:
            return cls(SINGLE_STRETCH, 1, (), (0.0, 0.0))
        together = max(LEAST_TOGETHER, tokens // (ROUNDS if threads > 2 else ROUNDS_OF_TWO))
        if threads > 2 and merging.together is not None:
            together = min(together, merging.together)
        stretch = max(1, min(max(STRETCH, TOGETHER // threads), together // threads))
        slopes = (merging.input_slope, merging.output_slope)
        if threads > 2:
            return cls(stretch, FULL, TIERS, slopes)
        return cls(stretch, FULL_OF_TWO, TIERS_OF_TWO, slopes if merging.slope_of_two is None else (merging.slope_of_two,) * 2)


def choose_threads(settings: Settings, asked: int | None, words: int) -> tuple[Settings, list[str]]:
    """Settings for a text of so many words, with no more threads than it keeps busy unless a number is asked for; what to tell of more."""
    useful = max(1, words // WORDS_A_THREAD)
    if settings.threads <= useful:
        return settings, []
    if asked is None:
        return dataclasses.replace(settings, threads=useful), []
    return settings, [f"{asked:,} threads learn less from this text than {useful:,} would; take no more than that (threads, --threads)."]


class Directions:
    """The 16 main directions of a matrix's rows, weighted, and the mean square of the rows along each.

    Attributes
    ----------
    basis : float32 (16 * stride,), orthonormal rows; zeros where there are fewer dimensions.
    squares : float64 (17,): mean squares along them, and the mean of those along all other directions.
    """

    def __init__(self, dim: int, stride: int) -> None:
        self._dim, self._stride = dim, stride
        self._found = min(kernels.DIRECTIONS, dim)
        self._vectors = np.zeros((dim, self._found))
        self.basis = aligned_zeros(kernels.DIRECTIONS * stride)
        self.squares = np.zeros(kernels.DIRECTIONS + 1)

    def follow(self, moment: np.ndarray, anew: bool) -> None:
        """Find them in M, float64 (dim, dim): from those of the last call, or anew, by all eigenvectors."""
        if anew:
            self._vectors = np.linalg.eigh(moment)[1][:, ::-1][:, : self._found]
        else:
            for _ in range(_ITERATIONS):
                self._vectors = np.linalg.qr(moment @ self._vectors + 1e-12 * self._vectors)[0]
        along = np.maximum(np.einsum("ij,ij->j", self._vectors, moment @ self._vectors), 0)
        self.basis.reshape(-1, self._stride)[: self._found, : self._dim] = self._vectors.T
        self.squares[: self._found] = along
        self.squares[-1] = max(np.trace(moment) - along.sum(), 0) / max(self._dim - self._found, 1)


class Replicas:
    """The copies of a model that threads train, and the threads.

    Parameters
    ----------
    parameters : the model; up to date whenever all rows are merged.
    objective : tells how often rows are updated.
    threads : how many copies; the results depend on it.
    workers : system threads that do the work, at most `threads`; the results don't depend on it.
    tokens : that are read in all.
    """

    def __init__(self, parameters: Parameters, objective: Objective, threads: int, workers: int, tokens: int) -> None:
        self.threads = threads
        self.plan = Plan.of(threads, tokens, objective.merging)
        self._parameters, self._objective = parameters, objective
        self._pool = ThreadPoolExecutor(min(threads, workers))
        self._limit = contextlib.ExitStack()
        self._matrices = (parameters.input, parameters.output)
        self._copies: list[np.ndarray] = []
        self._anew = True
        self._since = [0] * (len(self.plan.tiers) + 1)  # tokens that each thread trained since the rows of a tier were merged
        if threads > 1:
            self._copies = [aligned_zeros(threads * matrix.size) for matrix in self._matrices]
            self._per_token = [counts / max(objective.text.tokens, 1) for counts in objective.updates()]
            self._directions = [Directions(parameters.dim, parameters.stride) for _ in self._matrices]
            self._scratch = [aligned_zeros(2 * (parameters.stride + kernels.DIRECTIONS)) for _ in range(2 * threads)]
            for copies, matrix in zip(self._copies, self._matrices, strict=True):
                copies.reshape(threads, -1)[:] = matrix

    def __enter__(self) -> Replicas:
        if self.threads > 1:
            self._limit.enter_context(one_blas_thread())  # for products of 100 x 100 numbers the cores would mostly wait for each other
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.shutdown(wait=True)
        self._limit.close()

    def of_thread(self, thread: int) -> Parameters:
        """The copy of a thread; with one thread the model itself."""
        if self.threads == 1:
            return self._parameters
        own = [
            copies[thread * matrix.size : (thread + 1) * matrix.size] for copies, matrix in zip(self._copies, self._matrices, strict=True)
        ]
        return Parameters(own[0], own[1], self._parameters.dim, self._parameters.stride)

    def run(self, work: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> None:
        """Call `work` with each tuple of arguments, in the threads; returns when all are done."""
        for future in [self._pool.submit(work, *each) for each in arguments]:
            future.result()

    def merge(self, tokens: int, round_: int, rate: float, full: bool) -> None:
        """Merge the rows whose turn it is, or all.

        Parameters
        ----------
        tokens : that each thread trained in this round. round_ : its number in the epoch.
        rate : the learning rate.
        """
        if self.threads == 1:
            return
        due = len(self._since) if full else sum((round_ + 1) % every == 0 for _, every in self.plan.tiers)
        self._since = [since + tokens for since in self._since]
        if due >= len(self.plan.tiers) or self._anew:
            self._find_directions()  # they turn slowly: where there are several tiers, the first takes those of before
        if due > 0:
            self._merge_tiers(due, rate)
        self._since[:due] = [0] * due
        self._anew = full  # a training that goes on from here finds the same directions

    def _merge_tiers(self, due: int, rate: float) -> None:
        work: list[tuple[Any, ...]] = []
        for side, (copies, matrix, per_token) in enumerate(zip(self._copies, self._matrices, self._per_token, strict=True)):
            partners = self._directions[1 - side]
            ways = (partners.squares * (rate * self.plan.slopes[side])).astype(np.float32)
            ends = [min(rows, len(per_token)) for rows, _ in self.plan.tiers] + [len(per_token)]
            parts = [per_token[first:end] * since for first, end, since in zip([0, *ends], ends[:due], self._since, strict=False)]
            steps = np.concatenate(parts).astype(np.float32)
            borders = np.linspace(0, len(steps), self.threads + 1).astype(np.int64).tolist()
            for part, (first, stop) in enumerate(itertools.pairwise(borders)):
                scratch = self._scratch[side * self.threads + part]
                work.append((matrix, copies, self.threads, steps, partners.basis, ways, self._parameters.stride, first, stop, scratch))
        self.run(kernels.merge_rows, work)

    def _find_directions(self) -> None:
        partners = self._objective.partners(self._parameters, self._per_token, MOMENT_ROWS)
        self.run(_follow, [(*each, self._anew) for each in zip(self._directions, partners, strict=True)])


def _follow(directions: Directions, partners: tuple[np.ndarray, np.ndarray], anew: bool) -> None:
    rows, counts = partners
    directions.follow(((rows * _shares(counts)[:, np.newaxis]).T @ rows).astype(np.float64), anew)


def _shares(counts: np.ndarray) -> np.ndarray:
    """float32, summing to one."""
    return (counts / max(counts.sum(), 1e-300)).astype(np.float32)
