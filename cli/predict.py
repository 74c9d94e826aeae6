"""`lmkit predict`: the next-word table."""

from __future__ import annotations

from typing import Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading


def command(
    model: options.Model,
    prompt: Annotated[str, typer.Argument(help="The beginning of a sentence; empty for the first word.")] = "",
    top: Annotated[int, typer.Option("--top", "-n", help="How many words.", min=1)] = 10,
    mid_sentence: Annotated[
        bool, typer.Option("--mid-sentence", help="The prompt stands somewhere in a sentence, not at its beginning; for n-gram models.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Print the most probable next words after a prompt.

    </s> in the table is the end of the sentence. The last column tells the n-gram that gave the probability: 3 means that the two
    words before were seen in front of this one, 1 that nothing but the word's own frequency was known.
    """
    reading.check_prompt(prompt)

    path = reading.model_path(model)
    loaded = reading.language_model(path)
    reading.tell_unknown(loaded, prompt)
    if mid_sentence:
        from lmkit import NgramLanguageModel

        if not isinstance(loaded, NgramLanguageModel):
            raise UsageError(f"{path}: is no n-gram model, and others know texts from their beginning only; leave out --mid-sentence.")
        words = loaded.next_words(prompt, top=top, mid_sentence=True)
    else:
        words = loaded.next_words(prompt, top=top)
    if json:
        output.result_json(
            {
                "model": str(path),
                "prompt": prompt,
                "is_normalised": loaded.is_normalised,
                "next_words": [{"token": word.token, "probability": word.probability, "ngram_length": word.ngram_length} for word in words],
            }
        )
        return
    rows = [[str(rank), output.clipped(word.token), f"{word.probability:.6f}"] for rank, word in enumerate(words, 1)]
    headers = ["", "next", "probability" if loaded.is_normalised else "score"]
    if all(word.ngram_length is not None for word in words):  # a mixture has none
        headers.append("n-gram")
        rows = [[*row, str(word.ngram_length)] for row, word in zip(rows, words, strict=True)]
    output.result(output.table(headers, rows, right=[column for column in range(len(headers)) if column != 1]))
    if not loaded.is_normalised:
        output.result("These scores don't sum to one: they are no probabilities.")
        return
    output.result(f"These {len(words)} hold {sum(word.probability for word in words):.1%} of the probability.")
