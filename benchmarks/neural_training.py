"""How fast recurrent language models train: lmkit and PyTorch on the CPU, same model, same batches, same threads.

    python benchmarks/neural_training.py [--threads 1] [--rounds 3] [--steps 8] [--only lstm-2x200]

A training step is forward, backward, clipping by norm and AdamW, over 700 tokens (20 texts, 35 steps; characters 50 by 64) of random ids
with Zipf's frequencies. PyTorch runs torch.nn's modules, cross_entropy, clip_grad_norm_ and AdamW(fused=True). Each contestant is a
process of its own; they take turns; a step's figure is the median over the steps behind the first two, of CPU time (all threads) and of
wall time, and a round's ratio is that of the medians.

Beside it: the share of the machine's peak that the products of a step come to, counted as 6 per weight and token (2 forward, 4 backward;
the peak is the best of NumPy's float32 products of 1024 to 2048 rows in the same process); the seconds from the start of a process to the
end of its first step, with nothing compiled and then again; and the peak of the process's memory over two epochs with validation and
checkpoints, less what it took before (a tiny network having been trained, so that all is imported and loaded), as a multiple of what one
counts by hand. Writes benchmarks/results/neural_training.json, a model after the other; with --only the figures of others stay.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import RESULTS, report

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
WARM_UP = 2


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
    from lmkit.neural.workers import ThreadWorkers

    with ThreadWorkers(threads) as workers:
        result = {**measured(lmkit_step(name, threads, steps, workers), steps), "peak": peak()}
    return {**result, "flops": 6 * weights_in_products(name) * tokens_of(name)}


def lmkit_step(name: str, threads: int, steps: int, workers: Any) -> Any:
    """One training step as a function of its number."""
    from lmkit.neural.architecture import Architecture
    from lmkit.neural.batching import ContiguousStreams, TrainingText
    from lmkit.neural.optimizers import clip_scale, global_norm, make_optimizer
    from lmkit.neural.recurrent import RecurrentNetwork

    cell, layers, units, words, tied, texts, length = MODELS[name]
    ids = text(words, texts * length * (steps + WARM_UP + 1))
    shape = Architecture(cell=cell, layers=layers, hidden=units, tied=tied)
    network = RecurrentNetwork(shape, np.bincount(ids, minlength=words).astype(np.int64))
    network.begin(texts * length, texts, threads)
    batches = list(ContiguousStreams(TrainingText(ids, np.array([0, len(ids)]), 2), texts, length, threads).batches(0))
    optimizer = make_optimizer("adamw", weight_decay=0.01)

    def step(number: int) -> None:
        network.train_step(batches[number], number, workers)
        norm = global_norm(network.parameters, workers)
        optimizer.step(network.parameters, 1e-3, clip_scale(norm, 1.0), workers)

    return step


def weights_in_products(name: str) -> int:
    """Weights that each token is multiplied with; a small vocabulary's vectors go through the first layer's W_ih once a step instead."""
    cell, layers, units, words, _, texts, length = MODELS[name]
    inputs = layers - (1 if words <= texts * length // 4 else 0)
    return {"lstm": 4, "gru": 3, "elman": 1}[cell] * units * units * (layers + inputs) + units * words


def tokens_of(name: str) -> int:
    return MODELS[name][5] * MODELS[name][6]


def peak() -> float:
    """Floating-point operations a second of CPU time in NumPy's float32 product, the best of some."""
    best = 0.0
    for size in (1024, 1536, 2048):
        a, b = (np.random.default_rng(0).random((size, size), np.float32) for _ in range(2))
        out = a @ b
        for _ in range(4):
            start = time.process_time()
            np.matmul(a, b, out=out)
            best = max(best, 2 * size**3 / (time.process_time() - start))
    return best


def first_step(name: str) -> dict[str, float]:
    """Seconds since this process began, at the end of its first step."""
    from lmkit.neural.workers import ThreadWorkers

    with ThreadWorkers(1) as workers:
        lmkit_step(name, 1, 1, workers)(0)
    return {"cpu": time.process_time()}


