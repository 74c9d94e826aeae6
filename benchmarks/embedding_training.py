"""Word vectors: what training them costs lmkit, gensim, word2vec.c and fastText on one text with one set of options.

    python benchmarks/embedding_training.py TEXT [--kinds skipgram,cbow,skipgram-hs,cbow-hs,subwords] [--tokens 3000000] [--epochs 1]
        [--rounds 1] [--word2vec BINARY] [--fasttext BINARY] [--no-gensim] [--compat] [--two-threads]

Each contestant is a process of its own with one thread, one after the other, round by round, so that a busy machine disturbs all alike; CPU
time is what to compare. `process cpu` is all of it. `train cpu` leaves out what comes before and after the passes over the text: lmkit and
gensim tell it themselves; for word2vec.c it is the process less another that only reads the vocabulary, for fastText less one of 0 epochs.
`words a second` are raw words of the text, sub-sampled ones included, by `train cpu`. Lmkit's text is encoded before, and its kernels
compiled: both are done once, not once a training. Kinds that are not asked for keep the results they have.

Options are the same everywhere: 100 dimensions, window 5, 5 negatives, sample 1e-3, minimum count 5, and each program's own learning rate
(word2vec.c 0.025 and 0.05, gensim 0.025, fastText 0.05). gensim reads with `corpus_file`, its fastest way. word2vec.c must have `eof = 0`
behind `local_iter--` in TrainModelThread, or it trains one epoch of several. What the vectors know is compared by embedding_quality.py.

--two-threads trains lmkit's skip-gram on the whole text by one thread and by two, and by two processes of one thread each at once: these
share nothing but the machine, so their gain is the most that two threads could reach on it. Wall time counts here: let nothing else run.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import RESULTS, Run, report, run_command

COMMON = {"dim": 100, "window": 5, "negative": 5, "min_count": 5, "sample": 1e-3, "seed": 1, "threads": 1}
KINDS = {
    "skipgram": {"model": "skipgram", "loss": "ns", "subwords": False},
    "cbow": {"model": "cbow", "loss": "ns", "subwords": False},
    "skipgram-hs": {"model": "skipgram", "loss": "hs", "subwords": False},
    "cbow-hs": {"model": "cbow", "loss": "hs", "subwords": False},
    "subwords": {"model": "skipgram", "loss": "ns", "subwords": True},
}

LMKIT = """
import json, sys, time
from pathlib import Path
from lmkit.embeddings import FastText, Word2Vec
from lmkit.text import encode, open_source
text, out, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
kind = FastText if options.pop("subwords") else Word2Vec
corpus = encode(open_source(Path(text)), cache=True)
if options.pop("warm_up", False):
    corpus = corpus.sentences(0, 2000)
clock = time.process_time(), time.perf_counter()
model = kind(**options).fit(corpus)
print(json.dumps({"cpu": time.process_time() - clock[0], "wall": time.perf_counter() - clock[1]}))
model.save(out)
"""

GENSIM = """
import json, sys, time
from gensim.models import FastText, Word2Vec
text, out, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
tree = options["loss"] == "hs"
kind, more = (FastText, {"bucket": 2000000}) if options["subwords"] else (Word2Vec, {})
model = kind(vector_size=options["dim"], window=options["window"], negative=0 if tree else options["negative"], hs=int(tree),
    epochs=options["epochs"], min_count=options["min_count"], sample=options["sample"], sg=int(options["model"] == "skipgram"),
    workers=options["threads"], seed=options["seed"], **more)
