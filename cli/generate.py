"""`lmkit generate`: text drawn from a model."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading


def command(
    model: options.Model,
    prompt: Annotated[str, typer.Option(help="The beginning that the model goes on from.", show_default=False)] = "",
    count: Annotated[int, typer.Option(help="How many texts.", min=1)] = 1,
    temperature: Annotated[
        float, typer.Option(help="1 is the model itself; below, the probable becomes more probable, above, the improbable.")
    ] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Draw from the k most probable words only.", min=1, show_default="all")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            help="Draw from the most probable words that together hold this probability (nucleus).", min=0, max=1, show_default="1"
        ),
    ] = None,
    argmax: Annotated[bool, typer.Option("--argmax", help="Always take the most probable word.")] = False,
    max_tokens: Annotated[int, typer.Option(help="Stop after so many tokens where no end of sentence comes.", min=1)] = 100,
    min_tokens: Annotated[int, typer.Option(help="Let no text end before so many tokens.", min=0)] = 0,
    allow_unknown: Annotated[bool, typer.Option("--allow-unknown", help="Let <unk> be written.")] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Write text by drawing from a model, word after word.

    A text ends where the model ends the sentence. The same --seed writes the same texts. Drawn as it is, a model strays where it knows
    little; --temperature 0.7 or --top-k 20 keeps it to what it knows better.
    """
    reading.check_prompt(prompt)
    if argmax and (top_k is not None or top_p is not None or temperature != 1.0):
        raise UsageError("--argmax draws nothing, so --temperature, --top-k and --top-p have no place beside it; leave them out.")
    if not 0 < temperature < float("inf"):
        raise UsageError(f"--temperature must be above 0, not {temperature:g}; --argmax always takes the most probable word.")
    import numpy as np

    import lmkit

    path = reading.model_path(model)
    loaded = reading.language_model(path)
    decoding = lmkit.Decoding(temperature=temperature, top_k=top_k, top_p=top_p, argmax=argmax, allow_unknown=allow_unknown)
    if seed is None:
        seed = secrets.randbelow(1_000_000)
    texts = []
    for text_seed in np.random.SeedSequence(seed).spawn(count):
        rng = np.random.default_rng(text_seed)
        texts.append(loaded.generate(prompt, decoding=decoding, max_tokens=max_tokens, min_tokens=min_tokens, rng=rng))
        if not json:
            output.result(texts[-1])
    if json:
        output.result_json({"model": str(path), "prompt": prompt, "seed": seed, "texts": texts})
    elif not argmax:
        output.note(f"(--seed {seed} writes this again)")
