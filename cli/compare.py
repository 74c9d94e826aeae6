"""`lmkit compare`: language models of any family side by side on one text."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import os
import shlex
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit.errors import UsageError
from lmkit_cli import comparison_output, options, output, reading, saving

if TYPE_CHECKING:
    from lmkit.comparison.contestants import Contestant
    from lmkit.comparison.plan import Budget
    from lmkit.comparison.results import Comparison


class State(enum.StrEnum):
    reset = "reset"
    carry = "carry"


def command(
    corpus: Annotated[
        str | None,
        typer.Argument(
            metavar="[TEXT]",
            help="With models, what is scored: a catalogue name (its test split), NAME:SPLIT, a file, a folder, a glob. Without, what "
            "models of every family are trained, tuned and tested on, in parts; the default corpus if left out.",
            show_default=False,
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL...]",
            help="Models of any family, or events that `lmkit score` wrote; NAME=FILE gives a name. Events alone need no text.",
            show_default=False,
        ),
    ] = None,
    minutes: Annotated[float, typer.Option(help="Without models: time for everything, training and scoring included.", min=0)] = 5.0,
    tokens: Annotated[
        int,
        typer.Option(help="Without models: train on about so many words, taken evenly from the text, so that nets see them often.", min=1),
    ] = 400_000,
    vocab_size: Annotated[int, typer.Option(help="Without models: words that all of them know; the others are <unk>.", min=4)] = 5_000,
    sizes: Annotated[
        str | None,
        typer.Option(
            help="Without models: train on growing parts too, such as 10k,100k,1m words, and draw learning curves.", show_default="none"
        ),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Without models: keep the trained models in this folder.", show_default="thrown away")
    ] = None,
    measure: Annotated[
        str,
        typer.Option(help="perplexity, for models that know the same words; or bits-per-character, across units and vocabularies."),
    ] = "perplexity",
    held_out: Annotated[
        str | None,
        typer.Option(
            "--held-out",
            help="With models: text on which the weights of a mixture of all models are learnt; the mixture gets rows of its own.",
            show_default="the valid split of a catalogue corpus",
        ),
    ] = None,
    mixture: Annotated[
        bool, typer.Option("--mixture/--no-mixture", help="Add rows for the mixture of all models, where there is a held-out text.")
    ] = True,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write the comparison to this file: .html (one page), .json, .csv, .md, .tex, or a picture: .png, .svg, .pdf.",
            show_default="none",
        ),
    ] = None,
    state: Annotated[
        State | None,
        typer.Option(
            help="With models: begin each sentence anew, or carry what a network remembers on to the next.",
            show_default="as each was trained",
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(help="Draws of the bootstrap behind intervals and tests.", min=1)] = 1000,
    ranks: Annotated[
        str,
        typer.Option(
            help="Events on which it is looked up how often the word that followed was among the first 1, 5, 10 guesses: a number, or all. "
            "0 for none; dear for large vocabularies."
        ),
    ] = "2000",
    log_linear: Annotated[
        bool, typer.Option("--log-linear", help="Add a row for the log-linear mixture, normalised exactly; takes a minute and more.")
    ] = False,
    vectors: Annotated[
        bool, typer.Option("--vectors", help="Score the models' word vectors by analogies and similarity, those of every family.")
    ] = False,
    prompts: Annotated[
        list[str] | None,
        typer.Option(
            "--prompt",
            help="List every model's next words after this; may be given several times.",
            show_default="with a report: openings of sentences of the text",
        ),
    ] = None,
    split: options.Split = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Compare language models of any family on one text.

    With models, these are scored. Without, models of every family are trained within --minutes, all on one text with one vocabulary.
    All are scored over the same events, or the comparison is refused and the difference named. Each gets an interval, the paired
    difference to the best with its p-value, and a check that its probabilities sum to one; a model that fails is shown but not ranked.
    With a held-out text a mixture of all, its weights learnt there, takes part as well.
    """
    from lmkit.comparison.comparison import Extras, Statistics
    from lmkit.comparison.plan import Budget
    from lmkit.comparison.reports import check_report, write_report

    started = Budget.now()
    if report is not None:
        check_report(report)
        named = [corpus, *(part for word in models or () for part in (word, word.partition("=")[2]) if part), held_out]
        saving.check_target(report, *named)
    pictured = report is not None and report.suffix in (".html", ".json")
    extras = Extras(_rank_events(ranks), log_linear, pictured, tuple(prompts or ()), vectors)
    settings = {"measure": measure, "statistics": Statistics(resamples=resamples, seed=seed or 0), "extras": extras, "threads": threads}
    if corpus is not None and (models or _is_model(corpus)):
        found = _given(corpus, list(models or ()), state, split, held_out, mixture, settings)
    else:
        reserve = _LOG_LINEAR_RESERVE if log_linear else None
        found = _trained(corpus, Budget(60 * minutes, started, reserve), tokens, vocab_size, sizes, keep, settings)
    found = dataclasses.replace(found, made=_made(corpus, models, seed or 0, settings))
    if report is not None:
        write_report(found, report)
    if json:
        output.result_json(found.to_dict() | {"report": None if report is None else str(report)})
    else:
        comparison_output.show(found if prompts else dataclasses.replace(found, next_words=()))
        if report is not None:
            output.result(f"Report: {report}")


