"""Norms of gradients: against finite differences, and what the literature says of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lmkit.errors import InputError, InvalidParameterError
from lmkit.neural import inspection
from lmkit.neural.layers.dropout import Dropout
from lmkit.neural.penalties import Penalties

HIDDEN, TEXTS, STEPS = 6, 3, 4


@pytest.fixture(scope="module")
def network():
    return inspection.fresh_network("elman", HIDDEN, vocabulary_size=9, radius=0.9, dtype=np.float64)


def test_norms_are_those_of_finite_differences(network) -> None:
    """The loss of the last token, computed by hand from a state k steps back, moved a little in each direction."""
    texts = inspection.random_texts(network, TEXTS, inspection.window_length(STEPS))
    (curve,) = inspection.gradients_through_time(network, texts, "elman")
    layer = network.layers[0]

    def last_loss(h, tokens):
        for token in tokens[:-1]:
            h = np.tanh(layer.w_ih.value @ network.embedding.weight.value[token] + layer.w_hh.value @ h + layer.bias.value)
        return -network.output.log_probs(h[None])[0, tokens[-1]]

    for distance, norm in zip(curve.distances, curve.norms, strict=True):
        expected = []
        for text in texts:
            h = np.zeros(HIDDEN)
            for token in text[: -distance - 1]:
                h = np.tanh(layer.w_ih.value @ network.embedding.weight.value[token] + layer.w_hh.value @ h + layer.bias.value)
            tokens, width = text[-distance - 1 :], 1e-6
            slopes = [(last_loss(h + e, tokens) - last_loss(h - e, tokens)) / (2 * width) for e in width * np.eye(HIDDEN)]
            expected.append(np.linalg.norm(slopes))
        assert norm == pytest.approx(np.mean(expected), rel=1e-6)
        assert norm > 0
    assert curve.distances == [1, 2, 3, 4]


def test_radius_decides_between_vanishing_and_exploding() -> None:
    factors = {}
    for radius in (0.5, 2.0):
        network = inspection.fresh_network("elman-relu", 32, radius=radius)
        weight = network.layers[0].w_hh.value
        assert np.abs(np.linalg.eigvals(weight)).max() == pytest.approx(radius, rel=1e-5)
        (curve,) = inspection.gradients_through_time(
            network, inspection.random_texts(network, 4, inspection.window_length(30)), "x", clip=0.5
        )
        factors[radius] = curve.factor_a_step
        assert curve.clip_factor == pytest.approx(min(1.0, 0.5 / curve.gradient_norm))
    assert factors[0.5] < 0.6
    assert factors[2.0] > 1.1
    assert curve.clip_factor < 1


def test_dropout_and_penalties_stay_out_and_come_back(network) -> None:
    texts = inspection.random_texts(network, TEXTS, inspection.window_length(STEPS))
    (plain,) = inspection.gradients_through_time(network, texts, "elman")
    kept = network.architecture, network.penalties, network.embedding.words_dropped
    penalties = Penalties(2.0, 1.0)
    network.architecture = dataclasses.replace(network.architecture, dropout=Dropout(input=0.5, output=0.5))
    network.penalties, network.embedding.words_dropped = penalties, 0.5
    try:
        (found,) = inspection.gradients_through_time(network, texts, "elman")
        assert network.architecture.dropout.input == 0.5
        assert network.penalties is penalties
        assert network.embedding.words_dropped == 0.5
    finally:
        network.architecture, network.penalties, network.embedding.words_dropped = kept
    assert found.norms == pytest.approx(plain.norms, rel=1e-12)
    assert found.gradient_norm == pytest.approx(plain.gradient_norm, rel=1e-12)


def test_stacks_vanish_and_hold_as_the_literature_says() -> None:
    """A sigmoid's slope is at most 1/4: at most (spectral norm)/4 a layer. He's weights keep rectified stacks level."""
    sigmoid = inspection.gradients_through_depth("sigmoid", layers=20, hidden=64)
    assert sigmoid.distances == list(range(21))
    assert sigmoid.norms[0] == pytest.approx(1.0)
    assert 0.1 < sigmoid.factor_a_step < 0.5
    for activation in ("relu", "leaky-relu"):
        level = inspection.gradients_through_depth(activation, layers=20, hidden=256, initial="he")
        assert 0.9 < level.factor_a_step < 1.1
        falling = inspection.gradients_through_depth(activation, layers=20, hidden=256)
        assert falling.factor_a_step == pytest.approx(0.5**0.5, abs=0.05)  # half of the units pass, Glorot's variance is 1 / H


def test_depth_is_the_product_of_jacobians() -> None:
    """Two layers of tanh, by finite differences of v . a_2."""
    random = np.random.default_rng(5)
    limit = np.sqrt(3.0 / 4)
    weights = [random.uniform(-limit, limit, (4, 4)) for _ in range(2)]
    a0 = random.normal(size=(1, 4))
    v = random.normal(size=(1, 4))
    v /= np.linalg.norm(v)

    def top(a):
        for weight in weights:
            a = np.tanh(a @ weight.T)
        return float((a * v).sum())

    slopes = [(top(a0 + e) - top(a0 - e)) / 2e-6 for e in 1e-6 * np.eye(4)]
    curve = inspection.gradients_through_depth("tanh", layers=2, hidden=4, texts=1, seed=5)
    assert curve.norms[2] == pytest.approx(np.linalg.norm(slopes), rel=1e-6)


def test_the_factor_of_a_gradient_that_float32_can_not_hold_to_its_end() -> None:
    network = inspection.fresh_network("elman", 16, radius=0.1)
    short, long = (
        inspection.gradients_through_time(network, inspection.random_texts(network, 4, inspection.window_length(steps)), "")[0]
        for steps in (15, 90)
    )
    assert long.norms[-1] == 0
    assert long.factor_a_step == pytest.approx(short.factor_a_step, abs=0.02)


def test_pictures_and_bad_input(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    curves = [inspection.Curve("a", [1, 2, 4], [1.0, 10.0, 1000.0], 50.0, 0.02), inspection.Curve("b", [1, 2, 4], [1.0, 1e-9, 0.0])]
    assert curves[0].factor_a_step == pytest.approx(10.0)
    assert curves[1].factor_a_step == pytest.approx(1e-9)  # up to where there is something left
    assert inspection.Curve("c", [1, 2], [1.0, 0.0]).factor_a_step == 0.0
    inspection.plot_curves(curves, tmp_path / "g.svg", title="t", distance="d")
    assert "a, clipped" in (tmp_path / "g.svg").read_text() or (tmp_path / "g.svg").stat().st_size > 5000
    with pytest.raises(InputError, match="need 12"):
        inspection.windows_of(np.arange(11), 2, 12)
    with pytest.raises(InvalidParameterError, match="elman:1.5"):
        inspection.parse_cell("elman:big")
    with pytest.raises(InvalidParameterError, match="'sigmoid'"):
        inspection.gradients_through_depth("step")
    with pytest.raises(InvalidParameterError, match="'radius'"):
        inspection.fresh_network("elman", 4, radius=0.0)
    with pytest.raises(InvalidParameterError, match="qrnn cell has no recurrent matrix"):
        inspection.fresh_network("qrnn", 4, radius=1.0)
