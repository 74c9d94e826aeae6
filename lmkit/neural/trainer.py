"""The training loop, for every kind of network: updates, validation, early stopping, checkpoints, records of what happened."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lmkit._json import finite
from lmkit._progress import Progress
from lmkit.errors import DivergenceError
from lmkit.neural.batching import Batch, BatchSource
from lmkit.neural.best_weights import BestWeights
from lmkit.neural.checkpoint import Checkpoint, TrainingState, check_shapes, take_over
from lmkit.neural.interfaces import Network, Parameter, Workers
from lmkit.neural.optimizers import clip_scale, global_norm
from lmkit.neural.optimizers.base import PIECE
from lmkit.neural.recipe import Recipe

Record = dict[str, Any]
Listener = Callable[[Record], None]

_RECENT = 100  # steps in the running mean of the loss
_ABSURD = 1e6  # no weight of a network that works is so large: such ones overwrite no checkpoint
_LOG_EVERY = 50  # steps between two records


class Trainer:
    """Trains a network by a recipe.

    Parameters
    ----------
    network : begun, with room for the batches of `source`.
    source : batches.
    recipe : optimiser, rate, schedule and stopping.
    workers : open.
    validate : gives the validation perplexity of the network as it stands; None: no validation, the last weights are kept.
    checkpoint : file to write to, or None.
    every : seconds between two checkpoints.
    listeners : called with each record, JSON-able: {"event": "step" | "validation", ...}.

    Attributes
    ----------
    state : where the training stands.
    """

    def __init__(
        self,
        network: Network,
        source: BatchSource,
        recipe: Recipe,
        workers: Workers,
        *,
        validate: Callable[[], float] | None = None,
        checkpoint: Checkpoint | None = None,
        every: float = 600.0,
        listeners: tuple[Listener, ...] = (),
    ) -> None:
        self.network, self.source, self.recipe, self.workers = network, source, recipe, workers
        self.state = TrainingState()
        self._validate, self._checkpoint, self._every, self._listeners = validate, checkpoint, every, listeners
        self._optimizer, self._schedule = recipe.make_optimizer(), recipe.make_schedule()
        self._values = {parameter.name: parameter.value for parameter in network.parameters}
        self._best = BestWeights(self._values, None if checkpoint is None else checkpoint.path)
        self._chance = math.log(max(2, max(parameter.value.shape[0] for parameter in network.parameters)))
        self._loss_is_exact = getattr(getattr(network, "output", None), "is_normalised_in_training", True)
        self._recent: float | None = None
        self._is_unfinished = False  # a step or validation is half done: what stands there does not fit together
        self._act: Callable[[], None] | None = None  # what a Ctrl-C that waits will do

    def resume(self) -> None:
        """Go on from the checkpoint. Raises as `Checkpoint.load`."""
        assert self._checkpoint is not None
        self.state, groups, records = self._checkpoint.load()
        take_over(self._values, groups.get("parameters", {}), self._checkpoint.path)
        if "best" in groups:
            check_shapes(self._values, groups["best"], self._checkpoint.path)
            self._best.keep(groups["best"])
        take_over(self.network.carried_arrays(), groups.get("carried", {}), self._checkpoint.path)
        self._optimizer.load_state(groups.get("optimizer", {}))
        self._schedule.load_state(records["schedule"])
        self._recent = records["recent"]

    def run(self) -> TrainingState:
        """Train to the end; the network then holds the weights of the best validation.

        Raises
        ------
        DivergenceError : if loss or gradient are no finite numbers, or the loss stays, or ends, above that of guessing.
        """
        begun, before = time.perf_counter(), self.state.seconds
        self._clock = lambda: before + time.perf_counter() - begun
        self._saved, self._first_step = self._clock(), self.state.step
        try:
            with self._interrupts_wait(), Progress("Training", self.source.tokens * self.recipe.epochs, "token") as bar:
                bar.advance(self.state.epoch * self.source.tokens + self.state.loss_tokens)
                while not self._is_over():
                    self._epoch(bar)
                if self._act is not None:  # it came during the last validation
                    self._act()
        except KeyboardInterrupt:
            if not self._is_unfinished:
                self._save(self.network.carried_arrays(), self._recent)
            raise
        self._check_end()
        self.state.seconds = self._clock()
        if self._best.is_there:
            self._best.give_back()
            self._best.close()
        else:
            for name, value in (self._averaged() or {}).items():
                self._values[name][...] = value
        return self.state

    @contextlib.contextmanager
    def _interrupts_wait(self) -> Iterator[None]:
        """Ctrl-C is acted on between two batches, where what a checkpoint holds fits together; a second one at once."""
        if threading.current_thread() is not threading.main_thread():  # only that one gets signals
            yield
            return
        before = signal.getsignal(signal.SIGINT)

        def act() -> None:
            if callable(before):
                before(signal.SIGINT, None)
            raise KeyboardInterrupt

        def remember(number: int, frame: Any) -> None:
            if self._act is not None:
                act()
            self._act = act

        signal.signal(signal.SIGINT, remember)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    # -- an epoch --------------------------------------------------------------------------------------------------------------------------

    def _epoch(self, bar: Progress) -> None:
        state = self.state
        batches = self.source.count(state.epoch)
        due = {batches * part // self.recipe.validations for part in range(1, self.recipe.validations + 1)} - {0}
        if state.batch in due:
            self._validation()  # a Ctrl-C is acted on without waiting for it: then it is made up for here
        for batch in self.source.batches(state.epoch, state.batch):
            if self._is_out_of_time() or self._has_lost_patience():
                return
            self._update(batch, batches, bar)
            if self._act is not None:
                self._act()
            if state.batch in due:
                self._validation()
        state.epoch, state.batch, state.loss_sum, state.loss_tokens = state.epoch + 1, 0, 0.0, 0

    def _update(self, batch: Batch, batches: int, bar: Progress) -> None:
        """One step: gradients, their norm, one pass of the optimiser."""
        state, parameters = self.state, self.network.parameters
        is_due = self._checkpoint is not None and state.step > self._first_step and self._clock() - self._saved > self._every
        carried = {name: array.copy() for name, array in self.network.carried_arrays().items()} if is_due else {}
        recent = self._recent
        self._is_unfinished = True
        loss = self.network.train_step(batch, state.step, self.workers)
        norm = global_norm(parameters, self.workers)
        rate = self._rate(batches)
        self._check(loss, norm, rate)
        if is_due:  # now that these weights are known to give a loss and a gradient: a diverged training overwrites no good checkpoint
            self._save(carried, recent)
        share = batch.shards[0].steps / self.recipe.steps if self.recipe.random_steps else 1.0
        self._optimizer.step(parameters, rate * share, clip_scale(norm, self.recipe.clip), self.workers)
        state.step, state.batch = state.step + 1, state.batch + 1
        state.loss_sum += loss * batch.tokens
        state.loss_tokens += batch.tokens
        self._is_unfinished = False
        bar.advance(batch.tokens)
        if state.step % _LOG_EVERY == 0:
            done = self._clock()
            ppl = f", ppl {_exp(self._recent):.1f}" if self._loss_is_exact else ""
            bar.describe(f"epoch {state.epoch + 1}, loss {self._recent:.3f}{ppl}, norm {norm:.2f}")
            self._tell(
                {
                    "event": "step",
                    **self._position(),
                    "loss": self._recent,
                    "perplexity": _exp(self._recent) if self._loss_is_exact else None,
                    "gradient_norm": norm,
                    "learning_rate": rate,
                    "tokens_per_second": self._tokens() / max(done, 1e-9),
                }
            )

    def _rate(self, batches: int) -> float:
        """The learning rate of the step ahead, which ends at `progress` of the training."""
        progress = (self.state.epoch + (self.state.batch + 1) / batches) / self.recipe.epochs
        if self.recipe.minutes is not None:
            progress = max(progress, self._clock() / (60 * self.recipe.minutes))
        return self.recipe.learning_rate * max(self._schedule.rate(min(progress, 1.0)), 1e-9)

    def _check(self, loss: float, norm: float, rate: float) -> None:
        """Stop before an update that would spoil the weights. Raises DivergenceError."""
        if math.isfinite(loss):
            self._recent = loss if self._recent is None else self._recent + (loss - self._recent) / min(_RECENT, self.state.step + 1)
        if math.isfinite(loss) and math.isfinite(norm):
            if self.state.step < 2 * _RECENT or self._recent is None or self._recent < 1.5 * self._chance + 3:
                return
            what = f"The loss has stayed near {self._recent:.1f} nats a token, far above that of guessing ({self._chance:.1f}),"
        else:
            what = f"The loss or the gradient is no number any more (loss {loss:g}, norm of the gradient {norm:g})"
        raise self._divergence(what, rate)

    def _check_end(self) -> None:
        """Refuse what a short training came to, if it predicts worse than guessing. Raises DivergenceError."""
        losses = [record["train_loss"] for record in self.state.history[-1:]]
        losses += [] if self.state.best is None else [math.log(self.state.best)]
        bound = self._chance + 1 if self._loss_is_exact else 2 * self._chance + 10  # samples of many words cost more at first
        if losses and not min(losses) < bound:
            what = f"The loss ended at {min(losses):.1f} nats a token, above that of guessing ({self._chance:.1f}),"
            raise self._divergence(what, self.recipe.learning_rate, is_kept=False)  # who knows when it began

    def _divergence(self, what: str, rate: float, is_kept: bool = True) -> DivergenceError:
        advice = "lower --learning-rate" + ("" if self.recipe.clip is not None else ", or bound the gradient with --clip 1")
        kept = ""
        if is_kept and self._checkpoint is not None and self._checkpoint.path.exists():
            kept = f" The last good checkpoint is kept in {self._checkpoint.path}: with --resume training goes on from there."
        return DivergenceError(f"{what} at step {self.state.step:,} with learning rate {rate:g}: training diverged; {advice}.{kept}")

    # -- validation ------------------------------------------------------------------------------------------------------------------------

    def _validation(self) -> None:
        """Validate the weights as they are, unless that has been done."""
        state = self.state
        if state.history and state.history[-1]["step"] == state.step:
            return
        self._is_unfinished = True
        loss = state.loss_sum / max(state.loss_tokens, 1)
        train = _exp(loss) if self._loss_is_exact else None  # what a sampled output layer is trained on is no probability of the text
        record: Record = {
            "event": "validation", **self._position(), "train_loss": loss, "train_perplexity": train, "valid_perplexity": None
        }  # fmt: skip
        if self._validate is not None:
            with self._standing_at(self._averaged()):
                perplexity = self._validate()
                record["valid_perplexity"] = perplexity
                if not math.isfinite(perplexity):
                    self._check(math.nan, math.nan, self.recipe.learning_rate)
                if state.best is None or perplexity < state.best:
                    state.best, state.since_best = perplexity, 0
                    self._best.keep(self._values)
                else:
                    state.since_best += 1
            self._schedule.validated(perplexity)
        if (tell := getattr(self._optimizer, "validated", None)) is not None and self._validate is not None:
            tell(record["valid_perplexity"])
        record["seconds"] = self._clock()
        state.history.append({key: value for key, value in record.items() if key != "event"})
        self._is_unfinished = False
        self._tell(record)

    def _averaged(self) -> dict[str, np.ndarray] | None:
        """The values that the optimiser averages, where it does."""
        average = getattr(self._optimizer, "averaged", None)
        return None if average is None else average(self.network.parameters)

    @contextlib.contextmanager
    def _standing_at(self, values: Mapping[str, np.ndarray] | None) -> Iterator[None]:
        """The parameters have these values for a while, and these arrays hold theirs."""
        for name, value in (values or {}).items():
            _swap(self._values[name], value)
        try:
            yield
        finally:
            for name, value in (values or {}).items():
                _swap(self._values[name], value)

    # -- the end, and what is kept ---------------------------------------------------------------------------------------------------------

    def _is_out_of_time(self) -> bool:
        return self.recipe.minutes is not None and self._clock() >= 60 * self.recipe.minutes

    def _has_lost_patience(self) -> bool:
        return self.recipe.patience is not None and self.state.since_best >= self.recipe.patience

    def _is_over(self) -> bool:
        over = self.state.epoch >= self.recipe.epochs or self._has_lost_patience()
        if not over and self._is_out_of_time():
            self._validation()  # what was learnt since the last one counts too
            over = True
        return over

    def _save(self, carried: Mapping[str, np.ndarray], recent: float | None) -> None:
        """Write the checkpoint of the batch ahead. carried, recent : the state and the running mean of the loss that it goes on from."""
        if self._checkpoint is None:
            return
        for name, value in self._values.items():
            if not (largest := max(value.max(), -value.min())) < _ABSURD:  # also where it is no number
                raise self._divergence(f"A weight of {name!r} has grown to {largest:g}", self.recipe.learning_rate)
        self.state.seconds = self._saved = self._clock()
        groups = {"parameters": self._values, "carried": carried, "optimizer": self._optimizer.state()}
        self._checkpoint.save(self.state, groups, self._best, {"schedule": self._schedule.state(), "recent": recent})

    def _tokens(self) -> int:
        return self.state.epoch * self.source.tokens + self.state.loss_tokens

    def _position(self) -> Record:
        """Where the training stands, for records; time left by the rate so far."""
        seconds, done = self._clock(), self._tokens()
        left = (self.source.tokens * self.recipe.epochs - done) * seconds / max(done, 1)
        if self.recipe.minutes is not None:
            left = min(left, max(0.0, 60 * self.recipe.minutes - seconds))
        return {
            "step": self.state.step,
            "epoch": self.state.epoch + self.state.batch / max(1, self.source.count(self.state.epoch)),
            "tokens": done,
            "seconds": seconds,
            "seconds_left": left,
        }

    def _tell(self, record: Record) -> None:
        for listener in self._listeners:
            listener(record)


class JsonLinesLog:
    """A listener that writes each record as one line of JSON.

    Parameters
    ----------
    path : of the file. resume_step : keep the lines up to this step of a training that goes on; None begins a new file.

    Raises
    ------
    OutputError : if the file can't be written.
    """

    def __init__(self, path: str | os.PathLike[str], resume_step: int | None = None) -> None:
        from lmkit._files import explain_write_error

        self.path = Path(path)
        try:
            kept = ""
            if resume_step is not None and self.path.exists():
                lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
                kept = "".join(line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= resume_step)
            self._file = open(self.path, "w", encoding="utf-8")  # noqa: SIM115  (open as long as the training)
            self._file.write(kept)
        except OSError as error:
            raise explain_write_error(error, self.path) from error

    def __call__(self, record: Record) -> None:
        self._file.write(json.dumps(finite(record)) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _swap(a: np.ndarray, b: np.ndarray) -> None:
    """Exchange the contents of two arrays of one shape, C-contiguous, without a third one of their size."""
    a, b = a.reshape(-1), b.reshape(-1)
    for start in range(0, a.size, PIECE):
        piece = slice(start, start + PIECE)
        a[piece], b[piece] = b[piece].copy(), a[piece].copy()


def _exp(loss: float | None) -> float:
    return math.nan if loss is None else math.exp(loss) if loss < 700 else math.inf


__all__ = ["JsonLinesLog", "Listener", "Parameter", "Record", "Trainer"]