model.build_vocab(corpus_file=text)
clock = time.process_time(), time.perf_counter()
model.train(corpus_file=text, total_words=model.corpus_total_words, total_examples=model.corpus_count, epochs=model.epochs)
print(json.dumps({"cpu": time.process_time() - clock[0], "wall": time.perf_counter() - clock[1]}))
model.wv.save_word2vec_format(out, binary=True)
"""

Contestant = Callable[[Path, Path, dict], tuple[Run, float]]
"""(text, folder, options) -> the whole process, and CPU seconds of the training alone."""


def python(script: str) -> Contestant:
    """A contestant's script, whose last line of output holds the figures of the training alone."""

    def run(text: Path, folder: Path, options: dict) -> tuple[Run, float]:
        said = folder / f"said-{os.urandom(4).hex()}"
        process = run_command([sys.executable, "-c", script, str(text), str(said) + ".out", json.dumps(options)], stdout=said)
        return process, json.loads(said.read_text().splitlines()[-1])["cpu"]

    return run


def word2vec(program: str) -> Contestant:
    def run(text: Path, folder: Path, options: dict) -> tuple[Run, float]:
        tree, cbow = options["loss"] == "hs", options["model"] == "cbow"
        read = [program, "-train", str(text), "-min-count", str(options["min_count"])]
        train = ["-binary", "1", "-cbow", str(int(cbow)), "-hs", str(int(tree)), "-alpha", "0.05" if cbow else "0.025"]
        train += ["-negative", "0" if tree else str(options["negative"]), "-size", str(options["dim"]), "-window", str(options["window"])]
        train += ["-sample", str(options["sample"]), "-iter", str(options["epochs"]), "-threads", "1"]
        before = run_command([*read, "-save-vocab", str(folder / "vocabulary")])  # without -output it ends here
        process = run_command([*read, *train, "-output", str(folder / "vectors.bin")])
        return process, process.cpu - before.cpu

    return run


def fasttext(program: str) -> Contestant:
    def run(text: Path, folder: Path, options: dict) -> tuple[Run, float]:
        command = [program, options["model"], "-input", str(text), "-output", str(folder / "fasttext"), "-dim", str(options["dim"])]
        command += ["-ws", str(options["window"]), "-neg", str(options["negative"]), "-t", str(options["sample"])]
        command += ["-minCount", str(options["min_count"]), "-loss", options["loss"], "-thread", "1", "-verbose", "0"]
        command += ["-minn", "3", "-maxn", "6"] if options["subwords"] else ["-minn", "0", "-maxn", "0"]
        before = run_command([*command, "-epoch", "0"])
        process = run_command([*command, "-epoch", str(options["epochs"])])
        return process, process.cpu - before.cpu

    return run


def contestants(kind: dict, arguments: argparse.Namespace) -> Iterator[tuple[str, Contestant, dict]]:
    """Name, how to run it, further options."""
    lmkit = python(LMKIT)
    yield "lmkit", lmkit, {}
    if arguments.compat:
        for name in ("fasttext",) if kind["subwords"] else ("word2vec", "gensim", "fasttext"):
            yield f"lmkit --compat {name}", lmkit, {"compat": name}
    if not arguments.no_gensim:
        yield "gensim", python(GENSIM), {}
    if arguments.word2vec and not kind["subwords"]:
        yield "word2vec.c", word2vec(arguments.word2vec), {}
    if arguments.fasttext:
        yield "fastText", fasttext(arguments.fasttext), {}


def first_tokens(text: Path, wanted: int, target: Path) -> int:
    """Write the first lines of a text that hold so many tokens. Returns how many they hold."""
    count = 0
    with text.open("rb") as source, target.open("wb") as sink:
        for line in source:
            if count >= wanted:
                break
            sink.write(line)
            count += len(line.split())
    return count


def warm_up(text: Path, folder: Path, options: dict) -> None:
    """Encode the text and compile the kernels."""
    python(LMKIT)(text, folder, {**options, "epochs": 1, "warm_up": True})


