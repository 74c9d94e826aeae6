"""How fast recurrent language models write, one text, one word after the other: lmkit and PyTorch on the CPU, one thread, same shapes.

    python benchmarks/neural_generation.py [--rounds 5] [--tokens 200] [--only lstm-2x200]

A token is: the network one step on, a word chosen from its distribution, that word fed back. Words are drawn from all ("draw"), from the
40 most probable ("top-40"), or the most probable one is taken ("argmax"); "scores" gives the whole distribution of log probabilities and
feeds back fixed words. lmkit's choices are those of the exact scores (lmkit/neural/losses/screen.py); it is measured as
`lmkit.sampling.generate` uses it, and with 16 texts side by side.

PyTorch stands in three forms, all under torch.inference_mode, all measured, so that no one needs to guess which is quickest:

- "modules": torch.nn.Embedding, torch.nn.LSTM (one fused call a step), torch.nn.Linear: what people write;
- "cells": torch.nn.LSTMCell for each layer, torch.nn.Linear;
- "by hand": the cell's equations over matrices stored transposed (both of a layer in one), which its vector products run quickest on.

Weights are random; the output bias has the logarithms of Zipf's frequencies, so that the words written are as frequent as in text. Each
contestant is a process of its own; they take turns; a figure is the median over rounds of CPU seconds (all threads) a token. The floor is
the bytes of all weights over what one thread of this machine reads a second from memory of that size, measured in the same run: no program
that reads every float32 weight once a token can be quicker. Writes benchmarks/results/neural_generation.json;
with --only the figures of the other models stay in it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import RESULTS, report

# name -> layers, units, vocabulary, tied
MODELS: dict[str, tuple[int, int, int, bool]] = {
    "lstm-2x200": (2, 200, 10_000, False),
    "lstm-2x650": (2, 650, 10_000, False),
    "lstm-1x512-tied": (1, 512, 10_000, True),
    "lstm-1x512-characters": (1, 512, 100, False),
}
WAYS = ("draw", "top-40", "argmax", "scores")
FORMS = ("modules", "cells", "by hand")
SIDE_BY_SIDE = 16
FILE = RESULTS / "neural_generation.json"
_REPEATS = 5


def zipf_bias(words: int) -> np.ndarray:
    """Logarithms of Zipf's frequencies in an order of their own, float32 (words,)."""
    ranks = np.random.default_rng(0).permutation(words) + 1.0
    return -np.log(ranks * np.log(words)).astype(np.float32)


def fixed_words(words: int, count: int) -> list[int]:
    shares = np.exp(zipf_bias(words).astype(np.float64))
    return np.random.default_rng(1).choice(words, count, p=shares / shares.sum()).tolist()


