"""Choosing words from 8-bit scores: the bounds hold, and what is chosen is what exact scores choose."""

import numpy as np
import pytest

from lmkit.neural.interfaces import OutputRequest
from lmkit.neural.losses import make_output
from lmkit.sampling import Decoding, choose_from

EXCLUDED = (1, 4)


def an_output(words, size, scale=0.5, seed=0, name="full"):
    request = OutputRequest(size, words, np.arange(words)[::-1].astype(np.int64), EXCLUDED, seed=seed, scale=scale)
    return make_output(name, request)


def some_hidden(rows, size, seed=1, scale=1.0):
    return (scale * np.tanh(np.random.default_rng(seed).standard_normal((rows, size)))).astype(np.float32)


@pytest.mark.parametrize(("words", "size", "scale"), [(23, 6, 0.5), (64, 7, 3.0), (301, 45, 0.02), (1000, 200, 0.3)])
@pytest.mark.parametrize("unusual", ["nothing", "rows of zeros and of one large weight", "hidden vectors of zeros and of one large entry"])
def test_bounds_hold_and_are_narrow(words, size, scale, unusual) -> None:
    output, hidden = an_output(words, size, scale), some_hidden(5, size)
    if unusual.startswith("rows"):
        output.weight.value[3] = 0
        output.weight.value[5, 2] = 1000
    elif unusual.startswith("hidden"):
        hidden[1] = 0
        hidden[2, 3] = 1e4
    seen = output.screen().look(hidden)
    exact = hidden.astype(np.float64) @ output.weight.value.T.astype(np.float64) + output.bias.value
    possible = output.predicted
    assert (seen.lower[:, possible] <= exact[:, possible]).all()
    assert (seen.upper[:, possible] >= exact[:, possible]).all()
    assert (seen.upper[:, EXCLUDED] < -1e38).all()
    width = (seen.upper - seen.lower)[:, possible]
    lengths = np.linalg.norm(hidden, axis=1)[:, None] * np.linalg.norm(output.weight.value, axis=1)[possible]
    relative = 0.1 if unusual == "nothing" else 1.2  # one large weight leaves the others of its row no digits
    assert (width <= relative * lengths + 1e-4).all()


@pytest.mark.parametrize("keep", [1, 3, 40, 1000])
def test_the_likeliest_words_are_found_with_their_exact_scores(keep) -> None:
    output, hidden = an_output(301, 45), some_hidden(6, 45)
    exact, refused = output.log_probs(hidden), np.array([1, 0, 9], np.int64)
    exact[:, refused] = -np.inf
    seen = output.screen().look(hidden)
    for row in range(6):
        ids, scores = seen.likeliest(row, keep, refused)
        best = np.argsort(-exact[row], kind="stable")[: min(keep, np.isfinite(exact[row]).sum())]
        assert set(best) <= set(ids.tolist())
        assert (np.diff(ids) > 0).all()
        shift = exact[row, ids] - scores  # what a row's scores are normalised with
        np.testing.assert_allclose(shift, shift[0], rtol=0, atol=1e-12)  # to the bit, but for the last subtraction


@pytest.mark.parametrize("decoding", [Decoding(argmax=True), Decoding(top_k=5), Decoding(top_k=9, top_p=0.6, temperature=0.7)])
def test_choices_are_those_of_the_exact_distribution(decoding) -> None:
    from lmkit.neural.writing import NeuralWriter

    output, hidden = an_output(301, 45), some_hidden(20, 45)
    writer = NeuralWriter.__new__(NeuralWriter)
    writer._output = writer._flat = output
    writer._set_hidden(hidden)
    exact = output.log_probs(hidden)
    for row in range(20):
        for seed in range(5):
            chosen = writer.choose(row, decoding, (1, 0), np.random.default_rng(seed))
            assert chosen == choose_from(exact[row], decoding, (1, 0), np.random.default_rng(seed))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_draws_follow_the_exact_distribution(temperature) -> None:
    output, hidden, refused = an_output(23, 6, scale=2.0), some_hidden(1, 6), np.array([1, 0], np.int64)
    weights = np.exp(output.log_probs(hidden)[0] / temperature)
    weights[refused] = 0
    seen, rng, count = output.screen().look(hidden), np.random.default_rng(5), 20_000
    found = np.bincount([seen.draw(0, temperature, refused, rng) for _ in range(count)], minlength=23)
    expected = count * weights / weights.sum()
    assert found[expected == 0].sum() == 0
    often = expected > 5
    statistic = ((found - expected)[often] ** 2 / expected[often]).sum()
    assert statistic < 2.5 * often.sum() + 10  # chi-square: mean n - 1; the bound is beyond its 99.9 %


@pytest.mark.parametrize("temperature", [1e-320, 1e-30, 1e-3, 0.02])
def test_draws_end_where_bounds_are_far_above_the_scores(temperature: float) -> None:
    """At low temperatures hardly a proposal is taken; what is drawn is the most probable word, or one as probable."""
    output, hidden, refused = an_output(301, 45, scale=2.0), some_hidden(1, 45), np.array([1, 0], np.int64)
    hidden[0, 3] = 50  # bounds are 20 above
    output.weight.value[7] = output.weight.value[8]
    output.bias.value[[7, 8]] = 500
    seen, rng = output.screen().look(hidden), np.random.default_rng(5)
    found = np.bincount([seen.draw(0, temperature, refused, rng) for _ in range(200)], minlength=301)
    assert found[7] + found[8] == 200
    assert 60 < found[7] < 140
    alone = seen.draw(0, temperature, np.array([1, 0, 7], np.int64), rng)
    assert alone == 8


def test_weights_that_have_changed_are_looked_at_anew() -> None:
    output, hidden = an_output(64, 8), some_hidden(1, 8)
    before = output.screen()
    output.pack_for_reading()
    assert output.screen() is not before
    output.begin(1, 1)
    packed = output.log_probs(hidden)
    output.start_step(np.array([2], np.int32), 0)
    output.weight.value[:] *= 2
    assert not np.allclose(output.log_probs(hidden), packed)
    assert output.screen().look(hidden).upper.max() > before.look(hidden).lower.max()
