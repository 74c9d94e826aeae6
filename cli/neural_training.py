"""What the commands that train neural models share: their options, the run, and what they print."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit.errors import UsageError
from lmkit_cli import options, output, reading, saving, vectors

if TYPE_CHECKING:
    from lmkit.neural.language_model import NeuralLanguageModel
    from lmkit.neural.presets import Preset
    from lmkit.neural.recipe import Recipe
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.options import TextOptions

Optimizer = Annotated[
    str | None,
    typer.Option(help="sgd, asgd, adam, adamw or rmsprop; with options as in sgd:momentum=0.9,nesterov=true.", show_default="adamw"),
]
LearningRate = Annotated[float | None, typer.Option("--learning-rate", "--lr", help="Base learning rate.", show_default="0.003")]
Schedule = Annotated[
    str | None,
    typer.Option(
        help="Course of the rate: constant, plateau, stairs, linear, cosine, one-cycle; with options as in cosine:warm_up=0.1.",
        show_default="cosine",
    ),
]
OutputLayer = Annotated[
    str | None,
    typer.Option(
        "--output",
        help="Output layer: full, or for large vocabularies adaptive, classes, huffman, sampled, nce, blackout; with options as in "
        "sampled:samples=512,proposal=unigram or adaptive:cutoffs=2000+10000.",
        show_default="full",
    ),
]
WeightDecay = Annotated[float | None, typer.Option(help="Weight decay.", show_default="0.01")]
Batch = Annotated[int | None, typer.Option(help="Texts side by side.", min=1, show_default="20")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the text, at most.", min=1, show_default="10")]
Minutes = Annotated[float | None, typer.Option(help="Time to train, at most; the rate falls towards its end.", show_default="no limit")]
Clip = Annotated[float | None, typer.Option(help="Longest gradient, of the mean loss of a token; 0: no limit.", min=0, show_default="1")]
Patience = Annotated[
    int | None, typer.Option(help="Stop after so many validations that got no better.", min=1, show_default="no early stopping")
]
Validations = Annotated[int | None, typer.Option(help="Validations an epoch.", min=1, show_default="1")]
Valid = Annotated[
    str | None,
    typer.Option(help="Text to validate on; the weights that do best on it are kept.", show_default="the corpus's valid split"),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint of a training that was interrupted.")]
CheckpointMinutes = Annotated[float, typer.Option(help="Minutes between two checkpoints, kept beside --out.", min=0)]
Log = Annotated[Path | None, typer.Option(help="Write what happens as JSON lines to this file.", show_default="none")]
MinCount = Annotated[int, typer.Option(help="Words seen less often become <unk>.", min=1)]
VocabSize = Annotated[
    int | None,
    typer.Option(help="Keep at most so many words, the most frequent, <unk>, <s> and </s> among them.", min=4, show_default="all"),
]
KnownWords = Annotated[
    str | None,
    typer.Option(
        "--vocabulary",
        help="Know the words of this model, or those in this text file, and no others: for models that are to be mixed or compared.",
        show_default="those of the corpus",
    ),
]


def parse_choice(text: str) -> dict[str, Any]:
    """A name with options, as users type them: "cosine:warm_up=0.1,final=0.05" becomes {"name": "cosine", "warm_up": 0.1, "final": 0.05}.

    Values are numbers, true, false, lists of numbers joined by "+", or words; a dash in an option's name stands for an underline.
    """
    name, _, rest = text.partition(":")
    choice: dict[str, Any] = {"name": name.strip()}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise UsageError(f"{part!r} in {text!r} is no option: write NAME:OPTION=VALUE,OPTION=VALUE, such as cosine:warm_up=0.1.")
        choice[key.strip().replace("-", "_")] = _parse_value(value.strip())
    return choice


def _parse_value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if "+" in text[1:] and "e+" not in text.lower():
        return [_parse_value(part) for part in text.split("+")]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


Vectors = Annotated[
    Path | None,
    typer.Option(help="Begin with these word vectors, of any format that `lmkit info` reads.", show_default="random vectors"),
]
StartFrom = Annotated[
    str | None,
    typer.Option(
        help="Begin with the weights, words and reading of this model, as to go on with another loss, rate or text; shape options "
        "not given are its own.",
        show_default="random weights",
    ),
]
FreezeVectors = Annotated[bool, typer.Option("--freeze-vectors", help="Don't train the word vectors further.")]


@dataclasses.dataclass
class TrainingOptions:
    """The options of every command that trains a neural model, as the user typed them."""

    optimizer: Optimizer = None
    learning_rate: LearningRate = None
    schedule: Schedule = None
    weight_decay: WeightDecay = None
    clip: Clip = None
    epochs: Epochs = None
    minutes: Minutes = None
    patience: Patience = None
    validations: Validations = None
    valid: Valid = None
    vectors: Vectors = None
    freeze_vectors: FreezeVectors = False
    start_from: StartFrom = None
    resume: Resume = False
    checkpoint_minutes: CheckpointMinutes = 10.0
    log: Log = None
    unit: options.UnitOption = None
    tokenizer: options.Tokenizer = None
    sentences: options.SentencesOption = None
    no_sentence_boundaries: options.NoBoundaries = False
    blank_lines: options.BlankLinesOption = None
    lowercase: options.Lowercase = None
    fold_numbers: options.FoldNumbers = None
    normalization: options.NormalizationOption = None
    encoding: options.Encoding = None
    min_count: MinCount = 1
    vocab_size: VocabSize = None
    vocabulary: KnownWords = None
    split: options.Split = None
    json: options.Json = False
    quiet: options.Quiet = False
    debug: options.Debug = False
    seed: options.Seed = None
    threads: options.Threads = None

    def reading(self, spec: str, preset: Preset | None = None) -> TextOptions | None:
        """How the corpus is read: as the preset was made for where neither a unit nor a tokenizer was typed."""
        if preset is None or preset.unit == "word" or self.unit is not None or self.tokenizer is not None:
            return reading.typed_options(spec, self, self.unit)
        typed = dataclasses.replace(self, no_sentence_boundaries=True) if preset.is_continuous and self.sentences is None else self
        return reading.typed_options(spec, typed, preset.unit)


def change_recipe(recipe: Recipe, typed: TrainingOptions, **given: Any) -> Recipe:
    """The recipe with what the user typed; `given` are fields that only one command has. Raises InvalidParameterError."""
    from lmkit.neural.presets import changed

    for name in ("learning_rate", "epochs", "minutes", "patience", "validations"):
        given[name] = getattr(typed, name)
    optimizer, weight_decay, schedule, clip = typed.optimizer, typed.weight_decay, typed.schedule, typed.clip
    if optimizer is not None:
        chosen = parse_choice(optimizer)
        kept = recipe.optimizer if isinstance(recipe.optimizer, dict) and recipe.optimizer.get("name") == chosen["name"] else {}
        given["optimizer"] = {**kept, **chosen}
    if weight_decay is not None:
        base = given.get("optimizer") or recipe.optimizer
        given["optimizer"] = {**({"name": base} if isinstance(base, str) else base), "weight_decay": weight_decay}
    if schedule is not None:
        given["schedule"] = parse_choice(schedule)
    changed_recipe = changed(recipe, **given)
    return dataclasses.replace(changed_recipe, clip=clip or None) if clip is not None else changed_recipe


def model_to_start_from(typed: TrainingOptions, kind: type[NeuralLanguageModel]) -> NeuralLanguageModel | None:
    """The model of --start-from.

    Raises
    ------
    UsageError : if it is not of that kind, or options contradict it: its words and reading are part of it.
    """
    if typed.start_from is None:
        return None
    path = reading.model_path(typed.start_from)
    model = reading.language_model(path)
    if not isinstance(model, kind):
        raise UsageError(f"{path}: holds a {type(model).__name__}; this command goes on from a {kind.__name__}.")
    fixed = {"unit", "no_sentence_boundaries", *reading.TYPED, "min_count", "vocab_size", "vocabulary", "vectors"}
    for field in dataclasses.fields(typed):
        value = getattr(typed, field.name)
        if field.name in fixed and value != field.default:
            name = field.name if value is not False else f"no_{field.name}"
            raise UsageError(
                f"--{name.replace('_', '-')} and --start-from exclude each other: the model's own words and reading are taken."
            )
    return model


def train(
    make: Callable[..., NeuralLanguageModel],
    shape: Any,
    recipe: Recipe,
    spec: str,
    target: Path,
    typed: TrainingOptions,
    *,
    preset: Preset | None = None,
    start_from: NeuralLanguageModel | None = None,
) -> None:
    """Read the texts, train, save, and say how it went.

    make : the class of the model. preset : see `TrainingOptions.reading`. start_from : of `model_to_start_from`.
    """
    import lmkit_corpora
    from lmkit.neural.trainer import JsonLinesLog

    json, quiet, resume = typed.json, typed.quiet, typed.resume
    model = make(
        shape,
        recipe,
        min_count=typed.min_count,
        max_vocabulary_size=typed.vocab_size,
        reading=typed.reading(spec, preset) if start_from is None else start_from.text_options,
        seed=typed.seed or 0,
        threads=typed.threads,
    )
    models = [reading.model_path(name) for name in (typed.start_from, typed.vocabulary) if name is not None]
    sources = (spec, typed.valid, typed.vectors, *models)
    saving.check_model_target(target, "networks", ".lm", *sources)
    if typed.log is not None:
        saving.check_target(typed.log, *sources)
    checkpoint = target.with_name(target.name + ".checkpoint")
    if resume and not checkpoint.exists():
        raise UsageError(f"{checkpoint}: there is no checkpoint to go on from; leave out --resume to begin anew.")
    reading.check_known_words(typed.vocabulary, typed.min_count, typed.vocab_size)
    if typed.freeze_vectors and typed.vectors is None:
        raise UsageError("--freeze-vectors keeps the vectors of --vectors as they are; name a file with --vectors, or leave it out.")
    known = None if typed.vocabulary is None else reading.known_words(typed.vocabulary)
    given = None if typed.vectors is None else _vectors(typed.vectors)
    part = reading.choose_split(spec, typed.split, "train")
    corpus = lmkit_corpora.load_corpus(spec, split=part, options=model.reading)
    held_out = _held_out(spec, part, typed.valid, corpus)
    if held_out is None:
        _check_without_valid(recipe, typed)
    reading.make_folder(target)
    listeners: list[Any] = [] if json or quiet else [ValidationTable(corpus)]
    log_file = None if typed.log is None else JsonLinesLog(typed.log, _checkpoint_step(checkpoint) if resume else None)
    if log_file is not None:
        listeners.append(log_file)
    started = time.perf_counter()
    try:
        model.fit(
            corpus,
            valid=held_out,
            vocabulary=known,
            vectors=given,
            freeze_vectors=typed.freeze_vectors,
            start_from=start_from,
            checkpoint=checkpoint,
            checkpoint_minutes=typed.checkpoint_minutes,
            resume=resume,
            listeners=listeners,
        )
    finally:
        if log_file is not None:
            log_file.close()
    seconds = time.perf_counter() - started
    model.save(target)
    checkpoint.unlink(missing_ok=True)  # only now: a full disk does not cost the training
    _report(model, spec, part, held_out, target, seconds, json=json, quiet=quiet)


def _vectors(path: Path) -> Any:
    import lmkit

    found = vectors.held_in(lmkit.load(path))
    if not hasattr(found, "matrix") or not hasattr(found, "index"):
        raise UsageError(f"{path}: holds no word vectors; --vectors takes a file that holds some.")
    return found


def _checkpoint_step(checkpoint: Path) -> int:
    from lmkit._container import read_container

    return int(read_container(checkpoint).metadata.get("state", {}).get("step", 0))


def _held_out(spec: str, part: str | None, valid: str | None, corpus: EncodedCorpus) -> EncodedCorpus | None:
    """The text to validate on: what the user named, else the valid split of a corpus that is trained on its train split."""
    import lmkit_corpora

    if valid is not None:
        return lmkit_corpora.load_corpus(valid, options=corpus.options)
    if part != "train":
        return None
    held_out = lmkit_corpora.load_corpus(reading.split_off(spec)[0], split="valid", options=corpus.options)
    return held_out if held_out.n_sentences else None


def _check_without_valid(recipe: Recipe, typed: TrainingOptions) -> None:
    """Refuse typed options that act on validations, since there will be none; say so of a preset's. Raises UsageError."""
    by_plateau = recipe.make_schedule().name == "plateau"
    for name, given in (
        ("--patience", typed.patience is not None),
        ("--optimizer asgd", typed.optimizer is not None and recipe.make_optimizer().name == "asgd"),
        ("--schedule plateau", typed.schedule is not None and by_plateau),
    ):
        if given:
            raise UsageError(f"{name} goes by the perplexity of a valid text, and there is none; name one with --valid, or leave it out.")
    if by_plateau:
        output.note("Note: the preset lowers the rate by the perplexity of a valid text; without one, --valid, the rate stays as it is.")


