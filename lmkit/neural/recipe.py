"""How a network is trained: everything but its shape."""

from __future__ import annotations

import dataclasses
from typing import Any

from lmkit._validation import check_choice, check_float, check_int
from lmkit.errors import InvalidParameterError


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A training.

    Attributes
    ----------
    optimizer : name of one in `lmkit.neural.optimizers`, or a dict with "name" and its options.
    learning_rate : base rate, above 0.
    schedule : name of one in `lmkit.neural.schedules`, or a dict with "name" and its options: a factor on the base rate.
    batch : B, texts side by side.
    steps : T, through how many steps gradients run back (truncated backpropagation through time).
    random_steps : T differs from batch to batch, drawn around `steps` (`lmkit.neural.batching.ContiguousStreams`), so that not always the
        same words are the last ones to get a gradient; the learning rate of a batch is scaled by its T / steps. Only for streams.
    text : "streams" (B contiguous streams, the state carried from batch to batch) or "sentences" (each sentence apart, of like length
        side by side, padded). Nets of a fixed window have no state and take all positions in random order.
    epochs : at most so many passes over the text.
    minutes : at most so much time, None for no limit; the schedule then runs over whatever ends first.
    clip : the gradient is scaled down to this norm (Pascanu, Mikolov and Bengio 2013), None for no limit. Of the mean loss of a token.
    validations : how often an epoch is validated.
    patience : stop after so many validations without a better perplexity; None goes on.
    """

    optimizer: Any = dataclasses.field(default_factory=lambda: {"name": "adamw", "beta2": 0.99, "weight_decay": 0.01})
    learning_rate: float = 0.003
    schedule: Any = dataclasses.field(default_factory=lambda: {"name": "cosine", "warm_up": 0.05})
    batch: int = 20
    steps: int = 35
    random_steps: bool = False
    text: str = "streams"
    epochs: int = 10
    minutes: float | None = None
    clip: float | None = 1.0
    validations: int = 1
    patience: int | None = None

    def __post_init__(self) -> None:
        owner = "Recipe"
        check_float(owner, "learning_rate", self.learning_rate, minimum=0, open_minimum=True)
        for name in ("batch", "steps", "epochs", "validations"):
            check_int(owner, name, getattr(self, name), minimum=1)
        check_choice(owner, "text", self.text, ("streams", "sentences"))
        if self.random_steps and self.text == "sentences":
            raise InvalidParameterError("Random steps cut streams; sentences apart end where they end: take one or the other.")
        if self.minutes is not None:
            check_float(owner, "minutes", self.minutes, minimum=0, open_minimum=True)
        if self.clip is not None:
            check_float(owner, "clip", self.clip, minimum=0, open_minimum=True)
        if self.patience is not None:
            check_int(owner, "patience", self.patience, minimum=1)
        self.make_optimizer()
        self.make_schedule()

    def make_optimizer(self) -> Any:
        """A fresh optimiser. Raises InvalidParameterError for an unknown name or option."""
        from lmkit.neural.optimizers import make_optimizer

        return _made("optimizer", make_optimizer, self.optimizer)

    def make_schedule(self) -> Any:
        """A fresh schedule. Raises InvalidParameterError for an unknown name or option."""
        from lmkit.neural.schedules import make_schedule

        given = {"name": self.schedule} if isinstance(self.schedule, str) else dict(self.schedule)
        if given.get("name") == "stairs":
            given.setdefault("epochs", self.epochs)
        return _made("schedule", make_schedule, given)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `Recipe(**record)` reads it back."""
        return dataclasses.asdict(self)


def _made(what: str, make: Any, given: Any) -> Any:
    """Call a factory with a name, or with a dict of its name and options."""
    options = {"name": given} if isinstance(given, str) else dict(given)
    if "name" not in options:
        raise InvalidParameterError(
            f"The {what!r} parameter of Recipe must be a name, or a dict with 'name' and options. Got {given!r} instead."
        )
    return make(options.pop("name"), **options)
