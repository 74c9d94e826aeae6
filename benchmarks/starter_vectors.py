"""Make the starter vectors that come with lmkit, and say how good they are.

    python benchmarks/starter_vectors.py                     # text: the catalogue's `simplewiki`; seeds 1, 2, 3; nothing is installed
    python benchmarks/starter_vectors.py --install 1         # as well put the vectors of seed 1 into lmkit/embeddings/starter/
    python benchmarks/starter_vectors.py --text dump.txt --seeds 1

The pipeline, the same for every seed: words by the regex tokenizer, lower-cased, a paragraph a sentence, tokens without a letter or digit
left out (the window would be full of commas); CBOW with negative sampling; the sum of each word's input and output vector; the 20,000 most
frequent words that have a letter; 8 bits a number. Nothing is done for any particular word or question.

Writes benchmarks/results/starter_vectors.json: for each seed the first answers to king - man + woman, the accuracy on Google's analogies,
the correlations with WordSim-353 and SimLex-999 (read from the installed gensim), and what the 8 bits cost.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from typing import Any

import numpy as np
from harness import RESULTS, machine

import lmkit_corpora
from lmkit.embeddings import Word2Vec, starter
from lmkit.embeddings.vectors import WordVectors
from lmkit.evaluation.analogy import AnalogyOptions, evaluate_analogies
from lmkit.evaluation.similarity import evaluate_similarity
from lmkit.text.corpus import EncodedCorpus

TRAINING = {
    "model": "cbow",
    "dim": 100,
    "window": 5,
    "negative": 5,
    "sample": 1e-4,
    "epochs": 10,
    "learning_rate": 0.05,
    "min_count": 5,
    "threads": 1,
}
WORDS = 20_000
QUESTION = (["king", "woman"], ["man"])


def spoken(corpus: EncodedCorpus) -> EncodedCorpus:
    """The text without the tokens that have neither a letter nor a digit, and without these in its vocabulary and counts."""
    kept = np.array([any(char.isalnum() for char in token) for token in corpus.vocabulary.tokens()])[corpus.ids]
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    ids = np.ascontiguousarray(corpus.ids[kept])
    return dataclasses.replace(corpus, ids=ids, sentence_offsets=before[corpus.sentence_offsets]).compact()


def make(corpus: EncodedCorpus, seed: int) -> tuple[WordVectors, float]:
    """The starter vectors of one seed, and the CPU seconds of the training."""
    start = time.process_time()
    trained = Word2Vec(**TRAINING, seed=seed).fit(corpus).vectors_
    seconds = time.process_time() - start
    summed = trained.plus_context()
    words = [word for word in summed.words if any(char.isalpha() for char in word)][:WORDS]
    small = summed.restrict(words).quantize()
    entry = lmkit_corpora.get("simplewiki")
    small.made["corpus"] |= {
        "title": entry.title,
        "licence": entry.licence,
        "source": entry.source,
        "left_out": "tokens without a letter or digit",
    }
    small.made["made_by"] = "benchmarks/starter_vectors.py"
    return small, seconds


def measure(vectors: WordVectors) -> dict[str, Any]:
    """Accuracies and correlations, and the answers to the question."""
    figures: dict[str, Any] = {}
    for method in ("3cosadd", "3cosmul"):
        answers = vectors.most_similar(*QUESTION, top=5, method=method)
        figures[f"king - man + woman, {method}"] = [(answer.word, round(answer.similarity, 4)) for answer in answers]
        result = evaluate_analogies(vectors, options=AnalogyOptions(method=method))
        for kind in ("semantic", "syntactic", None):
            tally = result.total(kind)
            figures[f"{tally.name}, {method}"] = {"accuracy": round(tally.accuracy, 4), "asked": tally.seen, "of": tally.total}
    for test in ("wordsim353", "simlex999"):
        found = evaluate_similarity(vectors, test)
        figures[test] = {"spearman": round(found.spearman, 4), "unknown pairs": int(found.is_oov.sum())}
    figures["loss"] = str(vectors.loss())
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", default="simplewiki", help="a corpus of the catalogue or a file")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--install", type=int, help="the seed whose vectors are stored in lmkit/embeddings/starter/")
    arguments = parser.parse_args()
    corpus = spoken(lmkit_corpora.load_corpus(arguments.text, options=lmkit_corpora.get("simplewiki").reading))
    print(f"{len(corpus):,} words, {len(corpus.vocabulary):,} different")
    seeds: dict[str, Any] = {}
    for seed in map(int, arguments.seeds.split(",")):
        vectors, seconds = make(corpus, seed)
        seeds[str(seed)] = {"CPU seconds of training": round(seconds, 1), **measure(vectors)}
        print(f"seed {seed}:", json.dumps(seeds[str(seed)], indent=1), flush=True)
        if seed == arguments.install:
            vectors.save(starter.PATH)
            print(f"installed: {starter.PATH}, {starter.PATH.stat().st_size:,} bytes")
    first = [figures["king - man + woman, 3cosadd"][0][0] for figures in seeds.values()]
    print(f"`queen` comes first in {first.count('queen')} of {len(first)} seeds")
    record = {
        "machine": machine(),
        "text": {"words": len(corpus), "sha256": corpus.sha256},
        "training": TRAINING,
        "words": WORDS,
        "seeds": seeds,
    }
    (RESULTS / "starter_vectors.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
