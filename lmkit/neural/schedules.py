"""The learning rate over a training, as a factor on the base rate: constant, plateau, stairs, linear, cosine, one-cycle.

Every schedule is a function of the share of training that is done, in [0, 1], so that it works for a training of so many epochs and for one
of so many minutes. Only decay on plateau also has a memory.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from lmkit._validation import check_choice, check_float, check_int, check_options
from lmkit.errors import FormatError, InvalidParameterError


class BaseSchedule(abc.ABC):
    """Parameters
    ----------
    warm_up : share of training, in [0, 1), over which the factor rises linearly from 0; the rest of the schedule is fitted into what is
        left.
    """

    name: ClassVar[str]

    def __init__(self, warm_up: float = 0.0) -> None:
        self.warm_up = _below_one(type(self).__name__, "warm_up", warm_up)

    @abc.abstractmethod
    def _factor(self, progress: float) -> float:
        """The factor when warming up is over; progress in [0, 1] of what is left."""

    def rate(self, progress: float) -> float:
        """Factor on the base learning rate of the step with which a share `progress` of training is done; see `interfaces.Schedule`."""
        progress = min(max(progress, 0.0), 1.0)
        if progress < self.warm_up:
            return progress / self.warm_up
        return self._factor((progress - self.warm_up) / (1.0 - self.warm_up))

    def validated(self, perplexity: float) -> None:  # noqa: B027 - most schedules don't listen
        """Told each validation perplexity."""

    def state(self) -> dict[str, Any]:
        """JSON-able, for a checkpoint."""
        return {}

    def load_state(self, record: Mapping[str, Any]) -> None:
        """Take over what `state` gave. Raises FormatError for the state of another schedule."""
        if set(record) != set(self.state()):
            raise FormatError(f"The state {sorted(record)} is not one of the schedule {self.name!r}; resume with the one that wrote it.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: the name and all options, for `make_schedule`."""
        return {"name": self.name, **{key: value for key, value in vars(self).items() if not key.startswith("_")}}


class Constant(BaseSchedule):
    """The base rate from beginning to end."""

    name = "constant"

    def _factor(self, progress: float) -> float:
        return 1.0


class Plateau(BaseSchedule):
    """The rate is multiplied by `decay` whenever validation has not got better for more than `patience` checks.

    As torch.optim.lr_scheduler.ReduceLROnPlateau: "better" is below best * (1 - threshold).

    Parameters
    ----------
    decay : in (0, 1). patience : at least 0. threshold : in [0, 1).
    minimum : smallest factor, at least 0.
    """

    name = "plateau"

    def __init__(self, decay: float = 0.25, patience: int = 0, threshold: float = 1e-4, minimum: float = 0.0, warm_up: float = 0.0) -> None:
        super().__init__(warm_up)
        self.decay = _below_one("Plateau", "decay", decay, above_zero=True)
        self.patience = check_int("Plateau", "patience", patience, minimum=0)
        self.threshold = _below_one("Plateau", "threshold", threshold)
        self.minimum = _below_one("Plateau", "minimum", minimum)
        self._current, self._best, self._bad = 1.0, math.inf, 0

    def _factor(self, progress: float) -> float:
        return self._current

    def validated(self, perplexity: float) -> None:
        if perplexity < self._best * (1.0 - self.threshold) or math.isinf(self._best):
            self._best, self._bad = perplexity, 0
            return
        self._bad += 1
        if self._bad > self.patience:
            self._current, self._bad = max(self._current * self.decay, self.minimum), 0

    def state(self) -> dict[str, Any]:
        best = None if math.isinf(self._best) else self._best  # JSON has no infinity
        return {"current": self._current, "best": best, "bad": self._bad}

    def load_state(self, record: Mapping[str, Any]) -> None:
        super().load_state(record)
        self._current, self._bad = float(record["current"]), int(record["bad"])
        self._best = math.inf if record["best"] is None else float(record["best"])


