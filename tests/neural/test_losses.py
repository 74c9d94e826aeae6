"""Output layers: the same checks for all. Loss against the float64 twin, gradients against finite differences, exact probabilities."""

from __future__ import annotations

import importlib.util
import itertools
import math

import numpy as np
import pytest
from reference import neural_losses_twin as twin

from lmkit.errors import InvalidParameterError
from lmkit.neural.interfaces import OutputRequest, Parameter
from lmkit.neural.losses import OUTPUTS, make_output, noise
from lmkit.neural.losses.noise import Proposal

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed (for cross-checks only)")

EXCLUDED = (1, 4)
V, H, R = 23, 6, 9
CASES = {
    "full": ("full", {}),
    "sampled": ("sampled", {"samples": 8}),
    "sampled-unigram": ("sampled", {"samples": 5, "proposal": "unigram", "power": 0.5}),
    "nce": ("nce", {"samples": 12, "log_normalizer": 0.3}),
    "nce-uniform": ("nce", {"samples": 5, "proposal": "uniform"}),
    "blackout": ("blackout", {"samples": 9}),
    "classes": ("classes", {}),
    "classes-9": ("classes", {"classes": 9}),
    "huffman": ("huffman", {}),
    "adaptive": ("adaptive", {"cutoffs": [5, 11], "division": 2.0}),
    "adaptive-chosen": ("adaptive", {}),
}


class OneThread:
    """Workers without threads."""

    count = 1

    def run(self, tasks):
        return [task() for task in tasks]


class ThreeParts(OneThread):
    """Cuts work as for three threads."""

    count = 3


def counts_of(size, seed=0):
    """Not sorted, with ids that never occur."""
    counts = np.random.default_rng(seed).zipf(1.5, size).clip(0, 10_000)
    counts[[0, 5]] = 0
    counts[list(EXCLUDED)] = 7
    return counts


def make(case, dtype=np.float64, size=V, width=H, tied=None, seed=3):
    name, options = CASES[case]
    request = OutputRequest(width, size, counts_of(size), EXCLUDED, tied_weight=tied, dtype=np.dtype(dtype), seed=seed, scale=0.5)
    output = make_output(name, request, **options)
    random = np.random.default_rng(7)
    for parameter in output.parameters:
        parameter.value += random.normal(size=parameter.value.shape).astype(dtype) * 0.3
        parameter.gradient[...] = math.nan  # must be overwritten
    return output