def seconds_a_token(write: Callable[[int], object], tokens: int) -> float:
    """Median over repeats of CPU seconds a token."""
    write(max(tokens // 4, 10))
    found = []
    for _ in range(_REPEATS):
        start = time.process_time()
        write(tokens)
        found.append((time.process_time() - start) / tokens)
    return statistics.median(found)


def lmkit_runs(name: str, tokens: int) -> dict[str, float]:
    from lmkit.neural.architecture import Architecture
    from lmkit.neural.models import RecurrentLanguageModel
    from lmkit.neural.recurrent import RecurrentNetwork
    from lmkit.neural.workers import ThreadWorkers
    from lmkit.sampling import Decoding, generate, generate_many
    from lmkit.text.vocabulary import Vocabulary

    layers, units, words, tied = MODELS[name]
    shape = Architecture(layers=layers, hidden=units, tied=tied)
    model = RecurrentLanguageModel(shape)
    model.network_ = RecurrentNetwork(shape, np.ones(words, np.int64))
    next(p for p in model.network_.parameters if p.name == "decoder.bias").value[:] = zipf_bias(words)
    model.vocabulary_ = Vocabulary.from_tokens([f"w{i}" for i in range(words - 3)])
    ways = {"draw": Decoding(allow_unknown=True), "top-40": Decoding(top_k=40), "argmax": Decoding(argmax=True)}
    fixed, found = fixed_words(words, tokens), {}

    def score(count: int) -> None:
        writer = model.writer()
        for token in fixed[:count]:
            writer.log_probs()
            writer.push([token])

    with ThreadWorkers(1):
        for way, decoding in ways.items():

            def write(count: int, decoding: Decoding = decoding) -> None:
                assert len(list(generate(model, decoding=decoding, max_tokens=count, min_tokens=count, rng=1))) == count

            found[way] = seconds_a_token(write, tokens)
        found["scores"] = seconds_a_token(score, tokens)

        def write_many(count: int) -> None:
            rngs = [np.random.default_rng(seed) for seed in range(SIDE_BY_SIDE)]
            many = count // SIDE_BY_SIDE + 1
            generate_many(model, [[]] * SIDE_BY_SIDE, max_tokens=many, min_tokens=many, rngs=rngs)

        many = tokens // SIDE_BY_SIDE + 1
        found[f"draw, {SIDE_BY_SIDE} texts"] = seconds_a_token(write_many, tokens) * tokens / (many * SIDE_BY_SIDE)
    return found


def torch_steps(form: str, layers: int, units: int, embedding: Any, output: Any) -> Callable[[Any, Any], tuple[Any, Any]]:
    """step(word (1,), state) -> (scores (1, V), state), of new random layers."""
    import torch

    if form == "modules":
        rnn = torch.nn.LSTM(units, units, layers)

        def step(word: Any, state: Any) -> tuple[Any, Any]:
            hidden, state = rnn(embedding(word)[None], state)
            return output(hidden[0]), state

        return step
    cells = [torch.nn.LSTMCell(units, units) for _ in range(layers)]
    zeros = [(torch.zeros(1, units), torch.zeros(1, units)) for _ in range(layers)]
    if form == "cells":

        def step(word: Any, state: Any) -> tuple[Any, Any]:
            x, after = embedding(word), []
            for cell, before in zip(cells, state or zeros, strict=True):
                after.append(cell(x, before))
                x = after[-1][0]
            return output(x), after

        return step
    stacked = [torch.cat([cell.weight_ih, cell.weight_hh], 1).detach().t().contiguous() for cell in cells]
    biases = [(cell.bias_ih + cell.bias_hh).detach() for cell in cells]
    turned, bias = output.weight.detach().t().contiguous(), output.bias.detach()

    def step(word: Any, state: Any) -> tuple[Any, Any]:
        x, after = embedding(word), []
        for weight, added, (h, c) in zip(stacked, biases, state or zeros, strict=True):
            i, f, g, o = torch.addmm(added, torch.cat([x, h], 1), weight).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            x = torch.sigmoid(o) * torch.tanh(c)
            after.append((x, c))
        return torch.addmm(bias, x, turned), after

    return step


def torch_runs(form: str, name: str, tokens: int) -> dict[str, float]:
    import torch

    torch.set_num_threads(1)
    layers, units, words, tied = MODELS[name]
    embedding, output = torch.nn.Embedding(words, units), torch.nn.Linear(units, words)
    torch.nn.init.uniform_(embedding.weight, -0.1, 0.1)
    torch.nn.init.uniform_(output.weight, -0.1, 0.1)
    if tied:
        output.weight = embedding.weight
    output.bias.data[:] = torch.from_numpy(zipf_bias(words))
    step = torch_steps(form, layers, units, embedding, output)
    fixed, found = fixed_words(words, tokens), {}

    def top(scores: Any) -> Any:
        values, ids = torch.topk(scores, 40)
        return ids[0, torch.multinomial(torch.softmax(values, -1), 1)[0]]

    ways: dict[str, Callable[[Any], Any]] = {
        # the quickest exact draw: torch.multinomial(softmax) takes longer over many words
        "draw": lambda scores: torch.argmax(torch.softmax(scores, -1) / torch.empty_like(scores).exponential_(), -1),
        "top-40": top,
        "argmax": lambda scores: torch.argmax(scores, -1),
    }

    def score(count: int) -> None:
        state = None
        for token in fixed[:count]:
            scores, state = step(torch.tensor([token]), state)
            torch.log_softmax(scores, -1)

    with torch.inference_mode():
        for way, choose in ways.items():

            def write(count: int, choose: Callable[[Any], Any] = choose) -> None:
                word, state = torch.tensor([2]), None
                for _ in range(count):
                    scores, state = step(word, state)
                    word = choose(scores)
                    word.item()  # whoever writes looks at each word

            found[way] = seconds_a_token(write, tokens)
        found["scores"] = seconds_a_token(score, tokens)
    return found


def gigabytes_a_second(size: int) -> float:
    """What one thread reads of so many bytes, again and again, best of 15."""
    import numba

    @numba.njit(fastmath=True)
    def total(values: np.ndarray) -> float:
        sum_ = np.float32(0)
        for i in range(values.size):  # with fastmath in vectors, many sums at once
            sum_ += values[i]
        return sum_

    values = np.ones(size // 4, np.float32)
    total(values)
    best = float("inf")
    for _ in range(15):
        repeats = max(1, (64 << 20) // size)
        start = time.process_time()
        for _ in range(repeats):
            total(values)
        best = min(best, (time.process_time() - start) / repeats)
    return size / best / 1e9


def weight_bytes(name: str) -> int:
    """Bytes of the float32 weights that a step reads: all but the table of word vectors."""
    layers, units, words, _ = MODELS[name]
    return 4 * (layers * 4 * units * (2 * units + 1) + words * (units + 1))


def run_apart(who: str, name: str, tokens: int) -> dict[str, float]:
    """One contestant in a process of its own."""
    command = [sys.executable, __file__, "--apart", who, "--only", name, "--tokens", str(tokens)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def measure(name: str, rounds: int, tokens: int) -> dict[str, Any]:
    """All contestants on one model."""
    contestants = ("lmkit", *FORMS)
    runs = [{who: run_apart(who, name, tokens) for who in contestants} for _ in range(rounds)]
    floor = run_apart("bandwidth", name, tokens)
    result: dict[str, Any] = {"weight_megabytes": round(weight_bytes(name) / 1e6, 1), **floor, "microseconds_a_token": {}, "ratio": {}}
    for way in (*WAYS, f"draw, {SIDE_BY_SIDE} texts"):
        medians = {who: statistics.median(run[who][way] for run in runs) * 1e6 for who in contestants if way in runs[0][who]}
        result["microseconds_a_token"][way] = {who: round(value, 1) for who, value in medians.items()}
        if way in WAYS:
            ratios = {form: [run[form][way] / run["lmkit"][way] for run in runs] for form in FORMS}
            result["ratio"][way] = {
                form: [round(statistics.median(r), 2), round(min(r), 2), round(max(r), 2)] for form, r in ratios.items()
            }
            shown = "  ".join(f"{form} {medians[form]:7,.0f} ({low[0]:.2f}x)" for form, low in result["ratio"][way].items())
            print(f"{name:22} {way:7} lmkit {medians['lmkit']:7,.0f} us  {shown}", flush=True)
        else:
            print(f"{name:22} {way} lmkit {medians['lmkit']:7,.0f} us a token", flush=True)
    print(f"{name:22} floor of float32 weights {floor['float32_floor_microseconds']:,.0f} us", flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--only", choices=MODELS)
    parser.add_argument("--apart", choices=("lmkit", *FORMS, "bandwidth"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.apart == "bandwidth":
        rate = gigabytes_a_second(weight_bytes(options.only))
        floor = weight_bytes(options.only) / rate / 1e3
        print(json.dumps({"gigabytes_a_second": round(rate, 1), "float32_floor_microseconds": round(floor, 1)}))
        return
    if options.apart:
        run = (
            lmkit_runs(options.only, options.tokens)
            if options.apart == "lmkit"
            else torch_runs(options.apart, options.only, options.tokens)
        )
        print(json.dumps(run))
        return
    names = [options.only] if options.only else list(MODELS)
    run_apart("lmkit", names[0], 20)  # compile
    results = {name: measure(name, options.rounds, options.tokens) for name in names}
    import torch

    kept = json.loads(FILE.read_text())["results"] if options.only and FILE.exists() else {}
    load = [round(value, 1) for value in os.getloadavg()]
    report(
        "neural_generation",
        kept | results,
        {"threads": 1, "torch": torch.__version__, "load_average": load, "ratio": "median, least, most"},
    )


if __name__ == "__main__":
    main()