_PERPLEXITIES = ("train_perplexity", "valid_perplexity")  # of a record; None where there is none


class ValidationTable:
    """A listener that prints what was read, as soon as training is under way and so was not refused, and a line for each validation."""

    def __init__(self, corpus: EncodedCorpus) -> None:
        self._corpus: EncodedCorpus | None = corpus  # until it has been told of

    def __call__(self, record: dict[str, Any]) -> None:
        import sys

        if self._corpus is not None:
            _say_what_was_read(self._corpus)
            output.result(f"{'epoch':>6} {'time':>9} {'tokens/s':>9} {'train ppl':>10} {'valid ppl':>10}")
            self._corpus = None
        if record["event"] == "validation":
            train, valid = ("" if (value := record[name]) is None else output.perplexity(value) for name in _PERPLEXITIES)
            rate = record["tokens"] / max(record["seconds"], 1e-9)
            output.result(f"{record['epoch']:>6.2f} {output.duration(record['seconds']):>9} {rate:>9,.0f} {train:>10} {valid:>10}")
        sys.stdout.flush()


def _say_what_was_read(corpus: EncodedCorpus) -> None:
    unit = "words" if corpus.options.is_word_level else corpus.options.tokenizer
    in_sentences = f" in {corpus.n_sentences:,} sentences" if corpus.options.sentence_boundaries else " of continuous text"
    output.result(f"Read {corpus.name}: {len(corpus):,} {unit}{in_sentences}, {len(corpus.vocabulary) - 3:,} different.\n")


