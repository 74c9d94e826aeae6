"""Models that adapt to the text they score, as options of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lmkit.errors import UsageError
from lmkit_cli import output, reading

if TYPE_CHECKING:
    from lmkit.text.options import TextOptions

Dynamic = Annotated[
    bool,
    typer.Option("--dynamic", help="Report too what a network reaches that goes on learning from the text (dynamic evaluation)."),
]
NeuralCache = Annotated[
    bool,
    typer.Option("--neural-cache", help="Report too what a network reaches with a cache of its states and the words that followed."),
]
CacheSize = Annotated[
    int | None, typer.Option("--cache-size", help="Words that the neural cache holds at most.", min=1, show_default="500")
]
Tune = Annotated[
    str | None,
    typer.Option(
        "--tune",
        metavar="TEXT",
        help="Held-out text that sets how fast --dynamic learns and what --neural-cache weighs; never the text that is scored.",
        show_default="the valid split of a catalogue corpus",
    ),
]


def check(dynamic: bool, neural_cache: bool, cache_size: int | None, tune: str | None) -> None:
    """Raise UsageError for options that say nothing without another."""
    if cache_size is not None and not neural_cache:
        raise UsageError("--cache-size belongs to a cache; add --neural-cache, or leave it out.")
    if tune is not None and not (dynamic or neural_cache):
        raise UsageError("--tune sets what adapts to the text; add --dynamic or --neural-cache, or leave it out.")


def tuning_text(tune: str | None, text: str, part: str | None) -> tuple[str, str | None]:
    """(corpus, split) to set adaptive models by. Raises UsageError if none was named, or it is the very text that is scored."""
    import lmkit_corpora

    if tune is None:
        base = reading.split_off(text)[0]
        if not reading.is_in_catalogue(text) or "valid" not in lmkit_corpora.get(base).splits:
            raise UsageError("How fast a model adapts is set by a held-out text; name one with --tune TEXT, not the text that is scored.")
        tune = f"{base}:valid"
    split = reading.choose_split(tune, None, "valid")
    if (reading.split_off(tune)[0], split) == (reading.split_off(text)[0], part):
        raise UsageError(f"{tune} is the text that is scored; name a held-out text with --tune.")
    return tune, split


def adapted(
    model: Any,
    state: Literal["reset", "carry"],
    options: TextOptions,
    held_out: tuple[str, str | None],
    dynamic: bool,
    neural_cache: bool,
    cache_size: int | None,
) -> list[tuple[str, Any]]:
    """(name, model) of each adaptive model that was asked for, set by a held-out text."""
    import lmkit_corpora
    from lmkit.wrappers.dynamic_evaluation import DynamicEvaluation
    from lmkit.wrappers.neural_cache import NeuralCache

    corpus = lmkit_corpora.load_corpus(held_out[0], split=held_out[1], options=options)
    found: list[tuple[str, Any]] = []
    if neural_cache:
        cached = NeuralCache(model, size=cache_size or 500).fit(corpus, state=state)
        output.note(f"Note: the neural cache of {cached.size} weighs {cached.weight_:.3f} at theta {cached.theta_:g}, by {held_out[0]}.")
        found.append(("neural cache", cached))
    if dynamic:
        learning = DynamicEvaluation(model, segment=5 if model.text_options.is_word_level else 20).fit(corpus, state=state)
        output.note(f"Note: dynamic evaluation learns at the rate {learning.rate_:g} with decay {learning.decay_:g}, by {held_out[0]}.")
        found.append(("dynamic evaluation", learning))
    return found
