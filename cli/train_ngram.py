"""`lmkit train-ngram`: from a corpus to a saved n-gram model."""

from __future__ import annotations

import dataclasses
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading, saving
from lmkit_cli.shared_options import taking

if TYPE_CHECKING:
    from lmkit.evaluation.perplexity import Accounting
    from lmkit.ngram.model import NgramLanguageModel
    from lmkit.ngram.pruning import Pruning
    from lmkit.ngram.smoothing import Smoothing
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.options import TextOptions
    from lmkit.text.vocabulary import Vocabulary

_BACKING_OFF = {"katz": "always backs off", "stupid-back-off": "always backs off", "jelinek-mercer": "always interpolates"}
_LONGEST_SHOWN = 40  # bytes of a word in the commands that are proposed


@taking(options.CorpusOptions)
def command(
    corpus: options.Corpus = None,
    order: Annotated[int, typer.Option("--order", "-o", help="Length of the longest n-grams.", min=1, max=100)] = 5,
    smoothing: Annotated[
        str,
        typer.Option(
            help="How probability is kept for what was not seen: modified-kneser-ney, kneser-ney, absolute-discounting, witten-bell, "
            "katz, jelinek-mercer, additive, maximum-likelihood, stupid-back-off."
        ),
    ] = "modified-kneser-ney",
    back_off: Annotated[
        bool | None,
        typer.Option(
            "--back-off/--interpolate",
            help="Ask the lower orders for unseen words only, or give seen words a share of them too, where the method allows both.",
            show_default="interpolate",
        ),
    ] = None,
    discount: Annotated[
        str | None,
        typer.Option(
            help="What kneser-ney, modified-kneser-ney and absolute-discounting take from counts: formula, tuned (on --held-out), or a "
            "number; three with commas for modified-kneser-ney.",
            show_default="formula",
        ),
    ] = None,
    delta: Annotated[float | None, typer.Option(help="What additive adds to every count; 1 is Laplace's.", show_default="1")] = None,
    alpha: Annotated[float | None, typer.Option(help="What stupid-back-off pays for each order that misses.", show_default="0.4")] = None,
    k: Annotated[int | None, typer.Option("--k", help="Highest count that katz discounts.", show_default="5")] = None,
    held_out: Annotated[
        str | None,
        typer.Option(
            help="A second text for jelinek-mercer's weights or for --discount tuned: a file, a folder, NAME:SPLIT.", show_default="none"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Where the model goes; an ending .arpa or .arpa.gz writes ARPA text, another lmkit's own file.",
            show_default="models/ngram-<corpus>.lm",
        ),
    ] = None,
    min_count: Annotated[int, typer.Option(help="Words seen less often become <unk>.", min=1)] = 1,
    vocab_size: Annotated[
        int | None,
        typer.Option(help="Keep at most so many words, the most frequent, <unk>, <s> and </s> among them.", min=4, show_default="all"),
    ] = None,
    prune: Annotated[
        str | None,
        typer.Option(
            help="Drop n-grams that occur so often or less, one count an order: 0,0,1 drops what is longer than two words and occurs "
            "once, as lmplz --prune 0 0 1 does. The last count holds for all orders above.",
            show_default="none",
        ),
    ] = None,
    limit_vocab: Annotated[
        Path | None,
        typer.Option(
            "--limit-vocab",
            help="Drop n-grams with words outside this file, once they are counted, as lmplz --limit_vocab_file does.",
            show_default="none",
        ),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            help="How much memory to take at most, such as 2G, 500M or 50%; what does not fit is counted on disk, with the same result.",
            show_default="no bound",
        ),
    ] = None,
    temp: Annotated[
        Path | None, typer.Option(help="Folder for temporary files where --memory asks for them.", show_default="that of --out")
    ] = None,
    vocabulary: Annotated[
        str | None,
        typer.Option(
            "--vocabulary",
            help="Know the words of this model, or those in this text file, and no others: for models that are to be mixed or compared.",
            show_default="those of the corpus",
        ),
    ] = None,
    counts: Annotated[
        Path | None,
        typer.Option(
            "--counts",
            help="Train from this file of counts in place of a corpus: .npz or text, made by lmkit count, lmkit merge-counts or SRILM's "
            "ngram-count.",
            show_default="none",
        ),
    ] = None,
    *,
    shared: options.CorpusOptions,
) -> None:
    """Train an n-gram language model on a corpus.

    A plain file is split at white space and its lines are sentences, as KenLM reads them; corpora of the catalogue name their own reading
    and are trained on their train split. Every word is kept unless --min-count or --vocab-size says otherwise.
    """
    import lmkit_corpora
    from lmkit import _memory
    from lmkit.ngram.model import NgramLanguageModel

    method = _smoothing(
        smoothing, interpolated=None if back_off is None else not back_off, discount=discount, delta=delta, alpha=alpha, k=k
    )
    bound = None if memory is None else _memory.parse_size("train-ngram", "memory", memory)
    method.check_held_out(held_out is not None)  # refused before the text is read
    pruning = _pruning(prune, limit_vocab)
    if counts is not None:
        _refuse_beside_counts(
            {
                "a corpus": corpus,
                "--split": shared.split,
                "--memory": memory,
                "--temp": temp,
                "--vocabulary": vocabulary,
                "--vocab-size": vocab_size,
                "--min-count": min_count > 1 or None,
            }
        )
    reading.check_known_words(vocabulary, min_count, vocab_size)
    known = None if vocabulary is None else reading.known_words(vocabulary)
    spec = corpus or (str(counts) if counts is not None else lmkit_corpora.default_corpus())
    text_options = reading.typed_options(spec, shared, shared.unit)
    target = out if out is not None else reading.MODELS_FOLDER / f"ngram-{reading.corpus_label(spec)}.lm"
    sources = (spec, counts, held_out, limit_vocab, None if vocabulary is None else reading.model_path(vocabulary))
    saving.check_model_target(target, "n-gram models", ".lm", *sources, arpa=True)
    started = time.perf_counter()
    if counts is not None:
        model = NgramLanguageModel(order=order, smoothing=method, pruning=pruning)
        _fit_counts(model, counts, held_out, text_options)
        saving.save(model, target)
        _report_counts(model, counts, target, time.perf_counter() - started, json=shared.json, quiet=shared.quiet)
        return
    part = reading.choose_split(spec, shared.split, "train")
    train = lmkit_corpora.load_corpus(spec, split=part, options=text_options)
    if bound is not None and _memory.peak_memory() > bound:
        taken = _memory.show_size(_memory.peak_memory())
        output.note(f"Python, its libraries and reading the text took up to {taken}, more than --memory allows; counting comes after that.")
    model = NgramLanguageModel(
        order=order,
        smoothing=method,
        min_count=min_count,
        max_vocabulary_size=vocab_size,
        pruning=pruning,
        memory=memory,
        temp=temp if temp is not None or memory is None else target.parent,
        threads=shared.threads,
    )
    other = None if held_out is None else lmkit_corpora.load_corpus(held_out, options=train.options)
    reading.make_folder(target)
    as_text = saving.is_arpa(target)
    if as_text and part != "train":
        card = model.fit_to_arpa(train, target, held_out=other, vocabulary=known)
    elif as_text:  # the model is asked about the valid split
        card = model.fit(train, held_out=other, vocabulary=known).info()
        model.write_arpa(target)
    else:
        card = model.fit_to_file(train, target, held_out=other, vocabulary=known).info()
    seconds = time.perf_counter() - started

    validation = _validate(model, spec, part)
    if shared.json:
        output.result_json(
            {
                "model": str(target),
                "bytes": target.stat().st_size,
                "seconds": seconds,
                "validation": None if validation is None else validation.to_dict(),
                **card,
            }
        )
    elif shared.quiet:
        output.result(str(target))
    else:
        _report(card, train, target, seconds, validation)
        _say_what_next(train.vocabulary, spec, part, target)


