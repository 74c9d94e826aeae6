"""The tables of docs/pruning.md and docs/mixing.md: what pruning costs by method and size, and what mixing wins.

    python docs/tables/pruning.py                                            WikiText-2 from the catalogue
    python docs/tables/pruning.py --corpus WikiText-2 train.txt test.txt
    python docs/tables/pruning.py --mixing NAME own.txt valid.txt test.txt other.txt
    python docs/tables/pruning.py --page                                     write the pages anew from the stored results

Results go to docs/tables/pruning.json, and from there into the pages between their comments `<!-- table: ... -->`.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path
from typing import Any

from lmkit import NgramLanguageModel
from lmkit.ngram.mixing import mix
from lmkit.ngram.pruning import CountCutoffs, Pruning, RelativeEntropy, RevisedKneserNey, prune
from lmkit.wrappers.mixture import Mixture

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "pruning.json"
PAGES = [HERE.parent / "pruning.md", HERE.parent / "mixing.md"]
ORDER = 4
SHARES = (1.0, 0.5, 0.25, 0.125, 1 / 16, 1 / 32, 1 / 64)
KNESER_NEY, KATZ, WITTEN_BELL = "modified-kneser-ney", "katz", "witten-bell"
ROWS: list[tuple[str, str, Any]] = [  # label, smoothing, number of n-grams -> method
    ("Kneser-Ney, entropy", KNESER_NEY, lambda ngrams: RelativeEntropy(ngrams=ngrams)),
    ("Kneser-Ney, revised", KNESER_NEY, lambda ngrams: RevisedKneserNey(ngrams=ngrams)),
    ('Kneser-Ney, revised, loss="training"', KNESER_NEY, lambda ngrams: RevisedKneserNey(ngrams=ngrams, loss="training")),
    ("Katz, entropy", KATZ, lambda ngrams: RelativeEntropy(ngrams=ngrams)),
    ("Witten-Bell, entropy", WITTEN_BELL, lambda ngrams: RelativeEntropy(ngrams=ngrams)),
]
CUTOFFS = ((0, 0, 1), (0, 1), (0, 2), (0, 4), (0, 8))


def measure_pruning(train: Any, test: Any) -> dict[str, Any]:
    """Test perplexity of each row at each share of the n-grams above order 1, and of models with count cut-offs."""
    models = {name: NgramLanguageModel(order=ORDER, smoothing=name).fit(train) for name in (KNESER_NEY, KATZ, WITTEN_BELL)}
    sizes = models[KNESER_NEY].trie_.sizes
    targets = [sizes[0] + int(share * sum(sizes[1:])) for share in SHARES]
    rows = []
    for label, smoothing, method in ROWS:
        cells = []
        for target in targets:
            started = time.process_time()
            pruned = _pruned(models[smoothing], method(target))
            seconds = time.process_time() - started
            cells.append({"ngrams": sum(pruned.trie_.sizes), "perplexity": pruned.perplexity(test), "cpu_seconds": seconds})
            print(f"{label:40} {cells[-1]}", flush=True)
        rows.append({"label": label, "cells": cells})
    cut = []
    for highest in CUTOFFS:
        model = NgramLanguageModel(order=ORDER, pruning=CountCutoffs(highest)).fit(train)
        size = sum(model.trie_.sizes)
        revised = _pruned(models[KNESER_NEY], RevisedKneserNey(ngrams=size))
        cut.append(
            {"highest": list(highest), "ngrams": size, "perplexity": model.perplexity(test), "perplexity_revised": revised.perplexity(test)}
        )
        print(cut[-1], flush=True)
    return {"order": ORDER, "sizes": sizes, "targets": targets, "rows": rows, "cutoffs": cut}


def _pruned(model: NgramLanguageModel, method: Pruning) -> NgramLanguageModel:
    return prune(model, method)


def measure_mixing(own: Any, valid: Any, test: Any, other: Any) -> dict[str, Any]:
    """A model of little text of one's own and one of much other text, with the words of both, mixed in each way; weights from valid."""
    words = NgramLanguageModel(order=1).fit(own).vocabulary
    first = NgramLanguageModel(order=ORDER).fit(own, vocabulary=words)
    second = NgramLanguageModel(order=ORDER).fit(other, vocabulary=words)
    static, context = Mixture([first, second]).fit(valid), Mixture([first, second], by="context").fit(valid)
    merged = mix([first, second], static.weights_[0].tolist())
    rows = [
        ("own text alone", first.perplexity(valid), first.perplexity(test)),
        ("other text alone", second.perplexity(valid), second.perplexity(test)),
        ("mixture, one set of weights", static.perplexity(valid), static.perplexity(test)),
        ("mixture, weights by context", context.perplexity(valid), context.perplexity(test)),
        ("mixture as one n-gram model", merged.perplexity(valid), merged.perplexity(test)),
    ]
    return {
        "order": ORDER,
        "weights": static.weights_[0].tolist(),
        "weights_by_context": context.weights_.tolist(),
        "tokens": [first.metadata_["corpus"]["tokens"], second.metadata_["corpus"]["tokens"]],
        "ngrams": [sum(model.trie_.sizes) for model in (first, second, merged)],
        "rows": [{"label": label, "valid": one, "test": two} for label, one, two in rows],
    }


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Markdown tables by name."""
    made = {}
    for name, one in results.get("pruning", {}).items():
        head = "| n-grams | " + " | ".join(f"{target:,}" for target in one["targets"]) + " |\n|---|" + "---:|" * len(one["targets"])
        lines = [f"| {row['label']} | " + " | ".join(f"{cell['perplexity']:.1f}" for cell in row["cells"]) + " |" for row in one["rows"]]
        made[f"{name} pruned"] = "\n".join([head, *lines])
        lines = [
            f"| `--prune {','.join(map(str, row['highest']))}` | {row['ngrams']:,} "
            f"| {row['perplexity']:.1f} | {row['perplexity_revised']:.1f} |"
            for row in one["cutoffs"]
        ]
        made[f"{name} cut off"] = "\n".join(["| counts | n-grams | cut off | revised, as many |\n|---|---:|---:|---:|", *lines])
    for name, one in results.get("mixing", {}).items():
        lines = [f"| {row['label']} | {row['valid']:.2f} | {row['test']:.2f} |" for row in one["rows"]]
        made[f"{name} mixed"] = "\n".join(["| model | valid | test |\n|---|---:|---:|", *lines])
    return made


def page(text: str, results: dict[str, Any]) -> str:
    """A page with its tables made anew."""
    for name, table in tables(results).items():
        pattern = re.compile(rf"(<!-- table: {re.escape(name)} -->\n)(?:\|.*\n)*")
        text = pattern.sub(lambda match, table=table: match[1] + table + "\n", text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", nargs=3, metavar=("NAME", "TRAIN", "TEST"), help="another corpus for the pruning tables")
    parser.add_argument("--mixing", nargs=5, metavar=("NAME", "OWN", "VALID", "TEST", "OTHER"), help="make the mixing table")
    parser.add_argument("--page", action="store_true", help="only write the pages anew")
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if arguments.mixing:
        name, *specs = arguments.mixing
        results.setdefault("mixing", {})[name] = measure_mixing(*(_load(spec) for spec in specs))
    elif not arguments.page:
        name, train, test = arguments.corpus or ("WikiText-2", "wikitext-2:train", "wikitext-2:test")
        results.setdefault("pruning", {})[name] = measure_pruning(_load(train), _load(test))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for path in PAGES:
        path.write_text(page(path.read_text(encoding="utf-8"), results), encoding="utf-8")


def _load(spec: str) -> Any:
    import lmkit_corpora

    if Path(spec).exists():
        return lmkit_corpora.load_corpus(spec)
    name, _, split = spec.partition(":")
    return lmkit_corpora.load_corpus(name, split=split or None)


if __name__ == "__main__":
    main()