class Stairs(BaseSchedule):
    """The base rate for `hold` epochs, then multiplied by `decay` at the start of each later one (Zaremba, Sutskever & Vinyals 2014).

    Parameters
    ----------
    epochs : of the whole training, at least 1. hold : epochs at the base rate, at least 0. decay : in (0, 1).
    """

    name = "stairs"

    def __init__(self, epochs: int, hold: int = 4, decay: float = 0.5, warm_up: float = 0.0) -> None:
        super().__init__(warm_up)
        self.epochs = check_int("Stairs", "epochs", epochs, minimum=1)
        self.hold = check_int("Stairs", "hold", hold, minimum=0)
        self.decay = _below_one("Stairs", "decay", decay, above_zero=True)

    def _factor(self, progress: float) -> float:
        # the step that ends with an epoch belongs to it; 1e-9: a share such as 5/13 times 13 may be a little off 5
        epoch = math.ceil(progress * self.epochs - 1e-9)  # from 1
        return float(self.decay ** max(0, epoch - self.hold))


class Linear(BaseSchedule):
    """From 1 down to `final` in a straight line. final : in [0, 1)."""

    name = "linear"

    def __init__(self, final: float = 0.0, warm_up: float = 0.0) -> None:
        super().__init__(warm_up)
        self.final = _below_one("Linear", "final", final)

    def _factor(self, progress: float) -> float:
        return 1.0 + (self.final - 1.0) * progress


class Cosine(BaseSchedule):
    """From 1 down to `final` along half a cosine (Loshchilov & Hutter 2017, equation 5, without restarts). final : in [0, 1)."""

    name = "cosine"

    def __init__(self, final: float = 0.0, warm_up: float = 0.0) -> None:
        super().__init__(warm_up)
        self.final = _below_one("Cosine", "final", final)

    def _factor(self, progress: float) -> float:
        return _half_cosine(1.0, self.final, progress)


class OneCycle(BaseSchedule):
    """Up from 1 / start_division to 1 over the share `rise`, then down to 1 / (start_division * end_division), both along half cosines.

    Smith & Topin 2019, with the second half as in fastai and torch.optim.lr_scheduler.OneCycleLR (whose base rate is `max_lr`; momentum is
    not cycled here).

    Parameters
    ----------
    rise : in (0, 1). start_division, end_division : at least 1.
    """

    name = "one-cycle"

    def __init__(self, rise: float = 0.3, start_division: float = 25.0, end_division: float = 1e4, warm_up: float = 0.0) -> None:
        super().__init__(warm_up)
        self.rise = _below_one("OneCycle", "rise", rise, above_zero=True)
        self.start_division = check_float("OneCycle", "start_division", start_division, minimum=1.0)
        self.end_division = check_float("OneCycle", "end_division", end_division, minimum=1.0)

    def _factor(self, progress: float) -> float:
        start = 1.0 / self.start_division
        if progress < self.rise:
            return _half_cosine(start, 1.0, progress / self.rise)
        return _half_cosine(1.0, start / self.end_division, (progress - self.rise) / (1.0 - self.rise))


SCHEDULES: dict[str, type[BaseSchedule]] = {schedule.name: schedule for schedule in (Constant, Plateau, Stairs, Linear, Cosine, OneCycle)}


def make_schedule(name: str, **options: Any) -> BaseSchedule:
    """The schedule of a name with its own options.

    Raises
    ------
    InvalidParameterError : for an unknown name, an option that the schedule hasn't, or a value outside its range.
    """
    make = SCHEDULES[check_choice("make_schedule", "name", name, SCHEDULES)]
    check_options(f"The schedule {name!r}", make, options)
    return make(**options)


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * progress))


def _below_one(owner: str, name: str, value: Any, *, above_zero: bool = False) -> float:
    number = check_float(owner, name, value, minimum=0.0, maximum=1.0, open_minimum=above_zero)
    if number == 1.0:
        raise InvalidParameterError(f"The {name!r} parameter of {owner} must be below 1. Got {value!r} instead.")
    return number
