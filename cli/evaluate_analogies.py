"""`lmkit evaluate-analogies`: word vectors on analogy questions, many models side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit_cli import evaluating, options, output

if TYPE_CHECKING:
    from lmkit.evaluation.analogy import AnalogyOptions, AnalogyResult
    from lmkit.evaluation.analogy_sets import AnalogyTest
    from lmkit.evaluation.paired import Comparison
    from lmkit_cli.evaluating import Contestant

_KINDS = ("semantic", "syntactic", None)


def command(
    models: evaluating.Vectors = None,
    tests: Annotated[
        list[str] | None,
        typer.Option(
            "--test",
            "-t",
            help="Questions: questions-words (installed with gensim), a file of four words a line, MSR's .questions, or a folder of BATS; "
            "may be given several times.",
            show_default="questions-words",
        ),
    ] = None,
    method: Annotated[str | None, typer.Option(help="3cosadd, 3cosmul, pair-distance, 3cosavg or lrcos.", show_default="3cosadd")] = None,
    compat: Annotated[
        str, typer.Option(help="Ask and count as another tool: gensim, word2vec (compute-accuracy), glove or fasttext.")
    ] = "lmkit",
    restrict: Annotated[
        int | None,
        typer.Option(help="Only the first so many rows are known words and answers; 0 for all.", min=0, show_default="300000"),
    ] = None,
    case: evaluating.Case = None,
    oov: Annotated[
        str | None,
        typer.Option(help="A question with an unknown word: skip it, count it as wrong, or ask it with subwords.", show_default="skip"),
    ] = None,
    group: evaluating.Group = False,
    sections: Annotated[
        bool | None, typer.Option("--sections/--no-sections", help="A table of sections.", show_default="for one model")
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Answer analogy questions with word vectors and count the right answers.

    The interval of one model says how the figure would change with other pairs of words in the same relations; that of several runs
    of one pipeline says what the seed changes.
    """
    from lmkit.evaluation.analogy import AnalogyOptions, evaluate_analogies
    from lmkit.evaluation.analogy_sets import read_analogies

    given = {"method": method, "case": case, "oov": oov, "seed": seed, "restrict": restrict or None}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if restrict == 0:
        changes["restrict"] = None
    asked = AnalogyOptions.preset(compat, **changes)
    read = [read_analogies(test) for test in tests or ["questions-words"]]
    entries = evaluating.contestants(models, group)
    results = [[evaluate_analogies(vectors, test, asked, threads=threads) for test in read] for vectors in evaluating.opened(entries)]
    if json:
        output.result_json(_as_json(entries, read, results, asked))
        return
    show = len(entries) == 1 if sections is None else sections
    output.result("\n\n".join(_report(entries, test, [own[place] for own in results], show) for place, test in enumerate(read)))


def _report(entries: Sequence[Contestant], test: AnalogyTest, results: Sequence[AnalogyResult], sections: bool) -> str:
    """Everything about one test."""
    first = results[0]
    unit = first.to_dict()["unit"]
    parts = [f"{test.name}: {len(first.outcomes):,} {unit}, {first.options.method}"]
    if len(entries) == 1:
        parts.append(_single(first, sections))
    else:
        if sections:
            parts.append(_section_table(entries, results))
        parts.append(_side_by_side(entries, results))
        comparisons = _comparisons(entries, results)
        parts.extend(evaluating.sentence(found, unit, 100, 2) for found in comparisons)
    return "\n".join(parts)


def _single(result: AnalogyResult, sections: bool) -> str:
    tallies = [*(result.sections if sections else ()), *(result.total(kind) for kind in _KINDS)]
    rows = []
    for tally in tallies:
        if tally.total:
            counts = [f"{count:,}" for count in (tally.correct, tally.seen, tally.total)]
            rows.append([tally.name, f"{100 * tally.accuracy:.2f} %" if tally.seen else "-", *counts])
    low, high = result.interval()
    shown = output.table(["", "right", "correct", "asked", "of"], rows, right=[1, 2, 3, 4])
    return f"{shown}\n95 % interval of the total: {100 * low:.2f} to {100 * high:.2f} %; answers among {result.rows:,} words."


