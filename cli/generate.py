"""`lmkit generate`: text drawn from a model."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated, Any

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
    beams: Annotated[
        int | None,
        typer.Option(help="Search for the most probable text with a beam of so many, and draw nothing.", min=1, show_default=False),
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option(help="Of a beam search: texts are compared by log p / length^penalty; 0 favours short ones.", min=0, show_default="1"),
    ] = None,
    max_tokens: Annotated[int, typer.Option(help="Stop after so many tokens where no end of sentence comes.", min=1)] = 100,
    min_tokens: Annotated[int, typer.Option(help="Let no text end before so many tokens.", min=0)] = 0,
    allow_unknown: Annotated[bool, typer.Option("--allow-unknown", help="Let <unk> be written.")] = False,
    stream: Annotated[
        bool | None,
        typer.Option("--stream/--no-stream", help="Show each word as it is written.", show_default="for one text on a terminal"),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Write text by drawing from a model, word after word.

    A text ends where the model ends the sentence. The same --seed writes the same texts. Drawn as it is, a model strays where it knows
    little; --temperature 0.7 or --top-k 20 keeps it to what it knows better. Several texts are written side by side, which is quicker
    than one by one.
    """
    reading.check_prompt(prompt)
    draws = top_k is not None or top_p is not None or temperature != 1.0
    if argmax and draws:
        raise UsageError("--argmax draws nothing, so --temperature, --top-k and --top-p have no place beside it; leave them out.")
    if beams is not None and (draws or argmax):
        raise UsageError(
            "--beams searches and draws nothing, so --argmax, --temperature, --top-k and --top-p have no place beside it; leave them out."
        )
    if beams is None and length_penalty is not None:
        raise UsageError("--length-penalty belongs to a beam search; add --beams 5, or leave it out.")
    if beams is not None and count > beams:
        raise UsageError(f"A beam of {beams} holds no {count} texts; lower --count, or raise --beams.")
    if not 0 < temperature < float("inf"):
        raise UsageError(f"--temperature must be above 0, not {temperature:g}; --argmax always takes the most probable word.")
    if min_tokens > max_tokens:
        raise UsageError(f"--min-tokens {min_tokens} is more than --max-tokens {max_tokens}; raise the one or lower the other.")
    if stream and (json or count > 1 or beams is not None):
        raise UsageError(
            "--stream shows one text as it is written, so --json, --count and --beams have no place beside it; leave them out."
        )
    import lmkit
    from lmkit.text import writing

    path = reading.model_path(model)
    loaded = reading.language_model(path)
    reading.tell_unknown(loaded, prompt)
    lengths: dict[str, Any] = {"max_tokens": max_tokens, "min_tokens": min_tokens}
    if beams is not None:
        penalty = 1.0 if length_penalty is None else length_penalty
        found = writing.best_texts(loaded, prompt, beams=beams, length_penalty=penalty, allow_unknown=allow_unknown, **lengths)
        _print(found[:count], json, {"model": str(path), "prompt": prompt, "beams": beams, "length_penalty": penalty})
        return
    decoding = lmkit.Decoding(temperature=temperature, top_k=top_k, top_p=top_p, argmax=argmax, allow_unknown=allow_unknown)
    if seed is None:
        seed = secrets.randbelow(1_000_000)
    if stream or (stream is None and count == 1 and not json and sys.stdout.isatty()):
        for piece in writing.stream_text(loaded, prompt, decoding=decoding, rng=writing.generators(seed, 1)[0], **lengths):
            sys.stdout.write(piece)
            sys.stdout.flush()
        output.result("")
    else:
        texts = writing.continue_texts(loaded, [prompt] * count, decoding=decoding, rngs=writing.generators(seed, count), **lengths)
        _print(texts, json, {"model": str(path), "prompt": prompt, "seed": seed})
    if not json and not argmax:
        output.note(f"(--seed {seed} writes this again)")


def _print(texts: list[str], json: bool, about: dict[str, Any]) -> None:
    if json:
        output.result_json({**about, "texts": texts})
        return
    for text in texts:
        output.result(text)
