"""The tables of docs/smoothing.md: every smoothing method at orders 1 to 5, and characters to order 10.

    python docs/tables/smoothing.py                                             WikiText-2 from the catalogue
    python docs/tables/smoothing.py --corpus PTB train.txt valid.txt test.txt   other texts, also several: files, or NAME:SPLIT
    python docs/tables/smoothing.py --characters wikitext-2:train wikitext-2:test
    python docs/tables/smoothing.py --page                                      write the page anew from the stored results

What a method tunes it tunes on the valid text; the test text is scored once a model. Results go to docs/tables/smoothing.json by
the name of the corpus, and from there into the page between its comments `<!-- table: ... -->`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from pages import with_tables

from lmkit import NgramLanguageModel, TextOptions
from lmkit.evaluation.perplexity import Accounting
from lmkit.ngram.smoothing import (
    AbsoluteDiscounting,
    Additive,
    JelinekMercer,
    Katz,
    KneserNey,
    MaximumLikelihood,
    ModifiedKneserNey,
    Smoothing,
    StupidBackOff,
    WittenBell,
)
from lmkit.text.corpus import EncodedCorpus

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "smoothing.json"
PAGE = HERE.parent / "smoothing.md"
ORDERS = range(1, 6)
CHARACTER_ORDERS = (2, 4, 6, 8, 10)

Row = tuple[str, Smoothing | None, bool]
ROWS: list[Row] = [  # label, method (None: delta tuned on valid), whether it is given the valid text
    ("maximum likelihood", MaximumLikelihood(), False),
    ("additive, delta 1 (Laplace)", Additive(), False),
    ("additive, delta tuned", None, True),
    ("Katz (Good-Turing, k = 5)", Katz(), False),
    ("Jelinek-Mercer, deleted interpolation", JelinekMercer(), False),
    ("Jelinek-Mercer, held-out", JelinekMercer(), True),
    ("Witten-Bell, back-off", WittenBell(interpolated=False), False),
    ("Witten-Bell, interpolated", WittenBell(), False),
    ("absolute discounting, back-off", AbsoluteDiscounting(interpolated=False), False),
    ("absolute discounting, back-off, tuned", AbsoluteDiscounting("tuned", interpolated=False), True),
    ("absolute discounting, interpolated", AbsoluteDiscounting(), False),
    ("absolute discounting, interpolated, tuned", AbsoluteDiscounting("tuned"), True),
    ("Kneser-Ney, back-off", KneserNey(interpolated=False), False),
    ("Kneser-Ney, back-off, tuned", KneserNey("tuned", interpolated=False), True),
    ("Kneser-Ney, interpolated", KneserNey(), False),
    ("Kneser-Ney, interpolated, tuned", KneserNey("tuned"), True),
    ("modified Kneser-Ney, back-off", ModifiedKneserNey(interpolated=False), False),
    ("modified Kneser-Ney, back-off, tuned", ModifiedKneserNey("tuned", interpolated=False), True),
    ("modified Kneser-Ney, interpolated", ModifiedKneserNey(), False),
    ("modified Kneser-Ney, interpolated, tuned", ModifiedKneserNey("tuned"), True),
    ("*stupid back-off, alpha 0.4: no probabilities*", StupidBackOff(), False),
]


def measure(train: EncodedCorpus, valid: EncodedCorpus, test: EncodedCorpus) -> dict[str, Any]:
    """Every row at every order."""
    rows = []
    for label, method, held_out in ROWS:
        cells = []
        for order in ORDERS:
            started = time.process_time()
            chosen = method or tune_delta(order, train, valid)
            model = NgramLanguageModel(order=order, smoothing=chosen)
            model.fit(train, held_out=valid if held_out and chosen.held_out_use != "none" else None)
            block = Accounting.from_events(model.score(test)).to_dict()
            cells.append(
                {
                    "smoothing": chosen.to_dict(),
                    **{key: block[key] for key in ("perplexity", "perplexity_without_oov", "zero_probabilities", "is_normalised")},
                }
            )
            print(f"{label}, order {order}: {block['perplexity']} ({time.process_time() - started:.1f} s)", file=sys.stderr, flush=True)
        rows.append({"label": label, "orders": cells})
    events = {key: block[key] for key in ("tokens", "words", "oov", "sentences", "vocabulary_size")}
    return {"train_words": len(train), "train_sentences": train.n_sentences, "test": events, "rows": rows}


def tune_delta(order: int, train: EncodedCorpus, valid: EncodedCorpus) -> Additive:
    """The delta that makes the valid text most probable, to two digits."""
    from scipy.optimize import minimize_scalar

    def cost(exponent: float) -> float:
        return NgramLanguageModel(order=order, smoothing=Additive(10.0**exponent)).fit(train).perplexity(valid)

    best = minimize_scalar(cost, bounds=(-6, 1), method="bounded", options={"xatol": 0.03})
    return Additive(float(f"{10.0**best.x:.1e}"))


def measure_characters(train: EncodedCorpus, test: EncodedCorpus) -> dict[str, Any]:
    """Bits a character of three methods; what an unsmoothed model holds impossible; and a text that it writes."""
    NgramLanguageModel(order=2).fit(train.sentences(0, 100))  # compile
    rows = []
    for order in CHARACTER_ORDERS:
        row: dict[str, Any] = {"order": order}
        for name in ("maximum-likelihood", "witten-bell", "modified-kneser-ney"):
            started = time.process_time()
            model = NgramLanguageModel(order=order, smoothing=name).fit(train)
            seconds = time.process_time() - started
            block = Accounting.from_events(model.score(test))
            row[name] = {
                "bits": block.to_dict()["bits_per_character"],
                "impossible": block.zero_probabilities / block.all.count,
                "seconds": round(seconds, 1),
                "ngrams": sum(model.trie_.sizes),
            }
            print(f"characters, {name}, order {order}: {row[name]}", file=sys.stderr, flush=True)
            if name == "maximum-likelihood" and order == max(CHARACTER_ORDERS):
                sample = "\n".join(model.generate("In the ", rng=seed, max_tokens=300) for seed in range(3))
        rows.append(row)
    return {"train_characters": len(train), "rows": rows, "sample": sample}


def tables(results: dict[str, Any]) -> dict[str, str]:
    """Markdown by name: NAME, `NAME without OOV`, `NAME facts`, `characters`, `sample`."""
    made = {}
    for name, result in results.items():
        if name == "characters":
            made |= {"characters": character_table(result), "sample": f"```text\n{result['sample']}\n```\n"}
            continue
        made[name] = word_table(result, "perplexity")
        made[f"{name} without OOV"] = word_table(result, "perplexity_without_oov")
        test = result["test"]
        made[f"{name} facts"] = (
            f"{result['train_words']:,} words in {result['train_sentences']:,} lines for training; {test['words']:,} words and "
            f"{test['tokens'] - test['words']:,} ends for testing, {test['oov']:,} of them `<unk>`; "
            f"{test['vocabulary_size']:,} tokens that can be predicted.\n"
        )
    return made


def word_table(result: dict[str, Any], key: str) -> str:
    """One row a method; the best of each order in bold, if there is one."""
    values = [[math_or_inf(cell[key]) for cell in row["orders"]] for row in result["rows"]]
    fair = [row["orders"][0]["is_normalised"] for row in result["rows"]]
    best = [best_of([line[n] for line, counts in zip(values, fair, strict=True) if counts]) for n in range(len(values[0]))]
    lines = ["| method | " + " | ".join(f"order {order}" for order in ORDERS) + " |", "|---|" + "--:|" * len(ORDERS)]
    for row, line, counts in zip(result["rows"], values, fair, strict=True):
        cells = [f"**{value:,.1f}**" if counts and value == low else f"{value:,.1f}" for value, low in zip(line, best, strict=True)]
        label = row["label"]
        if "delta tuned" in label:
            label += " (" + ", ".join(f"{cell['smoothing']['delta']:g}" for cell in row["orders"]) + ")"
        lines.append(f"| {label} | " + " | ".join(cell if counts else f"*{cell}*" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def best_of(values: list[float]) -> float | None:
    """The lowest value, unless it shares its printed form with another."""
    low, next_low = sorted(values)[:2]
    return low if f"{low:.1f}" != f"{next_low:.1f}" else None


def math_or_inf(value: float | None) -> float:
    """JSON has no infinity: there it is null."""
    return float("inf") if value is None else value


def character_table(result: dict[str, Any]) -> str:
    head = "| order | n-grams | impossible if unsmoothed | Witten-Bell | modified Kneser-Ney | seconds to train, unsmoothed |"
    lines = [head, "|--:|--:|--:|--:|--:|--:|"]
    for row in result["rows"]:
        plain = row["maximum-likelihood"]
        lines.append(
            f"| {row['order']} | {plain['ngrams']:,} | {100 * plain['impossible']:.2f} % | {row['witten-bell']['bits']:.3f} | "
            f"{row['modified-kneser-ney']['bits']:.3f} | {plain['seconds']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def page(text: str, results: dict[str, Any]) -> str:
    """The page with its tables replaced by those of the results."""
    return with_tables(text, tables(results))


def main() -> None:
    import lmkit_corpora

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", nargs=4, action="append", metavar=("NAME", "TRAIN", "VALID", "TEST"))
    parser.add_argument("--characters", nargs=2, metavar=("TRAIN", "TEST"))
    parser.add_argument("--page", action="store_true")
    arguments = parser.parse_args()
    corpora = arguments.corpus or []
    if not (corpora or arguments.characters or arguments.page):
        corpora = [["WikiText-2", "wikitext-2:train", "wikitext-2:valid", "wikitext-2:test"]]
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for name, *parts in corpora:
        results[name] = measure(*(lmkit_corpora.load_corpus(part) for part in parts))
    if arguments.characters:
        options = TextOptions(tokenizer="characters")
        results["characters"] = measure_characters(*(lmkit_corpora.load_corpus(part, options=options) for part in arguments.characters))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), results), encoding="utf-8")


if __name__ == "__main__":
    main()
