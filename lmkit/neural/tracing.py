"""What the units of a recurrent network do while it reads: gates, cell states and outputs at every token of a text.

Karpathy, Johnson & Li (2016), "Visualizing and understanding recurrent networks", looked for units that one can name (inside quotes, end of
a line) and for gates that are nearly always open or shut. `Trace.namesakes` does the first by correlation, `Trace.openness` the second.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lmkit.errors import InputError, InvalidParameterError, UsageError
from lmkit.neural.batching import TrainingText
from lmkit.neural.interfaces import make_shards
from lmkit.neural.models import RecurrentLanguageModel
from lmkit.neural.workers import ThreadWorkers
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.tokenizers import get_tokenizer

_STEPS = 512  # tokens read at once
_OPEN, _SHUT = 0.9, 0.1  # as Karpathy, Johnson & Li 2016, section 4.2, call gates saturated
END = "</s>"


@dataclasses.dataclass(frozen=True)
class Trace:
    """The values of all units over a text of N tokens.

    Attributes
    ----------
    tokens : what was read, as the text has it: characters and words themselves, END at the end of a sentence.
    is_word_level : whether tokens are words, with spaces between them.
    log_probabilities : float64 (N,), natural logarithm of each token's probability given those before.
    layers : for each layer float32 (N, H) by name, as they stand when the token has been read: "h", the output; of an LSTM "c", the cell
        state; and the gates by their names, such as "forget". "candidate" is what the gates let in.
    """

    tokens: list[str]
    is_word_level: bool
    log_probabilities: np.ndarray
    layers: list[dict[str, np.ndarray]]

    def gates(self, layer: int) -> list[str]:
        """Names of the values of a layer that are gates, in [0, 1]."""
        return [name for name in self.layers[layer] if name not in ("h", "c", "candidate")]

    def values(self, layer: int, name: str) -> np.ndarray:
        """Float32 (N, H). Raises InvalidParameterError for a layer or value that there is not."""
        if not 0 <= layer < len(self.layers):
            raise InvalidParameterError(f"The model has {len(self.layers)} layers, counted from 0; there is no layer {layer}.")
        if name not in self.layers[layer]:
            raise InvalidParameterError(f"The cell has no {name!r}; it has {', '.join(self.layers[layer])}.")
        return self.layers[layer][name]

    def shades(self, layer: int, name: str) -> np.ndarray:
        """Values as shades in [-1, 1], float32 (N, H): tanh(c) of a cell state, 2 g - 1 of a gate, else by the largest of all."""
        values = self.values(layer, name)
        if name == "c":
            return np.tanh(values)
        if name in self.gates(layer):
            return 2 * values - 1
        return values / max(1.0, float(np.abs(values).max(initial=0)))

    def liveliest(self, layer: int, name: str, count: int) -> list[int]:
        """The units whose value changes most over the text (largest standard deviation), in rising order."""
        spread = self.values(layer, name).std(axis=0)
        return sorted(np.argsort(-spread, kind="stable")[:count].tolist())

    def openness(self) -> list[dict[str, Any]]:
        """For each gate of each layer: its mean, and the shares of tokens and units at which it is above 0.9 or below 0.1."""
        return [
            {
                "layer": layer,
                "gate": name,
                "mean": float(values[name].mean()),
                "open": float((values[name] > _OPEN).mean()),
                "shut": float((values[name] < _SHUT).mean()),
            }
            for layer, values in enumerate(self.layers)
            for name in self.gates(layer)
        ]

    def namesakes(self, layer: int, name: str) -> list[dict[str, Any]]:
        """For each property of FEATURES that varies over the text: the unit that follows it most closely, and Pearson's correlation."""
        shades = self.shades(layer, name).astype(np.float64)
        centred = shades - shades.mean(axis=0)
        lengths = np.linalg.norm(centred, axis=0)
        found = []
        for feature, measure in FEATURES.items():
            wanted = measure(self.tokens, self.is_word_level)
            wanted = wanted - wanted.mean()
            if np.linalg.norm(wanted) < 1e-9:
                continue
            correlation = wanted @ centred / np.maximum(lengths * np.linalg.norm(wanted), 1e-12)
            unit = int(np.argmax(np.abs(correlation)))
            found.append({"feature": feature, "unit": unit, "correlation": float(correlation[unit])})
        return found


