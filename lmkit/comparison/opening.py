"""From files to contestants: models of any family, and events that were scored elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lmkit.comparison.contestants import Contestant, Cost, family_of, parameters_of
from lmkit.errors import UsageError

if TYPE_CHECKING:
    from lmkit.protocols import LanguageModel


def open_contestants(
    paths: Sequence[str | os.PathLike[str]], names: Sequence[str | None] = (), state: Literal["reset", "carry"] | None = None
) -> list[Contestant]:
    """Open what takes part.

    Parameters
    ----------
    names : of the contestants; None for the name of the file, without its ending where the files differ so. Empty: None for all.
    state : how models read the text, "reset" or "carry"; None as each was trained.

    Raises
    ------
    UsageError : for a file named twice, and for one that holds no language model.
    InputError, FormatError : for files that are missing or damaged.
    """
    files = [Path(path) for path in paths]
    twice = next((path for number, path in enumerate(files) if path.resolve() in {other.resolve() for other in files[:number]}), None)
    if twice is not None:
        raise UsageError(f"{twice}: is named twice, and a model can't differ from itself; name each model once.")
    chosen = [given or own for given, own in zip(names or [None] * len(files), _file_names(files), strict=True)]
    return [_opened(path, name, state) for path, name in zip(files, chosen, strict=True)]


def _opened(path: Path, name: str, state: Literal["reset", "carry"] | None) -> Contestant:
    import lmkit
    from lmkit.evaluation.events_file import is_events, load_events
    from lmkit.protocols import LanguageModel

    if is_events(path):
        stored = load_events(path)
        card = stored.about.get("model")
        return Contestant(
            name,
            str(stored.about.get("family", "events")),
            events=stored.events,
            origin={"path": str(path), **({"card": card} if isinstance(card, dict) else {})},
            state="carry" if stored.about.get("state") == "carry" else "reset",
            text=stored.text,
            stored_reading=stored.reading,
        )
    model = lmkit.load(path)
    if not isinstance(model, LanguageModel):
        raise UsageError(
            f"{path}: holds {type(model).__name__}, no language model, so it has no perplexity; compare word vectors with "
            "`lmkit evaluate-analogies`."
        )
    return contestant_of(model, path, name, state)


def contestant_of(model: LanguageModel, path: Path, name: str, state: Literal["reset", "carry"] | None = None) -> Contestant:
    """An open model with what its card says of its training. state : how it reads the text; None as it was trained."""
    own: dict[str, Any] = model.info() if hasattr(model, "info") else {}
    training = own.get("training") or {}
    cost = Cost(
        training_seconds=training.get("seconds"),
        epochs=training.get("epochs"),
        parameters=parameters_of(own),
        bytes=path.stat().st_size,
    )
    how: Any = getattr(model, "default_state", "reset") if state is None else state
    return Contestant(name, family_of(own), model, cost=cost, origin={"path": str(path), "card": own}, state=how)


def _file_names(paths: Sequence[Path]) -> list[str]:
    """File names without ending where these differ, else whole paths."""
    stems = [path.name.removesuffix(".gz").rsplit(".", 1)[0] for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