def compare(kind: dict, part: Path, tokens: int, folder: Path, arguments: argparse.Namespace) -> dict:
    """Medians of each contestant, and how many times lmkit's CPU time the others take."""
    options = {**COMMON, **kind, "epochs": arguments.epochs}
    entries = list(contestants(kind, arguments))
    for name, _, more in entries:
        if name.startswith("lmkit"):
            warm_up(part, folder, {**options, **more})
    runs: dict[str, list[tuple[Run, float]]] = {name: [] for name, _, _ in entries}
    for _ in range(arguments.rounds):
        for name, contestant, more in entries:
            runs[name].append(contestant(part, folder, {**options, **more}))
            process, train = runs[name][-1]
            print(f"{name:24} process {process.cpu:7.2f} CPU s  training {train:7.2f}  {process.memory:6.0f} MB", flush=True)
    found = {}
    for name, own in runs.items():
        train = statistics.median(train for _, train in own)
        found[name] = {
            "process cpu": round(statistics.median(process.cpu for process, _ in own), 2),
            "train cpu": round(train, 2),
            "words a second": round(tokens * arguments.epochs / train),
            "MB": round(max(process.memory for process, _ in own)),
        }
    for name, figures in found.items():
        if name != "lmkit":
            figures["times lmkit"] = {key: round(figures[key] / found["lmkit"][key], 2) for key in ("process cpu", "train cpu")}
    return found


def two_threads(text: Path, folder: Path, epochs: int, rounds: int) -> dict:
    """Wall seconds of one thread, of two, and of two processes at once."""
    lmkit = python(LMKIT)
    options = {**COMMON, **KINDS["skipgram"], "epochs": epochs}
    warm_up(text, folder, options)
    warm_up(text, folder, {**options, "threads": 2})
    walls: dict[str, list[float]] = {"one": [], "two": [], "two processes": []}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _ in range(rounds):
            walls["one"].append(lmkit(text, folder, options)[0].wall)
            walls["two"].append(lmkit(text, folder, {**options, "threads": 2})[0].wall)
            both = [pool.submit(lmkit, text, folder, options) for _ in range(2)]
            walls["two processes"].append(max(future.result()[0].wall for future in both))
            print({name: round(own[-1], 1) for name, own in walls.items()}, flush=True)
    one, two, processes = (statistics.median(own) for own in walls.values())
    return {
        "wall": {name: round(statistics.median(own), 2) for name, own in walls.items()},
        "two threads": round(one / two, 2),
        "two processes": round(2 * one / processes, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--tokens", type=int, default=3_000_000, help="train on the text's first lines, of so many tokens together")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--compat", action="store_true", help="also lmkit's own presets word2vec, gensim and fasttext")
    parser.add_argument("--word2vec")
    parser.add_argument("--fasttext")
    parser.add_argument("--no-gensim", action="store_true")
    parser.add_argument("--two-threads", action="store_true")
    arguments = parser.parse_args()
    text = arguments.text.resolve()
    details = {"text": text.name, "options": COMMON}
    if not arguments.no_gensim:
        script = "import gensim; print(gensim.__version__)"
        details["gensim"] = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        part = folder / "part.txt"
        tokens = first_tokens(text, arguments.tokens, part)
        for kind in filter(None, arguments.kinds.split(",")):
            print(f"{kind}:", flush=True)
            keep(kind, compare(KINDS[kind], part, tokens, folder, arguments), details, tokens, arguments)
        if arguments.two_threads:
            keep("two threads", two_threads(text, folder, arguments.epochs, arguments.rounds), details, None, arguments)


def keep(kind: str, found: dict, details: dict, tokens: int | None, arguments: argparse.Namespace) -> None:
    """Write what was found beside what is there of other kinds."""
    path = RESULTS / "embedding_training.json"
    results = json.loads(path.read_text())["results"] if path.exists() else {}
    how = {"tokens": tokens, "epochs": arguments.epochs, "rounds": arguments.rounds, "load": round(os.getloadavg()[1], 1)}
    results[kind] = {**how, **found}
    report("embedding_training", results, details)


if __name__ == "__main__":
    main()
