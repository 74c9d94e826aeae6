"""Stochastic gradient descent, plain, with momentum or with Nesterov's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lmkit.errors import InvalidParameterError
from lmkit.neural.optimizers import _kernels_updates as kernels
from lmkit.neural.optimizers.base import BaseOptimizer, check_share


class SGD(BaseOptimizer):
    """g += weight_decay w; without momentum w -= rate g; with it b = momentum b + g and w -= rate b, or rate (g + momentum b) (Nesterov).

    As torch.optim.SGD (no dampening). Nesterov's form follows Sutskever, Martens, Dahl & Hinton 2013, section 2, with the weights shifted.

    Parameters
    ----------
    momentum : in [0, 1).
    nesterov : needs momentum above 0.
    weight_decay, clip_value : see BaseOptimizer; the decay is an L2 term in the gradient.
    """

    name = "sgd"

    def __init__(self, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0, clip_value: float | None = None) -> None:
        super().__init__(weight_decay, clip_value)
        self.momentum = check_share("SGD", "momentum", momentum)
        self.nesterov = bool(nesterov)
        if nesterov and momentum == 0:
            raise InvalidParameterError("Nesterov's method looks ahead along the momentum: give momentum above 0, such as 0.9.")
        self.slots = ("momentum_buffer",) if momentum else ()  # type: ignore[misc]

    def _options(self) -> dict[str, Any]:
        return {"momentum": self.momentum, "nesterov": self.nesterov}

    def _kernels(self) -> tuple[Callable[..., None], Callable[..., None]]:
        if self.momentum:
            return kernels.momentum_range, kernels.momentum_rows
        return kernels.sgd_range, kernels.sgd_rows

    def _scalars(self, learning_rate: float, weight_decay: float) -> tuple[float, ...]:
        if not self.momentum:
            return learning_rate, weight_decay
        ahead, now = (self.momentum, 1.0) if self.nesterov else (1.0, 0.0)
        return learning_rate, weight_decay, self.momentum, ahead, now
