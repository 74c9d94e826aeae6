"""`lmkit evaluate-similarity`: word vectors against people's judgements of pairs of words, many models side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit_cli import evaluating, options, output

if TYPE_CHECKING:
    from lmkit.evaluation.similarity import SimilarityOptions, SimilarityResult
    from lmkit_cli.evaluating import Contestant


def command(
    models: evaluating.Vectors = None,
    tests: Annotated[
        list[str] | None,
        typer.Option(
            "--test",
            "-t",
            help="Judged pairs: wordsim353 or simlex999 (installed with gensim), or a file of two words and a score a line, as MEN, "
            "RareWords, SimVerb, MTurk and RG-65 have them; may be given several times.",
            show_default="wordsim353 and simlex999",
        ),
    ] = None,
    compat: Annotated[str, typer.Option(help="Score as another tool: gensim (evaluate_word_pairs) or fasttext (eval.py).")] = "lmkit",
    restrict: Annotated[
        int | None, typer.Option(help="Only the first so many rows are known words; 0 for all.", min=0, show_default="all")
    ] = None,
    case: evaluating.Case = None,
    oov: Annotated[
        str | None,
        typer.Option(help="A pair with an unknown word: compose it of subwords where possible, skip it, or zero.", show_default="subwords"),
    ] = None,
    group: evaluating.Group = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Correlate the cosines of word vectors with people's judgements.

    Spearman's rank correlation, with the share of pairs that have a word without a vector. The interval of one model is over the
    drawing of pairs; that of several runs of one pipeline says what the seed changes.
    """
    from lmkit.evaluation.similarity import SimilarityOptions, evaluate_similarity
    from lmkit.evaluation.similarity_sets import read_similarities

    changes: dict[str, Any] = {name: value for name, value in {"case": case, "oov": oov}.items() if value is not None}
    if restrict is not None:
        changes["restrict"] = restrict or None
    asked = SimilarityOptions.preset(compat, **changes)
    read = [read_similarities(test) for test in tests or ["wordsim353", "simlex999"]]
    entries = evaluating.contestants(models, group)
    results = [[evaluate_similarity(vectors, test, asked) for test in read] for vectors in evaluating.opened(entries)]
    if json:
        output.result_json(_as_json(entries, results, asked))
    elif len(entries) == 1:
        output.result(_single(results[0]))
    else:
        output.result("\n\n".join(_side_by_side(entries, [own[place] for own in results]) for place in range(len(read))))


def _single(results: Sequence[SimilarityResult]) -> str:
    """A row a test."""
    rows = []
    for result in results:
        low, high = result.interval()
        counts = [f"{int(result.used.sum()):,}", f"{len(result.cosines):,}", f"{result.oov_share:.1%}"]
        rows.append([result.test, f"{result.spearman:.4f}", f"{low:.4f} to {high:.4f}", *counts])
    return output.table(["", "Spearman", "95 % interval", "pairs", "of", "unknown"], rows, right=[1, 2, 3, 4, 5])


def _side_by_side(entries: Sequence[Contestant], results: Sequence[SimilarityResult]) -> str:
    """Everything about one test: a row a pipeline, over the pairs that each knows and over those that all know."""
    from lmkit.evaluation.paired import Mean

    groups = evaluating.pipelines(entries)
    common = _common(results)
    several = any(len(places) > 1 for places in groups.values())
    headers = ["model", *(["runs"] if several else []), "Spearman", "95 % interval", "pairs", "unknown"]
    headers += ["of common"] if common is not None else []
    rows = []
    for name, places in groups.items():
        own = [results[place] for place in places]
        mean = Mean.of([result.spearman for result in own])
        low, high = own[0].interval() if len(own) == 1 else (mean.low, mean.high)
        row = [name, *([str(len(own))] if several else []), evaluating.mean_cell(mean, 1, 4), f"{low:.4f} to {high:.4f}"]
        row += [f"{int(own[0].used.sum()):,}", f"{own[0].oov_share:.1%}"]
        if common is not None:
            row.append(evaluating.mean_cell(Mean.of([result.on(common).spearman for result in own]), 1, 4))
        rows.append(row)
    lines = [f"{results[0].test}: {len(results[0].cosines):,} pairs", output.table(headers, rows, right=range(1, len(headers)))]
    if common is not None:
        lines.append(f"The models know different pairs; {int(common.sum()):,} are common to all.")
    lines.extend(evaluating.sentence(found, "pairs", 1, 4) for found in _comparisons(entries, results))
    return "\n".join(lines)


def _common(results: Sequence[SimilarityResult]) -> Any:
    """bool (N,), pairs that count for every model; None if they are the same for all, or too few."""
    import numpy as np

    used = np.stack([result.used for result in results])
    common = used.all(axis=0)
    return None if (used == used[0]).all() or common.sum() < 3 else common


def _comparisons(entries: Sequence[Contestant], results: Sequence[SimilarityResult]) -> list[Any]:
    from lmkit.evaluation.similarity import compare_similarities

    return evaluating.compare_all(
        evaluating.pipelines(entries),
        lambda first, second: compare_similarities(results[first], results[second]),
        lambda place: results[place].spearman,
    )


def _as_json(entries: Sequence[Contestant], results: Sequence[Sequence[SimilarityResult]], asked: SimilarityOptions) -> dict[str, Any]:
    from lmkit.evaluation.paired import Mean

    models = [
        {"name": entry.name, "model": entry.label, "tests": [result.to_dict() for result in own]}
        for entry, own in zip(entries, results, strict=True)
    ]
    groups, comparisons = [], []
    for of_test in zip(*results, strict=True):
        for name, places in evaluating.pipelines(entries).items():
            mean = Mean.of([of_test[place].spearman for place in places])
            groups.append({"name": name, "test": of_test[0].test, "runs": len(places), "spearman": mean.to_dict()})
        if len(entries) > 1:
            for found in _comparisons(entries, of_test):
                comparisons.append({"test": of_test[0].test, **evaluating.comparison_json(found)})
    return {"options": dataclasses.asdict(asked), "models": models, "groups": groups, "comparisons": comparisons}
