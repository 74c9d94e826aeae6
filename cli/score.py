"""`lmkit score`: what a model says of every token of a text, kept in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lmkit_cli import options, output, reading, saving


def command(
    model: options.Model,
    text: Annotated[
        str,
        typer.Argument(metavar="TEXT", help="A catalogue name (its test split), NAME:SPLIT, a file, a folder, a glob.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", help="Where the events go.", show_default="events.lm")] = Path("events.lm"),
    split: options.Split = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Write what a model says of every token of a text, to be compared later.

    `lmkit compare` and `lmkit diff` take such files in place of models, so that models on different machines, or of other programs, meet.
    They need no text when all that they compare are such files.
    """
    import lmkit_corpora
    from lmkit.comparison.contestants import family_of
    from lmkit.evaluation.events_file import events_hash, save_events
    from lmkit.evaluation.perplexity import Accounting

    path = reading.model_path(model)
    saving.check_model_target(out, "scored events", ".lm", path, text, converts=False)
    scorer = reading.language_model(path)
    part = reading.choose_split(text, split, "test")
    corpus = lmkit_corpora.load_corpus(text, split=part, options=scorer.text_options)
    how = getattr(scorer, "default_state", "reset")
    events = scorer.score(corpus, how) if threads is None else scorer.score(corpus, how, threads=threads)
    card = scorer.info()
    about = {
        "model": card,
        "family": family_of(card),
        "text": corpus.record(),
        "reading": corpus.options.to_dict(),
        "state": how,
    }
    save_events(out, events, about)
    if json:
        accounting = Accounting.from_events(events).to_dict()
        output.result_json({"events": str(out), "bytes": out.stat().st_size, "events_hash": events_hash(events), **accounting})
    else:
        output.result(f"Events: {out} ({len(events):,} of {corpus.name}, {output.size(out.stat().st_size)})")
