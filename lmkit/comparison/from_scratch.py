"""A comparison of models that are trained for it: the default set of every family, on one text, within a budget of time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lmkit.comparison.comparison import Extras, Statistics, compare
from lmkit.comparison.contestants import Contestant
from lmkit.comparison.curves import curves_of, growing_texts
from lmkit.comparison.plan import LEAST_SECONDS, Budget, Entry, Texts, default_entries, prepare_texts, with_cache
from lmkit.comparison.results import Comparison
from lmkit.comparison.training import train_all
from lmkit.errors import UsageError
from lmkit.evaluation.overlap import text_overlap
from lmkit.text.corpus import EncodedCorpus

Tell = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class FromScratch:
    """What is trained on which texts; make it with `prepare`.

    Attributes
    ----------
    texts : the longest training text, what is tuned on and tested on, and the words that all models know.
    sizes : words of the training texts, rising; several give learning curves.
    entries : the models.
    tell : gets a line as each thing is done.
    """

    texts: Texts
    sizes: tuple[int, ...]
    entries: tuple[Entry, ...]
    tell: Tell

    @classmethod
    def prepare(
        cls, parts: Sequence[EncodedCorpus], sizes: Sequence[int], tokens: int, words: int, tell: Tell = lambda line: None
    ) -> FromScratch:
        """Cut the texts and choose the words.

        Parameters
        ----------
        parts : texts to train, tune and test on.
        sizes : words of the training texts, rising.
        tokens : ten times as many words as are tuned and tested on.
        words : that all models know; the others are `<unk>`.
        """
        texts = prepare_texts(*parts, tokens=sizes[-1], held_out_tokens=max(1, tokens // 10), words=words)
        return cls(texts, tuple(sizes), tuple(default_entries()), tell)

    def run(
        self,
        folder: Path,
        budget: Budget,
        oracle: Sequence[Contestant] = (),
        *,
        statistics: Statistics,
        extras: Extras,
        threads: int | None = None,
        **settings: Any,
    ) -> Comparison:
        """Train and compare, once a size.

        Parameters
        ----------
        folder : where the models go.
        oracle : the source of the text, where it has one.
        settings : further ones of `compare`.

        Raises
        ------
        UsageError : for a budget that is too small for so many sizes, or in which fewer than two models were trained.
        """
        if len(self.sizes) > 1 and budget.seconds < LEAST_SECONDS * len(self.sizes):
            raise UsageError(
                f"{budget.seconds:.0f} s are too few for {len(self.sizes)} sizes; give at least "
                f"--minutes {LEAST_SECONDS * len(self.sizes) / 60:.2g}, or fewer sizes."
            )
        self._say_plan(budget)
        several = len(self.sizes) > 1
        found = []
        for number, texts in enumerate(growing_texts(self.texts, self.sizes) if several else [self.texts]):
            place = folder / str(self.sizes[number]) if several else folder
            place.mkdir(exist_ok=True)
            if several:
                self.tell(f"On {len(texts.train):,} words:")
            part = budget.part(len(self.sizes) - number)
            contestants, notes = self._train(texts, place, part, statistics.seed, threads)
            one = compare(
                [*with_cache(contestants, texts), *oracle],
                lambda _: self.texts.test,
                held_out=lambda _: self.texts.valid,
                training_counts=texts.vocabulary.counts,
                notes=notes,
                statistics=statistics,
                extras=dataclasses.replace(extras, until=part.end),
                threads=threads,
                **settings,
            )
            found.append((len(texts.train), one))
        return dataclasses.replace(found[-1][1], curves=curves_of(found)) if several else found[-1][1]

    def _train(self, texts: Texts, folder: Path, budget: Budget, seed: int, threads: int | None) -> tuple[list[Contestant], list[str]]:
        """The models, and what the reader of the comparison must know."""
        contestants, failures = train_all(self.entries, texts, folder, budget, seed=seed, threads=threads, tell=self.tell)
        if len(contestants) < 2:
            raise UsageError(
                f"Only {len(contestants)} of {len(self.entries)} models could be trained in {budget.seconds:.0f} s, which leaves nothing "
                "to compare; give --minutes more, or a shorter text."
            )
        notes = [f"{failure.name} is missing: {failure.reason}." for failure in failures]
        overlap = text_overlap(texts.train, texts.test)
        if overlap.is_suspicious:
            notes.append(
                f"{overlap.share:.0%} of the test text's runs of {overlap.length} words stand in the training text: these perplexities "
                "tell how well models remember, not how well they predict."
            )
        return contestants, notes

    def _say_plan(self, budget: Budget) -> None:
        texts = self.texts
        quick = [entry.name for entry in self.entries if not entry.weight]
        timed = [entry.name for entry in self.entries if entry.weight]
        self.tell(
            f"Training on {len(texts.train):,} words of {texts.train.name}, tuning on {len(texts.valid):,}, testing on "
            f"{len(texts.test):,}; {len(texts.vocabulary):,} words are known. Budget: {budget.seconds / 60:.3g} minutes."
        )
        self.tell(f"Plan: first {', '.join(quick)}; then, sharing the time that is left, {', '.join(timed)}.")
