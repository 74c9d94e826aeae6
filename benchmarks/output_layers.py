"""Cost of a token in the output layer: forward, backward and update, for every method and size of vocabulary, and PyTorch's full softmax.

    python benchmarks/output_layers.py [--sizes 10000,33000,200000] [--rows 700] [--hidden 400] [--repeats 5] [--skip-torch]

One thread, CPU time of this process, microseconds a token: the least of `repeats` steps after one that is not counted (least, because
other programs on the machine only ever add). Targets follow Zipf's law. A step is the loss, gradients of hidden vectors and weights, the
norm of all gradients, and AdamW with clipping; methods that touch few rows update these only. PyTorch does the same with
torch.nn.functional.cross_entropy, clip_grad_norm_ and torch.optim.AdamW(fused=True).
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from harness import report

METHODS = ("full", "adaptive", "classes", "sampled", "nce", "blackout", "huffman")


def zipf_counts(size):
    counts = np.maximum(1, 1e6 / np.arange(1, size + 1)).astype(np.int64)
    counts[1] = 0  # <s>, which is never predicted
    return counts


def batch(size, rows, hidden_size):
    random = np.random.default_rng(1)
    counts = zipf_counts(size)
    hidden = random.uniform(-1, 1, (rows, hidden_size)).astype(np.float32)
    targets = random.choice(size, rows, p=counts / counts.sum()).astype(np.int32)
    return hidden, targets


def least(step, repeats):
    """Least CPU seconds of a step."""
    step()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        step()
        seconds.append(time.process_time() - start)
    return min(seconds)


def own(method, size, rows, hidden_size, repeats):
    from lmkit.neural.interfaces import OutputRequest
    from lmkit.neural.losses import make_output
    from lmkit.neural.optimizers import clip_scale, global_norm, make_optimizer
    from lmkit.neural.workers import ThreadWorkers

    hidden, targets = batch(size, rows, hidden_size)
    output = make_output(method, OutputRequest(hidden_size, size, zipf_counts(size)))
    optimizer = make_optimizer("adamw")
    weights, d_hidden = np.full(rows, 1 / rows, np.float32), np.empty_like(hidden)
    with ThreadWorkers(1) as workers:
        output.begin(rows, 1)
        counter = iter(range(1_000_000))

        def step():
            output.start_step(targets, next(counter))
            output.forward_backward(0, slice(0, rows), hidden, targets, weights, d_hidden)
            output.weight_gradients(hidden, targets, workers)
            norm = global_norm(output.parameters, workers)
            optimizer.step(output.parameters, 1e-3, clip_scale(norm, 1.0), workers)

        return least(step, repeats)


def torch_full(size, rows, hidden_size, repeats):
    import torch

    torch.set_num_threads(1)
    values, classes = batch(size, rows, hidden_size)
    hidden, targets = torch.tensor(values, requires_grad=True), torch.tensor(classes).long()
    layer = torch.nn.Linear(hidden_size, size)
    optimizer = torch.optim.AdamW(layer.parameters(), fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        hidden.grad = None
        torch.nn.functional.cross_entropy(layer(hidden), targets).backward()
        torch.nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        optimizer.step()

    return least(step, repeats)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10000,33000,200000")
    parser.add_argument("--rows", type=int, default=700)
    parser.add_argument("--hidden", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--skip-torch", action="store_true")
    options = parser.parse_args()
    results = {}
    for size in map(int, options.sizes.split(",")):
        row = results[str(size)] = {}
        for method in options.methods.split(","):
            seconds = own(method, size, options.rows, options.hidden, options.repeats)
            row[method] = round(seconds / options.rows * 1e6, 2)
            print(f"V = {size:7,} {method:10} {row[method]:10.2f} µs a token", flush=True)
        if not options.skip_torch:
            row["torch full"] = round(torch_full(size, options.rows, options.hidden, options.repeats) / options.rows * 1e6, 2)
            print(f"V = {size:7,} torch full {row['torch full']:10.2f} µs a token", flush=True)
    report("output_layers", results, {"unit": "CPU microseconds a token, one thread", "rows": options.rows, "hidden": options.hidden})


if __name__ == "__main__":
    main()
