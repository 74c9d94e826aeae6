"""How much memory a training will take, counted before it begins."""

from __future__ import annotations

import dataclasses

from lmkit._memory import machine_memory, show_size
from lmkit.errors import UsageError


@dataclasses.dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of a training.

    Attributes
    ----------
    parameters : the weights, and a copy of the best ones.
    gradients : one number a weight.
    optimizer : what the optimiser keeps of each weight.
    activations : of one batch, the output layer's scores included.
    """

    parameters: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        return self.parameters + self.gradients + self.optimizer + self.activations

    def check(self) -> None:
        """Raise UsageError with the numbers if this machine hasn't so much memory."""
        there = machine_memory()
        if self.total > there:
            raise UsageError(
                f"This training needs about {show_size(self.total)} of memory (weights and their best copy {show_size(self.parameters)}, "
                f"gradients {show_size(self.gradients)}, optimiser {show_size(self.optimizer)}, one batch {show_size(self.activations)}), "
                f"and this machine has {show_size(there)}: take a smaller --hidden, --vocab-size or --batch."
            )


def estimate(weights: int, batch_bytes: int, slots: int, itemsize: int = 4) -> MemoryEstimate:
    """The estimate for so many weights, bytes of a batch's buffers, and arrays that the optimiser keeps a weight."""
    size = weights * itemsize
    return MemoryEstimate(2 * size, size, slots * size, batch_bytes)
