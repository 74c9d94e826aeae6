"""How good are the vectors that each tool trains from one text, over seeds: analogies and judged pairs, with what the training cost.

    python benchmarks/embedding_quality.py TEXT --folder VECTORS [--tests FOLDER] [--seeds 1,2,3] [--only lmkit-sg,gensim-sg]
        [--word2vec PROGRAM] [--fasttext PROGRAM] [--train-only] [--name embedding_quality]

Each pipeline trains one model a seed, on one thread, into VECTORS/PIPELINE-SEED.*; beside it lies a .json with its seconds. What is
there is not trained again, so that a run can be interrupted. Pipelines whose program is not given (or not installed) are left out, unless
their vectors are there. All train 100 dimensions, window 5, 5 negatives (none with hierarchical softmax), sample 1e-3, 5 epochs, words seen
5 times, which are not every tool's defaults. word2vec.c needs `eof = 0` after `local_iter--` (its thread ends after the first epoch
otherwise) and a patch that takes its seed from the environment variable SEED.

questions-words is asked as compute-accuracy does, among the first 30,000 words, and among all; WordSim-353 and SimLex-999 come with gensim;
whatever else lies in --tests (MEN, RareWords, MSR, ...) is recognised by content. RareWords are scored with subwords where there are
some. Each figure is the mean over seeds with Student's 95 % interval; each lmkit pipeline is compared with the rivals of its kind by
Welch's test.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness import lmkit_command, report, run_command

from lmkit.errors import FormatError, InputError
from lmkit.evaluation.analogy import AnalogyOptions, evaluate_analogies
from lmkit.evaluation.analogy_sets import AnalogyTest, read_analogies
from lmkit.evaluation.paired import Mean, compare_seeds
from lmkit.evaluation.similarity import evaluate_similarity
from lmkit.evaluation.similarity_sets import SimilarityTest, read_similarities

if TYPE_CHECKING:
    from lmkit.embeddings.vectors import WordVectors

_FEWEST = 200  # questions that a model must know before an accuracy is stated
Command = tuple[list[str], dict[str, str]]


class Pipeline(NamedTuple):
    """One way to train: which others it should equal (its kind), how its vectors end, its command for a text, a file's stem and a seed."""

    kind: str
    ending: str
    command: Callable[[argparse.Namespace, Path, int], Command | None]


def lmkit_pipeline(kind: str, program: str, *arguments: str) -> Pipeline:
    def command(options: argparse.Namespace, stem: Path, seed: int) -> Command:
        words = [program, str(options.text), *arguments, "--sample", "1e-3", "--threads", "1", "--seed", str(seed), "--quiet"]
        return lmkit_command(*words, "--out", f"{stem}.vectors"), {}

    return Pipeline(kind, ".vectors", command)


def gensim_pipeline(kind: str, model: str, sg: int, hs: int) -> Pipeline:
    code = """import sys
from gensim.models import {model}
text, out, seed = sys.argv[1:]
model = {model}(corpus_file=text, vector_size=100, window=5, min_count=5, sample=1e-3, sg={sg}, hs={hs}, negative={negative}, workers=1,
                epochs=5, seed=int(seed))
{save}
"""
    subwords = model == "FastText"
    save = (
        "from gensim.models.fasttext import save_facebook_model\nsave_facebook_model(model, out)"
        if subwords
        else "model.wv.save_word2vec_format(out, binary=True)"
    )
    code = code.format(model=model, sg=sg, hs=hs, negative=0 if hs else 5, save=save)

    def command(options: argparse.Namespace, stem: Path, seed: int) -> Command:
        return [sys.executable, "-c", code, str(options.text), f"{stem}.bin", str(seed)], {"PYTHONHASHSEED": "0"}

    return Pipeline(kind, ".bin", command)


def word2vec_pipeline(kind: str, cbow: int, hs: int) -> Pipeline:
    def command(options: argparse.Namespace, stem: Path, seed: int) -> Command | None:
        if options.word2vec is None:
            return None
        words = ["-train", str(options.text), "-output", f"{stem}.bin", "-binary", "1", "-size", "100", "-window", "5", "-sample", "1e-3"]
        words += ["-negative", "0" if hs else "5", "-hs", str(hs), "-cbow", str(cbow), "-alpha", "0.05" if cbow else "0.025"]
        return [options.word2vec, *words, "-iter", "5", "-min-count", "5", "-threads", "1"], {"SEED": str(seed)}

    return Pipeline(kind, ".bin", command)


def fasttext_pipeline(kind: str, model: str, max_n: int) -> Pipeline:
    def command(options: argparse.Namespace, stem: Path, seed: int) -> Command | None:
        if options.fasttext is None:
            return None
        words = [model, "-input", str(options.text), "-output", str(stem), "-dim", "100", "-ws", "5", "-neg", "5", "-t", "1e-3"]
        words += ["-epoch", "5", "-minCount", "5", "-thread", "1", "-seed", str(seed), "-verbose", "0"]
        return [options.fasttext, *words, "-minn", "3" if max_n else "0", "-maxn", str(max_n)], {}

    return Pipeline(kind, ".bin" if max_n else ".vec", command)


