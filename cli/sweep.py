"""`lmkit sweep`: one training command over a grid of its options."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading, saving
from lmkit_cli.compare import models_folder

if TYPE_CHECKING:
    from lmkit.comparison.sweep import Outcome, Point

_FIGURES = ("perplexity", "bits_per_character", "questions-words", "wordsim353", "simlex999")


def command(
    trainer: Annotated[
        str, typer.Argument(metavar="COMMAND", help="A training command: train-ngram, train-rnn, train-nnlm, train-w2v, train-fasttext.")
    ],
    corpus: Annotated[
        str,
        typer.Argument(metavar="TEXT", help="What it trains on: a catalogue name, a file, a folder, a glob.", show_default=False),
    ],
    further: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- OPTION...]", help="Behind --, options that every training gets.", show_default=False),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--try",
            help="An option with the values to try, such as order=2,3,5; several times for a grid of all combinations. Values that hold "
            "commas are parted by |; a flag has the values yes and no.",
            show_default=False,
        ),
    ] = None,
    valid: Annotated[
        str | None,
        typer.Option(
            help="The text on which language models are measured; never the test text, on which the winner is measured afterwards.",
            show_default="the valid split of TEXT, which is then trained on its train split",
        ),
    ] = None,
    results: Annotated[
        Path, typer.Option(help="Where the results are kept, a JSON object a line; points found there are not trained again.")
    ] = Path("sweep.jsonl"),
    by: Annotated[
        str | None,
        typer.Option(help=f"What the table is sorted by: {', '.join(_FIGURES)}, seconds, bytes.", show_default="perplexity, or analogies"),
    ] = None,
    top: Annotated[int, typer.Option(help="Rows of the table.", min=1)] = 10,
    keep: Annotated[Path | None, typer.Option(help="Keep the models in this folder.", show_default="thrown away")] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Train with every combination of some options, and list the best.

    Each training is a process of its own. A sweep that was stopped goes on where it was when it is called again; what failed is tried
    again. Language models are measured by perplexity, word vectors by analogies and similarity.
    """
    from lmkit.comparison.sweep import Sweep, best_first, parse_grid, points_of

    points = points_of(parse_grid(grid or []))
    _check_trainer(trainer, [*parse_grid(grid or []), *(further or ())])
    trained, measured = _texts(trainer, corpus, valid)
    saving.check_target(results, trained, measured)
    shared = [*(further or ()), *(() if seed is None else ("--seed", str(seed))), *(() if threads is None else ("--threads", str(threads)))]
    setting = {"command": trainer, "corpus": trained, "valid": measured, "further": shared}
    sweep = Sweep(results, setting)
    missing = [point for point in points if sweep.done(point) is None]
    output.note(f"{len(points)} points, {len(points) - len(missing)} of them done already; results in {results}.")

    def tell(number: int, record: dict[str, Any], known: bool) -> None:
        if not known:
            output.note(f"{number + 1} of {len(points)}: {_written(record['options'])}: {record.get('error') or _figures(record)}")

    with models_folder(keep) as folder:
        run = _Run(trainer, trained, measured, shared, folder, keep is None)
        records = sweep.run(points, run.measure, tell)
    good = [record for record in records if not record.get("error")]
    if not good:
        raise UsageError(f"None of the {len(points)} trainings succeeded; the last said: {records[-1]['error']}")
    chosen = by or next((figure for figure in ("perplexity", "questions-words") if figure in good[0]), "seconds")
    if not any(chosen in record for record in good):
        raise UsageError(f"--by must be one of the figures that were measured ({', '.join(_measured(good))}), not {chosen}.")
    order = best_first(good, chosen)
    if json:
        output.result_json(
            {**setting, "by": chosen, "results": str(results), "best": order[0], "points": order, "failed": len(records) - len(good)}
        )
        return
    output.result(_table(order[:top], chosen))
    if chosen == "perplexity" and len({record.get("vocabulary_size") for record in good}) > 1:
        output.note("Note: these models know different numbers of words, and one that knows fewer pays less for the hard ones.")
    if len(good) < len(records):
        output.note(
            f"Note: {len(records) - len(good)} of {len(records)} trainings failed; {results} says why. Call again to try them again."
        )


def _check_trainer(trainer: str, words: Sequence[str]) -> None:
    from lmkit_cli.app import COMMANDS

    trainers = [name for name in COMMANDS if name.startswith("train-")]
    if trainer not in trainers:
        raise UsageError(f"{trainer!r} is no training command; take one of {', '.join(trainers)}.")
    for word in words:
        if word.lstrip("-").partition("=")[0] in ("out", "json", "quiet", "resume"):
            raise UsageError(f"--{word.lstrip('-')} is given to every training by the sweep itself; leave it out.")


