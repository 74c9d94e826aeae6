"""`lmkit mix`: several models as one."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading, saving


class By(enum.StrEnum):
    static = "static"
    context = "context"


def command(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Two models or more.", show_default=False)],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="Where the mixture goes; an ending .arpa or .arpa.gz writes one n-gram model, as --merge does.",
            show_default=False,
        ),
    ],
    held_out: Annotated[
        str | None,
        typer.Option(
            "--held-out", help="A text that no model was trained on: the weights that suit it best are taken.", show_default=False
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Weights to take in place of learnt ones, one a model, such as 0.7,0.3.", show_default=False)
    ] = None,
    by: Annotated[
        By, typer.Option("--by", help="One set of weights, or one for each length of the history that an n-gram model knows.")
    ] = By.static,
    merge: Annotated[
        bool, typer.Option("--merge", help="Make one n-gram model of n-gram models: all their n-grams, new back-off weights.")
    ] = False,
    union_vocabulary: Annotated[
        bool,
        typer.Option(
            "--union-vocabulary",
            help="Mix models that know different words; each shares its <unk> out among the words that it lacks.",
        ),
    ] = False,
    memory: Annotated[
        str | None,
        typer.Option(
            help="How much memory to take at most to make one n-gram model, such as 2G or 50%; where it could take more, it isn't begun.",
            show_default="the machine's",
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Mix language models, with weights learnt on a held-out text or given.

    The mixture is a small file that names its models, which stay where they are; every command takes it as a model. With --merge, or an OUT
    that ends in .arpa, it is one n-gram model that stands alone, nearly the same (docs/mixing.md).
    """
    if len(models) < 2:
        raise UsageError("One model alone can't be mixed; name two or more.")
    if held_out is None and weights is None:
        raise UsageError("Give --held-out TEXT to learn the weights on, or --weights.")
    merged = merge or saving.is_arpa(out)
    if merged and by != By.static:
        raise UsageError("One n-gram model has one set of weights; leave out --by, --merge or the ending .arpa.")
    if memory is not None and not merged:
        raise UsageError("--memory bounds the making of one n-gram model; add --merge, or leave it out.")
    paths = [reading.model_path(name) for name in models]
    kind = "n-gram models" if merged else "mixtures"
    saving.check_model_target(out, kind, ".lm", *paths, held_out, arpa=True)
    from lmkit.wrappers.mixture import Mixture

    parts = [reading.language_model(path) for path in paths]
    mixture = Mixture(parts, None if weights is None else _parse_weights(weights), by.value, "union" if union_vocabulary else "same")
    text = None if held_out is None else _held_out(held_out, mixture)
    if merged:
        _check_merging(parts, memory)
    if text is not None:
        mixture.fit(text)
    result: Any = mixture
    if merged:
        result = _merged(mixture, parts, memory)
        saving.save(result, out)
    else:
        reading.make_folder(out)
        mixture.save(out, paths)
    _report(mixture, result, paths, out, text, held_out, json, quiet, threads)


def _parse_weights(text: str) -> list[float]:
    try:
        return [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise UsageError(f"{text!r} are no weights; write one number a model, such as 0.7,0.3.") from None


def _held_out(spec: str, mixture: Any) -> Any:
    import lmkit_corpora

    return lmkit_corpora.load_corpus(spec, split=reading.choose_split(spec, None, "valid"), options=mixture.text_options)


def _check_merging(parts: list[Any], memory: str | None) -> None:
    """Refuse before any work is done what can't become one model."""
    from lmkit.ngram.mixing import check_memory
    from lmkit.ngram.model import NgramLanguageModel

    for number, part in enumerate(parts, 1):
        if not isinstance(part, NgramLanguageModel):
            raise UsageError(f"Model {number} is no n-gram model, so it can't be merged into one; leave out --merge and the ending .arpa.")
    check_memory(parts, memory)


def _merged(mixture: Any, parts: list[Any], memory: str | None) -> Any:
    from lmkit.ngram.mixing import mix

    return mix(parts, mixture.weights_[0].tolist(), mixture.vocabularies, memory=memory)


def _report(
    mixture: Any, result: Any, paths: list[Path], out: Path, text: Any, spec: str | None, json: bool, quiet: bool, threads: int | None
) -> None:
    """The weights, and what each model and the mixture make of the held-out text."""
    alone = None if text is None else mixture.perplexities(text, threads)
    mixed = None if text is None else mixture.score(text, mixture.default_state, threads=threads).perplexity()
    merged = None if text is None or result is mixture else result.score(text, threads=threads).perplexity()
    size = out.stat().st_size
    if json:
        output.result_json(
            {
                "model": str(out),
                "bytes": size,
                "models": [str(path) for path in paths],
                "weights": mixture.weights_.tolist(),
                "by": mixture.by,
                "perplexities": alone,
                "perplexity": mixed,
                "perplexity_merged": merged,
                "notes": mixture.notes_,
            }
        )
        return
    if quiet:
        output.result(str(out))
        return
    static = len(mixture.weights_) == 1
    headers = ["model", *(["weight"] if static else [f"after {n}" for n in range(len(mixture.weights_))])]
    rows = [[str(path), *(f"{weight:.4f}" for weight in mixture.weights_[:, m])] for m, path in enumerate(paths)]
    if alone is not None and mixed is not None:
        headers.append("perplexity")
        rows = [[*row, output.number(value)] for row, value in zip(rows, alone, strict=True)]
        blank = [""] * len(mixture.weights_)
        rows.append(["mixture", *blank, output.number(mixed)])
        rows += [] if merged is None else [["as one n-gram model", *blank, output.number(merged)]]
    output.result(output.table(headers, rows, right=range(1, len(headers))))
    if spec is not None:
        output.note(
            f"(perplexities of {spec}, on which the weights were learnt)" if mixture.weights is None else f"(perplexities of {spec})"
        )
    for entry in mixture.notes_:
        output.note(f"Note: {entry}")
    output.result(f"Model: {out} ({output.size(size)})")
