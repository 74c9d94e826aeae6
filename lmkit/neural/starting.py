"""Begin a training with the weights of a model, to go on at another rate, with another loss or on another text; or with word vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lmkit.errors import UsageError

if TYPE_CHECKING:
    from lmkit.protocols import WordVectors
    from lmkit.text.vocabulary import Vocabulary


def check_source(source: Any, kind: str, vocabulary: Vocabulary, excluded: tuple[int, ...]) -> None:
    """Whether a training can begin from a model: the same kind, words, and ids that can't be predicted. Raises UsageError.

    source : a fitted NeuralLanguageModel, if it is to do.
    """
    if getattr(source, "kind", None) != kind:
        raise UsageError(f"A training of a {kind} model can't begin from a {getattr(source, 'kind', type(source).__name__)} model.")
    if source.vocabulary.hash != vocabulary.hash:
        raise UsageError(
            f"The model to begin from knows {len(source.vocabulary):,} tokens and the new one {len(vocabulary):,}, which are not the same: "
            "leave out the options of the vocabulary, and the model's own is taken."
        )
    if tuple(source.excluded_) != tuple(excluded):
        raise UsageError(
            "The model to begin from and the new one do not read alike: one knows sentence ends and the other does not; "
            "leave out the options of reading, and the model's own are taken."
        )


def begin_from(network: Any, source: Any) -> list[str]:
    """Copy the weights of the same names. Returns sentences on those that only one of the two has.

    An output layer of another kind may name its weights differently: they then begin as drawn.

    network, source : of the same class, with `parameters` and an `output` layer.

    Raises
    ------
    UsageError : if weights of one name differ in shape, or nothing but the output layer could be copied.
    """
    known = {parameter.name: parameter.value for parameter in source.parameters}
    missing: list[str] = []
    for parameter in network.parameters:
        value = known.pop(parameter.name, None)
        if value is None:
            missing.append(parameter.name)
        elif value.shape != parameter.value.shape:
            raise UsageError(
                f"The model to begin from has {parameter.name!r} of {_size(value.shape)} and the new network of "
                f"{_size(parameter.value.shape)}: give it the same layers and sizes."
            )
        else:
            parameter.value[...] = value
    of_output = {parameter.name for parameter in network.output.parameters}
    if other := [name for name in missing if name not in of_output]:
        raise UsageError(f"The model to begin from has no {other[0]!r}: give the new network the same layers and cells.")
    notes = [f"{', '.join(missing)} began as drawn: the model that training began from has none."] if missing else []
    return notes + ([f"{', '.join(known)} of the model that training began from had no place."] if known else [])


def begin_with_vectors(network: Any, vocabulary: Vocabulary, vectors: WordVectors, frozen: bool) -> str:
    """Begin the network's embedding with word vectors. Returns a sentence on how many words had one. Raises as `Embedding.start_from`."""
    found = network.embedding.start_from(vocabulary, vectors, frozen)
    further = ", which were not trained further." if frozen else "."
    return f"{found:,} of {len(vocabulary) - 3:,} words began with the given vectors{further}"


def origin(source: Any) -> dict[str, Any]:
    """What the new model's card says of the one it began from: JSON-able."""
    kept = {name: entry for name, entry in source.metadata_.items() if name not in ("history", "notes")}
    return {"architecture": source.info()["architecture"], **kept}


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(f"{extent:,}" for extent in shape)