def _refuse_beside_counts(given: dict[str, Any]) -> None:
    """Raise UsageError for what has no meaning beside counts."""
    for name, value in given.items():
        if value is not None:
            raise UsageError(f"--counts takes the place of a corpus, so {name} has no use; leave one of the two out.")


def _fit_counts(model: NgramLanguageModel, path: Path, held_out: str | None, typed: TextOptions | None) -> None:
    """Train from a file of counts. Options that were typed say how texts are read where the file does not."""
    import lmkit_corpora
    from lmkit.ngram.count_files import has_boundaries, read_counts, record_of, trie_of
    from lmkit.text.options import TextOptions

    table = read_counts(path)
    for text in table.notes:
        output.note(text)
    highest = max(table.rows)
    if highest < model.order:
        output.note(f"Order {highest} is taken: the counts have no longer n-grams.")
        model.order = highest
    if typed is not None and table.options not in (None, typed):
        raise UsageError(f"{path} says itself how its text was read, so options of reading have no use beside --counts; leave them out.")
    model.reading = table.options or typed
    counts = trie_of(table, model.order)
    if model.reading is None:
        model.reading = TextOptions(sentences="line" if has_boundaries(table) else "none")
    other = None if held_out is None else lmkit_corpora.load_corpus(held_out, options=model.reading)
    model.fit_counts(counts, table.vocabulary, held_out=other, origin=record_of(table, path.name))


