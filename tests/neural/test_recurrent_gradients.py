"""Every gradient of every cell: against finite differences, against the plain twin, and against PyTorch where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from reference import neural_twin

from lmkit.errors import InvalidParameterError
from lmkit.neural.architecture import Architecture
from lmkit.neural.batching import ContiguousStreams, TrainingText, padded_batches
from lmkit.neural.interfaces import make_shards
from lmkit.neural.layers import CELLS, get_cell
from lmkit.neural.layers.dropout import Dropout
from lmkit.neural.recurrent import RecurrentNetwork
from lmkit.neural.workers import ThreadWorkers

VOCABULARY, TEXTS, STEPS = 11, 3, 4  # unequal, and unlike all sizes of layers


def make(cell: str, dtype: type = np.float64, excluded: tuple[int, ...] = (), **shape) -> tuple[RecurrentNetwork, list]:
    layers = 1 if get_cell(cell).is_alone else 2
    architecture = Architecture(cell=cell, **{"layers": layers, "hidden": 5, "embedding": 7, "scale": 0.6, **shape})
    network = RecurrentNetwork(architecture, np.ones(VOCABULARY, np.int64), excluded, 3, dtype)
    network.begin(TEXTS * STEPS, TEXTS, 2)
    for parameter in network.parameters:  # what begins at zero or one shows nothing
        if parameter.name.startswith("initial"):
            parameter.value[:] = np.random.default_rng(5).normal(size=parameter.value.shape) / 2
    ids = np.random.default_rng(0).integers(2, VOCABULARY, 3 * TEXTS * STEPS).astype(np.int32)
    text = TrainingText(ids, np.array([0, len(ids)]), 2)
    return network, list(ContiguousStreams(text, TEXTS, STEPS, 2).batches(0))


def full_gradient(parameter) -> np.ndarray:
    """The gradient with the rows that are not named set to zero, as they mean."""
    gradient = parameter.gradient.copy()
    if parameter.rows is not None:
        gradient[np.setdiff1d(np.arange(len(gradient)), parameter.rows)] = 0
    return gradient


def check_by_differences(network: RecurrentNetwork, batch, workers) -> None:
    carried = [array.copy() for array in network.carried_arrays().values()]

    def loss() -> float:
        for array, value in zip(network.carried_arrays().values(), carried, strict=True):
            array[...] = value
        return network.train_step(batch, 0, workers) + network.penalties.total

    loss()
    gradients = {parameter.name: full_gradient(parameter) for parameter in network.parameters}
    rng = np.random.default_rng(1)
    for parameter in network.parameters:
        flat, gradient = parameter.value.reshape(-1), gradients[parameter.name].reshape(-1)
        if not parameter.name.startswith("initial") or not batch.continues:
            assert np.abs(gradient).max() > 1e-6, parameter.name
        for place in rng.choice(flat.size, min(flat.size, 12), replace=False):
            kept, width = flat[place], 1e-5
            flat[place] = kept + width
            above = loss()
            flat[place] = kept - width
            below = loss()
            flat[place] = kept
            assert gradient[place] == pytest.approx((above - below) / (2 * width), abs=2e-9), (parameter.name, place)


DROPS = [Dropout(), Dropout(0.3, 0.2, 0.4, 0.3, 0.25), Dropout(0.3, 0.2, 0.4, 0.0, 0.0, True)]


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_finite_differences(cell: str) -> None:
    with ThreadWorkers(2) as workers:
        for number, drop in enumerate(DROPS):
            network, batches = make(cell, excluded=(1,), initial_state="learned", dropout=drop)
            check_by_differences(network, batches[0], workers)
            if number == 0:
                check_by_differences(network, batches[1], workers)


def test_gradients_of_tied_weights() -> None:
    with ThreadWorkers(1) as workers:
        network, batches = make("gru", embedding=5, tied=True)
        check_by_differences(network, batches[0], workers)
        network, batches = make("lstm", tied=True, layers=3)  # the last of three layers is as wide as the embedding
        assert [layer.hidden_size for layer in network.layers] == [5, 5, 7]
        check_by_differences(network, batches[0], workers)


@pytest.mark.parametrize(("activation", "temporal"), [(2.0, 0.0), (0.0, 1.5), (2.0, 1.5)])
def test_gradients_of_penalties(activation: float, temporal: float) -> None:
    drop = Dropout(between=0.2, output=0.4)
    with ThreadWorkers(2) as workers:
        network, batches = make("lstm", dropout=drop, activation_penalty=activation, temporal_penalty=temporal)
        for batch in batches[:2]:
            check_by_differences(network, batch, workers)
        assert network.penalties.total > 0


def test_penalties_are_means_over_rows_that_count() -> None:
    text = TrainingText(np.array([3, 4, 5, 6, 2, 7, 2], np.int32), np.array([0, 5, 7]), 2)  # sentences of 5 and 2 tokens
    batch, _ = next(padded_batches(text, np.array([0, 1]), STEPS, 2))
    with ThreadWorkers(1) as workers:
        network, _ = make("gru", layers=1, activation_penalty=2.0, temporal_penalty=3.0)
        loss = network.train_step(batch, 0, workers)
        found = network.penalties.total
        network.pack_for_reading()
        squares = changes = 0.0
        for shard, count in zip(batch.shards, (4, 2), strict=True):
            h = network.read(batch.inputs[shard.rows], network.zero_states(TEXTS), shard)[:count]
            squares, changes = squares + (h**2).sum(), changes + (np.diff(h, axis=0) ** 2).sum()
        assert found == pytest.approx(2 * squares / (6 * 5) + 3 * changes / (4 * 5), rel=1e-6)
        plain, _ = make("gru", layers=1)
        assert plain.train_step(batch, 0, workers) == loss  # the loss that is told has no penalty in it
        assert plain.penalties.total == 0


@pytest.mark.parametrize("tied", [False, True])
def test_gradients_through_the_table_of_a_small_vocabulary(tied: bool) -> None:
    rows = 4 * VOCABULARY + 4
    network, _ = make("lstm", embedding=5 if tied else 7, tied=tied, dropout=Dropout(between=0.3, output=0.2))
    network.begin(rows, TEXTS + 1, 2)
    assert network._table is not None
    ids = np.random.default_rng(0).integers(2, VOCABULARY, rows).astype(np.int32)
    batch = next(ContiguousStreams(TrainingText(ids, np.array([0, rows]), 2), TEXTS + 1, rows // (TEXTS + 1), 2).batches(0))
    with ThreadWorkers(2) as workers:
        check_by_differences(network, batch, workers)


@pytest.mark.parametrize("cell", neural_twin.CELLS)
def test_loss_and_gradients_are_those_of_the_twin(cell: str) -> None:
    network, batches = make(cell)
    weights = {parameter.name: parameter.value for parameter in network.parameters}
    states = [[[np.zeros(size) for size in layer.state_sizes] for layer in network.layers] for _ in range(TEXTS)]
    with ThreadWorkers(2) as workers:
        for step, batch in enumerate(batches[:2]):  # the second goes on from the first
            loss = network.train_step(batch, step, workers)
            expected, totals = 0.0, {name: np.zeros_like(value) for name, value in weights.items()}
            for shard in batch.shards:
                inputs = batch.inputs[shard.rows].reshape(shard.steps, shard.n_texts)
                targets = batch.targets[shard.rows].reshape(shard.steps, shard.n_texts)
                for place, text in enumerate(range(shard.texts.start, shard.texts.stop)):
                    found, gradients, states[text] = neural_twin.loss_and_gradients(
                        cell, weights, 2, inputs[:, place], targets[:, place], states[text]
                    )
                    expected += found / batch.tokens
                    for name, value in gradients.items():
                        totals[name] += value / batch.tokens
            assert loss == pytest.approx(expected, rel=1e-12)
            for parameter in network.parameters:
                np.testing.assert_allclose(full_gradient(parameter), totals[parameter.name], atol=1e-13, err_msg=parameter.name)


def test_a_jordan_net_feeds_back_the_mean_output_vector() -> None:
    network, batches = make("jordan")
    weights = {parameter.name: parameter.value for parameter in network.parameters}
    with ThreadWorkers(1) as workers:
        loss = network.train_step(batches[0], 0, workers)
    shard = batches[0].shards[0]  # of one text
    inputs, targets = batches[0].inputs[shard.rows], batches[0].targets[shard.rows]
    assert shard.n_texts == 1
    found = neural_twin.jordan_losses(weights, inputs, targets)
    network.pack_for_reading()
    states = network.zero_states(1)
    hidden = network.read(inputs, states, shard)
    np.testing.assert_allclose(-network.output.score(hidden, targets), found, rtol=1e-9)
    assert loss > 0
    with pytest.raises(InvalidParameterError, match="has one layer"):
        Architecture(cell="jordan", layers=2)
    with pytest.raises(InvalidParameterError, match="full softmax"):
        make("jordan", output="classes")


def test_a_qrnn_is_a_convolution_and_a_pooling() -> None:
    """Bradbury et al. (2017), equations 2 and 4, over a whole text, from the tensors of a file."""
    network, _ = make("qrnn", layers=1)
    ids = np.random.default_rng(2).integers(2, VOCABULARY, STEPS * TEXTS).astype(np.int32)
    shard = make_shards(len(ids), 1, 1)[0]
    network.pack_for_reading()
    found = network.read(ids, network.zero_states(1), shard)
    tensors = network.to_tensors()
    x = np.vstack([np.zeros(7), tensors["encoder.weight"][ids]])
    pairs = np.stack([x[:-1], x[1:]])  # two taps, earlier first, as Conv1d has them
    a = np.einsum("gdk,ktd->tg", tensors["rnn.conv_l0.weight"], pairs) + tensors["rnn.conv_l0.bias"]
    z, f, o = np.tanh(a[:, :5]), 1 / (1 + np.exp(-a[:, 5:10])), 1 / (1 + np.exp(-a[:, 10:]))
    c = np.zeros(5)
    for t in range(len(ids)):
        c = f[t] * c + (1 - f[t]) * z[t]
        np.testing.assert_allclose(found[t], o[t] * c, atol=1e-12)


def test_zoneout_holds_cells() -> None:
    network, batches = make("qrnn", layers=1, hidden=400, dropout=Dropout(recurrent=0.3))
    layer = network.layers[0]
    forgotten = []
    with ThreadWorkers(2) as workers:
        for step in (0, 1):
            network.train_step(batches[0], step, workers)
            cells, first = layer.cells, layer.first_cells
            held = [
                cells[shard.rows].reshape(STEPS, -1, 400)
                == np.concatenate([first[None, shard.texts], cells[shard.rows].reshape(STEPS, -1, 400)[:-1]])
                for shard in batches[0].shards
            ]
            forgotten.append(np.concatenate(held, 1))
    assert forgotten[0].mean() == pytest.approx(0.3, abs=0.04)
    assert (forgotten[0] != forgotten[1]).mean() == pytest.approx(2 * 0.3 * 0.7, abs=0.05)  # drawn anew
    network.pack_for_reading()
    states = network.zero_states(1)
    network.read(batches[0].inputs[:STEPS], states, make_shards(STEPS, 1, 1)[0])
    assert not (layer.cells[1:STEPS] == layer.cells[: STEPS - 1]).any()


def test_float32_stays_near_float64() -> None:
    for cell in ("lstm", "gru", "qrnn"):
        found = {}
        for dtype in (np.float32, np.float64):
            network, batches = make(cell, dtype)
            with ThreadWorkers(2) as workers:
                network.train_step(batches[0], 0, workers)
            found[dtype] = {parameter.name: full_gradient(parameter) for parameter in network.parameters}
        for name, value in found[np.float64].items():
            np.testing.assert_allclose(found[np.float32][name], value, atol=2e-6 * max(1, np.abs(value).max()), err_msg=name)


def test_masks_do_not_depend_on_the_number_of_shards() -> None:
    gradients = []
    for shards in (1, 3):
        network, _ = make("lstm", dropout=Dropout(0.3, 0.2, 0.4))
        network.begin(TEXTS * STEPS, TEXTS, shards)
        ids = np.random.default_rng(0).integers(2, VOCABULARY, 3 * TEXTS * STEPS).astype(np.int32)
        batch = next(ContiguousStreams(TrainingText(ids, np.array([0, len(ids)]), 2), TEXTS, STEPS, shards).batches(0))
        with ThreadWorkers(shards) as workers:
            network.train_step(batch, 0, workers)
        gradients.append(network.layers[0].w_hh.gradient.copy())
    np.testing.assert_allclose(gradients[0], gradients[1], atol=1e-14)


TORCH = {"lstm": "LSTM", "gru": "GRU", "elman": "RNN", "elman-relu": "RNN"}


@pytest.mark.peers
@pytest.mark.parametrize("cell", TORCH)
def test_loss_and_gradients_are_those_of_pytorch(cell: str) -> None:
    torch = pytest.importorskip("torch")
    network, batches = make(cell)
    options = {"nonlinearity": "relu"} if cell == "elman-relu" else {}
    rnn = getattr(torch.nn, TORCH[cell])(7, 5, 2, **options).double()
    tensors = {name: torch.from_numpy(value.copy()) for name, value in network.to_tensors().items()}
    rnn.load_state_dict({name.removeprefix("rnn."): value for name, value in tensors.items() if name.startswith("rnn.")})
    encoder, decoder, bias = (tensors[name].requires_grad_() for name in ("encoder.weight", "decoder.weight", "decoder.bias"))
    with ThreadWorkers(1) as workers:
        batch = batches[0]
        inputs = np.concatenate([batch.inputs[s.rows].reshape(s.steps, s.n_texts) for s in batch.shards], 1)
        targets = np.concatenate([batch.targets[s.rows].reshape(s.steps, s.n_texts) for s in batch.shards], 1)
        scores = rnn(encoder[torch.from_numpy(inputs).long()])[0] @ decoder.T + bias
        loss = torch.nn.functional.cross_entropy(scores.reshape(-1, VOCABULARY), torch.from_numpy(targets).long().reshape(-1))
        loss.backward()
        assert network.train_step(batch, 0, workers) == pytest.approx(loss.item(), rel=1e-12)
    found = {parameter.name: full_gradient(parameter) for parameter in network.parameters}
    np.testing.assert_allclose(found["encoder.weight"], encoder.grad.numpy(), atol=1e-14)
    np.testing.assert_allclose(found["decoder.weight"], decoder.grad.numpy(), atol=1e-14)
    for name, parameter in rnn.named_parameters():
        if f"rnn.{name}" in found:
            np.testing.assert_allclose(found[f"rnn.{name}"], parameter.grad.numpy(), atol=1e-14, err_msg=name)
    if cell == "gru":
        np.testing.assert_allclose(found["rnn.bias_hn_l1"], rnn.bias_hh_l1.grad.numpy()[10:], atol=1e-14)
