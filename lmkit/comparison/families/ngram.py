"""The n-gram models of a comparison: orders 1 to 5, and the methods that lectures set beside each other."""

from __future__ import annotations

from lmkit.comparison.contestants import Cost
from lmkit.comparison.plan import Entry, Task

LABEL = "n-gram"
ENTRIES = (
    Entry("unsmoothed 3-gram", "ngram", {"order": 3, "smoothing": "maximum-likelihood"}),
    Entry("add-one 2-gram", "ngram", {"order": 2, "smoothing": "additive"}),
    Entry("Katz 3-gram", "ngram", {"order": 3, "smoothing": "katz"}),
    Entry("Witten-Bell 3-gram", "ngram", {"order": 3, "smoothing": "witten-bell"}),
    *(Entry(f"Kneser-Ney {order}-gram", "ngram", {"order": order}) for order in range(1, 6)),
    Entry("stupid back-off 5-gram", "ngram", {"order": 5, "smoothing": "stupid-back-off"}),
)


def train(entry: Entry, task: Task) -> Cost:
    """Estimate and save one model; it needs no time limit."""
    from lmkit.ngram.model import NgramLanguageModel

    model = NgramLanguageModel(threads=task.threads, **entry.settings)
    model.fit(task.train, vocabulary=task.vocabulary)
    model.save(task.path)
    return Cost(epochs=1)
