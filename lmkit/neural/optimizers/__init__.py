"""Optimisers: one file each, and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lmkit._validation import check_choice, check_options
from lmkit.errors import FormatError
from lmkit.neural.optimizers.adam import Adam, AdamW
from lmkit.neural.optimizers.averaged_sgd import AveragedSGD
from lmkit.neural.optimizers.base import BaseOptimizer, check_learning_rate, clip_scale, global_norm
from lmkit.neural.optimizers.rmsprop import RMSprop
from lmkit.neural.optimizers.sgd import SGD

OPTIMIZERS: dict[str, type[BaseOptimizer]] = {
    "sgd": SGD,
    "asgd": AveragedSGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
}

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adam",
    "AdamW",
    "AveragedSGD",
    "BaseOptimizer",
    "RMSprop",
    "check_learning_rate",
    "clip_scale",
    "global_norm",
    "make_optimizer",
    "optimizer_from_dict",
]


def make_optimizer(name: str, **options: Any) -> BaseOptimizer:
    """The optimiser of a name, "sgd", "asgd", "adam", "adamw" or "rmsprop", with its own options.

    Raises
    ------
    InvalidParameterError : for an unknown name, an option that the optimiser hasn't, or a value outside its range.
    """
    make = OPTIMIZERS[check_choice("make_optimizer", "name", name, OPTIMIZERS)]
    check_options(f"The optimiser {name!r}", make, options)
    return make(**options)


def optimizer_from_dict(record: Mapping[str, Any]) -> BaseOptimizer:
    """What `to_dict` described.

    Raises
    ------
    FormatError : if the record names no optimiser or has options that it doesn't know.
    """
    options = dict(record)
    try:
        return make_optimizer(options.pop("name"), **options)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"The record of an optimiser can't be read ({error}); the file was written by another version of lmkit."
        ) from error