def _report_counts(model: NgramLanguageModel, counts: Path, target: Path, seconds: float, *, json: bool, quiet: bool) -> None:
    """What a model of counts became."""
    if json:
        output.result_json({"model": str(target), "bytes": target.stat().st_size, "seconds": seconds, "validation": None, **model.info()})
    elif quiet:
        output.result(str(target))
    else:
        output.result(f"Read counts from {counts}: {len(model.vocabulary) - 3:,} different words.")
        _report_ngrams(model.info(), target, seconds, None)
        _say_what_next(model.vocabulary, str(counts), None, target)


def _pruning(counts: str | None, words: Path | None) -> list[Pruning]:
    """What is dropped as the model is made. Raises UsageError or InputError."""
    from lmkit.ngram.pruning import CountCutoffs, VocabularyLimit
    from lmkit_cli.prune import parse_counts

    cutoffs: list[Pruning] = [] if counts is None else [CountCutoffs(parse_counts(counts, "--prune"))]
    return cutoffs if words is None else [*cutoffs, VocabularyLimit(reading.read_words(words))]


def _smoothing(name: str, *, discount: str | None, **parameters: Any) -> Smoothing:
    """The method that the options describe. Raises InvalidParameterError, before any text is read."""
    from lmkit.ngram.smoothing import METHODS, get_method

    typed = {key: value for key, value in parameters.items() if value is not None}
    if "interpolated" in typed and name in METHODS and "interpolated" not in {field.name for field in dataclasses.fields(METHODS[name])}:
        does = _BACKING_OFF.get(name, "has no such choice")
        raise UsageError(f"--smoothing {name} {does}; leave out {'--interpolate' if typed['interpolated'] else '--back-off'}.")
    if discount is not None:
        typed["discount"] = discount if discount.isalpha() else _numbers(discount)
    return get_method({"name": name, **typed})


def _numbers(text: str) -> float | tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--discount must be formula, tuned, a number, or three numbers with commas between, not {text!r}.") from None
    return values[0] if len(values) == 1 else values


def _validate(model: NgramLanguageModel, spec: str, part: str | None) -> Accounting | None:
    """The accounting of the corpus's valid split under the model, where the model was trained on the train split."""
    import lmkit_corpora
    from lmkit.evaluation.perplexity import Accounting

    if part != "train":
        return None
    base, _ = reading.split_off(spec)
    valid = lmkit_corpora.load_corpus(base, split="valid", options=model.text_options)
    if valid.n_sentences == 0:
        return None
    return Accounting.from_events(model.score(valid))


