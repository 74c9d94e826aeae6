"""Optimisers against their float64 twins and torch.optim; clipping; rows; exact resume; bad values."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pytest
from reference import optimizers_twin as twin

from lmkit.errors import FormatError, InvalidParameterError
from lmkit.neural.interfaces import Parameter
from lmkit.neural.optimizers import OPTIMIZERS, clip_scale, global_norm, make_optimizer, optimizer_from_dict

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed (for cross-checks only)")


class OneThread:
    """Workers without threads."""

    count = 1

    def run(self, tasks):
        return [task() for task in tasks]


WORKERS = OneThread()
SHAPES = {"a.weight": (7, 5), "a.bias": (7,)}
RECIPES = {
    "sgd": ("sgd", {}, twin.sgd, {}),
    "momentum": ("sgd", {"momentum": 0.9, "weight_decay": 0.01}, twin.sgd, {"momentum": 0.9, "weight_decay": 0.01}),
    "nesterov": ("sgd", {"momentum": 0.8, "nesterov": True}, twin.sgd, {"momentum": 0.8, "nesterov": True}),
    "adam": ("adam", {"weight_decay": 0.02}, twin.adam, {"weight_decay": 0.02}),
    "adamw": ("adamw", {"beta2": 0.99, "weight_decay": 0.1}, twin.adamw, {"beta2": 0.99, "weight_decay": 0.1}),
    "rmsprop": ("rmsprop", {"momentum": 0.5, "weight_decay": 0.01}, twin.rmsprop, {"momentum": 0.5, "weight_decay": 0.01}),
}


def parameters(dtype=np.float64, seed=0):
    random = np.random.default_rng(seed)
    return [Parameter.of(name, random.normal(size=shape).astype(dtype), decays=True) for name, shape in SHAPES.items()]


def gradients_of(step, dtype=np.float64):
    random = np.random.default_rng(1000 + step)
    return [random.normal(size=shape).astype(dtype) * (1 + step) for shape in SHAPES.values()]


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 3e-6)])
@pytest.mark.parametrize("recipe", RECIPES)
def test_steps_equal_the_twin(recipe, dtype, tolerance) -> None:
    name, options, reference, reference_options = RECIPES[recipe]
    optimizer, own = make_optimizer(name, **options), parameters(dtype)
    weights = [p.value.astype(np.float64) for p in own]
    states = [{} for _ in own]
    for step in range(1, 6):
        rate = 0.1 / step
        gradients = gradients_of(step, dtype)
        scale = clip_scale(math.sqrt(sum(float(np.sum(g.astype(float) ** 2)) for g in gradients)), 2.0)
        assert scale < 1
        for parameter, gradient in zip(own, gradients, strict=True):
            parameter.gradient[...] = gradient
        optimizer.step(own, rate, scale, WORKERS)
        for weight, gradient, state in zip(weights, twin.clipped([g.astype(float) for g in gradients], 2.0), states, strict=True):
            reference(weight, gradient, state, step, rate, **reference_options)
    for parameter, weight, start in zip(own, weights, parameters(dtype), strict=True):
        np.testing.assert_allclose(parameter.value, weight, rtol=tolerance, atol=tolerance)
        assert np.abs(weight - start.value).max() > 1e-2
        assert parameter.value.dtype == dtype


@needs_torch
@pytest.mark.parametrize(
    ("name", "options", "torch_name", "torch_options"),
    [
        ("sgd", {"weight_decay": 0.1}, "SGD", {"weight_decay": 0.1}),
        ("sgd", {"momentum": 0.9, "nesterov": True}, "SGD", {"momentum": 0.9, "nesterov": True}),
        ("adam", {"beta1": 0.8, "weight_decay": 0.1}, "Adam", {"betas": (0.8, 0.999), "weight_decay": 0.1}),
        ("adamw", {"beta2": 0.9, "epsilon": 1e-6}, "AdamW", {"betas": (0.9, 0.9), "eps": 1e-6, "weight_decay": 0.01}),
        ("rmsprop", {"smoothing": 0.9, "momentum": 0.3}, "RMSprop", {"alpha": 0.9, "momentum": 0.3}),
    ],
)
def test_steps_equal_torch(name, options, torch_name, torch_options) -> None:
    import torch

    own, optimizer = parameters(), make_optimizer(name, **options)
    theirs = [torch.nn.Parameter(torch.tensor(p.value)) for p in own]
    their_optimizer = getattr(torch.optim, torch_name)(theirs, lr=0.05, **torch_options)
    for step in range(1, 5):
        for parameter, tensor, gradient in zip(own, theirs, gradients_of(step), strict=True):
            parameter.gradient[...] = gradient
            tensor.grad = torch.tensor(gradient)
        their_norm = float(torch.nn.utils.clip_grad_norm_(theirs, 1.5))
        norm = global_norm(own, WORKERS)
        assert norm == pytest.approx(their_norm, rel=1e-12)
        optimizer.step(own, 0.05, clip_scale(norm, 1.5), WORKERS)
        their_optimizer.step()
    for parameter, tensor in zip(own, theirs, strict=True):  # clip_grad_norm_ divides by norm + 1e-6
        np.testing.assert_allclose(parameter.value, tensor.detach().numpy(), rtol=1e-5, atol=1e-7)


@needs_torch
def test_averaged_sgd_equals_torch() -> None:
    import torch

    own, optimizer = parameters(), make_optimizer("asgd")
    theirs = [torch.nn.Parameter(torch.tensor(p.value)) for p in own]
    their_optimizer = torch.optim.ASGD(theirs, lr=0.0625, lambd=0.0, t0=2)
    for step in range(1, 7):
        if step == 4:  # torch resets its mean until step t0 + 2
            optimizer.start_averaging()
        for parameter, tensor, gradient in zip(own, theirs, gradients_of(step), strict=True):
            parameter.gradient[...] = gradient
            tensor.grad = torch.tensor(gradient)
        optimizer.step(own, 0.0625, 1.0, WORKERS)
        their_optimizer.step()
    means = optimizer.averaged(own)
    for parameter, tensor in zip(own, theirs, strict=True):
        np.testing.assert_allclose(parameter.value, tensor.detach().numpy(), rtol=1e-12)
        np.testing.assert_allclose(means[parameter.name], their_optimizer.state[tensor]["ax"].numpy(), rtol=1e-5)  # mu is float32
        assert means[parameter.name].shape == parameter.value.shape


def test_averaging_starts_by_the_rule() -> None:
    """With patience 2 the fourth perplexity is the first with anything to compare with: all before the last two, here 80 alone."""
    optimizer = make_optimizer("asgd", patience=2)
    begun = []
    for perplexity in [80.0, 100.0, 95.0, 79.0, 99.0]:
        optimizer.validated(perplexity)
        begun.append(optimizer.is_averaging)
    assert begun == [False, False, False, False, True]
    assert optimizer.averaged(parameters()) is None


def test_mean_counts_each_step_once() -> None:
    own, optimizer, seen = parameters(), make_optimizer("asgd"), []
    optimizer.start_averaging()
    for step in range(1, 5):
        for parameter, gradient in zip(own, gradients_of(step), strict=True):
            parameter.gradient[...] = gradient
        optimizer.step(own, 0.01, 1.0, WORKERS)
        seen.append(own[0].value.copy())
    np.testing.assert_allclose(optimizer.averaged(own)[own[0].name], np.mean(seen, 0), rtol=1e-12)


@pytest.mark.parametrize("recipe", RECIPES)
def test_only_the_named_rows_move_and_as_in_a_dense_step(recipe) -> None:
    name, options, _, _ = RECIPES[recipe]
    rows = np.array([1, 4, 6])
    dense, sparse = parameters()[:1], parameters()[:1]
    sparse[0].rows = rows
    start = dense[0].value.copy()
    both = make_optimizer(name, **options), make_optimizer(name, **options)
    for step in range(1, 4):
        gradient = gradients_of(step)[0]
        dense[0].gradient[...] = gradient
        sparse[0].gradient[...] = math.nan  # what stands in the other rows must not matter
        sparse[0].gradient[rows] = gradient[rows]
        norm = global_norm(sparse, WORKERS)
        assert norm == pytest.approx(np.linalg.norm(gradient[rows]), rel=1e-12)
        both[0].step(dense, 0.1, 0.5, WORKERS)
        both[1].step(sparse, 0.1, 0.5, WORKERS)
    np.testing.assert_array_equal(sparse[0].value[rows], dense[0].value[rows])
    others = np.setdiff1d(np.arange(7), rows)
    np.testing.assert_array_equal(sparse[0].value[others], start[others])


def test_clipping_by_value() -> None:
    own, optimizer = parameters(), make_optimizer("sgd", clip_value=0.3)
    start = [p.value.copy() for p in own]
    gradients = gradients_of(1)
    for parameter, gradient in zip(own, gradients, strict=True):
        parameter.gradient[...] = gradient
    optimizer.step(own, 0.1, 0.5, WORKERS)
    assert (np.abs(0.5 * gradients[0]) < 0.3).any()
    for parameter, before, gradient in zip(own, start, gradients, strict=True):
        expected = np.clip(0.5 * gradient, -0.3, 0.3)
        assert (np.abs(expected) == 0.3).any()
        np.testing.assert_allclose(parameter.value, before - 0.1 * expected, rtol=1e-12)


def test_frozen_parameters_and_biases_without_decay() -> None:
    own = parameters()
    own[0].is_trained = False
    own[1].decays = False
    start = [p.value.copy() for p in own]
    own[0].gradient[...] = 1
    optimizer = make_optimizer("adamw", weight_decay=0.5)
    optimizer.step(own, 0.1, 1.0, WORKERS)
    np.testing.assert_array_equal(own[0].value, start[0])
    np.testing.assert_array_equal(own[1].value, start[1])  # no gradient, no decay
    assert global_norm(own, WORKERS) == 0.0


def test_pieces_do_not_change_the_result(monkeypatch) -> None:
    from lmkit.neural.optimizers import base

    results = []
    for piece in (1 << 18, 8):
        monkeypatch.setattr(base, "PIECE", piece)
        own, optimizer = parameters(np.float32), make_optimizer("adam")
        for parameter, gradient in zip(own, gradients_of(1, np.float32), strict=True):
            parameter.gradient[...] = gradient
        optimizer.step(own, 0.1, 0.5, WORKERS)
        results.append([p.value.copy() for p in own])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resumed_training_ends_in_the_same_bits(name) -> None:
    def train(optimizer, own, steps):
        for step in steps:
            for parameter, gradient in zip(own, gradients_of(step, np.float32), strict=True):
                parameter.gradient[...] = gradient
            optimizer.step(own, 0.01, 0.5, WORKERS)
            if hasattr(optimizer, "validated"):
                optimizer.validated(100.0 + step)

    options = {"patience": 1} if name == "asgd" else {}
    whole, first = parameters(np.float32), parameters(np.float32)
    one, two = make_optimizer(name, **options), make_optimizer(name, **options)
    train(one, whole, range(1, 7))
    train(two, first, range(1, 4))
    again = optimizer_from_dict(two.to_dict())
    again.load_state({key: array.copy() for key, array in two.state().items()})
    train(again, first, range(4, 7))
    for parameter, other in zip(whole, first, strict=True):
        np.testing.assert_array_equal(parameter.value, other.value)
    assert set(one.state()) == set(again.state())
    for key, array in one.state().items():
        np.testing.assert_array_equal(array, again.state()[key])


@pytest.mark.parametrize("rate", [0, 0.0, -1.0, math.inf, math.nan, "fast", True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_impossible_learning_rates_are_refused_before_anything_changes(name, rate) -> None:
    own, optimizer = parameters(), make_optimizer(name)
    start = [p.value.copy() for p in own]
    with pytest.raises(InvalidParameterError, match="'learning_rate' parameter of .* must be a finite number above 0"):
        optimizer.step(own, rate, 1.0, WORKERS)
    assert all((p.value == before).all() for p, before in zip(own, start, strict=True))
    assert optimizer.state()["step"] == 0


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("sgd", {"momentum": 1.0}, "must be below 1"),
        ("sgd", {"nesterov": True}, "give momentum above 0"),
        ("adam", {"beta2": -0.1}, "'beta2'"),
        ("adamw", {"weight_decay": math.nan}, "'weight_decay'"),
        ("adam", {"epsilon": 0}, "'epsilon'"),
        ("rmsprop", {"smoothing": 1}, "must be below 1"),
        ("asgd", {"patience": 0}, "'patience'"),
        ("sgd", {"clip_value": 0}, "'clip_value'"),
        ("adagrad", {}, "one of 'sgd'"),
    ],
)
def test_bad_options(name, options, words) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        make_optimizer(name, **options)


def test_states_of_others_are_refused() -> None:
    own = parameters()
    adam, sgd = make_optimizer("adam"), make_optimizer("sgd")
    adam.step(own, 0.1, 1.0, WORKERS)
    with pytest.raises(FormatError, match="none of sgd's"):
        sgd.load_state(adam.state())
    with pytest.raises(FormatError, match="no count of steps"):
        sgd.load_state({})
    other = make_optimizer("adam")
    other.load_state(adam.state())
    with pytest.raises(FormatError, match="the parameter 3 of float64"):
        other.step([Parameter.of("a.bias", np.zeros(3))], 0.1, 1.0, WORKERS)
    with pytest.raises(FormatError, match="another version"):
        optimizer_from_dict({"name": "sgd", "colour": 3})


def test_norm_of_a_bad_gradient_is_not_finite() -> None:
    own = parameters()
    own[0].gradient[3, 2] = math.nan
    assert math.isnan(global_norm(own, WORKERS))
    own[0].gradient[3, 2] = math.inf
    assert math.isinf(global_norm(own, WORKERS))
