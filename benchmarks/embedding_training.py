"""Word vectors: lmkit, gensim, word2vec.c and fastText on one text with one set of options: CPU time, wall time, and what the vectors know.

    python benchmarks/embedding_training.py TEXT [--model skipgram|cbow] [--loss ns|hs] [--subwords] [--seeds 1,2,3]
        [--threads 1,2,4,16] [--compat] [--word2vec BINARY] [--fasttext BINARY] [--sets FOLDER] [--no-gensim]

Each contestant is a process of its own, one after the other, seed by seed, so that a busy machine disturbs all alike; CPU time is what to
compare. `train` is the training alone, as each program tells it itself (fastText and word2vec.c: the whole process, vocabulary included;
the whole process is told for all). Options are the same everywhere: 100 dimensions, window 5, 5 negatives, sample 1e-3, 5 epochs, minimum
count 5, and each program's own learning rate (word2vec.c 0.025 and 0.05, gensim 0.025, fastText 0.05). gensim reads with `corpus_file`,
its fastest way. word2vec.c must have `eof = 0` behind `local_iter--` in TrainModelThread, or it trains one epoch; its seed is fixed unless
the binary reads one from $SEED. With --subwords the contestants are lmkit's, gensim's and fastText's n-grams of 3 to 6 characters, and
words of the similarity sets that have no row take vectors from their subwords. Analogies: gensim's questions-words.txt among the 30,000
most frequent words, 3CosAdd; similarity: Spearman.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from harness import Run, report, run_command

COMMON = {"dim": 100, "window": 5, "negative": 5, "epochs": 5, "min_count": 5, "sample": 1e-3}

LMKIT = """
import json, sys, time
from pathlib import Path
from lmkit.embeddings import FastText, Word2Vec
from lmkit.text import encode, open_source
text, out, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
kind = FastText if options.pop("subwords") else Word2Vec
corpus = encode(open_source(Path(text)), cache=True)
kind(**{**options, "epochs": 1}).fit(corpus.sentences(0, 2000))  # compiles
clock = time.process_time(), time.perf_counter()
model = kind(**options).fit(corpus)
spent = {"cpu": time.process_time() - clock[0], "wall": time.perf_counter() - clock[1]}
print(json.dumps({**spent, "tokens": len(corpus) * options["epochs"]}))
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
print(json.dumps({"cpu": time.process_time() - clock[0], "wall": time.perf_counter() - clock[1],
    "tokens": model.corpus_total_words * options["epochs"]}))
if options["subwords"]:
    import lmkit.embeddings
    lmkit.embeddings.WordVectors.from_gensim(model).save(out)
else:
    model.wv.save_word2vec_format(out, binary=True)
"""


def python(script: str, text: Path, out: Path, options: dict) -> tuple[Run, dict]:
    """Run a contestant's script; its last line of output holds the figures of the training alone."""
    with tempfile.NamedTemporaryFile() as said:
        run = run_command([sys.executable, "-c", script, str(text), str(out), json.dumps(options)], stdout=Path(said.name))
        return run, json.loads(Path(said.name).read_text().splitlines()[-1])


def binary(command: list[str], tokens: int, env: dict[str, str] | None = None) -> tuple[Run, dict]:
    run = run_command(command, env=env)
    return run, {"cpu": run.cpu, "wall": run.wall, "tokens": tokens}


def word2vec(program: str, text: Path, out: Path, options: dict, tokens: int) -> tuple[Run, dict]:
    cbow = options["model"] == "cbow"
    command = [program, "-train", str(text), "-output", str(out), "-binary", "1", "-cbow", str(int(cbow))]
    tree = options["loss"] == "hs"
    command += ["-hs", str(int(tree)), "-negative", "0" if tree else "5"]
    command += ["-alpha", "0.05" if cbow else "0.025", "-size", "100", "-window", "5", "-sample", "1e-3", "-iter", "5"]
    command += ["-min-count", "5", "-threads", str(options["threads"])]
    return binary(command, tokens, {"SEED": str(options["seed"])})


def fasttext(program: str, text: Path, out: Path, options: dict, tokens: int) -> tuple[Run, dict]:
    command = [program, "cbow" if options["model"] == "cbow" else "skipgram", "-input", str(text), "-output", str(out.with_suffix(""))]
    command += ["-dim", "100", "-ws", "5", "-neg", "5", "-t", "1e-3", "-epoch", "5", "-minCount", "5", "-loss", options["loss"]]
    command += ["-minn", "3", "-maxn", "6"] if options["subwords"] else ["-minn", "0", "-maxn", "0"]
    command += ["-thread", str(options["threads"]), "-seed", str(options["seed"]), "-verbose", "0"]
    return binary(command, tokens)


