"""The table "What they reach" of docs/neural-models.md: networks trained by one command each, their CPU minutes, and perplexities.

    python docs/tables/neural_quality.py --list
    python docs/tables/neural_quality.py ptb-lstm-400 --texts ptb.train.txt ptb.valid.txt ptb.test.txt
    python docs/tables/neural_quality.py ptb-lstm-512 --texts ... --pause 60        stop after 60 minutes; the same command goes on
    python docs/tables/neural_quality.py shakespeare-512 --texts first-90.txt last-10.txt
    python docs/tables/neural_quality.py --page                                    write the page anew from the stored results

Recipes are chosen on the valid text; the test text is scored once, by the run that ends the training. Without a valid text nothing is
validated and the last weights count. One thread unless --threads says otherwise. CPU seconds are those of the whole command, reading,
compiling and validating included, added up over its pieces. Models go to the folder `models/quality`, results to
docs/tables/neural_quality.json, and the table into the page between its comments `<!-- table: ... -->`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from pages import with_tables

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "neural_quality.json"
PAGE = HERE.parent / "neural-models.md"
MODELS = Path("models") / "quality"


@dataclasses.dataclass(frozen=True)
class Run:
    """One training: the corpus it is for, what to call it, and the command's options.

    Attributes
    ----------
    corpus : a heading of the table.
    label : the first column.
    command : what follows `lmkit`, without the texts and the file.
    """

    corpus: str
    label: str
    command: str


PTB = "Penn Treebank"
RUNS: dict[str, Run] = {
    "ptb-lstm-400": Run(
        PTB,
        "LSTM 1x400, tied, 8 epochs",
        "train-rnn --layers 1 --hidden 400 --tied --output sampled:samples=1024 --dropout-input 0.2 --dropout-output 0.35 --variational "
        "--batch 20 --steps 35 --epochs 8",
    ),
    "ptb-lstm-512": Run(
        PTB,
        "LSTM 1x512, tied, 24 epochs",
        "train-rnn --layers 1 --hidden 512 --tied --output sampled:samples=1024 --dropout-input 0.35 --dropout-output 0.5 "
        "--dropout-recurrent 0.25 --variational --batch 20 --steps 35 --epochs 24",
    ),
    "ptb-lstm-2x512": Run(
        PTB,
        "LSTM 2x512, tied, 40 epochs",
        "train-rnn --layers 2 --hidden 512 --tied --output sampled:samples=1024 --optimizer sgd --learning-rate 20 --clip 0.25 "
        "--dropout-words 0.1 --dropout-input 0.4 --dropout-between 0.3 --dropout-output 0.5 --dropout-recurrent 0.3 --variational "
        "--batch 20 --steps 35 --epochs 40",
    ),
    "ptb-qrnn-2x400": Run(
        PTB,
        "QRNN 2x400, tied, 8 epochs",
        "train-rnn --cell qrnn --layers 2 --hidden 400 --tied --output sampled:samples=1024 --dropout-input 0.2 --dropout-output 0.35 "
        "--variational --batch 20 --steps 35 --epochs 8",
    ),
    "ptb-elman": Run(
        PTB,
        "Elman 1x400, tied, 10 epochs",
        "train-rnn --cell elman --layers 1 --hidden 400 --tied --output sampled:samples=1024 --dropout-input 0.2 --dropout-output 0.35 "
        "--variational --learning-rate 0.0015 --epochs 10",
    ),
    "ptb-window": Run(
        PTB,
        "window of 5, 400 units, tied, 8 epochs",
        "train-nnlm --window 5 --embedding 400 --hidden 400 --tied --output sampled --dropout 0.3 --learning-rate 0.002 --epochs 8",
    ),
    "wikitext2-lstm-400": Run(
        "WikiText-2",
        "LSTM 1x400, tied, 8 epochs",
        "train-rnn --preset fast-cpu",
    ),
    "wikitext2-elman": Run(
        "WikiText-2",
        "Elman 1x400, tied, 5 epochs",
        "train-rnn --cell elman --layers 1 --hidden 400 --tied --output sampled:samples=1024 --dropout-input 0.2 --dropout-output 0.35 "
        "--variational --learning-rate 0.0015 --epochs 5",
    ),
    "wikitext2-window": Run(
        "WikiText-2",
        "window of 5, 400 units, tied, 4 epochs",
        "train-nnlm --window 5 --embedding 400 --hidden 400 --tied --output sampled --dropout 0.3 --learning-rate 0.002 --epochs 4",
    ),
    "shakespeare-512": Run(
        "Tiny Shakespeare, by characters",
        "LSTM 1x512, 14 epochs",
        "train-rnn --unit char --no-sentence-boundaries --layers 1 --hidden 512 --embedding 64 --dropout-output 0.4 "
        "--dropout-recurrent 0.35 --variational --batch 16 --steps 64 --epochs 14",
    ),
}


def train(name: str, run: Run, texts: list[str], pause: float | None, threads: int) -> dict[str, Any] | None:
    """Train, or go on; the row of the table, or None if there is more to do."""
    model, checkpoint, log = MODELS / f"{name}.lm", MODELS / f"{name}.lm.checkpoint", MODELS / f"{name}.json"
    MODELS.mkdir(parents=True, exist_ok=True)
    spent = json.loads(log.read_text())["cpu_seconds"] if log.exists() else 0.0
    if not model.exists():
        verb, *options = run.command.split()
        held_out = ["--valid", texts[1]] if len(texts) == 3 else []
        command = [sys.executable, "-m", "lmkit_cli", verb, texts[0], *held_out, *options, "--seed", "1", "--threads", str(threads)]
        command += ["--out", str(model), "--log", str(MODELS / f"{name}.jsonl"), "--checkpoint-minutes", "2"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        child = subprocess.Popen([*command, "--resume"] if checkpoint.exists() else command)
        try:
            child.wait(None if pause is None else pause * 60)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGINT)
            child.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        log.write_text(json.dumps({"cpu_seconds": spent}))
    return row_of(model, run, texts, spent) if model.exists() else None


def row_of(model: Path, run: Run, texts: list[str], cpu_seconds: float) -> dict[str, Any]:
    """The row of a model that is done: valid (None without one) and test scored as it was trained, the state carried."""
    info = lmkit_json("info", str(model))
    row: dict[str, Any] = {"corpus": run.corpus, "label": run.label, "command": run.command, "seed": info["seed"]}
    row |= {"cpu_seconds": round(cpu_seconds, 1), "weights": info["weights"]}
    row["epochs"] = round(max(record["epoch"] for record in info["history"]), 2)
    row["valid"] = lmkit_json("perplexity", str(model), texts[1])["perplexity"] if len(texts) == 3 else None
    row["test"] = lmkit_json("perplexity", str(model), texts[-1])["perplexity"]
    return row


def lmkit_json(*arguments: str) -> dict[str, Any]:
    """What a command of lmkit answers."""
    done = subprocess.run([sys.executable, "-m", "lmkit_cli", *arguments, "--json", "--quiet"], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def tables(results: dict[str, dict[str, Any]]) -> str:
    """Markdown: a table a corpus, in the order of RUNS."""
    lines: list[str] = []
    for corpus in dict.fromkeys(run.corpus for run in RUNS.values()):
        rows = [results[name] for name, run in RUNS.items() if run.corpus == corpus and name in results]
        if rows:
            characters = "--unit char" in rows[0]["command"]
            figure = "nats a character" if characters else "perplexity"
            lines += [f"### {corpus}", "", f"| network | CPU minutes | epochs | weights | {figure}: valid | test | command |"]
            lines += ["|---|--:|--:|--:|--:|--:|---|"]
            lines += [table_row(row, characters) for row in rows] + [""]
    return "\n".join(lines)


def table_row(row: dict[str, Any], characters: bool) -> str:
    found = [row["valid"], row["test"]]
    figures = ["" if figure is None else f"{math.log(figure):.3f}" if characters else f"{figure:.1f}" for figure in found]
    cells = [row["label"], f"{row['cpu_seconds'] / 60:.1f}", f"{row['epochs']:g}", f"{row['weights'] / 1e6:.1f} M", *figures]
    return "| " + " | ".join([*cells, f"`{row['command']}`"]) + " |"


def stored() -> dict[str, dict[str, Any]]:
    """What was measured before; nothing if there is no file."""
    return dict(json.loads(RESULTS.read_text(encoding="utf-8"))) if RESULTS.exists() else {}


def store(name: str, row: dict[str, Any]) -> None:
    results = {**stored(), name: row}  # read again: several of these may run side by side
    RESULTS.write_text(json.dumps({key: results[key] for key in RUNS if key in results}, indent=1) + "\n", encoding="utf-8")


def write_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_tables(text, {"quality": tables(stored())}), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=RUNS)
    parser.add_argument("--texts", nargs="+", metavar="TEXT", help="TRAIN VALID TEST, or TRAIN TEST")
    parser.add_argument("--pause", type=float, metavar="MINUTES")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{name:20} {run.command}" for name, run in RUNS.items()))
    if options.name:
        if not options.texts or not 2 <= len(options.texts) <= 3:
            parser.error("--texts TRAIN VALID TEST, or TRAIN TEST, are needed")
        row = train(options.name, RUNS[options.name], options.texts, options.pause, options.threads)
        print("not done yet: the same command goes on" if row is None else row)
        if row:
            store(options.name, row)
    if options.page:
        write_page()


if __name__ == "__main__":
    main()
