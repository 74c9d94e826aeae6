"""`lmkit diff`: where two models differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading
from lmkit_cli.compare import contestants_of

if TYPE_CHECKING:
    from lmkit.evaluation.breakdown import SentenceDifference, WordDifference


def command(
    first: Annotated[str, typer.Argument(metavar="A", help="A model, or events that `lmkit score` wrote.", show_default=False)],
    second: Annotated[str, typer.Argument(metavar="B", help="Another.", show_default=False)],
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
    from lmkit.comparison.scoring import refuse_other_events, score_all
    from lmkit.evaluation.breakdown import differing_sentences, differing_words
    from lmkit.evaluation.significance import difference

    paths = [reading.model_path(first), reading.model_path(second)]
    part = reading.choose_split(text, split, "test")
    scored = score_all(
        contestants_of(paths), lambda text_options: lmkit_corpora.load_corpus(text, split=part, options=text_options), threads
    )
    refuse_other_events(scored, "or train both with it")
    events = [one.events for one in scored]
    corpus = next((one.corpus for one in scored if one.corpus is not None), None)
    if corpus is None:
        raise UsageError(f"{paths[0]} and {paths[1]} don't tell how their text was read, so its words can't be named; score it anew.")
    same = events[0].vocabulary_hash == events[1].vocabulary_hash
    tested = difference(events[0], events[1], include_oov=same, seed=seed or 0)
    words = differing_words(events[0], events[1], corpus, top)
    sentences = differing_sentences(events[0], events[1], corpus, top)
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
        output.note(f"Note: the models know different words; {tested.left_out:,} events with a word unknown to either are left out.")
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