PIPELINES = {
    "lmkit-sg": lmkit_pipeline("sg", "train-w2v"),
    "lmkit-sg-gensim": lmkit_pipeline("sg", "train-w2v", "--compat", "gensim"),
    "lmkit-sg-word2vec": lmkit_pipeline("sg", "train-w2v", "--compat", "word2vec"),
    "lmkit-sg-fasttext": lmkit_pipeline("sg", "train-w2v", "--compat", "fasttext"),
    "gensim-sg": gensim_pipeline("sg", "Word2Vec", 1, 0),
    "w2v-sg": word2vec_pipeline("sg", 0, 0),
    "ft-sg0": fasttext_pipeline("sg", "skipgram", 0),
    "lmkit-cbow": lmkit_pipeline("cbow", "train-w2v", "--model", "cbow"),
    "lmkit-cbow-koan": lmkit_pipeline("cbow", "train-w2v", "--model", "cbow", "--koan"),
    "lmkit-cbow-gensim": lmkit_pipeline("cbow", "train-w2v", "--model", "cbow", "--compat", "gensim"),
    "lmkit-cbow-word2vec": lmkit_pipeline("cbow", "train-w2v", "--model", "cbow", "--compat", "word2vec"),
    "lmkit-cbow-fasttext": lmkit_pipeline("cbow", "train-w2v", "--model", "cbow", "--compat", "fasttext"),
    "gensim-cbow": gensim_pipeline("cbow", "Word2Vec", 0, 0),
    "w2v-cbow": word2vec_pipeline("cbow", 1, 0),
    "ft-cbow0": fasttext_pipeline("cbow", "cbow", 0),
    "lmkit-sghs": lmkit_pipeline("sg-hs", "train-w2v", "--loss", "hs"),
    "gensim-sghs": gensim_pipeline("sg-hs", "Word2Vec", 1, 1),
    "lmkit-sghs-gensim": lmkit_pipeline("sg-hs", "train-w2v", "--loss", "hs", "--compat", "gensim"),
    "lmkit-sghs-word2vec": lmkit_pipeline("sg-hs", "train-w2v", "--loss", "hs", "--compat", "word2vec"),
    "w2v-sghs": word2vec_pipeline("sg-hs", 0, 1),
    "lmkit-cbowhs": lmkit_pipeline("cbow-hs", "train-w2v", "--model", "cbow", "--loss", "hs"),
    "lmkit-cbowhs-gensim": lmkit_pipeline("cbow-hs", "train-w2v", "--model", "cbow", "--loss", "hs", "--compat", "gensim"),
    "lmkit-cbowhs-word2vec": lmkit_pipeline("cbow-hs", "train-w2v", "--model", "cbow", "--loss", "hs", "--compat", "word2vec"),
    "gensim-cbowhs": gensim_pipeline("cbow-hs", "Word2Vec", 0, 1),
    "w2v-cbowhs": word2vec_pipeline("cbow-hs", 1, 1),
    "lmkit-ftsg": lmkit_pipeline("sg-subwords", "train-fasttext"),
    "lmkit-ftsg-fasttext": lmkit_pipeline("sg-subwords", "train-fasttext", "--compat", "fasttext"),
    "gensim-ftsg": gensim_pipeline("sg-subwords", "FastText", 1, 0),
    "ft-sg": fasttext_pipeline("sg-subwords", "skipgram", 6),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--folder", type=Path, required=True, help="where vectors are and go")
    parser.add_argument("--tests", type=Path, help="folder with more test sets")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--only", default=",".join(PIPELINES))
    parser.add_argument("--word2vec", help="the program word2vec")
    parser.add_argument("--fasttext", help="the program fasttext")
    parser.add_argument("--train-only", action="store_true")
    parser.add_argument("--name", default="embedding_quality", help="of the result file")
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    chosen = {name: PIPELINES[name] for name in options.only.split(",")}
    for seed in seeds:
        for name, pipeline in chosen.items():
            train(options, name, pipeline, seed)
    if options.train_only:
        return
    tests = read_tests(options.tests)
    results: dict[str, Any] = {}
    for name in chosen:
        runs = [run for seed in seeds if (run := evaluated(options, name, seed, tests)) is not None]
        if runs:
            results[name] = {figure: Mean.of([run[figure] for run in runs]).to_dict() for figure in runs[0] if runs[0][figure] is not None}
            print(name, json.dumps({figure: round(found["mean"], 4) for figure, found in results[name].items()}), flush=True)
    comparisons = compared(results)
    print_table(results)
    details = {"text": options.text.name, "text_bytes": options.text.stat().st_size, "seeds": seeds, "comparisons": comparisons}
    report(options.name, results, details)


def train(options: argparse.Namespace, name: str, pipeline: Pipeline, seed: int) -> None:
    """Train what is not there yet; its seconds go beside it."""
    stem = options.folder / f"{name}-{seed}"
    if costs(options, name, seed) is not None:
        return
    command = pipeline.command(options, stem, seed)
    if command is None:
        return
    options.folder.mkdir(exist_ok=True)
    try:
        run = run_command(command[0], env=command[1])
    except RuntimeError as error:
        print(f"{name}-{seed}: {error}", flush=True)
        return
    Path(f"{stem}.json").write_text(json.dumps({"name": stem.name, "wall": run.wall, "cpu": run.cpu, "memory_mb": run.memory}))
    print(f"trained {name}-{seed}: {run.wall:.1f} s wall, {run.cpu:.1f} s CPU, {run.memory:.0f} MB", flush=True)


def costs(options: argparse.Namespace, name: str, seed: int) -> dict[str, Any] | None:
    """What the training of a model took; None if it isn't there whole."""
    stem = options.folder / f"{name}-{seed}"
    path = Path(f"{stem}.json")
    if not path.is_file() or not Path(f"{stem}{PIPELINES[name].ending}").is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except ValueError:
        return None
    return found if found.get("cpu") is not None and not found.get("rc") else None


def read_tests(folder: Path | None) -> list[AnalogyTest | SimilarityTest]:
    """The installed sets and those of a folder."""
    found: list[AnalogyTest | SimilarityTest] = [read_analogies("questions-words")]
    found += [read_similarities(name) for name in ("wordsim353", "simlex999")]
    for path in sorted(folder.iterdir()) if folder is not None else ():
        for read in (read_analogies, read_similarities):
            try:
                test = read(path)
            except (FormatError, InputError):
                continue
            if test.name not in {other.name for other in found}:
                found.append(test)
            break
    return found


def evaluated(options: argparse.Namespace, name: str, seed: int, tests: Sequence[AnalogyTest | SimilarityTest]) -> dict[str, Any] | None:
    """Every figure of one model; None if it isn't there."""
    cost = costs(options, name, seed)
    if cost is None:
        return None
    import lmkit

    loaded = lmkit.load(f"{options.folder / name}-{seed}{PIPELINES[name].ending}")
    vectors = getattr(loaded, "vectors_", loaded)
    return {"cpu seconds": cost["cpu"], **figures_of(vectors, tests)}


def figures_of(vectors: WordVectors, tests: Sequence[AnalogyTest | SimilarityTest]) -> dict[str, Any]:
    """What vectors reach in every test; Spearman's rho is None where fewer than two pairs are known."""
    figures: dict[str, Any] = {}
    for test in tests:
        if isinstance(test, SimilarityTest):
            result = evaluate_similarity(vectors, test)
            figures[test.name] = result.spearman
            figures[f"{test.name} unknown"] = result.oov_share
            continue
        for among, restrict in (("30,000", 30_000), ("all", None)):
            try:
                answers = evaluate_analogies(vectors, test, AnalogyOptions(restrict=restrict))
            except InputError:  # phrases, in a text of single words
                continue
            if answers.total().seen < _FEWEST:
                continue
            for kind in ("semantic", "syntactic", None):
                if answers.total(kind).seen:
                    figures[f"{test.name} {kind or 'total'} among {among}"] = answers.total(kind).accuracy
    return figures


def compared(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Every lmkit pipeline against every rival of its kind, where both have several seeds."""
    found = []
    for name, own in results.items():
        rivals = [other for other in results if not other.startswith("lmkit") and PIPELINES[other].kind == PIPELINES[name].kind]
        for rival in rivals if name.startswith("lmkit") else ():
            for figure in own:
                values = [result.get(figure, {}).get("values", []) for result in (own, results[rival])]
                if figure != "cpu seconds" and "unknown" not in figure and min(map(len, values)) > 1:
                    found.append({"lmkit": name, "rival": rival, "figure": figure, **compare_seeds(*values).to_dict()})
    return found


def print_table(results: dict[str, Any]) -> None:
    """Markdown: a row a pipeline."""
    figures = [figure for figure in next(iter(results.values()), {}) if "unknown" not in figure and "among all" not in figure]
    print("| pipeline | seeds | " + " | ".join(figures) + " |\n|---|---:|" + "---:|" * len(figures))
    for name, found in results.items():
        cells = []
        for figure in figures:
            mean = found.get(figure)
            scale = 1 if figure == "cpu seconds" else 100
            spread = "" if mean is None or len(mean["values"]) == 1 else f" ± {scale * (mean['high'] - mean['mean']):.1f}"
            cells.append("-" if mean is None else f"{scale * mean['mean']:.1f}{spread}")
        print(f"| {name} | {len(found['cpu seconds']['values'])} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
