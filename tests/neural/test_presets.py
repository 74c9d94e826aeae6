"""Presets: the sizes and rates that their papers state, and the same names in the help and in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmkit.errors import InvalidParameterError
from lmkit.neural.presets import PRESETS, changed, get_preset

# Millions of weights with 10,000 words, as the sources state them: Zaremba, Sutskever and Vinyals 2014; the 2x512 tied recipe.
PUBLISHED = {"zaremba-small": 4.7, "zaremba-medium": 19.8, "zaremba-large": 66.0, "tied-512": 9.3}


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_published_ones(name: str) -> None:
    assert PRESETS[name].architecture.weights(10_000) / 1e6 == pytest.approx(PUBLISHED[name], abs=0.06)


def test_rates_are_of_the_mean_loss_of_a_token() -> None:
    """Zaremba's rate 1 and norm 5 are of a loss summed over 20 or 35 steps: rate * gradient is the same with both 20 or 35 times."""
    for name, steps in (("zaremba-small", 20), ("zaremba-medium", 35)):
        recipe = get_preset(name).recipe
        assert (recipe.steps, recipe.learning_rate) == (steps, steps)
        assert recipe.clip is not None
        assert recipe.clip * recipe.learning_rate == pytest.approx(5)
    factors = [get_preset("zaremba-small").recipe.make_schedule().rate((epoch + 0.5) / 13) for epoch in range(13)]
    assert factors[:6] == pytest.approx([1, 1, 1, 1, 0.5, 0.25])


def test_names_are_those_of_the_help_and_of_the_documentation() -> None:
    root = Path(__file__).parents[2]
    for page in ("cli/train_rnn.py", "docs/neural-models.md"):
        text = (root / page).read_text(encoding="utf-8")
        missing = [name for name in PRESETS if name not in text]
        assert not missing, page


def test_what_is_not_given_stays() -> None:
    recipe = get_preset("fast-cpu").recipe
    assert changed(recipe, epochs=None, batch=None) is recipe
    assert changed(recipe, epochs=3, batch=None).epochs == 3
    with pytest.raises(InvalidParameterError, match="must be one of 'zaremba-small', "):
        get_preset("zaremba")
