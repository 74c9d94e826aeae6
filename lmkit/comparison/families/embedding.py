"""Word2vec as a language model in a comparison: hierarchical softmax over left contexts, skip-gram and CBOW."""

from __future__ import annotations

from lmkit.comparison.contestants import Cost
from lmkit.comparison.plan import Entry, Task

LABEL = "embedding"
_SHAPE = {"dim": 100, "window": 5, "epochs": 10}
ENTRIES = (
    Entry("skip-gram, left contexts", "embedding", {"model": "skipgram", **_SHAPE}),
    Entry("CBOW, left contexts", "embedding", {"model": "cbow", **_SHAPE}),
)


def train(entry: Entry, task: Task) -> Cost:
    """Train one model, which takes seconds, and save it."""
    from lmkit.embeddings.language_model import EmbeddingLanguageModel

    model = EmbeddingLanguageModel(seed=task.seed, threads=task.threads, **entry.settings)
    model.fit(task.train, held_out=task.valid, vocabulary=task.vocabulary)
    model.save(task.path)
    losses = [record["held_out_loss"] for record in model.history_]
    size = model.input_.size + model.nodes_.size + model.weights_.size
    return Cost(epochs=len(losses), improving=losses[-1] <= min(losses), parameters=size)
