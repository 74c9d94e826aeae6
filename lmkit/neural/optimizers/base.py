"""What all optimisers share: checked options, state arrays by name, and the cutting of a step into pieces for the threads."""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from lmkit._memory import let_go
from lmkit._validation import check_float
from lmkit.errors import FormatError, InvalidParameterError
from lmkit.neural.interfaces import Parameter, Workers
from lmkit.neural.optimizers import _kernels_updates as kernels

PIECE = 1 << 18  # elements that one task moves: a megabyte of each array, so that starting a task costs nothing beside it
_STEP = "step"


class BaseOptimizer(abc.ABC):
    """An optimiser as one kernel over elements, its state arrays and its scalars.

    Parameters
    ----------
    weight_decay : the L2 penalty's factor, at least 0, for parameters that decay; decoupled or not, as each optimiser says.
    clip_value : each element of the gradient is clamped to [-clip_value, clip_value] after clipping by norm; None for no limit.

    Rows. Where a parameter names the rows that have a gradient, only these are moved, and their state with them: weight decay, momentum
    and moving averages of the other rows stand still, as in torch.optim.SparseAdam ("lazy"). Plain SGD without weight decay is the same
    either way.
    """

    name: ClassVar[str]
    slots: ClassVar[tuple[str, ...]] = ()  # names of the state arrays that each parameter has, as torch.optim calls them

    def __init__(self, weight_decay: float = 0.0, clip_value: float | None = None) -> None:
        self.weight_decay = check_float(type(self).__name__, "weight_decay", weight_decay, minimum=0.0)
        self.clip_value = clip_value
        if clip_value is not None:
            self.clip_value = check_float(type(self).__name__, "clip_value", clip_value, minimum=0.0, open_minimum=True)
        self._steps = 0
        self._arrays: dict[str, np.ndarray] = {}

    @property
    def arrays_a_weight(self) -> int:
        """How many numbers are kept for each weight, for estimates of memory."""
        return len(self.slots)

    @abc.abstractmethod
    def _options(self) -> dict[str, Any]:
        """The options beside weight_decay and clip_value, by the names of the constructor's parameters."""

    @abc.abstractmethod
    def _kernels(self) -> tuple[Callable[..., None], Callable[..., None]]:
        """The kernel over a range of elements and the one over rows."""

    @abc.abstractmethod
    def _scalars(self, learning_rate: float, weight_decay: float) -> tuple[float, ...]:
        """What the kernels take behind `scale` and `limit`. Called when `self._steps` already counts the step."""

    def step(self, parameters: Sequence[Parameter], learning_rate: float, gradient_scale: float, workers: Workers) -> None:
        """Update every trained parameter in place from gradient * gradient_scale; see `lmkit.neural.interfaces.Optimizer`.

        Raises
        ------
        InvalidParameterError : for a learning rate that is not a finite number above 0; nothing has changed then.
        """
        learning_rate = check_learning_rate(type(self).__name__, learning_rate)
        self._steps += 1
        tasks: list[Callable[[], Any]] = []
        for parameter in parameters:
            if parameter.is_trained:
                tasks += self._tasks(parameter, learning_rate, gradient_scale)
        workers.run(tasks)

    def _tasks(self, parameter: Parameter, learning_rate: float, gradient_scale: float) -> list[Callable[[], Any]]:
        over_range, over_rows = self._kernels()
        number = parameter.value.dtype.type
        limit = math.inf if self.clip_value is None else self.clip_value
        decay = self.weight_decay if parameter.decays else 0.0
        scalars = [number(x) for x in (gradient_scale, limit, *self._scalars(learning_rate, decay))]
        arrays = [parameter.value.reshape(-1), *(self._slot(parameter, slot) for slot in self.slots), parameter.gradient.reshape(-1)]
        if parameter.rows is None:
            return [
                functools.partial(over_range, *arrays, at, min(PIECE, parameter.value.size - at), *scalars)
                for at in range(0, parameter.value.size, PIECE)
            ]
        width = math.prod(parameter.value.shape[1:])
        rows, share = parameter.rows, max(1, PIECE // max(width, 1))
        return [
            functools.partial(over_rows, *arrays, rows, start, min(start + share, len(rows)), width, *scalars)
            for start in range(0, len(rows), share)
        ]

    def _slot(self, parameter: Parameter, slot: str) -> np.ndarray:
        key = f"{slot}.{parameter.name}"
        array = self._arrays.get(key)
        if array is None:
            array = self._arrays[key] = np.zeros(parameter.value.size, parameter.value.dtype)
        elif array.size != parameter.value.size or array.dtype != parameter.value.dtype:
            raise FormatError(
                f"The optimiser's state {key!r} holds {array.size:,} numbers of {array.dtype}, the parameter {parameter.value.size:,} of "
                f"{parameter.value.dtype}; resume with the network that the checkpoint was written for."
            )
        return array

    def state(self) -> dict[str, np.ndarray]:
        """Arrays by name, "step" and one a slot and parameter ("exp_avg.decoder.weight", one-dimensional); not copied."""
        return {_STEP: np.array([self._steps], np.int64), **self._arrays}

    def load_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over a copy of what `state` gave.

        Raises
        ------
        FormatError : if the count of steps is missing or an array belongs to another optimiser.
        """
        if _STEP not in arrays or np.shape(arrays[_STEP]) != (1,):
            raise FormatError(
                "The optimiser's state has no count of steps ('step', one integer); the checkpoint is damaged or of another kind."
            )
        for key in arrays:
            if key != _STEP and not self._knows(key):
                raise FormatError(f"The optimiser's state {key!r} is none of {self.name}'s; resume with the optimiser that wrote it.")
        self._steps = int(arrays[_STEP][0])
        self._arrays.clear()
        for key, array in arrays.items():
            if key != _STEP:
                self._arrays[key] = np.array(array)
                let_go(array)

    def _knows(self, key: str) -> bool:
        return key.split(".", 1)[0] in self.slots

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: the name and all options, for `make_optimizer`."""
        return {"name": self.name, **self._options(), "weight_decay": self.weight_decay, "clip_value": self.clip_value}


def check_learning_rate(owner: str, learning_rate: Any) -> float:
    """The learning rate as a float, or InvalidParameterError unless it is a finite number above 0."""
    return check_float(owner, "learning_rate", learning_rate, minimum=0.0, open_minimum=True)


def check_share(owner: str, name: str, value: Any) -> float:
    """A factor of a moving average as a float in [0, 1), or InvalidParameterError."""
    number = check_float(owner, name, value, minimum=0.0, maximum=1.0)
    if number == 1.0:
        raise InvalidParameterError(
            f"The {name!r} parameter of {owner} must be below 1, or nothing new would ever count. Got {value!r} instead."
        )
    return number


def global_norm(parameters: Sequence[Parameter], workers: Workers) -> float:
    """The Euclidean norm of all trained parameters' gradients together; the same for any number of threads. NaN or infinite if one is.

    Pascanu, Mikolov & Bengio 2013, algorithm 1: the gradient is scaled by min(1, threshold / norm); see `clip_scale`.
    """
    tasks: list[Callable[[], Any]] = []
    for parameter in parameters:
        if not parameter.is_trained:
            continue
        flat = parameter.gradient.reshape(-1)
        if parameter.rows is None:
            tasks += [functools.partial(kernels.sum_of_squares, flat, at, min(PIECE, flat.size - at)) for at in range(0, flat.size, PIECE)]
        else:
            width = math.prod(parameter.value.shape[1:])
            tasks.append(functools.partial(kernels.sum_of_squares_rows, flat, parameter.rows, width))
    return math.sqrt(sum(workers.run(tasks)))


def clip_scale(norm: float, threshold: float | None) -> float:
    """The factor that brings a gradient of this norm down to the threshold; 1 without threshold or below it."""
    return 1.0 if threshold is None or norm <= threshold else threshold / norm
