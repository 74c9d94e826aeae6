"""Schedules against torch's and by hand."""

from __future__ import annotations

import importlib.util
import json
import math
import re

import pytest

from lmkit.errors import FormatError, InvalidParameterError
from lmkit.neural.architecture import Architecture
from lmkit.neural.optimizers import make_optimizer
from lmkit.neural.schedules import SCHEDULES, make_schedule

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed (for cross-checks only)")


def torch_rates(make, steps):
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@needs_torch
def test_cosine_is_torchs() -> None:
    expected = torch_rates(lambda module, optimizer: module.CosineAnnealingLR(optimizer, 20, eta_min=0.1), 20)
    assert [make_schedule("cosine", final=0.1).rate(step / 20) for step in range(20)] == pytest.approx(expected, rel=1e-9)


@needs_torch
def test_one_cycle_is_torchs() -> None:
    total, rise = 40, 0.25
    expected = torch_rates(lambda module, optimizer: module.OneCycleLR(optimizer, max_lr=1.0, total_steps=total, pct_start=rise), total - 1)
    top = rise * total - 1  # torch counts its phases in steps, the last of them total - 1
    places = [step / top * rise if step <= top else rise + (step - top) / (total - 1 - top) * (1 - rise) for step in range(total - 1)]
    assert [make_schedule("one-cycle", rise=rise).rate(place) for place in places] == pytest.approx(expected, rel=1e-9)


@needs_torch
def test_plateau_is_torchs() -> None:
    import torch

    losses = [10, 9, 9.5, 8.99, 8.999, 8.9985, 7, 7.5, 7.4, 7.3, 7.2, 7.1, 6.5, 6.5, 6.5, 6.5]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.25, patience=1, threshold=1e-3)
    own = make_schedule("plateau", decay=0.25, patience=1, threshold=1e-3)
    seen = set()
    for loss in losses:
        theirs.step(loss)
        own.validated(loss)
        assert own.rate(0.5) == pytest.approx(optimizer.param_groups[0]["lr"])
        seen.add(own.rate(0.5))
    assert len(seen) > 2


def test_stairs() -> None:
    """Zaremba small: 13 epochs, 4 at the base rate, then halved each epoch."""
    stairs = make_schedule("stairs", epochs=13, hold=4, decay=0.5)
    factors = [1, 1, 1, 1, *(0.5**k for k in range(1, 10))]
    for share in (1e-6, 0.5, 1):  # of an epoch, at the end of a step: the last step of an epoch belongs to it
        assert [stairs.rate((epoch + share) / 13) for epoch in range(13)] == factors


def test_linear_and_warm_up() -> None:
    linear = make_schedule("linear", final=0.2, warm_up=0.5)
    assert [linear.rate(p) for p in (0.0, 0.25, 0.5, 0.75, 1.0)] == pytest.approx([0.0, 0.5, 1.0, 0.6, 0.2])
    constant = make_schedule("constant", warm_up=0.1)
    assert [constant.rate(p) for p in (0.05, 0.1, 1.0)] == pytest.approx([0.5, 1, 1])


@pytest.mark.parametrize("name", SCHEDULES)
def test_factors_stay_between_0_and_1_and_start_anew_from_their_record(name) -> None:
    options = {"epochs": 5} if name == "stairs" else {}
    schedule = make_schedule(name, warm_up=0.1, **options)
    factors = [schedule.rate(i / 50) for i in range(-2, 55)]
    assert all(0 <= factor <= 1 for factor in factors)
    assert max(factors) == pytest.approx(1, abs=1e-2)
    again = make_schedule(**json.loads(json.dumps(schedule.to_dict())))
    assert [again.rate(i / 50) for i in range(-2, 55)] == factors


def test_state_of_plateau_survives_json() -> None:
    one = make_schedule("plateau", patience=1)
    fresh = make_schedule("plateau", patience=1)
    fresh.load_state(json.loads(json.dumps(one.state())))
    for loss in (5.0, 6.0):
        one.validated(loss)
    two = make_schedule("plateau", patience=1)
    two.load_state(json.loads(json.dumps(one.state())))
    for schedule in (one, two):
        schedule.validated(6.0)
        assert schedule.rate(0.5) == 0.25
    with pytest.raises(FormatError, match="not one of the schedule 'cosine'"):
        make_schedule("cosine").load_state(one.state())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cosine", {"final": 1.0}),
        ("cosine", {"warm_up": math.nan}),
        ("plateau", {"decay": 0}),
        ("plateau", {"patience": -1}),
        ("one-cycle", {"rise": 0}),
        ("one-cycle", {"start_division": math.inf}),
        ("stairs", {"epochs": 0}),
        ("staircase", {}),
    ],
)
def test_bad_options(name, options) -> None:
    with pytest.raises(InvalidParameterError, match=r"must be .*\. Got|must be one of"):
        make_schedule(name, **options)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (lambda: make_schedule("cosine", up=1), "The schedule 'cosine' has no option 'up'; its options are final, warm_up."),
        (lambda: make_optimizer("sgd", beta=1), "The optimiser 'sgd' has no option 'beta'; its options are momentum, nesterov,"),
        (lambda: Architecture(output="full:"), "must be one of full, classes"),
        (lambda: Architecture(output={"name": "full", "samples": 3}), "The output layer 'full' has no option 'samples'; it has none."),
    ],
)
def test_an_option_that_there_is_not_is_named(settings, message):
    with pytest.raises(InvalidParameterError, match=re.escape(message)):
        settings()
