"""Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from lmkit._validation import check_float
from lmkit.neural.optimizers import _kernels_updates as kernels
from lmkit.neural.optimizers.base import BaseOptimizer, check_share


class Adam(BaseOptimizer):
    """m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g²; w -= rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon).

    As torch.optim.Adam: weight decay is an L2 term in the gradient.

    Parameters
    ----------
    beta1, beta2 : in [0, 1); beta1 = 0 is RMSprop with corrected bias, the optimiser of Melis, Dyer & Blunsom 2018.
    epsilon : above 0.
    weight_decay, clip_value : see BaseOptimizer.
    """

    name = "adam"
    slots = ("exp_avg", "exp_avg_sq")
    _decoupled = False

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(weight_decay, clip_value)
        owner = type(self).__name__
        self.beta1 = check_share(owner, "beta1", beta1)
        self.beta2 = check_share(owner, "beta2", beta2)
        self.epsilon = check_float(owner, "epsilon", epsilon, minimum=0.0, open_minimum=True)

    def _options(self) -> dict[str, Any]:
        return {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon}

    def _kernels(self) -> tuple[Callable[..., None], Callable[..., None]]:
        return kernels.adam_range, kernels.adam_rows

    def _scalars(self, learning_rate: float, weight_decay: float) -> tuple[float, ...]:
        rate = learning_rate / (1.0 - self.beta1**self._steps)
        root = 1.0 / math.sqrt(1.0 - self.beta2**self._steps)
        coupled, shrink = (0.0, 1.0 - learning_rate * weight_decay) if self._decoupled else (weight_decay, 1.0)
        return rate, self.beta1, self.beta2, self.epsilon, root, coupled, shrink


class AdamW(Adam):
    """Adam with decoupled weight decay: w *= 1 - rate * weight_decay before the step, as torch.optim.AdamW (its default is 0.01)."""

    name = "adamw"
    _decoupled = True

    def __init__(
        self,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(beta1, beta2, epsilon, weight_decay, clip_value)
