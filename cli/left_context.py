"""`lmkit train-w2v --left-context`: word vectors trained as a language model, which predicts the next word."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

from lmkit.errors import UsageError
from lmkit_cli import output, reading
from lmkit_cli import vector_training as shared

if TYPE_CHECKING:
    from lmkit.embeddings.language_model import EmbeddingLanguageModel
    from lmkit.text.corpus import EncodedCorpus


class LanguageModelTraining(shared.Training):
    """As `Training`; what is saved is a language model, models/KIND-<corpus>.lm."""

    ending = ".lm"

    def run_language_model(self, model: EmbeddingLanguageModel) -> EncodedCorpus:
        """Read the text, train, save. Ctrl-C leaves a checkpoint and raises KeyboardInterrupt."""
        import lmkit_corpora

        began = time.perf_counter()
        corpus = lmkit_corpora.load_corpus(self.spec, split=self._part, options=self._options)
        spec = self._shared.held_out
        if spec is None and self._part == "train":  # the catalogue's corpora bring a held-out text of their own
            spec = f"{reading.split_off(self.spec)[0]}:valid"
        self._check_patience(spec)
        other = None if spec is None else lmkit_corpora.load_corpus(spec, options=corpus.options)
        self._fit(model, corpus, held_out=other if other is not None and len(other) else None)
        self.seconds = time.perf_counter() - began
        return corpus

    def tell_language_model(self, model: EmbeddingLanguageModel, corpus: EncodedCorpus) -> None:
        """Print what came of it."""
        size = self.target.stat().st_size
        if self._shared.json:
            output.result_json({**model.info(), "model": str(self.target), "bytes": size, "seconds": self.seconds})
            return
        if self._shared.quiet:
            output.result(str(self.target))
            return
        output.result(f"Read {corpus.name}: {len(corpus):,} words, {len(corpus.vocabulary) - 3:,} different.")
        for entry in model.notes_:
            output.result(f"Note: {entry}")
        weights = ", ".join(f"{weight:.2f}" for weight in model.weights_[-1])
        output.result(f"The words of a history count, from the nearest on: {weights}.")
        output.result(f"Model: {self.target} ({output.size(size)}), {len(model.vocabulary):,} tokens, made in {self.seconds:.1f} s.")
        path = shlex.quote(str(self.target))
        output.note("\nTry next:")
        output.note(f"  lmkit perplexity {path} TEXT")
        output.note(f"  lmkit predict {path} the")


def check_options(loss: str, start: object, compat: object, changed: bool) -> None:
    """Refuse what a language model can't be trained with. Raises UsageError."""
    if loss != "hs":
        raise UsageError(
            "--left-context makes a language model, whose probabilities sum to one, and only hierarchical softmax does that: add --loss hs."
        )
    for name, given in (("--start", start is not None), ("--compat", compat is not None)):
        if given:
            raise UsageError(f"--left-context and {name} exclude each other; leave one of them out.")
    if changed:
        raise UsageError(
            "--left-context takes histories whole and draws no negatives; leave out the options that change windows, noise or CBOW."
        )
