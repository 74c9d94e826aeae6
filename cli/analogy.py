"""`lmkit analogy`: A is to B as C is to what?"""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from lmkit_cli import options, output, vectors


class Method(enum.StrEnum):
    cosadd = "3cosadd"
    cosmul = "3cosmul"


def command(
    a: Annotated[str, typer.Argument(help="The word to start from: king.", show_default=False)],
    b: Annotated[str, typer.Argument(help="What is taken away: man.", show_default=False)],
    c: Annotated[str, typer.Argument(help="What is put in its place: woman.", show_default=False)],
    model: vectors.Model = None,
    top: vectors.Top = 10,
    method: Annotated[Method, typer.Option(help="Sum of cosines, or product (Levy and Goldberg 2014).")] = Method.cosadd,
    restrict: vectors.Restrict = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Answer A - B + C with word vectors: `lmkit analogy king man woman`.

    The three words themselves are never answers; nothing else is left out.
    """
    loaded, name = vectors.open_vectors(model)
    words = vectors.as_read(loaded, [a, b, c])
    answers = loaded.most_similar([words[0], words[2]], [words[1]], top=top, method=method.value, restrict=restrict)
    caveats = loaded.caveats(words)
    if json:
        output.result_json(
            {"question": words, "method": method.value, "answers": vectors.as_json(answers), "model": name, "notes": caveats}
        )
        return
    score = "score" if method is Method.cosmul else "similarity"
    output.result(vectors.answer_table(answers, f"{words[0]} - {words[1]} + {words[2]}", score))
    for caveat in caveats:
        output.note(f"Note: {caveat}")
