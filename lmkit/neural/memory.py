"""How much memory a training will take, counted before it begins."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

from lmkit._memory import machine_memory, show_size
from lmkit.errors import UsageError

if TYPE_CHECKING:
    from lmkit.neural.optimizers.base import BaseOptimizer


class Shape(Protocol):
    """What is needed of an architecture here."""

    def weights(self, vocabulary_size: int) -> int: ...
    def packed_weights(self, vocabulary_size: int) -> int: ...
    def batch_bytes(self, rows: int, vocabulary_size: int, itemsize: int = 4) -> int: ...


@dataclasses.dataclass(frozen=True)
class MemoryEstimate:
    """Bytes of a training.

    Attributes
    ----------
    parameters : the weights, and a copy of the best ones where that is not in a file (`lmkit.neural.best_weights`).
    gradients : one number a weight.
    optimizer : what the optimiser keeps of each weight.
    packed : copies of weights in the order in which kernels read them.
    activations : of one batch, the output layer's scores included.
    """

    parameters: int
    gradients: int
    optimizer: int
    packed: int
    activations: int

    @property
    def total(self) -> int:
        return self.parameters + self.gradients + self.optimizer + self.packed + self.activations

    def check(self) -> None:
        """Raise UsageError with the numbers if this machine hasn't so much memory."""
        there = machine_memory()
        if self.total > there:
            copies = self.parameters + self.packed
            raise UsageError(
                f"This training needs about {show_size(self.total)} of memory (weights and copies of them {show_size(copies)}, gradients "
                f"{show_size(self.gradients)}, optimiser {show_size(self.optimizer)}, one batch {show_size(self.activations)}), and this "
                f"machine has {show_size(there)}: take a smaller --hidden, --vocab-size or --batch."
            )


def estimate(
    shape: Shape, optimizer: BaseOptimizer, rows: int, vocabulary_size: int, itemsize: int = 4, *, keeps_best: bool = True
) -> MemoryEstimate:
    """The estimate for batches of so many rows; weights that few outputs of large vocabularies touch are counted as if all were.

    keeps_best : whether a copy of the best weights lies in memory.
    """
    size = shape.weights(vocabulary_size) * itemsize
    packed, batch = shape.packed_weights(vocabulary_size) * itemsize, shape.batch_bytes(rows, vocabulary_size, itemsize)
    return MemoryEstimate(2 * size if keeps_best else size, size, optimizer.arrays_a_weight * size, packed, batch)