def _report(
    model: NeuralLanguageModel,
    spec: str,
    part: str | None,
    held_out: EncodedCorpus | None,
    target: Path,
    seconds: float,
    *,
    json: bool,
    quiet: bool,
) -> None:
    if quiet and not json:
        output.result(str(target))
        return
    from lmkit.evaluation.perplexity import Accounting

    validation = None if held_out is None else Accounting.from_events(model.score(held_out, model.default_state))
    if json:
        output.result_json(
            {
                "model": str(target),
                "bytes": target.stat().st_size,
                "seconds": seconds,
                "validation": None if validation is None else validation.to_dict(),
                **model.info(),
            }
        )
        return
    output.result("")
    for entry in model.notes_:
        output.result(f"Note: {entry}")
    if validation is not None:
        how = "the state carried from sentence to sentence" if model.default_state == "carry" else "each sentence apart"
        perplexity, tokens = output.perplexity(validation.all.perplexity), validation.all.count
        output.result(f"Perplexity of the valid text: {perplexity} over {tokens:,} tokens, ends included, {how}.")
    output.result(f"Model: {target} ({output.size(target.stat().st_size)}), trained in {output.duration(seconds)}.")
    path = shlex.quote(str(target))
    text = shlex.quote(f"{reading.split_off(spec)[0]}:test") if part == "train" else "TEXT"
    output.note("\nTry next:")
    output.note(f"  lmkit perplexity {path} {text}")
    output.note(f"  lmkit predict {path}")
    output.note(f"  lmkit generate {path} --count 3 --temperature 0.7")
