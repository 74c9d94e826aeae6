"""From an encoded text to a trie: counting, smoothing, pruning and laying out, in memory or within a bound of it."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from lmkit import _files
from lmkit._container import read_container
from lmkit._memory import let_go
from lmkit.errors import UsageError
from lmkit.ngram.counting.counts import NgramCounts, count_ngrams
from lmkit.ngram.counting.partitions import Text
from lmkit.ngram.counting.planning import make_workspace
from lmkit.ngram.counting.workspace import DiskWorkspace, disk_error
from lmkit.ngram.formats import native
from lmkit.ngram.pruning.base import Pruning
from lmkit.ngram.pruning.subjects import run, subject_of_counts
from lmkit.ngram.querying.backoff import BackoffTrie
from lmkit.ngram.querying.layout import lay_out, starts_of
from lmkit.ngram.smoothing.base import Estimates, HeldOut, Smoothing
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.vocabulary import Vocabulary


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is done to a text.

    Attributes
    ----------
    order, smoothing, prunings : as for NgramLanguageModel, checked.
    memory : bytes that the process may take, or None for no bound.
    temp : folder of temporary files, or None for that of the model file, or else the system's.
    threads : or None for all cores.
    """

    order: int
    smoothing: Smoothing
    prunings: list[Pruning]
    memory: int | None = None
    temp: Path | None = None
    threads: int | None = None


@dataclasses.dataclass
class Outcome:
    """What came of it.

    Attributes
    ----------
    vocabulary : the model's, which pruning may have cut.
    order : longest n-gram found.
    is_normalised : whether the probabilities after each history sum to one.
    details : of the smoothing, for the model card.
    notes : sentences that the user should see.
    pruning : records for the model card, one a method.
    trie : the n-grams.
    """

    vocabulary: Vocabulary
    order: int
    is_normalised: bool
    details: dict[str, Any]
    notes: list[str]
    pruning: list[dict[str, Any]]
    trie: BackoffTrie


def estimate(
    corpus: EncodedCorpus,
    vocabulary: Vocabulary,
    held_out: EncodedCorpus | None,
    recipe: Recipe,
    path: Path | None,
    document: Callable[[Outcome], dict[str, Any]],
) -> Outcome:
    """Estimate a model.

    Parameters
    ----------
    path : the model file to write, or None. Without pruning it is written while the levels are made, and the trie is mapped from it.
    document : makes the file's metadata from the outcome.

    Raises
    ------
    InvalidParameterError : if the bound of the memory is too low for this text.
    OutputError : if a disk has too little space or can't be written, or what stands at `path` is no regular file.
    """
    counts, estimates = _counted(corpus, vocabulary, held_out, recipe, path)
    if recipe.prunings:
        outcome = _pruned(counts, estimates, vocabulary, recipe)
        if path is not None:
            native.write_native(path, outcome.trie, outcome.vocabulary, document(outcome))
        return outcome
    if path is not None:
        with _files.replacing(path) as temporary, open(temporary, "w+b", buffering=0) as file:
            outcome = _written(file, counts, estimates, vocabulary, document)
        outcome.trie = native.read_trie(read_container(path))
        return outcome
    if isinstance(counts.workspace, DiskWorkspace):
        folder = _folder(recipe, path)
        try:
            with tempfile.TemporaryFile(dir=folder, prefix="lmkit-", buffering=0) as file:
                return _written(file, counts, estimates, vocabulary, document)
        except OSError as error:
            raise disk_error(error, folder) from error
    order = counts.order
    trie = BackoffTrie.from_estimates(counts, estimates, consume=True)
    return Outcome(vocabulary, order, estimates.is_normalised, estimates.details, list(estimates.notes), [], trie)


def estimate_to_arpa(
    corpus: EncodedCorpus, vocabulary: Vocabulary, held_out: EncodedCorpus | None, recipe: Recipe, path: Path
) -> tuple[Outcome, list[int]]:
    """Estimate a model straight into an ARPA file: each order is written when it is estimated, and no trie is made.

    Returns
    -------
    What came of it, its trie empty, and the number of n-grams of each order.

    Raises
    ------
    InvalidParameterError, OutputError : as `estimate`.
    """
    from lmkit.ngram.formats.arpa_writing import Contexts, arpa_file, write_arpa  # its kernels take a while to load

    counts, estimates = _counted(corpus, vocabulary, held_out, recipe, path, as_text=True)
    if recipe.prunings:
        outcome = _pruned(counts, estimates, vocabulary, recipe)
        write_arpa(path, outcome.trie, outcome.vocabulary)
        return outcome, outcome.trie.sizes
    sizes = [len(level) for level in counts.levels]
    with arpa_file(path, sizes, vocabulary, counts.workspace) as writer:
        contexts: list[Contexts] = []
        for order, (level, (log10_prob, log10_bow)) in enumerate(zip(counts.levels[:], estimates.by_level(), strict=True), 1):
            writer.section(contexts, level.words, log10_prob, log10_bow)
            if level.first_child is not None:
                contexts.append(Contexts(level.words, level.first_child))
            counts.release_all_but_words(order)
    outcome = Outcome(vocabulary, counts.order, estimates.is_normalised, estimates.details, list(estimates.notes), [], _no_trie())
    return outcome, sizes