def _rank_events(text: str) -> int | None:
    """`all` as None, a number as it is."""
    if text == "all":
        return None
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"--ranks must be a number of events, 0 or all, not {text!r}.")
    return int(text)


def _made(corpus: str | None, models: Sequence[str] | None, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """How the comparison was made, for the report: enough to make it again."""
    import platform
    import sys
    from importlib.metadata import version

    return {
        "command": shlex.join(["lmkit", *sys.argv[1:]]) if sys.argv[1:2] == ["compare"] else None,
        "corpus": corpus,
        "models": list(models or ()),
        "seed": seed,
        "statistics": dataclasses.asdict(settings["statistics"]),
        "extras": dataclasses.asdict(settings["extras"]),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in ("lmkit", "numpy", "numba", "scipy")}},
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
        "made_at": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }


# -- models that are there --------------------------------------------------------------------------------------------------------------


_LOG_LINEAR_RESERVE = 0.5
"""Share of the time that is kept behind training where a log-linear mixture is to be normalised over every history of the test text."""


def _given(
    corpus: str, models: list[str], state: State | None, split: str | None, held_out: str | None, mixture: bool, settings: dict[str, Any]
) -> Comparison:
    import lmkit_corpora
    from lmkit.comparison.comparison import compare

    if _is_model(corpus):  # the text was forgotten, or there need be none
        contestants = contestants_of([corpus, *models], state)
        if any(one.model is not None for one in contestants):
            raise UsageError(f"{corpus}: is a model; name the text to score first: lmkit compare TEXT {corpus} ...")
        return compare(contestants, None, **settings)
    contestants = contestants_of(models, state)
    part = reading.choose_split(corpus, split, "test")
    other = _held_out(corpus, part, held_out) if mixture else None
    return compare(
        [*contestants, *_oracle(corpus, part)],
        lambda text_options: lmkit_corpora.load_corpus(corpus, split=part, options=text_options),
        held_out=None if other is None else lambda text_options: lmkit_corpora.load_corpus(other, options=text_options),
        training_counts=_counts(contestants),
        **settings,
    )


def _is_model(name: str) -> bool:
    from lmkit.loading import is_model

    return is_model(name)


def contestants_of(words: Sequence[str | Path], state: State | None = None) -> list[Contestant]:
    """What the user named: models and streams of events, FILE or NAME=FILE. state : how models read; None as each was trained."""
    from lmkit.comparison.opening import open_contestants

    names: list[str | None] = []
    paths = []
    for word in map(str, words):
        name, equals, file = word.partition("=")
        given = bool(name and equals and file) and not os.path.exists(word)
        names.append(name if given else None)
        paths.append(reading.model_path(file if given else word))
    return open_contestants(paths, names, None if state is None else state.value)


def _held_out(corpus: str, part: str | None, named: str | None) -> str | None:
    """The text on which mixtures learn: the one named, or the valid split where the test split is scored."""
    import lmkit_corpora

    if named is not None:
        return named
    base, _ = reading.split_off(corpus)
    if reading.is_in_catalogue(corpus) and part == "test" and "valid" in lmkit_corpora.get(base).splits:
        return f"{base}:valid"
    return None


def _oracle(corpus: str, part: str | None) -> list[Contestant]:
    """The source of a generated corpus, which no model beats in the long run."""
    import lmkit_corpora
    from lmkit.comparison.contestants import Contestant

    base, _ = reading.split_off(corpus)
    if not reading.is_in_catalogue(corpus) or part is None or part == "all":
        return []
    figures = lmkit_corpora.source_figures(base)
    if figures is None:
        return []
    events = lmkit_corpora.oracle_events(base, split=part)
    return [Contestant("true source", "source", events=events, origin={"source": figures}, bound=True)]


def _counts(contestants: Sequence[Contestant]) -> Any:
    """How often each word of the vocabulary was trained on, where a model knows."""
    vocabularies = (one.model.vocabulary for one in contestants if one.model is not None)
    return next((vocabulary.counts for vocabulary in vocabularies if vocabulary.counts is not None), None)


# -- models that are trained here -------------------------------------------------------------------------------------------------------


def _trained(
    corpus: str | None, budget: Budget, tokens: int, words: int, sizes: str | None, keep: Path | None, settings: dict[str, Any]
) -> Comparison:
    import lmkit_corpora
    from lmkit.comparison.curves import parse_sizes
    from lmkit.comparison.from_scratch import FromScratch

    wanted = parse_sizes(sizes) if sizes is not None else [tokens]
    spec = corpus if corpus is not None else lmkit_corpora.default_corpus()
    base, _ = reading.split_off(spec)
    parts = [lmkit_corpora.load_corpus(base, split=part) for part in ("train", "valid", "test")]
    plan = FromScratch.prepare(parts, wanted, min(tokens, wanted[-1]), words, tell=output.note)
    oracle = _oracle(f"{base}:test", "test") if plan.texts.test is parts[2] else []
    with models_folder(keep) as folder:
        return plan.run(folder, budget, oracle, **settings)


@contextlib.contextmanager
def models_folder(keep: Path | None) -> Iterator[Path]:
    """Where the models go: the folder that is kept, or one that vanishes."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="lmkit-compare-") as folder:
            yield Path(folder)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{keep}: can't be made into a folder for models ({error.strerror}); name another with --keep.") from None
    yield keep