def _section_table(entries: Sequence[Contestant], results: Sequence[AnalogyResult]) -> str:
    """A row a section, a column a model."""
    headers = ["section", *(str(place) for place in range(1, len(entries) + 1))]
    rows = []
    for tallies in zip(*(result.sections for result in results), strict=True):
        rows.append([tallies[0].name, *(f"{100 * tally.accuracy:.2f}" if tally.seen else "-" for tally in tallies)])
    names = "\n".join(f"{place}: {entry.label}" for place, entry in enumerate(entries, 1))
    return f"{names}\n{output.table(headers, rows, right=range(1, len(headers)))}"


def _side_by_side(entries: Sequence[Contestant], results: Sequence[AnalogyResult]) -> str:
    """A row a pipeline: per cent right of each kind, over the questions that each knows and over those that all know."""
    from lmkit.evaluation.paired import Mean

    groups = evaluating.pipelines(entries)
    common = _common(results)
    several = any(len(places) > 1 for places in groups.values())
    kinds = [kind for kind in _KINDS if results[0].total(kind).total]
    headers = ["model", *(["runs"] if several else []), *(kind or "total" for kind in kinds), "interval", "asked"]
    headers += ["total of common"] if common is not None else []
    rows = []
    for name, places in groups.items():
        own = [results[place] for place in places]
        means = [Mean.of([result.total(kind).accuracy for result in own]) for kind in kinds]
        low, high = own[0].interval() if len(own) == 1 else (means[-1].low, means[-1].high)
        row = [name, *([str(len(own))] if several else []), *(evaluating.mean_cell(mean, 100, 2) for mean in means)]
        row += [f"{100 * low:.2f} to {100 * high:.2f}", f"{own[0].total().seen:,}"]
        if common is not None:
            row.append(evaluating.mean_cell(Mean.of([float((result.outcomes[common] == 1).mean()) for result in own]), 100, 2))
        rows.append(row)
    notes = ["In per cent. ± and interval: 95 %; of one run over pairs of words, of several over seeds."]
    if common is not None:
        notes.append(f"The models know different questions; {int(common.sum()):,} are common to all.")
    return "\n".join([output.table(headers, rows, right=range(1, len(headers))), *notes])


def _common(results: Sequence[AnalogyResult]) -> Any:
    """bool (Q,), questions that no model skipped; None if all skipped the same."""
    import numpy as np

    asked = np.stack([result.outcomes >= 0 for result in results])
    return None if (asked == asked[0]).all() or not asked.all(axis=0).any() else asked.all(axis=0)


def _comparisons(entries: Sequence[Contestant], results: Sequence[AnalogyResult]) -> list[tuple[str, str, Comparison]]:
    from lmkit.evaluation.paired import compare_analogies

    return evaluating.compare_all(
        evaluating.pipelines(entries),
        lambda first, second: compare_analogies(results[first], results[second]),
        lambda place: results[place].accuracy,
    )


def _as_json(
    entries: Sequence[Contestant], tests: Sequence[AnalogyTest], results: Sequence[Sequence[AnalogyResult]], asked: AnalogyOptions
) -> dict[str, Any]:
    from lmkit.evaluation.paired import Mean

    groups, comparisons, models = [], [], []
    for entry, own in zip(entries, results, strict=True):
        found = []
        for result in own:
            low, high = result.interval()
            found.append(result.to_dict() | {"low": low, "high": high})
        models.append({"name": entry.name, "model": entry.label, "tests": found})
    for place, test in enumerate(tests):
        own = [of_model[place] for of_model in results]
        for name, places in evaluating.pipelines(entries).items():
            kinds = {
                kind or "total": Mean.of([own[run].total(kind).accuracy for run in places]).to_dict()
                for kind in _KINDS
                if own[0].total(kind).total
            }
            groups.append({"name": name, "test": test.name, "runs": len(places), **kinds})
        if len(entries) > 1:
            for found_comparison in _comparisons(entries, own):
                comparisons.append({"test": test.name, **evaluating.comparison_json(found_comparison)})
    return {"options": dataclasses.asdict(asked), "models": models, "groups": groups, "comparisons": comparisons}