def batch(dtype=np.float64, size=V, width=H, rows=R, seed=1):
    random = np.random.default_rng(seed)
    possible = np.setdiff1d(np.arange(size), EXCLUDED)
    hidden = random.normal(size=(rows, width)).astype(dtype)
    targets = random.choice(possible, rows).astype(np.int32)
    targets[rows // 2] = targets[0]  # a word that occurs twice
    weights = random.uniform(0.5, 1.5, rows).astype(dtype)
    weights[2] = 0
    targets[2] = 0
    return hidden, targets, weights


def run(output, hidden, targets, weights, shards=1, workers=None, step=5):
    """(loss, gradient by hidden); the parameters hold theirs."""
    borders = [len(hidden) * i // shards for i in range(shards + 1)]
    output.start_step(targets, step)
    d_hidden, loss = np.full_like(hidden, math.nan), 0.0
    for shard, (a, b) in enumerate(itertools.pairwise(borders)):
        rows = slice(a, b)
        loss += output.forward_backward(shard, rows, hidden[rows], targets[rows], weights[rows], d_hidden[rows])
    output.weight_gradients(hidden, targets, workers or OneThread())
    return loss, d_hidden


def whole_gradient(parameter):
    """The gradient with zeros in the rows that are not named."""
    if parameter.rows is None:
        return parameter.gradient.copy()
    gradient = np.zeros_like(parameter.gradient)
    gradient[parameter.rows] = parameter.gradient[parameter.rows]
    assert (np.diff(parameter.rows) > 0).all()
    return gradient


def values(output):
    return {p.name: p.value.astype(np.float64) for p in output.parameters}


def twin_loss(case, output, hidden, targets, weights):
    named = values(output)
    if output.is_normalised_in_training:
        return twin.nll(twin_log_probs(case, output, hidden), targets, weights)
    if case.startswith("sampled"):
        inclusion = np.exp(output.proposal.log_inclusion(np.arange(V), output._draws))
        return twin.sampled_softmax(named, hidden, targets, weights, output._ids, inclusion)
    if case.startswith("nce"):
        noise = np.repeat(output._ids, output._copies.astype(int))
        assert len(noise) == output.samples
        return twin.noise_contrastive(named, hidden, targets, weights, noise, output.proposal.probabilities, output.log_normalizer)
    assert case == "blackout"
    return twin.blackout(named, hidden, targets, weights, output._ids, output.proposal.probabilities)


def twin_log_probs(case, output, hidden):
    named = values(output)
    if case.startswith("classes"):
        return twin.class_log_probs(named, hidden, V, np.split(output.order, output.class_starts[1:-1]))
    if case == "huffman":
        paths = {int(word): (output.tree.path(i), output.tree.code(i)) for i, word in enumerate(output.predicted)}
        return twin.tree_log_probs(named, hidden, V, paths)
    if case.startswith("adaptive"):
        return twin.adaptive_log_probs(named, hidden, V, output.order, output.cutoffs)
    return twin.flat_log_probs(values(output), hidden, EXCLUDED)


@pytest.mark.parametrize("case", CASES)
def test_loss_equals_the_twin(case) -> None:
    output, (hidden, targets, weights) = make(case), batch()
    output.begin(R, 1)
    loss, _ = run(output, hidden, targets, weights)
    assert loss == pytest.approx(twin_loss(case, output, hidden, targets, weights), rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_the_slopes_of_the_loss(case) -> None:
    output, (hidden, targets, weights) = make(case), batch()
    output.begin(R, 1)
    _, d_hidden = run(output, hidden, targets, weights)
    analytic = {p.name: whole_gradient(p) for p in output.parameters}
    arrays = {"hidden": hidden, **{p.name: p.value for p in output.parameters}}
    analytic["hidden"] = d_hidden
    width = 1e-5
    for name, array in arrays.items():
        numeric = np.empty(array.size)
        flat = array.reshape(-1)
        for i in range(array.size):
            kept = flat[i]
            flat[i] = kept + width
            above, _ = run(output, hidden, targets, weights)
            flat[i] = kept - width
            below, _ = run(output, hidden, targets, weights)
            flat[i] = kept
            numeric[i] = (above - below) / (2 * width)
        assert np.abs(numeric).max() > 1e-2, name
        np.testing.assert_allclose(analytic[name].reshape(-1), numeric, rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("case", CASES)
def test_rows_without_weight_teach_nothing(case) -> None:
    output, (hidden, targets, weights) = make(case), batch()
    output.begin(R, 1)
    _, d_hidden = run(output, hidden, targets, weights)
    assert (d_hidden[2] == 0).all()
    first = [whole_gradient(p) for p in output.parameters]
    hidden[2] = 100.0
    run(output, hidden, targets, weights)
    for gradient, parameter in zip(first, output.parameters, strict=True):
        np.testing.assert_array_equal(gradient, whole_gradient(parameter))


@pytest.mark.parametrize("case", CASES)
def test_shards_and_threads_do_not_matter(case) -> None:
    results = []
    for shards, workers in ((1, OneThread()), (3, ThreeParts())):
        output, (hidden, targets, weights) = make(case), batch()
        output.begin(R + 5, shards)
        loss, d_hidden = run(output, hidden, targets, weights, shards, workers)
        results.append((loss, d_hidden, [whole_gradient(p) for p in output.parameters]))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-10, atol=1e-14)
    for one, other in zip(results[0][2], results[1][2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_probabilities_are_exact(case) -> None:
    output, (hidden, targets, _) = make(case), batch()
    logs = output.log_probs(hidden)
    assert logs.dtype == np.float64
    assert logs.shape == (R, V)
    np.testing.assert_allclose(np.exp(logs).sum(1), 1.0, rtol=1e-12)
    assert np.isneginf(logs[:, EXCLUDED]).all()
    np.testing.assert_allclose(logs, twin_log_probs(case, output, hidden), rtol=1e-10)
    np.testing.assert_allclose(output.score(hidden, targets), logs[np.arange(R), targets], rtol=1e-12)
    if output.is_normalised_in_training:
        output.begin(R, 1)
        weights = np.ones(R)
        loss, _ = run(output, hidden, targets, weights)
        assert loss == pytest.approx(-output.score(hidden, targets).sum(), rel=1e-12)


WIDE = {"size": 301, "width": 45, "rows": 37}


@pytest.mark.parametrize("case", CASES)
def test_single_precision_is_close_to_double(case) -> None:
    """Sizes that fill vectors of 16 and 32 and leave a rest."""
    results = []
    for dtype in (np.float64, np.float32):
        output = make(case, dtype, WIDE["size"], WIDE["width"])
        hidden, targets, weights = batch(dtype, **WIDE)
        output.begin(len(hidden), 2)
        loss, d_hidden = run(output, hidden, targets, weights, 2)
        assert d_hidden.dtype == dtype
        gradients = [whole_gradient(p) for p in output.parameters]
        assert all(g.dtype == dtype for g in gradients)
        results.append((loss, d_hidden, gradients, output.log_probs(hidden)))
    (loss, d_hidden, gradients, logs), (loss32, d_hidden32, gradients32, logs32) = results
    assert loss32 == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(d_hidden32, d_hidden, rtol=1e-4, atol=1e-5 * np.abs(d_hidden).max())
    for one, other in zip(gradients, gradients32, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5 * np.abs(one).max())
    np.testing.assert_allclose(logs32, logs, atol=2e-5)
    np.testing.assert_allclose(np.exp(logs32).sum(1), 1.0, rtol=3e-6)


@pytest.mark.parametrize("case", CASES)
def test_a_row_scores_the_same_alone_and_among_others(case) -> None:
    output = make(case, np.float32, WIDE["size"], WIDE["width"])
    hidden, targets, _ = batch(np.float32, **WIDE)
    together, logs = output.score(hidden, targets), output.log_probs(hidden)
    for row in (0, 5, 36):
        one = slice(row, row + 1)
        assert output.score(hidden[one], targets[one])[0] == together[row]
        np.testing.assert_array_equal(output.log_probs(hidden[one])[0], logs[row])
    np.testing.assert_array_equal(output.score(hidden[3:10], targets[3:10]), together[3:10])
    assert output.score(hidden[:0], targets[:0]).shape == (0,)
    assert output.log_probs(hidden[:0]).shape == (0, WIDE["size"])


@pytest.mark.parametrize("case", CASES)
def test_gradients_repeat_with_the_seed_and_the_step(case) -> None:
    def gradients(step, seed):
        output, (hidden, targets, weights) = make(case, np.float32, seed=seed), batch(np.float32)
        output.begin(R, 1)
        run(output, hidden, targets, weights, step=1)
        loss, d_hidden = run(output, hidden, targets, weights, step=step)
        return loss, d_hidden, [p.value for p in output.parameters]

    one, two = gradients(5, 3), gradients(5, 3)
    assert one[0] == two[0]
    np.testing.assert_array_equal(one[1], two[1])
    assert any((a != b).any() for a, b in zip(one[2], gradients(5, 4)[2], strict=True))


@pytest.mark.parametrize("case", [case for case in CASES if OUTPUTS[CASES[case][0]].takes_tied_weight])
def test_tied_weights_get_a_dense_gradient(case) -> None:
    random = np.random.default_rng(11)
    tied = Parameter.of("encoder.weight", random.normal(size=(V, H)))
    own = make(case, tied=tied)
    assert tied not in own.parameters  # the embedding's own parameter
    free = make(case)
    free.weight.value[...] = tied.value
    free.bias.value[...] = own.bias.value
    hidden, targets, weights = batch()
    for output in (own, free):
        output.begin(R, 1)
        run(output, hidden, targets, weights)
    assert tied.rows is None
    np.testing.assert_allclose(tied.gradient, whole_gradient(free.weight), rtol=1e-12, atol=1e-15)
    with pytest.raises(InvalidParameterError, match="embedding of 23 x 6"):
        make(case, tied=Parameter.of("encoder.weight", np.zeros((V, H + 1))))


@pytest.mark.parametrize("case", [case for case in CASES if not OUTPUTS[CASES[case][0]].takes_tied_weight])
def test_tied_weights_are_refused_where_they_have_no_meaning(case) -> None:
    with pytest.raises(InvalidParameterError, match="share with the embedding"):
        make(case, tied=Parameter.of("encoder.weight", np.zeros((V, H))))


@pytest.mark.parametrize("case", CASES)
def test_an_output_can_be_made_again_from_its_record(case) -> None:
    import json

    output = make(case)
    record = json.loads(json.dumps(output.to_dict()))
    again = make_output(request=output.request, **record)
    assert {p.name: p.value.shape for p in again.parameters} == {p.name: p.value.shape for p in output.parameters}
    for parameter, other in zip(again.parameters, output.parameters, strict=True):
        parameter.value[...] = other.value
    hidden, _, _ = batch()
    np.testing.assert_array_equal(again.log_probs(hidden), output.log_probs(hidden))


@pytest.mark.parametrize("case", CASES)
def test_frozen_parameters_get_no_gradient(case) -> None:
    output, (hidden, targets, weights) = make(case), batch()
    output.begin(R, 1)
    for parameter in output.parameters:
        parameter.is_trained = False
        parameter.gradient[...] = 0
    _, d_hidden = run(output, hidden, targets, weights)
    assert np.abs(d_hidden).max() > 0
    assert all((p.gradient == 0).all() for p in output.parameters)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sure", [0, 22])  # in the first sixteen samples, and behind them
def test_blackout_of_a_sample_far_above_the_target_is_finite(sure, dtype) -> None:
    request = OutputRequest(H, V, counts_of(V), EXCLUDED, dtype=np.dtype(dtype))
    output = make_output("blackout", request, samples=V, proposal="uniform")
    output.weight.value[...] = 0
    output.bias.value[...] = 0
    output.bias.value[sure] = 40
    output.begin(1, 1)
    loss, d_hidden = run(output, np.ones((1, H), dtype), np.array([7], np.int32), np.ones(1, dtype))
    assert loss == pytest.approx(40 - math.log(1e-7), rel=1e-6)
    assert all(np.isfinite(found).all() for found in (d_hidden, whole_gradient(output.weight), whole_gradient(output.bias)))


def test_distinct_draws_are_the_first_of_a_sequence_of_draws() -> None:
    for size in (1, 8, 19):
        proposal = Proposal("test", "log-uniform", 1.0, counts_of(V), np.setdiff1d(np.arange(V), EXCLUDED))
        drawn = proposal.draw(np.random.default_rng(3), 10_000)
        first = np.sort(np.unique(drawn, return_index=True)[1])[:size]
        ids, draws = proposal.draw_distinct(np.random.default_rng(3), size)
        assert ids.tolist() == sorted(drawn[first].tolist())
        assert draws == first[-1] + 1


def test_distinct_draws_do_not_wait_for_words_that_hardly_come(monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = Proposal("test", "unigram", 1.0, np.geomspace(1e9, 1, 250).astype(np.int64), np.arange(250))
    made, draw = [], Proposal.draw
    monkeypatch.setattr(Proposal, "draw", lambda self, random, size: made.append(size) or draw(self, random, size))
    ids, draws = proposal.draw_distinct(np.random.default_rng(0), 200)
    assert len({*ids.tolist()}) == 200
    assert sum(made) <= 64 * 200
    assert draws > 1e6


def test_distinct_draws_beyond_patience_have_the_same_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = Proposal("test", "unigram", 1.0, np.array([40, 20, 8, 4, 2, 1]), np.arange(6))
    found = []
    for most in (10**9, 2, 0):
        monkeypatch.setattr(noise, "_MOST_DRAWS", most)
        random = np.random.default_rng(1)
        trials = [proposal.draw_distinct(random, 4) for _ in range(6000)]
        included = np.bincount(np.concatenate([ids for ids, _ in trials]), minlength=6) / len(trials)
        taken = np.array([draws for _, draws in trials])
        found.append([*included, np.log(taken).mean(), np.log(taken).std(), (np.log(taken) * [5 in ids for ids, _ in trials]).mean()])
    np.testing.assert_allclose(found[1], found[0], atol=0.035)
    np.testing.assert_allclose(found[2], found[0], atol=0.035)


def test_sampling_all_words_is_the_full_softmax() -> None:
    CASES["sampled-all"] = ("sampled", {"samples": 1000})
    try:
        sampled, full, (hidden, targets, weights) = make("sampled-all"), make("full"), batch()
    finally:
        del CASES["sampled-all"]
    results = []
    for output in (sampled, full):
        output.begin(R, 2)
        loss, d_hidden = run(output, hidden, targets, weights, 2)
        results.append((loss, d_hidden, [whole_gradient(p) for p in output.parameters]))
    (loss, d_hidden, gradients), (full_loss, full_d_hidden, full_gradients) = results
    assert loss == pytest.approx(full_loss, rel=1e-12)
    np.testing.assert_allclose(d_hidden, full_d_hidden, rtol=1e-10, atol=1e-14)
    for one, other in zip(gradients, full_gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("case", ["classes", "huffman", "adaptive"])
def test_starts_from_the_unigram_distribution(case) -> None:
    """With all vectors zero the biases alone give the shares of counts + 1 (in a tail of the adaptive softmax: uniform)."""
    name, options = CASES[case]
    output = make_output(name, OutputRequest(H, V, counts_of(V), EXCLUDED, dtype=np.dtype(np.float64), scale=0.0), **options)
    shares = counts_of(V) + 1.0
    shares[list(EXCLUDED)] = 0
    shares /= shares.sum()
    if case == "adaptive":
        for a, b in ((5, 11), (11, V - 2)):
            shares[output.order[a:b]] = shares[output.order[a:b]].mean()
    np.testing.assert_allclose(np.exp(output.log_probs(np.ones((2, H)))), [shares, shares], rtol=1e-10)


@pytest.mark.parametrize("classes", [1, 2, 7, V - 2])
def test_classes_are_a_partition_with_frequent_words_in_small_ones(classes) -> None:
    output = make_output("classes", OutputRequest(H, V, counts_of(V), EXCLUDED), classes=classes)
    sizes = np.diff(output.class_starts)
    assert sizes.sum() == V - 2
    assert len(sizes) == classes
    assert sizes.min() >= 1
    assert (np.diff(counts_of(V)[output.order]) <= 0).all()
    np.testing.assert_array_equal(np.sort(output.order), np.setdiff1d(np.arange(V), EXCLUDED))
    if classes == 7:
        assert sizes[0] < sizes[-1]


def test_one_cutoff_needs_no_list() -> None:
    request = OutputRequest(H, V, counts_of(V), EXCLUDED)
    assert make_output("adaptive", request, cutoffs=5).cutoffs == make_output("adaptive", request, cutoffs=[5]).cutoffs == (5,)


def test_chosen_cutoffs_are_the_cheapest() -> None:
    from lmkit.neural.losses.adaptive import cheapest_cutoffs

    shares = 1 / np.arange(1, 2001)
    shares /= shares.sum()

    def cost(cutoffs):
        borders = [*cutoffs, 2000]
        total = (cutoffs[0] + len(cutoffs)) * 64.0
        for i in range(len(cutoffs)):
            width = max(1, 64 // 4 ** (i + 1))
            total += shares[borders[i] : borders[i + 1]].sum() * width * (64 + borders[i + 1] - borders[i])
        return total

    chosen = cheapest_cutoffs(shares, 64)
    assert len(chosen) == 1  # a second tail would have 4 dimensions
    assert shares[: chosen[0]].sum() >= 0.8
    assert cost(chosen) < min(cost([600]), cost([1000]), cost([1999]))
    wide = cheapest_cutoffs(shares, 512)
    assert len(wide) == 2  # of 128 and 32 dimensions; a third would have 8
    assert shares[: wide[0]].sum() >= 0.8
    assert cheapest_cutoffs(np.array([0.5, 0.5]), 64) == [1]


@needs_torch
def test_adaptive_softmax_equals_torch() -> None:
    import torch

    output, (hidden, targets, _) = make("adaptive"), batch()
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(H, V - 2, list(output.cutoffs), div_value=2.0, head_bias=True, dtype=torch.float64)
    theirs.load_state_dict({p.name: torch.tensor(p.value) for p in output.parameters})
    h = torch.tensor(hidden, requires_grad=True)
    rank = np.zeros(V, np.int64)
    rank[output.order] = np.arange(V - 2)
    scored = theirs(h, torch.tensor(rank[targets]))
    scored.loss.backward()
    np.testing.assert_allclose(output.score(hidden, targets), scored.output.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(output.log_probs(hidden)[:, output.order], theirs.log_prob(h).detach().numpy(), rtol=1e-10)
    output.begin(R, 2)
    loss, d_hidden = run(output, hidden, targets, np.full(R, 1 / R), 2)
    assert loss == pytest.approx(float(scored.loss.detach()), rel=1e-12)
    np.testing.assert_allclose(d_hidden, h.grad.numpy(), rtol=1e-9, atol=1e-13)
    gradients = {name: parameter.grad.numpy() for name, parameter in theirs.named_parameters()}
    for parameter in output.parameters:
        np.testing.assert_allclose(parameter.gradient, gradients[parameter.name], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("adaptive", {"cutoffs": [5, 5]}, "rising whole numbers from 1 to 20"),
        ("adaptive", {"cutoffs": []}, "rising whole numbers"),
        ("adaptive", {"cutoffs": [5, 21]}, "rising whole numbers"),
        ("adaptive", {"cutoffs": [2.5]}, "rising whole numbers"),
        ("adaptive", {"division": 0.5}, "'division'"),
        ("classes", {"classes": 0}, "'classes'"),
        ("classes", {"classes": V}, "'classes'"),
        ("sampled", {"samples": 0}, "'samples'"),
        ("sampled", {"proposal": "zipf"}, "'log-uniform', 'unigram', 'uniform'"),
        ("nce", {"power": 1.5}, "'power'"),
        ("nce", {"log_normalizer": math.inf}, "'log_normalizer'"),
    ],
)
def test_bad_options(name, options, words) -> None:
    with pytest.raises(InvalidParameterError, match=words):
        make_output(name, OutputRequest(H, V, counts_of(V), EXCLUDED), **options)


def test_bad_requests() -> None:
    with pytest.raises(InvalidParameterError, match="one of 'full'"):
        make_output("fuller", OutputRequest(H, V, counts_of(V)))
    with pytest.raises(InvalidParameterError, match="one count a token"):
        make_output("full", OutputRequest(H, V, counts_of(V + 1)))
    with pytest.raises(InvalidParameterError, match="at least two tokens"):
        make_output("full", OutputRequest(H, 2, np.array([3, 4]), (1,)))
    with pytest.raises(InvalidParameterError, match="must be in the vocabulary"):
        make_output("full", OutputRequest(H, V, counts_of(V), (V,)))


@needs_torch
def test_full_softmax_equals_torch() -> None:
    import torch

    output, (hidden, targets, weights) = make("full"), batch()
    output.begin(R, 1)
    loss, d_hidden = run(output, hidden, targets, weights)
    weight = torch.tensor(output.parameters[0].value, requires_grad=True)
    bias = torch.tensor(output.parameters[1].value, requires_grad=True)
    h = torch.tensor(hidden, requires_grad=True)
    mask = torch.zeros(V, dtype=torch.float64)
    mask[list(EXCLUDED)] = -math.inf
    losses = torch.nn.CrossEntropyLoss(reduction="none")(h @ weight.T + bias + mask, torch.tensor(targets).long())
    total = (losses * torch.tensor(weights)).sum()
    total.backward()
    assert loss == pytest.approx(float(total.detach()), rel=1e-12)
    for own, theirs in ((d_hidden, h), (output.parameters[0].gradient, weight), (output.parameters[1].gradient, bias)):
        np.testing.assert_allclose(own, theirs.grad.numpy(), rtol=1e-9, atol=1e-13)
