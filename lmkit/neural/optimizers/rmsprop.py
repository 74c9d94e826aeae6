"""RMSprop (Tieleman & Hinton 2012)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lmkit._validation import check_float
from lmkit.neural.optimizers import _kernels_updates as kernels
from lmkit.neural.optimizers.base import BaseOptimizer, check_share


class RMSprop(BaseOptimizer):
    """s = smoothing s + (1 - smoothing) g²; b = momentum b + g / (sqrt(s) + epsilon); w -= rate b.

    As torch.optim.RMSprop, uncentred. Tieleman & Hinton 2012, Neural Networks for Machine Learning, lecture 6.5. Without correction of the
    bias towards 0 the first steps are up to 1 / sqrt(1 - smoothing) too large; Adam with beta1 = 0 has it.

    Parameters
    ----------
    smoothing : in [0, 1) (`alpha` in torch).
    momentum : in [0, 1).
    epsilon : above 0.
    weight_decay, clip_value : see BaseOptimizer; the decay is an L2 term in the gradient.
    """

    name = "rmsprop"
    slots = ("square_avg", "momentum_buffer")

    def __init__(
        self,
        smoothing: float = 0.99,
        momentum: float = 0.0,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(weight_decay, clip_value)
        self.smoothing = check_share("RMSprop", "smoothing", smoothing)
        self.momentum = check_share("RMSprop", "momentum", momentum)
        self.epsilon = check_float("RMSprop", "epsilon", epsilon, minimum=0.0, open_minimum=True)

    def _options(self) -> dict[str, Any]:
        return {"smoothing": self.smoothing, "momentum": self.momentum, "epsilon": self.epsilon}

    def _kernels(self) -> tuple[Callable[..., None], Callable[..., None]]:
        return kernels.rmsprop_range, kernels.rmsprop_rows

    def _scalars(self, learning_rate: float, weight_decay: float) -> tuple[float, ...]:
        return learning_rate, self.smoothing, self.epsilon, weight_decay, self.momentum