def memory(name: str) -> dict[str, float]:
    """Most bytes that training by the model's own `fit` adds to a process, checkpoints and all, and what is counted by hand."""
    from lmkit.neural.architecture import Architecture
    from lmkit.neural.models import RecurrentLanguageModel
    from lmkit.neural.recipe import Recipe
    from lmkit.text.encoding import as_corpus

    cell, layers, units, words, tied, texts, length = MODELS[name]
    shape, recipe = Architecture(cell=cell, layers=layers, hidden=units, tied=tied), Recipe(batch=texts, steps=length, epochs=2)
    RecurrentLanguageModel(Architecture(cell=cell, layers=1, hidden=8), Recipe(batch=1, epochs=1), threads=1).fit(
        "a b c d " * 20, valid="a b"
    )
    lines = [" ".join(map(str, range(words - 3))), " ".join(map(str, text(words, 2 * texts * length)))]
    corpus, valid = as_corpus("\n".join(lines)), as_corpus(lines[1][:5000])
    with tempfile.TemporaryDirectory() as folder:
        before = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # begins the peak anew
        model = RecurrentLanguageModel(shape, recipe, threads=1).fit(
            corpus, valid=valid, checkpoint=Path(folder) / "checkpoint", checkpoint_minutes=0
        )
        most = resident("VmHWM") - before
    weights = 4 * sum(parameter.value.size for parameter in model.network_.parameters)
    batch = shape.batch_bytes(texts * length, words)
    return {
        "peak": most,
        "weights": weights,
        "batch": batch,
        "times weights, Adam's two means, batch": most / (3 * weights + batch),
        "times the same and gradients": most / (4 * weights + batch),
    }


def resident(entry: str) -> int:
    """Bytes that this process takes, or took at most, as Linux tells them."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(entry))
    return 1024 * int(line.split()[1])


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

    return measured(step, steps)


def run_apart(who: str, name: str, threads: int = 1, steps: int = 1, env: dict[str, str] | None = None) -> dict[str, Any]:
    """One contestant in a process of its own."""
    words = [sys.executable, __file__, "--apart", who, "--only", name, "--threads", str(threads), "--steps", str(steps)]
    start = time.perf_counter()
    done = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, **(env or {})})
    return {**json.loads(done.stdout.splitlines()[-1]), "wall of the process": time.perf_counter() - start}


def starts(name: str) -> dict[str, Any]:
    """The first step with nothing compiled, and again."""
    with tempfile.TemporaryDirectory() as folder:
        env = {"NUMBA_CACHE_DIR": folder}
        return {
            what: {"cpu": found["cpu"], "wall": found["wall of the process"]}
            for what, found in ((what, run_apart("first", name, env=env)) for what in ("nothing compiled", "again"))
        }


def compare(name: str, threads: int, rounds: int, steps: int) -> dict[str, Any]:
    run_apart("lmkit", name, threads, 1)  # compile
    found = [{who: run_apart(who, name, threads, steps) for who in ("lmkit", "torch")} for _ in range(rounds)]
    ratios = [turn["torch"]["cpu"] / turn["lmkit"]["cpu"] for turn in found]
    shares = [turn["lmkit"]["flops"] / turn["lmkit"]["cpu"] / turn["lmkit"]["peak"] for turn in found]
    result: dict[str, Any] = {
        f"tokens a {unit} second": {
            who: tokens_of(name) / statistics.median(turn[who][kind] for turn in found) for who in ("lmkit", "torch")
        }
        for unit, kind in (("CPU", "cpu"), ("wall", "wall"))
    }
    result |= {"cpu_ratio": statistics.median(ratios), "cpu_ratios": sorted(ratios), "share of sgemm's peak": statistics.median(shares)}
    rates = result["tokens a CPU second"]
    print(
        f"{name:24} lmkit {rates['lmkit']:9,.0f} torch {rates['torch']:9,.0f} tokens a CPU second, ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f}-{max(ratios):.2f}), {statistics.median(shares):.0%} of the peak",
        flush=True,
    )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--only", choices=(*MODELS, *BESIDE))
    parser.add_argument("--apart", choices=("lmkit", "torch", "first", "memory"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.apart:
        run: dict[str, Any] = {
            "lmkit": lambda: lmkit_runs(options.only, options.threads, options.steps),
            "torch": lambda: torch_runs(options.only, options.threads, options.steps),
            "first": lambda: first_step(options.only),
            "memory": lambda: memory(options.only),
        }
        print(json.dumps(run[options.apart]()))
        return
    results = earlier()
    for name in [options.only] if options.only else (*MODELS, *BESIDE):
        load = round(os.getloadavg()[0], 1)
        found = BESIDE[name]() if name in BESIDE else compare(name, options.threads, options.rounds, options.steps)
        results[name] = {**found, "load of the machine": load}
        write(results, options.threads)


BESIDE: dict[str, Callable[[], dict[str, Any]]] = {
    "first-step": lambda: starts("lstm-2x200"),
    "memory": lambda: {name: run_apart("memory", name) for name in ("lstm-2x200", "lstm-2x650", "lstm-1x512-tied", "gru-2x400")},
}


def earlier() -> dict[str, Any]:
    """Results of the run before, if there was one."""
    path = RESULTS / "neural_training.json"
    return json.loads(path.read_text())["results"] if path.exists() else {}


def write(results: dict[str, Any], threads: int) -> None:
    import torch

    report("neural_training", results, {"threads": threads, "torch": torch.__version__})


if __name__ == "__main__":
    main()
