"""How fast recurrent language models train and write: lmkit and PyTorch on the CPU, same model, same batches, same threads.

    python benchmarks/neural_training.py [--threads 1] [--rounds 3] [--steps 8] [--only lstm-2x200]

A training step is forward, backward, clipping by norm and AdamW, over 700 tokens (20 texts, 35 steps; characters 50 by 64) of random ids
with Zipf's frequencies. PyTorch runs torch.nn's modules, cross_entropy, clip_grad_norm_ and AdamW(fused=True). Each contestant is a
process of its own; they take turns; a step's figure is the median over the steps behind the first five, of CPU time (all threads) and of
wall time, and a round's ratio is that of the medians. Generation is one text, one token after the other: embedding, layers, log softmax.
Writes benchmarks/results/neural_training.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np
from harness import report

# name -> cell, layers, units, vocabulary, tied, texts, steps
MODELS: dict[str, tuple[str, int, int, int, bool, int, int]] = {
    "lstm-2x200": ("lstm", 2, 200, 10_000, False, 20, 35),
    "lstm-2x650": ("lstm", 2, 650, 10_000, False, 20, 35),
    "lstm-1x512-tied": ("lstm", 1, 512, 10_000, True, 20, 35),
    "lstm-2x400-tied": ("lstm", 2, 400, 10_000, True, 20, 35),
    "lstm-1x512-characters": ("lstm", 1, 512, 100, False, 50, 64),
    "gru-2x400": ("gru", 2, 400, 10_000, False, 20, 35),
    "elman-2x400": ("elman", 2, 400, 10_000, False, 20, 35),
}
WARM_UP = 5


def text(vocabulary: int, tokens: int) -> np.ndarray:
    """Ids with frequencies 1/rank, int32; none is 1, which lmkit never predicts."""
    shares = 1 / np.arange(1, vocabulary + 1)
    ids = np.random.default_rng(0).choice(vocabulary, tokens, p=shares / shares.sum()).astype(np.int32)
    ids[ids == 1] = 0
    return ids


def measured(step: Any, steps: int) -> dict[str, float]:
    """Medians of the seconds of a step."""
    walls, cpus = [], []
    for number in range(steps + WARM_UP):
        wall, cpu = time.perf_counter(), time.process_time()
        step(number)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"wall": statistics.median(walls[WARM_UP:]), "cpu": statistics.median(cpus[WARM_UP:])}


def lmkit_runs(name: str, threads: int, steps: int) -> dict[str, Any]:
    from lmkit.neural.batching import ContiguousStreams, TrainingText
    from lmkit.neural.models import RecurrentLanguageModel
    from lmkit.neural.optimizers import clip_scale, global_norm, make_optimizer
    from lmkit.neural.recurrent import Architecture, RecurrentNetwork
    from lmkit.neural.workers import ThreadWorkers
    from lmkit.text.vocabulary import Vocabulary

    cell, layers, units, words, tied, texts, length = MODELS[name]
    ids = text(words, texts * length * (steps + WARM_UP + 1))
    shape = Architecture(cell=cell, layers=layers, hidden=units, tied=tied)
    network = RecurrentNetwork(shape, np.bincount(ids, minlength=words).astype(np.int64))
    network.begin(texts * length, texts, threads)
    batches = list(ContiguousStreams(TrainingText(ids, np.array([0, len(ids)]), 2), texts, length, threads).batches(0))
    optimizer = make_optimizer("adamw", weight_decay=0.01)
    with ThreadWorkers(threads) as workers:

        def step(number: int) -> None:
            network.train_step(batches[number], number, workers)
            norm = global_norm(network.parameters, workers)
            optimizer.step(network.parameters, 1e-3, clip_scale(norm, 1.0), workers)

        training = measured(step, steps)
    model = RecurrentLanguageModel(shape)
    model.network_, model.vocabulary_ = network, Vocabulary.from_tokens([f"w{i}" for i in range(words - 3)])
    network.is_packed = False
    with ThreadWorkers(1):
        state = model.initial_state(1)

        def write(number: int) -> None:
            nonlocal state
            for _ in range(10):
                model.log_probs(state)
                state = model.advance(state, [5])

        generation = measured(write, 10)
    return {"training": training, "generation": {key: value / 10 for key, value in generation.items()}}


def torch_runs(name: str, threads: int, steps: int) -> dict[str, Any]:
    import torch

    torch.set_num_threads(threads)
    cell, layers, units, words, tied, texts, length = MODELS[name]
    embedding = torch.nn.Embedding(words, units)
    rnn = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "elman": torch.nn.RNN}[cell](units, units, layers)
    output = torch.nn.Linear(units, words)
    if tied:
        output.weight = embedding.weight
    parameters = list(torch.nn.ModuleList([embedding, rnn, output]).parameters())
    optimizer = torch.optim.AdamW(parameters, 1e-3, weight_decay=0.01, fused=True)
    ids = text(words, texts * length * (steps + WARM_UP + 1)).astype(np.int64)
    streams = torch.from_numpy(np.ascontiguousarray(ids[: len(ids) // texts * texts].reshape(texts, -1).T))
    state: Any = None

    def step(number: int) -> None:
        nonlocal state
        if state is not None:
            state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        first = number * length
        hidden, state = rnn(embedding(streams[first : first + length]), state)
        loss = torch.nn.functional.cross_entropy(output(hidden).reshape(-1, words), streams[first + 1 : first + length + 1].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    training = measured(step, steps)
    torch.set_num_threads(1)
    now, carried = torch.tensor([[5]]), None

    def write(number: int) -> None:
        nonlocal carried
        with torch.inference_mode():
            for _ in range(10):
                hidden, carried = rnn(embedding(now), carried)
                torch.log_softmax(output(hidden), -1)

    generation = measured(write, 10)
    return {"training": training, "generation": {key: value / 10 for key, value in generation.items()}}


def run_apart(who: str, name: str, threads: int, steps: int) -> dict[str, Any]:
    """One contestant in a process of its own."""
    words = [sys.executable, __file__, "--apart", who, "--only", name, "--threads", str(threads), "--steps", str(steps)]
    return json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--only", choices=MODELS)
    parser.add_argument("--apart", choices=("lmkit", "torch"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.apart:
        print(json.dumps((lmkit_runs if options.apart == "lmkit" else torch_runs)(options.only, options.threads, options.steps)))
        return
    results: dict[str, Any] = {}
    for name in [options.only] if options.only else MODELS:
        run_apart("lmkit", name, options.threads, 1)  # compile
        rounds = [{who: run_apart(who, name, options.threads, options.steps) for who in ("lmkit", "torch")} for _ in range(options.rounds)]
        tokens = MODELS[name][5] * MODELS[name][6]
        results[name] = {}
        for what, each in (("training", tokens), ("generation", 1)):
            ratios = [r["torch"][what]["cpu"] / r["lmkit"][what]["cpu"] for r in rounds]
            results[name][what] = {
                "tokens_per_cpu_second": {who: each / statistics.median(r[who][what]["cpu"] for r in rounds) for who in ("lmkit", "torch")},
                "tokens_per_second": {who: each / statistics.median(r[who][what]["wall"] for r in rounds) for who in ("lmkit", "torch")},
                "cpu_ratio": statistics.median(ratios),
                "cpu_ratios": sorted(ratios),
            }
            rates = results[name][what]["tokens_per_cpu_second"]
            print(
                f"{name:24} {what:10} lmkit {rates['lmkit']:9,.0f} torch {rates['torch']:9,.0f} tokens a CPU second, "
                f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})",
                flush=True,
            )
    import torch

    report("neural_training", results, {"threads": options.threads, "torch": torch.__version__})


if __name__ == "__main__":
    main()
