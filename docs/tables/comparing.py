"""The tables of docs/comparing.md: all families on one corpus, over the same events.

    python docs/tables/comparing.py "Penn Treebank" ptb.train.txt ptb.valid.txt ptb.test.txt lstm.lm gru.lm window.lm
    python docs/tables/comparing.py WikiText-2 wiki.train.tokens wiki.valid.tokens wiki.test.tokens lstm.lm --ranks 1000
    python docs/tables/comparing.py --page                                          write the page anew from the stored results

The n-gram models and word2vec's language models are trained here, in minutes, on the vocabulary of the first model that is named, or on all
words of the training text; nets take hours and are named as files (`lmkit train-rnn TRAIN --valid VALID`), each with all words of the
training text and read as it was trained to read. The cache stands on the n-gram model that does best on the validation text; the
mixtures learn their weights there. Nothing is chosen on the test text, and it is scored once. Results go to docs/tables/comparing.json,
and into the page between its comments `<!-- table: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

from pages import with_tables

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "comparing.json"
PAGE = HERE.parent / "comparing.md"
KEPT = (
    "name", "family", "perplexity", "perplexity_low", "perplexity_high", "bits_per_character", "is_ranked", "why_unranked", "versus_best",
    "state", "accuracy_at_1", "accuracy_at_10", "mean_reciprocal_rank", "median_rank", "rank_events", "parameters", "bytes",
    "microseconds_a_token", "tokens", "oov", "vocabulary_size",
)  # fmt: skip


def measure(parts: list[Path], files: list[Path], ranks: int, threads: int | None) -> dict[str, Any]:
    """Train what takes minutes, open the rest, compare."""
    import lmkit
    from lmkit.comparison.comparison import Extras, compare
    from lmkit.comparison.plan import Budget, default_entries, prepare_texts, with_cache
    from lmkit.comparison.training import train_all
    from lmkit.text.encoding import as_corpus
    from lmkit_cli.compare import contestants_of

    given = contestants_of(files)
    options = given[0].model.text_options if given and given[0].model is not None else lmkit.TextOptions()
    texts = prepare_texts(*(as_corpus(part, options) for part in parts), tokens=None, held_out_tokens=None, words=None)
    if given and given[0].model is not None:
        texts = type(texts)(texts.train, texts.valid, texts.test, given[0].model.vocabulary.counted_in(texts.train.vocabulary))
    quick = [entry for entry in default_entries() if not entry.weight]
    with tempfile.TemporaryDirectory() as folder:
        trained, failures = train_all(
            quick, texts, Path(folder), Budget(24 * 3600), threads=threads, tell=lambda line: print(line, file=sys.stderr)
        )
        for failure in failures:
            sys.exit(f"{failure.name}: {failure.reason}")
        found = compare(
            with_cache([*trained, *given], texts),
            lambda _: texts.test,
            held_out=lambda _: texts.valid,
            training_counts=texts.vocabulary.counts,
            extras=Extras(ranks=ranks, vectors=True),
            threads=threads,
        )
    document = found.to_dict()
    rows = [{name: row[name] for name in KEPT if name in row} for row in document["models"]]
    weights = {row["name"]: row["origin"]["weights"] for row in document["models"] if "weights" in row["origin"]}
    sizes = {"train": len(texts.train), "valid": len(texts.valid), "test": len(texts.test), "vocabulary": len(texts.vocabulary)}
    return {"tokens": sizes, "models": rows, "weights": weights, "word_vectors": document["word_vectors"]}


def table(result: dict[str, Any]) -> str:
    """Markdown: the models, then what the mixtures believe, then the word vectors."""
    lines = [
        "| model | family | perplexity | interval | worse by, bits | first guess right | among ten | MRR | parameters |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in result["models"]:
        perplexity = row["perplexity"]
        cells = [
            row["name"] + (" (state carried)" if row["state"] == "carry" else ""),
            row["family"],
            "inf" if perplexity is None else f"{perplexity:,.2f}" + ("" if row["is_ranked"] else f" ({row['why_unranked']})"),
            "" if not _known(row["perplexity_low"]) else f"{row['perplexity_low']:,.1f}-{row['perplexity_high']:,.1f}",
            "" if row["versus_best"] is None else f"{row['versus_best']['bits']:+.4f}",
            *(f"{100 * row[name]:.1f} %" if name in row else "" for name in ("accuracy_at_1", "accuracy_at_10")),
            f"{row['mean_reciprocal_rank']:.3f}" if "mean_reciprocal_rank" in row else "",
            "" if row["parameters"] is None else f"{row['parameters'] / 1e6:.2f} M",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    sizes, asked = result["tokens"], next((row["rank_events"] for row in result["models"] if "rank_events" in row), 0)
    events, oov = result["models"][0]["tokens"], result["models"][0]["oov"]
    said = f"Trained on {sizes['train']:,} words, {sizes['vocabulary']:,} known; {events:,} events tested, {oov:,} of them unknown words; "
    lines += ["", f"{said}guesses on {asked:,} events, drawn by the sentence."]
    if "mixture of all" in result["weights"]:
        heavy = sorted(result["weights"]["mixture of all"].items(), key=lambda pair: -pair[1])
        lines.append("Weights of the mixture: " + ", ".join(f"{name} {weight:.2f}" for name, weight in heavy if weight >= 0.01) + ".")
    if result["word_vectors"]:
        tests = list(result["word_vectors"][0]["scores"])
        lines += ["", f"| word vectors of | which | {' | '.join(tests)} |", "|---|---|" + "---:|" * len(tests)]
        for row in result["word_vectors"]:
            scores = [row["scores"][test] for test in tests]
            cells = [
                f"{score['value']:.3f} ({score['asked']:,} of {score['total']:,})" if _known(score["value"]) else "" for score in scores
            ]
            lines.append(f"| {row['model']} | {row['vectors']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def page(text: str, results: dict[str, Any]) -> str:
    """The page with its tables replaced by those of the results."""
    return with_tables(text, {name: table(result) for name, result in results.items()})


def stored() -> dict[str, Any]:
    """What was measured before; nothing if there is no file."""
    return dict(json.loads(RESULTS.read_text(encoding="utf-8"))) if RESULTS.exists() else {}


def main() -> None:
    from lmkit._json import finite

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="*", metavar="NAME TRAIN VALID TEST [MODEL...]")
    parser.add_argument("--ranks", type=int, default=2_000)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if not options.page:
        if len(options.corpus) < 4:
            parser.error("name the corpus and its three parts: NAME TRAIN VALID TEST [MODEL...]")
        name, *paths = options.corpus
        result = measure([Path(path) for path in paths[:3]], [Path(path) for path in paths[3:]], options.ranks, options.threads)
        RESULTS.write_text(json.dumps(finite(stored() | {name: result}), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), stored()), encoding="utf-8")


if __name__ == "__main__":
    main()
