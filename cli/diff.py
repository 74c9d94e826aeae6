"""`lmkit diff`: where two models differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading

if TYPE_CHECKING:
    from lmkit.evaluation.breakdown import SentenceDifference, WordDifference


def command(
    first: Annotated[str, typer.Argument(metavar="A", help="A model.", show_default=False)],
    second: Annotated[str, typer.Argument(metavar="B", help="Another model.", show_default=False)],
    text: Annotated[
        str,
        typer.Argument(metavar="TEXT", help="A catalogue name (its test split), NAME:SPLIT, a file, a folder, a glob.", show_default=False),
    ],
    top: Annotated[int, typer.Option(help="How many words and sentences are shown for each side.", min=1)] = 10,
    split: options.Split = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
    seed: options.Seed = None,
    threads: options.Threads = None,
) -> None:
    """Show the words and sentences on which two models differ most.

    Words are ranked by the bits that one model pays more for all their occurrences, sentences by the bits an event. The paired test over
    the whole text stands first.
    """
    import lmkit_corpora
    from lmkit.evaluation.breakdown import differing_sentences, differing_words
    from lmkit.evaluation.events_file import events_hash, explain_difference
    from lmkit.evaluation.significance import difference

    paths = [reading.model_path(first), reading.model_path(second)]
    models = [reading.language_model(path) for path in paths]
    part = reading.choose_split(text, split, "test")
    corpora = [lmkit_corpora.load_corpus(text, split=part, options=model.text_options) for model in models]
    events = [model.score(corpus, getattr(model, "default_state", "reset")) for model, corpus in zip(models, corpora, strict=True)]
    if events_hash(events[0]) != events_hash(events[1]):
        reason = explain_difference(events[0], events[1])
        raise UsageError(f"{paths[0]} and {paths[1]} predict different events of this text: {reason}; train both with one reading.")
    same = models[0].vocabulary.hash == models[1].vocabulary.hash
    tested = difference(events[0], events[1], include_oov=same, seed=seed or 0)
    words = differing_words(events[0], events[1], corpora[0], top)
    sentences = differing_sentences(events[0], events[1], corpora[0], top)
    if json:
        output.result_json(
            {
                "first": str(paths[0]),
                "second": str(paths[1]),
                "text": text,
                "difference": tested.to_dict(),
                "words": {"second_better": [vars(word) for word in words[0]], "first_better": [vars(word) for word in words[1]]},
                "sentences": {"second_better": [vars(one) for one in sentences[0]], "first_better": [vars(one) for one in sentences[1]]},
            }
        )
        return
    output.result(tested.render(str(paths[0]), str(paths[1])) + ".")
    if not same:
        output.note(
            f"Note: the models know different words; {tested.left_out:,} events with a word unknown to either are left out of the test."
        )
    for path, found_words, found_sentences in zip(reversed(paths), words, sentences, strict=True):
        output.result(f"\n{path} is better on")
        output.result(_words(found_words))
        output.result(_sentences(found_sentences))


def _words(found: list[WordDifference]) -> str:
    rows = [
        [output.clipped(word.token), f"{word.count:,}", f"{abs(word.bits):,.1f}", f"{abs(word.bits) / word.count:.3f}"] for word in found
    ]
    return output.table(["word", "times", "bits saved", "a time"], rows, right=(1, 2, 3)) if rows else "(no word)"


def _sentences(found: list[SentenceDifference]) -> str:
    rows = [[f"{abs(one.bits) / one.events:.3f}", output.clipped(one.text, 100)] for one in found]
    return "\n" + output.table(["bits an event saved", "sentence"], rows, right=(0,)) if rows else ""
