"""Encoders that read from both ends: gradients, padding, PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from lmkit.errors import FormatError, InvalidParameterError
from lmkit.neural.layers.bidirectional import BidirectionalEncoder
from lmkit.neural.workers import ThreadWorkers

STEPS, TEXTS, D, H = 5, 3, 4, 6
LENGTHS = np.array([3, 5, 1])
CELLS = ["lstm", "lstm-peephole", "gru", "gru-reset-before", "elman", "elman-relu", "qrnn"]


def made(cell: str, layers: int = 2, dtype: type = np.float64) -> BidirectionalEncoder:
    return BidirectionalEncoder(D, H, layers, cell, seed=2, scale=0.6, dtype=dtype)


def some_input(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(STEPS, TEXTS, D))


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_finite_differences(cell: str) -> None:
    encoder, x, slope = made(cell), some_input(), np.random.default_rng(1).normal(size=(STEPS, TEXTS, 2 * H))
    with ThreadWorkers(2) as workers:

        def value() -> float:
            return float((encoder.forward(x, LENGTHS, workers) * slope).sum())

        value()
        dx = encoder.backward(slope, workers)
        arrays = [("x", x, dx), *((each.name, each.value, each.gradient.copy()) for each in encoder.parameters)]
        rng = np.random.default_rng(3)
        for name, array, gradient in arrays:
            assert np.abs(gradient).max() > 1e-4, name
            flat = array.reshape(-1)
            for place in rng.choice(flat.size, min(flat.size, 10), replace=False):
                kept = flat[place]
                flat[place] = kept + 1e-5
                above = value()
                flat[place] = kept - 1e-5
                below = value()
                flat[place] = kept
                assert gradient.reshape(-1)[place] == pytest.approx((above - below) / 2e-5, abs=1e-7), (name, place)
    assert not dx[3:, 0].any()
    assert not dx[1:, 2].any()


def test_a_text_gets_the_same_with_padding_and_without() -> None:
    encoder, x = made("lstm"), some_input()
    with ThreadWorkers(2) as workers:
        together = encoder.forward(x, LENGTHS, workers, training=False)
        for text, length in enumerate(LENGTHS):
            alone = encoder.forward(x[:length, text : text + 1], np.array([length]), workers, training=False)
            assert np.array_equal(together[:length, text], alone[:, 0])
            assert not together[length:, text].any()
        with pytest.raises(InvalidParameterError, match="training=True"):
            encoder.backward(np.zeros((1, 1, 2 * H)), workers)


def test_a_turned_text_with_exchanged_directions_gives_the_turned_output() -> None:
    """What reads from the end is what reads from the beginning, the other way round."""
    encoder, other, x = made("gru", 1), made("gru", 1), some_input()
    for name, value in encoder.to_tensors().items():
        turned = name.removesuffix("_reverse") if name.endswith("_reverse") else name + "_reverse"
        mine = next((each for each in other.parameters if each.name == turned), None)
        if mine is not None:
            mine.value[...] = value
    for forward, backward in ((0, 1), (1, 0)):
        other.cells[0][forward].bias_n.value[:] = encoder.cells[0][backward].bias_n.value  # type: ignore[attr-defined]
    full = np.full(TEXTS, STEPS)
    with ThreadWorkers(1) as workers:
        y, found = encoder.forward(x, full, workers), other.forward(np.ascontiguousarray(x[::-1]), full, workers)
    np.testing.assert_allclose(found[::-1], np.roll(y, H, axis=2), atol=1e-14)
    assert not np.allclose(y[..., :H], y[..., H:])


@pytest.mark.peers
@pytest.mark.parametrize(("cell", "name"), [("lstm", "LSTM"), ("gru", "GRU"), ("elman", "RNN")])
def test_pytorch_gives_the_same(cell: str, name: str) -> None:
    torch = pytest.importorskip("torch")
    encoder, x = made(cell), some_input()
    module = getattr(torch.nn, name)(D, H, 2, bidirectional=True).double()
    module.load_state_dict({key.removeprefix("rnn."): torch.from_numpy(value.copy()) for key, value in encoder.to_tensors().items()})
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.from_numpy(x), torch.from_numpy(LENGTHS), enforce_sorted=False)
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(module(packed)[0])
    with ThreadWorkers(2) as workers:
        np.testing.assert_allclose(encoder.forward(x, LENGTHS, workers), expected.detach().numpy(), atol=1e-13)
        expected.sum().backward()
        encoder.backward(np.ones((STEPS, TEXTS, 2 * H)), workers)
    for parameter in encoder.parameters:
        if not parameter.name.startswith("rnn.bias_hn"):
            found = module.get_parameter(parameter.name.removeprefix("rnn.")).grad.numpy()
            np.testing.assert_allclose(parameter.gradient, found, atol=1e-12, err_msg=parameter.name)


def test_weights_are_taken_over_or_refused() -> None:
    encoder, other = made("lstm"), BidirectionalEncoder(D, H, 2, "lstm", seed=5, dtype=np.float64)
    with ThreadWorkers(1) as workers:
        expected = encoder.forward(some_input(), LENGTHS, workers)
        assert not np.allclose(other.forward(some_input(), LENGTHS, workers), expected)
        other.load_tensors(encoder.to_tensors())
        assert np.array_equal(other.forward(some_input(), LENGTHS, workers), expected)
        tensors = encoder.to_tensors()
        del tensors["rnn.weight_hh_l1_reverse"]
        with pytest.raises(FormatError, match="'rnn.weight_hh_l1_reverse' is missing"):
            other.load_tensors(tensors)
        for x, lengths in (
            (some_input()[..., :2], LENGTHS),
            (some_input(), LENGTHS[:2]),
            (some_input(), LENGTHS + 1),
            (some_input(), 0 * LENGTHS),
        ):
            with pytest.raises(InvalidParameterError, match="must be"):
                encoder.forward(x, lengths, workers)
    with pytest.raises(InvalidParameterError, match="predicts nothing"):
        made("jordan")