def _counted(
    corpus: EncodedCorpus, vocabulary: Vocabulary, held_out: EncodedCorpus | None, recipe: Recipe, path: Path | None, as_text: bool = False
) -> tuple[NgramCounts, Estimates]:
    """The counts of a text, in a workspace that fits what is done with them, and the estimates that will be made of them."""
    boundaries = corpus.options.sentence_boundaries
    text = Text(corpus.ids_in(vocabulary), corpus.sentence_offsets, boundaries)
    target = None if path is None else _files.target_of(path)
    straight = target if not recipe.prunings else None
    workspace = make_workspace(
        text,
        len(vocabulary),
        recipe.order,
        memory=recipe.memory,
        folder=_folder(recipe, path),
        threads=recipe.threads,
        target=straight,
        as_text=as_text,
        pruned=bool(recipe.prunings),
        reuse=straight is not None,
    )
    counts = count_ngrams(
        text.ids,
        text.offsets,
        len(vocabulary),
        recipe.order,
        boundaries=boundaries,
        lower_counts=bool(recipe.prunings) or held_out is not None or recipe.smoothing.takes_lower_counts,
        workspace=workspace,
    )
    let_go(text.ids, text.offsets)
    other = None if held_out is None else HeldOut(held_out.ids_in(vocabulary), held_out.sentence_offsets)
    return counts, recipe.smoothing.estimate(counts, other)


def _folder(recipe: Recipe, path: Path | None) -> Path:
    """Where temporary files go. Raises UsageError if that is no folder."""
    if recipe.temp is not None and not recipe.temp.is_dir():
        raise UsageError(f"{recipe.temp}: is no folder, so temporary files can't go there; make it, or name another one with --temp.")
    return recipe.temp or (path.parent if path is not None else Path(tempfile.gettempdir()))


def estimate_counts(counts: NgramCounts, vocabulary: Vocabulary, held_out: EncodedCorpus | None, recipe: Recipe) -> Outcome:
    """Estimate a model from counts that are there already. Raises UsageError if they are no whole numbers and the method needs such."""
    if not recipe.smoothing.takes_fractions and any(level.counts.dtype.kind == "f" for level in counts.levels):
        raise UsageError(f"Smoothing {recipe.smoothing.name!r} needs whole counts; merge with whole weights, or take witten-bell.")
    other = None if held_out is None else HeldOut(held_out.ids_in(vocabulary), held_out.sentence_offsets)
    estimates = recipe.smoothing.estimate(counts, other)
    if recipe.prunings:
        return _pruned(counts, estimates, vocabulary, recipe)
    trie = BackoffTrie.from_estimates(counts, estimates)
    return Outcome(vocabulary, counts.order, estimates.is_normalised, estimates.details, list(estimates.notes), [], trie)


def _written(
    file: BinaryIO, counts: NgramCounts, estimates: Estimates, vocabulary: Vocabulary, document: Callable[[Outcome], dict[str, Any]]
) -> Outcome:
    """Lay the model out in a file; the trie is mapped from it."""
    outcome = Outcome(vocabulary, counts.order, estimates.is_normalised, {}, [], [], _no_trie())
    writer = native.NativeWriter(file, starts_of(counts), vocabulary, document(outcome))
    lay_out(counts, estimates, writer, consume=True)
    outcome.details, outcome.notes = estimates.details, list(estimates.notes)
    writer.finish(document(outcome))
    outcome.trie = writer.trie()
    return outcome


def _no_trie() -> BackoffTrie:
    return BackoffTrie(*(np.empty(0, np.int64),) * 4)


def _pruned(counts: NgramCounts, estimates: Estimates, vocabulary: Vocabulary, recipe: Recipe) -> Outcome:
    notes = list(estimates.notes)
    subject = subject_of_counts(counts, estimates, vocabulary, recipe.smoothing.to_dict())
    pruned, vocabulary, records = run(subject, recipe.prunings)
    trie = pruned.table.to_trie()
    return Outcome(vocabulary, counts.order, estimates.is_normalised, estimates.details, [*notes, *pruned.notes], records, trie)


def as_path(value: str | os.PathLike[str] | None) -> Path | None:
    """A path where one is given."""
    return None if value is None else Path(value)
