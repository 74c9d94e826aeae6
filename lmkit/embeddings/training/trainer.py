"""The training loop: epochs, rounds, threads, learning rate, held-out loss, early stopping, checkpoints, reports."""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lmkit.embeddings.options import Settings
from lmkit.embeddings.training import _kernels_windows as kernels
from lmkit.embeddings.training.merging import Replicas
from lmkit.embeddings.training.objective import CENTRES, LOSS, PAIRS, STATS, TOKENS, Objective, Parameters, Stretch
from lmkit.embeddings.training.text import TrainingText
from lmkit.errors import DivergenceError

_HELD_OUT_EPOCH = (1 << 62) + 1  # its draws are those of no epoch
_INITIAL_EPOCH = 1 << 62
_LARGEST = 1e4
"""No number of a vector comes near this in a training that goes well."""


class Passes:
    """How much is read: `epochs` passes over a text, or until words with rows have been read as often as that many passes have words.

    Attributes
    ----------
    tokens : of the text. total : of all passes. count : how many there are, the last one perhaps not to the end.
    """

    def __init__(self, text: TrainingText, epochs: int) -> None:
        counted = int(text.rows.counts.sum())
        self.tokens = text.tokens
        self.total = -(-epochs * self.tokens * text.rows.tokens // counted)
        self.count = -(-self.total // self.tokens)

    def end(self, epoch: int) -> int:
        """Where the pass ends."""
        return min(self.tokens, self.total - epoch * self.tokens)


@dataclasses.dataclass
class State:
    """How far a training is. With the matrices it is all that goes on from there to the same end.

    Attributes
    ----------
    epoch, round : the next round to train, both from 0.
    stats : float64 (4,) of this epoch so far: tokens, centres, pairs, loss.
    history : one dict an epoch: loss a pair, pairs, centres, tokens, learning_rate at its end, held_out_loss where measured.
    best : lowest held-out loss so far, infinity before the first. best_epoch : when, from 1.
    """

    epoch: int = 0
    round: int = 0
    stats: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(STATS))
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    best: float = math.inf
    best_epoch: int = 0


@dataclasses.dataclass(frozen=True)
class Report:
    """What is told of a training while it runs.

    Attributes
    ----------
    epoch, epochs : which one, from 1, of how many.
    tokens, total : tokens of the text read since the training began, epochs together, and all there are to read.
    raw_rate, kept_rate : tokens read, and centres left by sub-sampling, a second since the last report; nan for the first.
    learning_rate : now.
    loss : nats for a pair of words, its negatives included, since the last report.
    epoch_record : at the end of an epoch what `State.history` keeps of it, None otherwise.
    """

    epoch: int
    epochs: int
    tokens: int
    total: int
    raw_rate: float
    kept_rate: float
    learning_rate: float
    loss: float
    epoch_record: dict[str, Any] | None = None


@dataclasses.dataclass
class Options:
    """What a training does beside training.

    Attributes
    ----------
    report : called with a `Report` every `report_seconds` and at the end of each epoch.
    held_out : text on which the loss is measured after each epoch.
    patience : epochs without a lower held-out loss after which training ends, with the best vectors; None never.
    checkpoint : called with (state, parameters, best parameters or None) every `checkpoint_seconds`, and when Ctrl-C ends the training.
    """

    report: Callable[[Report], None] | None = None
    report_seconds: float = 0.5
    held_out: TrainingText | None = None
    patience: int | None = None
    checkpoint: Callable[[State, Parameters, Parameters | None], None] | None = None
    checkpoint_seconds: float = math.inf


class Trainer:
    """Trains an objective on a text.

    Parameters
    ----------
    objective : what is learned.
    text : on what.
    settings : how.
    options : what else happens.
    parameters : the matrices to go on with; None makes new ones.
    state, best : where to go on; None begins.
    """

    def __init__(
        self,
        objective: Objective,
        text: TrainingText,
        settings: Settings,
        options: Options | None = None,
        parameters: Parameters | None = None,
        state: State | None = None,
        best: Parameters | None = None,
    ) -> None:
        self.objective, self.text, self.settings = objective, text, settings
        self.passes = Passes(text, settings.epochs)
        self.options = options or Options()
        self.parameters = parameters or new_parameters(objective, settings)
        self.state = state or State()
        self.best = best
        self.kept_epoch: int | None = None  # where it is not the last
        self._watch = _Watch(self)
        self._interrupts = _Interrupts()

    def run(self) -> None:
        """Train to the end, or until the held-out loss has not fallen for a while; `parameters` then holds the result.

        Raises
        ------
        KeyboardInterrupt : after Ctrl-C, once all threads have come to a point where `parameters` is whole and a checkpoint is stored.
        DivergenceError : if the loss becomes infinite.
        """
        settings = self.settings
        workers = min(settings.threads, os.cpu_count() or 1)
        with self._interrupts, Replicas(self.parameters, self.objective, settings.threads, workers, self.passes.total) as replicas:
            scratch = [self.objective.scratch() for _ in range(settings.threads)]
            while self.state.epoch < self.passes.count and not self._is_patience_over():
                self._train_epoch(replicas, scratch)
            if self._interrupts.came:  # behind the last round
                self._store()
                raise KeyboardInterrupt
        if self.best is not None and self.state.best < self.state.history[-1]["held_out_loss"]:
            self.parameters.assign(self.best)
            self.kept_epoch = self.state.best_epoch

    def kept_notes(self) -> list[str]:
        """Which epoch's vectors were kept where it is not the last, a sentence or none."""
        done, planned = len(self.state.history), self.passes.count
        if self.kept_epoch is None or self.kept_epoch == done:
            return []
        early = f"Training ended after epoch {done} of {planned}" if done < planned else f"Of {done} epochs"
        best = f"whose held-out loss of {self.state.best:.4f} was the lowest"
        return [f"{early}; the vectors are those of epoch {self.kept_epoch}, {best}."]

    def _train_epoch(self, replicas: Replicas, scratch: list[Any]) -> None:
        state, plan = self.state, replicas.plan
        each = plan.stretch
        end = self.passes.end(state.epoch)
        rounds = -(-end // (each * replicas.threads))
        key = np.uint64(kernels.epoch_key(self.settings.seed, state.epoch))
        while state.round < rounds:
            first = state.round * each * replicas.threads
            last = min(first + each * replicas.threads, end)
            full = state.round % plan.full == plan.full - 1 or state.round == rounds - 1
            work, stats = self._round(replicas, scratch, key, first, last)
            replicas.run(self.objective.train, work)
            tokens = -(-(last - first) // replicas.threads)
            replicas.merge(tokens, state.round, self._rate_at(first), full)
            state.stats += stats.sum(0)
            state.round += 1
            self._watch.tick(last)
            if full and (self._interrupts.came or self._watch.checkpoint_due()):
                self._store()
                if self._interrupts.came:
                    raise KeyboardInterrupt
        self._end_epoch()

    def _round(self, replicas: Replicas, scratch: list[Any], key: np.uint64, first: int, last: int) -> tuple[list[Any], np.ndarray]:
        """The threads' work: [first, last) in equal parts."""
        stats = np.zeros((replicas.threads, STATS))
        borders = np.linspace(first, last, replicas.threads + 1).astype(np.int64)
        rate = self._rate(self.state.epoch)
        work = []
        for thread in range(replicas.threads):
            start, stop = int(borders[thread]), int(borders[thread + 1])
            if start < stop:
                stretch = Stretch(self.text, key, start, stop, rate)
                work.append((stretch, replicas.of_thread(thread), scratch[thread], stats[thread]))
        return work, stats

    def _rate(self, epoch: int) -> kernels.Rate:
        settings, variant = self.settings, self.settings.variant
        slope = (settings.learning_rate - variant.final_rate) / self.passes.total
        floor = max(variant.rate_floor * settings.learning_rate, variant.final_rate)
        return kernels.Rate(settings.learning_rate, slope, floor, variant.rate_every, epoch * self.text.tokens)

    def _rate_at(self, place: int) -> float:
        return float(kernels.learning_rate(self._rate(self.state.epoch), place))

    def _end_epoch(self) -> None:
        state = self.state
        tokens, centres, pairs, loss = state.stats.tolist()
        record: dict[str, Any] = {
            "epoch": state.epoch + 1,
            "loss": loss / pairs if pairs else math.nan,
            "pairs": int(pairs),
            "centres": int(centres),
            "tokens": int(tokens),
            "learning_rate": self._rate_at(self.passes.end(state.epoch)),
        }
        if not self.parameters.largest() < _LARGEST or not math.isfinite(loss):
            fewer = f", or with fewer threads than {self.settings.threads}" if self.settings.threads > 1 else ""
            raise DivergenceError(
                f"The vectors have grown without bound in epoch {state.epoch + 1} (a loss of {loss / max(pairs, 1):.3g} nats); train with "
                f"a lower learning rate than {self.settings.learning_rate:g}{fewer}."
            )
        if self.options.held_out is not None:
            record["held_out_loss"] = self.held_out_loss()
            if record["held_out_loss"] < state.best:
                state.best, state.best_epoch = record["held_out_loss"], state.epoch + 1
                if self.options.patience is not None:
                    self.best = self.parameters.copy() if self.best is None else self.best
                    self.best.assign(self.parameters)
        self._watch.end_epoch(record)
        state.history.append(record)
        state.epoch, state.round = state.epoch + 1, 0
        state.stats = np.zeros(STATS)

    def held_out_loss(self) -> float:
        """Nats for a pair of words of the held-out text, its negatives included; the same draws each time."""
        text = self.options.held_out
        assert text is not None
        stats = np.zeros(STATS)
        key = np.uint64(kernels.epoch_key(self.settings.seed, _HELD_OUT_EPOCH))
        stretch = Stretch(text, key, 0, text.tokens, kernels.Rate(0.0, 0.0, 0.0, 1, 0))
        self.objective.train(stretch, self.parameters, self.objective.scratch(), stats)
        return float(stats[LOSS] / stats[PAIRS]) if stats[PAIRS] else math.nan

    def _is_patience_over(self) -> bool:
        patience = self.options.patience
        return patience is not None and self.options.held_out is not None and self.state.epoch - self.state.best_epoch >= patience

    def _store(self) -> None:
        if self.options.checkpoint is not None:
            self.options.checkpoint(self.state, self.parameters, self.best)


class _Interrupts:
    """While it is entered, Ctrl-C is only remembered in `came`; a second one raises KeyboardInterrupt at once.

    Only the main thread sees it.
    """

    def __init__(self) -> None:
        self.came = False
        self._before: Any = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: Any) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True


class _Watch:
    """Looks at the clock for reports and checkpoints; nothing here changes what is learned."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._last = self._stored = time.monotonic()
        self._before = trainer.state.stats.copy()
        self._place = 0

    def checkpoint_due(self) -> bool:
        now = time.monotonic()
        if self._trainer.options.checkpoint is None or now - self._stored < self._trainer.options.checkpoint_seconds:
            return False
        self._stored = now
        return True

    def tick(self, place: int) -> None:
        self._place = place
        if time.monotonic() - self._last >= self._trainer.options.report_seconds:
            self._report(None)

    def end_epoch(self, record: dict[str, Any]) -> None:
        self._place = self._trainer.passes.end(self._trainer.state.epoch)
        self._report(record)
        self._before = np.zeros(STATS)

    def _report(self, record: dict[str, Any] | None) -> None:
        trainer, now = self._trainer, time.monotonic()
        if trainer.options.report is None:
            return
        state, tokens = trainer.state, trainer.text.tokens
        since = state.stats - self._before
        seconds = max(now - self._last, 1e-9)
        trainer.options.report(
            Report(
                state.epoch + 1,
                trainer.passes.count,
                state.epoch * tokens + self._place,
                trainer.passes.total,
                since[TOKENS] / seconds,
                since[CENTRES] / seconds,
                trainer._rate_at(self._place),
                since[LOSS] / since[PAIRS] if since[PAIRS] else math.nan,
                record,
            )
        )
        self._before = state.stats.copy()
        self._last = time.monotonic()


def new_parameters(objective: Objective, settings: Settings) -> Parameters:
    """The matrices before training, drawn from the seed."""
    parameters = Parameters.zeros(objective.input_rows, objective.output_rows, settings.dim)
    seed = int(kernels.epoch_key(settings.seed, _INITIAL_EPOCH)) & (2**64 - 1)
    objective.initialise(parameters, np.random.Generator(np.random.PCG64(seed)))
    return parameters
