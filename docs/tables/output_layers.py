"""The tables of docs/output-layers.md: the same LSTM trained with every output layer, and what a token costs in each.

    python docs/tables/output_layers.py                                                   the default corpus
    python docs/tables/output_layers.py --corpus "Penn Treebank" train.txt valid.txt test.txt
    python docs/tables/output_layers.py --page                                            write the page anew from the stored results

Every method gets the same network, recipe, seed and number of epochs, one thread; CPU seconds are those of training alone. Test
perplexities are exact and normalised, scored once, the state carried. Results go to docs/tables/output_layers.json as they come (a method
that stands there is not trained again unless --anew), and into the page between its comments `<!-- table: ... -->`, together with the
microseconds of benchmarks/results/output_layers.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from pages import with_tables

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "output_layers.json"
COSTS = HERE.parent.parent / "benchmarks" / "results" / "output_layers.json"
PAGE = HERE.parent / "output-layers.md"

SAMPLES = 1024
OUTPUTS: dict[str, dict[str, Any]] = {
    "full": {},
    "adaptive": {},
    "classes": {},
    "huffman": {},
    "sampled": {"samples": SAMPLES},
    "nce": {"samples": SAMPLES},
    "blackout": {"samples": SAMPLES},
}
LABELS = {
    "full": "full softmax",
    "adaptive": "adaptive softmax",
    "classes": "two-level classes",
    "huffman": "Huffman tree",
    "sampled": f"sampled softmax, {SAMPLES}",
    "nce": f"noise contrast, {SAMPLES}",
    "blackout": f"BlackOut, {SAMPLES}",
}


def measure(name: str, train: Any, valid: Any, test: Any, hidden: int, epochs: int) -> dict[str, Any]:
    """Train with one output layer and score valid and test."""
    from lmkit.evaluation.perplexity import Accounting
    from lmkit.neural.architecture import Architecture
    from lmkit.neural.layers.dropout import Dropout
    from lmkit.neural.models import RecurrentLanguageModel
    from lmkit.neural.recipe import Recipe

    shape = Architecture(layers=1, hidden=hidden, output={"name": name, **OUTPUTS[name]}, dropout=Dropout(input=0.1, output=0.2))
    recipe = Recipe(epochs=epochs)
    model = RecurrentLanguageModel(shape, recipe, seed=1, threads=1)
    started = time.process_time()
    model.fit(train)
    seconds = time.process_time() - started
    row: dict[str, Any] = {"hidden": hidden, "epochs": epochs, "cpu_seconds": round(seconds, 1)}
    for part, corpus in (("valid", valid), ("test", test)):
        row[part] = Accounting.from_events(model.score(corpus, state="carry")).all.perplexity
    row["weights"] = sum(int(tensor.size) for tensor in model.network_.to_tensors().values())
    print(f"{name}: {row}", file=sys.stderr, flush=True)
    return row


def tables(results: dict[str, Any], costs: dict[str, Any]) -> dict[str, str]:
    """Markdown by name: the corpora, and `cost`."""
    made = {name: perplexity_table(result) for name, result in results.items()}
    if costs:
        made["cost"] = cost_table(costs)
    return made


def perplexity_table(result: dict[str, Any]) -> str:
    rows = result["outputs"]
    slowest = max(row["cpu_seconds"] for row in rows.values())
    lines = [
        "| output layer | valid | test | CPU seconds to train | times as fast | weights |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, row in rows.items():
        seconds = row["cpu_seconds"]
        lines.append(
            f"| {LABELS[name]} | {row['valid']:.1f} | {row['test']:.1f} | {seconds:,.0f} | {slowest / max(seconds, 0.1):.1f} | "
            f"{row['weights'] / 1e6:.2f} M |"
        )
    row = next(iter(rows.values()))
    lines.append("")
    lines.append(
        f"1 LSTM layer of {row['hidden']} units, {row['epochs']} epochs of {result['train_tokens']:,} tokens, {result['vocabulary']:,} "
        "tokens to predict, one thread."
    )
    return "\n".join(lines) + "\n"


def cost_table(costs: dict[str, Any]) -> str:
    sizes = list(costs["results"])
    names = [*LABELS, "torch full"]
    lines = ["| output layer | " + " | ".join(f"V = {int(size):,}" for size in sizes) + " |", "|---|" + "--:|" * len(sizes)]
    for name in names:
        cells = [costs["results"][size].get(name) for size in sizes]
        label = LABELS.get(name, "*full softmax in PyTorch*")
        lines.append(f"| {label} | " + " | ".join("" if cell is None else f"{cell:,.1f}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def page(text: str, results: dict[str, Any], costs: dict[str, Any]) -> str:
    """The page with its tables replaced by those of the results."""
    return with_tables(text, tables(results, costs))


def stored(path: Path) -> dict[str, Any]:
    """What a file of results holds; nothing if there is none."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def main() -> None:
    import lmkit_corpora

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", nargs=4, metavar=("NAME", "TRAIN", "VALID", "TEST"))
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--outputs", default=",".join(OUTPUTS))
    parser.add_argument("--anew", action="store_true")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if not options.page:
        default = lmkit_corpora.default_corpus()
        name, *parts = options.corpus or [default, *(f"{default}:{part}" for part in ("train", "valid", "test"))]
        corpora = [lmkit_corpora.load_corpus(part) for part in parts]
        for output in options.outputs.split(","):
            if options.anew or output not in stored(RESULTS).get(name, {}).get("outputs", {}):
                row = measure(output, *corpora, options.hidden, options.epochs)
                results = stored(RESULTS)  # only now: several of these may run side by side
                facts = {"train_tokens": corpora[0].n_sentences + len(corpora[0]), "vocabulary": len(corpora[0].vocabulary) - 1}
                rows = results.setdefault(name, {**facts, "outputs": {}})["outputs"]
                rows[output] = row
                results[name]["outputs"] = {key: rows[key] for key in OUTPUTS if key in rows}
                RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if PAGE.exists():
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), stored(RESULTS), stored(COSTS)), encoding="utf-8")


if __name__ == "__main__":
    main()
