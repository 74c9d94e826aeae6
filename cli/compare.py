"""`lmkit compare`: language models of any family side by side on one text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading

if TYPE_CHECKING:
    from lmkit.comparison.comparison import Comparison
    from lmkit.comparison.contestants import Contestant


def command(
    corpus: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="What is scored: a catalogue name (its test split), NAME:SPLIT, a file, a folder, a glob.",
            show_default=False,
        ),
    ],
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Models of any family, or events that `lmkit score` wrote; two or more.", show_default=False
        ),
    ],
    measure: Annotated[
        str,
        typer.Option(help="perplexity, for models that know the same words; or bits-per-character, across units and vocabularies."),
    ] = "perplexity",
    held_out: Annotated[
        str | None,
        typer.Option(
            "--held-out",
            help="Text on which the weights of a mixture of all models are learnt; the mixture gets rows of its own.",
            show_default="the valid split of a catalogue corpus",
        ),
    ] = None,
    mixture: Annotated[
        bool, typer.Option("--mixture/--no-mixture", help="Add rows for the mixture of all models, where there is a held-out text.")
    ] = True,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", help="Write the comparison to this file: .html (one page), .json, .csv, .md or .tex.", show_default="none"
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(help="Draws of the bootstrap behind intervals and tests.", min=1)] = 1000,
    split: options.Split = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Compare language models of any family on one text.

    All are scored over the same events, or the comparison is refused and the difference named. Each gets an interval, the paired
    difference to the best with its p-value, and a check that its probabilities sum to one; a model that fails is shown but not ranked.
    With a held-out text a mixture of all, its weights learnt there, takes part as well.
    """
    import lmkit_corpora
    from lmkit.comparison.comparison import compare
    from lmkit.comparison.reports import check_report, write_report

    if report is not None:
        check_report(report)
        reading.check_output(report)
    paths = [reading.model_path(name) for name in models]
    contestants = _contestants(paths)
    part = reading.choose_split(corpus, split, "test")
    other = _held_out(corpus, part, held_out) if mixture else None
    found = compare(
        [*contestants, *_oracle(corpus, part)],
        lambda text_options: lmkit_corpora.load_corpus(corpus, split=part, options=text_options),
        held_out=None if other is None else lambda text_options: lmkit_corpora.load_corpus(other, options=text_options),
        measure=measure,  # type: ignore[arg-type]  # checked there
        resamples=resamples,
        seed=seed or 0,
        threads=threads,
        training_counts=_counts(contestants),
    )
    if report is not None:
        write_report(found, report)
    if json:
        output.result_json(found.to_dict() | {"report": None if report is None else str(report)})
    else:
        _print(found)
        if report is not None:
            output.result(f"Report: {report}")


def _contestants(paths: Sequence[Path]) -> list[Contestant]:
    """The models and streams of events, named by their files."""
    import lmkit
    from lmkit.comparison.contestants import Contestant, Cost, family_of, parameters_of
    from lmkit.evaluation.events_file import is_events, load_events
    from lmkit.protocols import LanguageModel

    found = []
    for path, name in zip(paths, _names(paths), strict=True):
        if is_events(path):
            stored = load_events(path)
            found.append(Contestant(name, str(stored.about.get("family", "events")), events=stored.events, origin={"path": str(path)}))
            continue
        model = lmkit.load(path)
        if not isinstance(model, LanguageModel):
            raise UsageError(
                f"{path}: is no language model, so it has no perplexity; compare word vectors with `lmkit evaluate-analogies`."
            )
        card: dict[str, Any] = model.info() if hasattr(model, "info") else {}
        cost = Cost(
            training_seconds=card.get("training_seconds"),
            epochs=card.get("epochs"),
            parameters=parameters_of(card),
            bytes=path.stat().st_size,
        )
        found.append(Contestant(name, family_of(card), model, cost=cost, origin={"path": str(path), "card": card}))
    return found


def _names(paths: Sequence[Path]) -> list[str]:
    """File names without ending where these differ, else whole paths."""
    stems = [path.name.removesuffix(".gz").rsplit(".", 1)[0] for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]


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
    if not reading.is_in_catalogue(corpus) or part is None or part == "all" or lmkit_corpora.source_figures(base) is None:
        return []
    figures = lmkit_corpora.source_figures(base) or {}
    events = lmkit_corpora.oracle_events(base, split=part)
    return [Contestant("true source", "source", events=events, origin={"source": figures}, bound=True)]


def _counts(contestants: Sequence[Contestant]) -> Any:
    """How often each word of the vocabulary was trained on, where a model knows."""
    return next(
        (one.model.vocabulary.counts for one in contestants if one.model is not None and one.model.vocabulary.counts is not None), None
    )


def _print(comparison: Comparison) -> None:
    from lmkit.comparison.tables import cells

    text = comparison.text
    if text:
        output.result(f"{text['name']}: {text['tokens']:,} words in {text['sentences']:,} sentences\n")
    titles, rows = cells(comparison)
    output.result(output.table(titles, rows, right=range(2, len(titles) - (titles[-1] == "not ranked"))))
    for row in comparison.rows:
        if "weights" in row.origin:
            shares = ", ".join(f"{name} {weight:.3f}" for name, weight in sorted(row.origin["weights"].items(), key=lambda one: -one[1]))
            output.note(f"{row.name}: {shares}")
    for entry in comparison.notes:
        output.note(f"Note: {entry}")
