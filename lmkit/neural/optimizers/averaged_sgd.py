"""Averaged SGD (Polyak & Juditsky 1992), started when validation stops getting better (Merity, Keskar & Socher 2018)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lmkit._validation import check_int
from lmkit.errors import FormatError
from lmkit.neural.interfaces import Parameter, Workers
from lmkit.neural.optimizers import _kernels_updates as kernels
from lmkit.neural.optimizers.base import PIECE, BaseOptimizer

_MEAN, _AVERAGED, _CHECKS = "ax", "averaged_steps", "validations"


class AveragedSGD(BaseOptimizer):
    """Plain SGD whose model is the mean of its weights since a step T: NT-ASGD, algorithm 1 of Merity, Keskar & Socher 2018.

    Averaging begins as soon as a validation perplexity is above the best of all but the last `patience` ones (non-monotonic trigger). The
    mean is over the weights after each later step; training itself goes on as if there were none. torch.optim.ASGD with lambd 0 and t0 = T
    gives the same.

    Parameters
    ----------
    patience : validations to look back over, at least 1 (n of the paper, 5 there).
    weight_decay, clip_value : see BaseOptimizer; the decay is an L2 term in the gradient.
    """

    name = "asgd"

    def __init__(self, patience: int = 5, weight_decay: float = 0.0, clip_value: float | None = None) -> None:
        super().__init__(weight_decay, clip_value)
        self.patience = check_int("AveragedSGD", "patience", patience, minimum=1)
        self._averaged_steps = 0
        self._is_averaging = False
        self._perplexities: list[float] = []

    def _options(self) -> dict[str, Any]:
        return {"patience": self.patience}

    def _kernels(self) -> tuple[Callable[..., None], Callable[..., None]]:
        return kernels.sgd_range, kernels.sgd_rows

    def _scalars(self, learning_rate: float, weight_decay: float) -> tuple[float, ...]:
        return learning_rate, weight_decay

    @property
    def arrays_a_weight(self) -> int:
        return 1  # the mean

    @property
    def is_averaging(self) -> bool:
        """Whether averaging has begun."""
        return self._is_averaging

    def start_averaging(self) -> None:
        """Average from the next step on, whatever validation says."""
        self._is_averaging = True

    def validated(self, perplexity: float) -> None:
        """Told each validation perplexity; begins averaging where the rule says so."""
        earlier = self._perplexities[: -self.patience] if len(self._perplexities) > self.patience else []
        if earlier and perplexity > min(earlier):
            self.start_averaging()
        self._perplexities.append(float(perplexity))

    def step(self, parameters: Sequence[Parameter], learning_rate: float, gradient_scale: float, workers: Workers) -> None:
        super().step(parameters, learning_rate, gradient_scale, workers)
        if not self._is_averaging:
            return
        self._averaged_steps += 1
        tasks: list[Callable[[], Any]] = []
        for parameter in parameters:  # all rows, also where a gradient has only some: the others count with the weights they have
            if parameter.is_trained:
                mean, flat = self._slot(parameter, _MEAN), parameter.value.reshape(-1)
                share = flat.dtype.type(1.0 / self._averaged_steps)
                tasks += [
                    functools.partial(kernels.average_range, flat, mean, at, min(PIECE, flat.size - at), share)
                    for at in range(0, flat.size, PIECE)
                ]
        workers.run(tasks)

    def averaged(self, parameters: Iterable[Parameter]) -> dict[str, np.ndarray] | None:
        """The mean weights by parameter name, in the parameters' shapes (views of the state), or None before averaging has begun."""
        if self._averaged_steps == 0:
            return None
        return {p.name: self._slot(p, _MEAN).reshape(p.value.shape) for p in parameters if p.is_trained}

    def state(self) -> dict[str, np.ndarray]:
        counts = np.array([self._averaged_steps, self._is_averaging], np.int64)
        return {**super().state(), _AVERAGED: counts, _CHECKS: np.array(self._perplexities, np.float64)}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        if _AVERAGED not in arrays or _CHECKS not in arrays:
            raise FormatError("The optimiser's state lacks what averaging needs; resume with the optimiser that wrote it.")
        super().load_state({key: array for key, array in arrays.items() if key not in (_AVERAGED, _CHECKS)})
        self._averaged_steps, self._is_averaging = int(arrays[_AVERAGED][0]), bool(arrays[_AVERAGED][1])
        self._perplexities = [float(x) for x in arrays[_CHECKS]]

    def _knows(self, key: str) -> bool:
        return key.split(".", 1)[0] == _MEAN