def _report(card: dict[str, Any], train: EncodedCorpus, target: Path, seconds: float, validation: Accounting | None) -> None:
    """What was read, the n-grams of each order, what the user should know, and where the model went."""
    unit = "words" if train.options.is_word_level else train.options.tokenizer
    in_sentences = f" in {train.n_sentences:,} sentences" if train.options.sentence_boundaries else " of continuous text"
    output.result(
        f"Read {train.name}: {len(train):,} {unit}{in_sentences}, {len(train.vocabulary) - 3:,} different ({_reading(train.options)})."
    )
    _report_ngrams(card, target, seconds, validation)


def _report_ngrams(card: dict[str, Any], target: Path, seconds: float, validation: Accounting | None) -> None:
    """The n-grams of each order, what the user should know, and where the model went."""
    discounts = card.get("estimation", {}).get("discounts", [])
    columns = max(map(len, discounts), default=0)
    rows = []
    for order, size in enumerate(card["ngrams"], 1):
        taken = discounts[order - 1] if order <= len(discounts) else []
        rows.append([str(order), f"{size:,}", *(f"{discount:.4f}" for discount in taken), *[""] * (columns - len(taken))])
    headers = [
        "order",
        "n-grams",
        *(["D"] if columns == 1 else [f"D{count}" for count in range(1, columns)] + [f"D{columns}+"] * (columns > 0)),
    ]
    output.result("\n" + output.table(headers, rows, right=range(len(headers))) + "\n")
    for entry in card["notes"]:
        output.result(f"Note: {entry}")
    if validation is not None:
        every = validation.all
        output.result(
            f"Perplexity of the valid split: {every.perplexity:.2f} over {every.count:,} tokens, sentence ends included; "
            f"{(validation.known_words + validation.ends).perplexity:.2f} without its {validation.unknown_words.count:,} unknown words"
            + ("." if validation.is_normalised else "; of scores that don't sum to one, so it compares with no other model's.")
        )
    output.result(f"Model: {target} ({output.size(target.stat().st_size)}), made in {seconds:.1f} s.")


def _reading(text_options: TextOptions) -> str:
    """The reading in a few words: `whitespace, a line a sentence, lower-cased`."""
    sentences = {
        "line": "a line a sentence",
        "paragraph": "a paragraph a sentence",
        "detected": "sentences found by Punkt",
        "none": "no sentences",
    }
    parts = [f"tokens by {text_options.tokenizer}", sentences[text_options.sentences]]
    parts += ["blank lines dropped"] if text_options.sentences == "line" and text_options.blank_lines == "drop" else []
    parts += ["lower-cased"] if text_options.lowercase else []
    parts += ["numbers as N"] if text_options.fold_numbers else []
    parts += [text_options.normalization] if text_options.normalization else []
    parts += [text_options.encoding] if text_options.encoding != "utf-8" else []
    return ", ".join(parts)


def _say_what_next(vocabulary: Vocabulary, spec: str, part: str | None, target: Path) -> None:
    """Three commands to go on with, made from this very model."""
    path = shlex.quote(str(target))
    text = shlex.quote(f"{reading.split_off(spec)[0]}:test") if part == "train" else "TEXT"
    output.note("\nTry next:")
    output.note(f"  lmkit perplexity {path} {text}")
    output.note(f"  lmkit predict {path} {shlex.quote(_frequent_word(vocabulary))}")
    output.note(f"  lmkit generate {path} --count 3 --temperature 0.7")


def _frequent_word(vocabulary: Vocabulary) -> str:
    """The most frequent word that a command line holds well; empty if there is none."""
    import numpy as np

    counts = vocabulary.counts
    if counts is None:
        return ""
    first = vocabulary.EOS + 1
    short = first + np.flatnonzero(vocabulary.bytes[first:] <= _LONGEST_SHOWN)
    return vocabulary.token(int(short[counts[short].argmax()])) if len(short) else ""