def _texts(trainer: str, corpus: str, valid: str | None) -> tuple[str, str | None]:
    """What is trained on, and what language models are measured on."""
    if valid is not None:
        return corpus, valid
    base, split = reading.split_off(corpus)
    if split is None and (reading.is_in_catalogue(corpus) or os.path.exists(corpus)):
        return f"{base}:train", f"{base}:valid"
    if reading.is_in_catalogue(corpus):
        return corpus, f"{base}:valid"
    if trainer in ("train-w2v", "train-fasttext"):
        return corpus, None
    raise UsageError(f"{corpus}: has no valid split of its own; name the text that models are measured on with --valid.")


class _Run:
    """Trains one point in a process of its own and measures the model."""

    def __init__(self, trainer: str, corpus: str, valid: str | None, shared: Sequence[str], folder: Path, throw_away: bool) -> None:
        self._words = [trainer, corpus]
        self._valid = valid
        self._shared = list(shared)
        self._folder = folder
        self._throw_away = throw_away

    def measure(self, point: Point) -> Outcome:
        from lmkit.comparison.sweep import Outcome

        name = "-".join(f"{key}-{value}" for key, value in point.items())
        path = self._folder / ("".join(char if char.isalnum() or char in "-._" else "_" for char in name)[:150] + ".lm")
        words = [*self._words, *_as_options(point), *self._shared, "--out", str(path), "--quiet"]
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "lmkit_cli", *words], capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
        if done.returncode != 0:
            said = done.stderr.strip().splitlines()
            return Outcome({}, said[-1].removeprefix("Error: ") if said else f"it ended with code {done.returncode}")
        try:
            figures = _measure(path, self._valid)
        finally:
            if self._throw_away:
                path.unlink(missing_ok=True)
        return Outcome({**figures, "seconds": seconds, **({} if self._throw_away else {"model": str(path)})})


def _as_options(point: Mapping[str, str]) -> list[str]:
    """`--name value`; a flag for yes, nothing for no."""
    words: list[str] = []
    for name, value in point.items():
        if value == "yes":
            words.append(f"--{name}")
        elif value != "no":
            words += [f"--{name}", value]
    return words


def _measure(path: Path, valid: str | None) -> dict[str, Any]:
    """Perplexity of a language model on the held-out text, or what word vectors know of analogies and similarity."""
    import lmkit
    import lmkit_corpora
    from lmkit.comparison.contestants import parameters_of
    from lmkit.comparison.opening import contestant_of
    from lmkit.comparison.word_vectors import score_vectors
    from lmkit.evaluation.perplexity import Accounting
    from lmkit.protocols import LanguageModel

    model = lmkit.load(path)
    if not isinstance(model, LanguageModel):
        scores = score_vectors(model)
        return {
            "bytes": path.stat().st_size,
            "parameters": parameters_of(model.info() if hasattr(model, "info") else {}),
            **{name: score.value for name, score in scores.items()},
            "asked": {name: score.asked for name, score in scores.items()},
        }
    assert valid is not None
    one = contestant_of(model, path, path.name)
    accounting = Accounting.from_events(model.score(lmkit_corpora.load_corpus(valid, options=model.text_options), one.state))
    chosen = ("perplexity", "bits_per_character", "tokens", "oov", "vocabulary_size")
    cost = {"bytes": one.cost.bytes, "parameters": one.cost.parameters}
    return {**cost, **{name: value for name, value in accounting.to_dict().items() if name in chosen}}


def _written(point: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in point.items())


def _measured(records: Sequence[Mapping[str, Any]]) -> list[str]:
    return [figure for figure in _FIGURES if any(record.get(figure) is not None for record in records)]


def _figures(record: Mapping[str, Any]) -> str:
    shown = [f"{name} {output.number(record[name])}" for name in _measured([record]) if name != "bits_per_character"]
    return f"{', '.join(shown)} in {record['seconds']:.1f} s"


def _table(records: Sequence[Mapping[str, Any]], by: str) -> str:
    """A row a point: its options, then its figures, the one sorted by first."""
    from lmkit.comparison.tables import short

    names = list(records[0]["options"])
    figures = [by, *(figure for figure in _measured(records) if figure != by)]
    rows = []
    for record in records:
        values = ["" if record.get(figure) is None else output.number(record[figure]) for figure in figures]
        extra = [f"{record['seconds']:.1f}"] if by != "seconds" else []
        rows.append(
            [*(record["options"][name] for name in names), *values, *extra, short(record.get("parameters")), short(record["bytes"])]
        )
    headers = [*names, *figures, *(["seconds"] if by != "seconds" else []), "parameters", "bytes"]
    return output.table(headers, rows, right=range(len(names), len(headers)))
