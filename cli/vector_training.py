"""What the commands that train word vectors share: progress, checkpoints, the report, and what to try next."""

from __future__ import annotations

import dataclasses
import enum
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lmkit._progress import Progress
from lmkit.errors import UsageError
from lmkit_cli import options, output, reading, saving, vectors

if TYPE_CHECKING:
    from lmkit.embeddings.models import Word2Vec
    from lmkit.embeddings.training.trainer import Report
    from lmkit.text.corpus import EncodedCorpus
    from lmkit.text.options import TextOptions

ENDING = ".vectors"
NEGATIVE = 5


class Model(enum.StrEnum):
    skipgram = "skipgram"
    cbow = "cbow"


class Loss(enum.StrEnum):
    ns = "ns"
    hs = "hs"


LossOption = Annotated[Loss, typer.Option("--loss", "-loss", help="Negative sampling, or hierarchical softmax.")]
Dim = Annotated[int, typer.Option("--dim", "-dim", "-size", "--vector-size", help="Numbers in a vector.", min=1)]
Window = Annotated[int, typer.Option("--window", "-window", "-ws", help="Words on either side that are a word's context, at most.", min=1)]
Negative = Annotated[
    int | None,
    typer.Option(
        "--negative", "-negative", "-neg", help="Noise words drawn for a prediction; 0 only with --loss hs.", min=0, show_default="5"
    ),
]
Epochs = Annotated[int, typer.Option("--epochs", "-epoch", "-iter", help="Passes over the text; more with --compat fasttext.", min=1)]
Sample = Annotated[
    float | None,
    typer.Option(
        "--sample",
        "-sample",
        "-t",
        help="Leave frequent words out at random, those above about this share of the text.",
        show_default="0.001; for subwords 0.0001",
    ),
]
MinCount = Annotated[int, typer.Option("--min-count", "-min-count", "-minCount", help="Words seen less often get no vector.", min=1)]
MaxVocab = Annotated[
    int | None,
    typer.Option("--max-vocab", "--vocab-size", help="So many vectors at most, for the most frequent words.", min=1, show_default="all"),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        "-threads",
        "-thread",
        help="Copies of the model trained at once and merged. The vectors depend on their number, so name it where they are to be the same "
        "on another machine.",
        min=1,
        show_default="one a core, and no more than one for 100,000 words",
    ),
]
HeldOut = Annotated[
    str | None,
    typer.Option("--held-out", help="A second text on which the loss is measured after each epoch.", show_default="none"),
]
Patience = Annotated[
    int | None,
    typer.Option(help="End after so many epochs without a lower held-out loss, and keep the best.", min=1, show_default="never"),
]
Start = Annotated[
    Path | None,
    typer.Option("--start", "-pretrainedVectors", help="Begin with these vectors; all their words stay.", show_default="at random"),
]
CheckpointMinutes = Annotated[
    float, typer.Option("--checkpoint-minutes", help="Store the training so often beside --out, as NAME.checkpoint.", min=0)
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint beside --out, if there is one.")]


# word2vec.c's and fastText's spellings that are no other names of an option here

Train = Annotated[str | None, typer.Option("-train", "-input", hidden=True)]
Cbow = Annotated[int | None, typer.Option("-cbow", hidden=True, min=0, max=1)]
Hs = Annotated[int | None, typer.Option("-hs", hidden=True, min=0, max=1)]
Binary = Annotated[int | None, typer.Option("-binary", hidden=True, min=0, max=2)]


def as_word2vec(
    corpus: str | None,
    train: str | None,
    model: Model,
    cbow: int | None,
    loss: Loss,
    hs: int | None,
    negative: int | None,
    binary: int | None,
) -> tuple[str | None, Model, Loss]:
    """Corpus, model and loss where somebody typed them as for word2vec.c or fastText. Raises UsageError for what is not done here."""
    if train is not None and corpus is not None:
        raise UsageError(f"The text is named twice, {corpus} and -train {train}; leave one of them out.")
    if binary:
        raise UsageError("-binary is not written here: train to a .vectors file, and `lmkit convert FILE.vectors FILE.bin --to word2vec`.")
    if hs and negative:
        raise UsageError("-hs 1 trains along a tree and -negative by noise words; here it is one of the two: leave one of them out.")
    chosen = model if cbow is None else Model.cbow if cbow else Model.skipgram
    return corpus or train, chosen, Loss.hs if hs else loss


def refuse_idle(options: dict[str, tuple[bool, str]]) -> None:
    """Raise UsageError for an option that was typed and changes nothing. options : by name whether that is so, and what it is for."""
    for name, (is_idle, purpose) in options.items():
        if is_idle:
            raise UsageError(f"{name} is {purpose}; leave it out.")


@dataclasses.dataclass
class TrainingOptions:
    """The options of every command that trains word vectors, as the user typed them."""

    dim: Dim = 100
    window: Window = 5
    negative: Negative = None
    epochs: Epochs = 5
    min_count: MinCount = 5
    max_vocab: MaxVocab = None
    held_out: HeldOut = None
    patience: Patience = None
    start: Start = None
    checkpoint_minutes: CheckpointMinutes = 10.0
    resume: Resume = False
    tokenizer: options.Tokenizer = None
    sentences: options.SentencesOption = None
    no_sentence_boundaries: options.NoBoundaries = False
    lowercase: options.Lowercase = None
    fold_numbers: options.FoldNumbers = None
    normalization: options.NormalizationOption = None
    encoding: options.Encoding = None
    split: options.Split = None
    json: options.Json = False
    quiet: options.Quiet = False
    debug: options.Debug = False
    seed: options.Seed = None
    threads: ThreadsOption = None

    def reading(self, spec: str) -> TextOptions | None:
        """How the corpus is read."""
        return reading.typed_options(spec, self)

    def parameters(self) -> dict[str, Any]:
        """Those of an estimator that every command has; the rest is the command's own."""
        return {
            "dim": self.dim,
            "window": self.window,
            "epochs": self.epochs,
            "min_count": self.min_count,
            "max_vocabulary_size": self.max_vocab,
            "seed": 1 if self.seed is None else self.seed,
            "threads": self.threads,
        }


class Training:
    """One training from the command line: reads, trains, stores, tells.

    Parameters
    ----------
    spec : the corpus argument, None for the default corpus.
    out : where the vectors go, None for models/KIND-<corpus>.vectors.
    kind : of the default name.
    shared : the options of all such commands.
    """

    ending = ENDING

    def __init__(self, spec: str | None, out: Path | None, kind: str, shared: TrainingOptions) -> None:
        import lmkit_corpora

        self.spec = spec if spec is not None else lmkit_corpora.default_corpus()
        self.target = out if out is not None else reading.MODELS_FOLDER / f"{kind}-{reading.corpus_label(self.spec)}{self.ending}"
        what = "language models" if self.ending == ".lm" else "word vectors"
        saving.check_model_target(self.target, what, self.ending, self.spec, shared.start, shared.held_out)
        self._shared = shared
        self._options = shared.reading(self.spec)
        self._part = reading.choose_split(self.spec, shared.split, "train")
        self.seconds = 0.0

    @property
    def checkpoint(self) -> Path:
        return self.target.with_name(self.target.name + ".checkpoint")

    def run(self, model: Word2Vec) -> EncodedCorpus:
        """Read the text, train, save. Ctrl-C leaves a checkpoint and raises KeyboardInterrupt."""
        import lmkit
        import lmkit_corpora

        began = time.perf_counter()
        first: Any = None
        start, held_out = self._shared.start, self._shared.held_out
        self._check_patience(held_out)
        if start is not None:
            first = vectors.held_in(lmkit.load(start))
            if not hasattr(first, "most_similar"):
                raise UsageError(f"{start}: holds a {type(first).__name__}, no word vectors; --start takes vectors.")
            for entry in model.start_notes(first):
                output.note(f"Note: {entry}")
        corpus = lmkit_corpora.load_corpus(self.spec, split=self._part, options=self._options)
        other = None if held_out is None else lmkit_corpora.load_corpus(held_out, options=corpus.options)
        self._fit(model, corpus, held_out=other, start=first)
        self.seconds = time.perf_counter() - began
        return corpus

    def _check_patience(self, held_out: str | None) -> None:
        if self._shared.patience is not None and held_out is None:
            raise UsageError("--patience waits for a lower loss of a second text; name that with --held-out, or leave --patience out.")

    def _fit(self, model: Any, corpus: EncodedCorpus, **fit_options: Any) -> None:
        """Train, with checkpoints and a bar; save."""
        from lmkit.embeddings.training.checkpoint import Checkpoints

        reading.make_folder(self.target)
        resume, patience = self._shared.resume, self._shared.patience
        if resume and not self.checkpoint.exists():
            output.note(f"There is no checkpoint {self.checkpoint}; training begins anew.")
        try:
            with Show() as show:
                checkpoints = Checkpoints(self.checkpoint, self._shared.checkpoint_minutes, resume)
                model.fit(corpus, checkpoints=checkpoints, report=show, patience=patience, **fit_options)
        except KeyboardInterrupt:
            if self.checkpoint.exists():
                output.note(f"\nThe training is stored in {self.checkpoint}; the same command with --resume goes on from there.")
            raise
        model.save(self.target)
        self.checkpoint.unlink(missing_ok=True)

    def tell(self, model: Word2Vec, corpus: EncodedCorpus) -> None:
        """Print what came of it."""
        size = self.target.stat().st_size
        if self._shared.json:
            card = {"model": str(self.target), "bytes": size, "seconds": self.seconds, "history": model.history_, "notes": model.notes_}
            output.result_json({**model.info(), **card})
            return
        if self._shared.quiet:
            output.result(str(self.target))
            return
        vectors = model.vectors_
        output.result(f"Read {corpus.name}: {len(corpus):,} words, {len(corpus.vocabulary) - 3:,} different.")
        for entry in model.notes_:
            output.result(f"Note: {entry}")
        kept = vectors.made.get("kept_epoch") or len(model.history_)
        last = model.history_[kept - 1]
        held_out = f", {last['held_out_loss']:.4f} on the held-out text" if "held_out_loss" in last else ""
        what = "a prediction and its negatives" if model.loss == "ns" else "a predicted word"
        if last["pairs"]:
            output.result(f"Loss of epoch {last['epoch']}: {last['loss']:.4f} nats for {what}{held_out}.")
        output.result(
            f"Model: {self.target} ({output.size(size)}), {len(vectors):,} vectors of {vectors.dimensions}, made in {self.seconds:.1f} s."
        )
        path = shlex.quote(str(self.target))
        output.note("\nTry next:")
        output.note(f"  lmkit neighbors {shlex.quote(_some_word(model))} --model {path}")
        if all(word in vectors for word in ("king", "man", "woman")):
            output.note(f"  lmkit analogy king man woman --model {path}")


class Show:
    """Takes the reports of a training: a bar on a terminal, a line an epoch in any case."""

    def __init__(self) -> None:
        self._epoch_began = time.perf_counter()
        self._bar: Progress | None = None
        self._done = 0

    def __enter__(self) -> Show:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, report: Report) -> None:
        if self._bar is None:
            self._bar = Progress("Training", report.total, "word")
        loss = f", loss {report.loss:.3f}" if report.loss == report.loss else ""  # nan where nothing was learned
        self._bar.describe(
            f"epoch {report.epoch}/{report.epochs}, {report.raw_rate / 1e6:.2f}M words/s, {report.kept_rate / 1e6:.2f}M kept, "
            f"rate {report.learning_rate:.4f}{loss}"
        )
        self._bar.advance(report.tokens - self._done)
        self._done = report.tokens
        if report.epoch_record is not None:
            self._tell_epoch(report, report.epoch_record)

    def _tell_epoch(self, report: Report, record: dict[str, Any]) -> None:
        seconds = max(time.perf_counter() - self._epoch_began, 1e-9)
        held_out = f", held-out {record['held_out_loss']:.4f}" if "held_out_loss" in record else ""
        loss = f"loss {record['loss']:.4f}{held_out}" if record["pairs"] else "nothing to learn from"
        output.note(
            f"Epoch {report.epoch}/{report.epochs}: {loss}, learning rate {report.learning_rate:.5f}, "
            f"{record['tokens'] / seconds:,.0f} words/s read, {record['centres'] / seconds:,.0f} kept."
        )
        self._epoch_began = time.perf_counter()


def _some_word(model: Word2Vec) -> str:
    """A frequent word that is more than a few letters, such as has neighbours worth looking at."""
    words = [model.vectors_.words.string(row) for row in range(min(300, len(model.vectors_)))]
    return next((word for word in reversed(words) if 4 < len(word) < 20 and word.isalpha()), words[0])