def quality(path: Path, sets: Path | None) -> dict[str, float]:
    """Share of right analogies, and rank correlations with people's judgements."""
    from gensim.test.utils import datapath

    import lmkit
    from lmkit.evaluation.analogy import AnalogyOptions, evaluate_analogies
    from lmkit.evaluation.analogy_sets import read_analogies
    from lmkit.evaluation.similarity import SimilarityOptions, evaluate_similarity
    from lmkit.evaluation.similarity_sets import read_similarities

    vectors = lmkit.load(path)
    found = evaluate_analogies(vectors, read_analogies(datapath("questions-words.txt")), AnalogyOptions(restrict=30_000))
    files = {"WordSim-353": Path(datapath("wordsim353.tsv")), "SimLex-999": Path(datapath("simlex999.txt"))}
    if sets is not None:
        files |= {"MEN": sets / "MEN-TR-3k.txt", "RareWords": sets / "RW-STANFORD.txt"}
    how = SimilarityOptions() if vectors.subwords is None else SimilarityOptions(oov="subwords")
    return {
        "analogies": found.accuracy,
        **{name: evaluate_similarity(vectors, read_similarities(file), how).spearman for name, file in files.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--model", default="skipgram", choices=["skipgram", "cbow"])
    parser.add_argument("--loss", default="ns", choices=["ns", "hs"])
    parser.add_argument("--subwords", action="store_true", help="n-grams of characters, as fastText has them")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--compat", action="store_true", help="also lmkit's own presets word2vec, gensim and fasttext")
    parser.add_argument("--word2vec")
    parser.add_argument("--fasttext")
    parser.add_argument("--sets", type=Path, help="a folder with MEN-TR-3k.txt and RW-STANFORD.txt")
    parser.add_argument("--no-gensim", action="store_true")
    arguments = parser.parse_args()
    text = arguments.text.resolve()
    threads = [int(count) for count in arguments.threads.split(",")]
    results: dict[str, list[dict]] = {}
    tokens = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in map(int, arguments.seeds.split(",")):
            contestants = [(f"lmkit, {count} threads" if count > 1 else "lmkit", LMKIT, count, {}) for count in threads]
            compatible = ("fasttext",) if arguments.subwords else ("word2vec", "gensim", "fasttext")
            if arguments.compat:
                contestants += [(f"lmkit --compat {name}", LMKIT, 1, {"compat": name}) for name in compatible]
            if not arguments.no_gensim:
                contestants += [
                    (f"gensim, {count} threads" if count > 1 else "gensim", GENSIM, count, {}) for count in threads if count <= 2
                ]
            rivals = ("fasttext",) if arguments.subwords else ("word2vec",) if arguments.loss == "hs" else ("word2vec", "fasttext")
            contestants += [(name, None, 1, {}) for name in rivals if getattr(arguments, name)]
            for name, script, count, more in contestants:
                options = {**COMMON, "model": arguments.model, "loss": arguments.loss, "subwords": arguments.subwords, "seed": seed}
                options |= {"threads": count, **more}
                vec = name == "fasttext" and not arguments.subwords
                out = Path(folder) / ("v.vectors" if script is LMKIT else "v.vec" if vec else "v.bin")
                if script is not None:
                    run, inside = python(script, text, out, options)
                    tokens = inside["tokens"]
                else:
                    trainer = word2vec if name == "word2vec" else fasttext
                    run, inside = trainer(getattr(arguments, name), text, out, options, tokens)
                figures = {
                    "seed": seed,
                    "process cpu": round(run.cpu, 1),
                    "train cpu": round(inside["cpu"], 1),
                    "train wall": round(inside["wall"], 1),
                    "words a CPU second": round(inside["tokens"] / inside["cpu"]),
                    "MB": round(run.memory),
                    **{key: round(value, 4) for key, value in quality(out, arguments.sets).items()},
                }
                results.setdefault(name, []).append(figures)
                print(name, figures, flush=True)
    versions = {
        "gensim": subprocess.run([sys.executable, "-c", "import gensim; print(gensim.__version__)"], capture_output=True, text=True).stdout
    }
    details = {"text": text.name, "bytes": os.path.getsize(text), "options": COMMON, "model": arguments.model, "versions": versions}
    kind = arguments.model + ("_subwords" if arguments.subwords else "") + ("_hs" if arguments.loss == "hs" else "")
    report(f"embedding_training_{kind}", results, details)


if __name__ == "__main__":
    main()