def trace(model: RecurrentLanguageModel, corpus: EncodedCorpus, tokens: int = 2000) -> Trace:
    """Let a model read the first so many tokens of a text, the state carried along, and keep what all its units do.

    corpus : read with the model's own options.

    Raises
    ------
    InputError : for an empty text.
    """
    text = TrainingText.of(corpus, model.vocabulary)
    ids = text.stream[:tokens]
    if len(ids) == 0:
        raise InputError("The text has no token to read; give a longer one.")
    network = model.network_
    network.room_for(min(_STEPS, len(ids)), 1, 1)
    network.pack_for_reading()
    states = network.zero_states(1)
    network.begin_states(states)
    layers: list[dict[str, list[np.ndarray]]] = [{} for _ in network.layers]
    scores = np.empty(len(ids))
    with ThreadWorkers(1):
        before = np.array([text.begin_id], np.int32)  # read, and not shown: it is no token of the text
        scores[:1] = network.output.score(network.read(before, states, make_shards(1, 1, 1)[0]), ids[:1])
        for first in range(0, len(ids), _STEPS):
            piece = np.ascontiguousarray(ids[first : first + _STEPS], np.int32)
            hidden = network.read(piece, states, make_shards(len(piece), 1, 1)[0])
            follow = ids[first + 1 : first + 1 + len(piece)]
            scores[first + 1 : first + 1 + len(follow)] = network.output.score(hidden[: len(follow)], follow)
            for kept, values in zip(layers, network.inside(len(piece)), strict=True):
                for name, array in values.items():
                    kept.setdefault(name, []).append(array.astype(np.float32))
    joined = [{name: np.concatenate(arrays) for name, arrays in kept.items()} for kept in layers]
    return Trace(_as_typed(corpus, len(ids)), corpus.options.is_word_level, scores, joined)


def _as_typed(corpus: EncodedCorpus, count: int) -> list[str]:
    """The first tokens as the text has them, ends of sentences among them; bytes that are no ASCII keep their names, such as <0xC3>."""
    tokenizer = get_tokenizer(corpus.options.tokenizer)
    tokens: list[str] = []
    for sentence in range(corpus.n_sentences):
        for token in corpus.vocabulary.decode(corpus.sentence_ids(sentence)[: count - len(tokens)]):
            typed = token if corpus.options.is_word_level else tokenizer.detokenize([token])
            tokens.append(token if "\ufffd" in typed else typed)
        if corpus.options.sentence_boundaries:
            tokens.append(END)
        if len(tokens) >= count:
            break
    return tokens[:count]


def parse_units(text: str, hidden: int) -> list[int]:
    """Units as users type them: "3,17,40-45", counted from 0.

    Raises
    ------
    UsageError : for anything else. InvalidParameterError : for a unit that there is not.
    """
    units: list[int] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        low, dash, high = part.partition("-")
        try:
            units += range(int(low), int(high if dash else low) + 1)
        except ValueError:
            raise UsageError(f"{part!r} is no unit: write numbers and ranges, counted from 0, such as 3,17,40-45.") from None
    if not units:
        raise UsageError(f"{text!r} names no unit: write numbers and ranges, counted from 0, such as 3,17,40-45.")
    if max(units) >= hidden:
        raise InvalidParameterError(f"The layer has {hidden} units, counted from 0; there is no unit {max(units)}.")
    return list(dict.fromkeys(units))


# -- what a unit may have learnt to tell -----------------------------------------------------------------------------------------------


def _since(tokens: Sequence[str], begins: Callable[[str], bool]) -> np.ndarray:
    """How many tokens ago the last one was for which `begins` is true."""
    counts, count = [], 0
    for token in tokens:
        count = 0 if begins(token) else count + 1
        counts.append(count)
    return np.array(counts, np.float64)


def _is_break(token: str) -> bool:
    return token in (END, "\n", "\r\n")


def _in_quotes(tokens: Sequence[str], is_word_level: bool) -> np.ndarray:
    inside, found = False, []
    for token in tokens:
        if token in ('"', "''", "``"):
            inside = not inside if token == '"' else token == "``"
        elif token in ("\u201c", "\u00ab"):
            inside = True
        elif token in ("\u201d", "\u00bb", END):
            inside = False
        found.append(inside)
    return np.array(found, np.float64)


def _in_brackets(tokens: Sequence[str], is_word_level: bool) -> np.ndarray:
    depth, found = 0, []
    for token in tokens:
        if token in ("(", "[", "{", "-LRB-"):
            depth += 1
        elif token in (")", "]", "}", "-RRB-"):
            depth = max(0, depth - 1)
        elif token == END:
            depth = 0
        found.append(depth)
    return np.array(found, np.float64)


def _share(condition: Callable[[str], bool]) -> Callable[[Sequence[str], bool], np.ndarray]:
    return lambda tokens, is_word_level: np.array([condition(token) for token in tokens], np.float64)


def _place_in_word(tokens: Sequence[str], is_word_level: bool) -> np.ndarray:
    return np.zeros(len(tokens)) if is_word_level else _since(tokens, lambda token: not token.isalnum())


FEATURES: dict[str, Callable[[Sequence[str], bool], np.ndarray]] = {
    "place in line": lambda tokens, is_word_level: _since(tokens, _is_break),
    "place in word": _place_in_word,
    "end of line": _share(_is_break),
    "inside quotes": _in_quotes,
    "inside brackets": _in_brackets,
    "capital": _share(lambda token: token[:1].isupper()),
    "digit": _share(lambda token: token[:1].isdigit()),
    "punctuation": _share(lambda token: token != END and unicodedata.category(token[:1] or " ").startswith("P")),
    "space": _share(lambda token: token == " "),
}
"""Properties of a place in a text, by name: functions from tokens, and whether they are words, to numbers, float64 (N,)."""
