"""What a training of word vectors does in detail: the rarer choices, in groups."""

from __future__ import annotations

import dataclasses
from typing import Any

from lmkit._validation import check_choice, check_float, check_int
from lmkit.errors import InvalidParameterError

MODELS = ("skipgram", "cbow")
LOSSES = ("ns", "hs")


@dataclasses.dataclass(frozen=True)
class Sigmoid:
    """The logistic function as a table, as word2vec.c and its successors have it.

    Attributes
    ----------
    bound : the table covers scores from -bound to bound.
    bins : its entries; entry i is sigma(-bound + 2 bound i / bins).
    outside : what happens beyond: "clamp" takes 0 or 1, "skip" leaves the pair out.
    """

    bound: float = 6.0
    bins: int = 1000
    outside: str = "clamp"

    def __post_init__(self) -> None:
        check_float("Sigmoid", "bound", self.bound, minimum=0, open_minimum=True)
        check_int("Sigmoid", "bins", self.bins, minimum=2)
        check_choice("Sigmoid", "outside", self.outside, ("clamp", "skip"))


@dataclasses.dataclass(frozen=True)
class SentenceCap:
    """What happens to sentences of more than so many words.

    Attributes
    ----------
    words : the cap.
    counted : "kept" counts what sub-sampling leaves, "read" all words of the vocabulary.
    rest : "split" goes on with a new sentence, "drop" leaves the rest of the sentence out.
    """

    words: int
    counted: str = "kept"
    rest: str = "split"

    def __post_init__(self) -> None:
        check_int("SentenceCap", "words", self.words, minimum=1)
        check_choice("SentenceCap", "counted", self.counted, ("kept", "read"))
        check_choice("SentenceCap", "rest", self.rest, ("split", "drop"))
        if (self.counted, self.rest) == ("read", "drop"):
            raise InvalidParameterError(
                "The 'rest' parameter of SentenceCap must be 'split' where words read are counted. Got 'drop' instead."
            )


_MOST_RAISED = 3.0


@dataclasses.dataclass(frozen=True)
class Variant:
    """In what implementations of word2vec differ. The defaults are lmkit's own; `lmkit.embeddings.presets` holds those of others.

    Attributes
    ----------
    name : for people and model cards.
    share_negatives : draw one set of negatives for all words of a window (skip-gram; CBOW has but one prediction a window). With
        hierarchical softmax: take the steps of a window's words at once, not each from where the one before it led.
    direction : what skip-gram predicts: "context-in" predicts the centre from each context word, "centre-in" each context word from the
        centre.
    skipgram_rate, cbow_rate : learning rates where none is given.
    rate_words : skipgram_rate and cbow_rate are for trainings that read so many words, all epochs together; with negative sampling they
        are higher where fewer are read, by the fourth root of how many times fewer, at most threefold. None, and for sums of CBOW and
        for subwords: the same for all.
    tree_rate : that of skip-gram along a tree where a window's words are trained at once (share_negatives); at skipgram_rate the vectors
        would know a little less than those of words trained one by one.
    final_rate : the learning rate falls linearly to this...
    rate_floor : ...but never below this share of the first one.
    rate_every : it changes after so many tokens.
    subsampling : with t the threshold, N tokens and f occurrences a word stays with probability (sqrt(f/tN) + 1) tN/f ("word2vec") or
        sqrt(tN/f) + tN/f ("fasttext"), which is the same sum. "gensim" is as "word2vec", but a threshold of 1 and more is a count.
    counts_rare_words : words rarer than the minimum count are among the N tokens, and training lasts until `epochs` N others have been
        read: more than `epochs` passes, the last one perhaps not to the end.
    shrink_windows : draw the size of each window from 1 .. window.
    noise_exponent : negatives are drawn by counts to this power.
    noise_collision : a negative that is the word to be predicted is drawn anew ("redraw") or left out ("skip").
    sigmoid : None for the exact function, or a table.
    init_range : input vectors begin uniform in +-init_range / dim; output vectors are 0.
    sentence_cap : None, or where sentences are broken.
    end_of_sentence : `</s>` is "absent", a "word" behind each sentence, or a "row" that is never trained, first of all, and in the noise
        gives way to a random other word.
    cbow_mean : CBOW's window is the mean of its vectors, not their sum.
    cbow_divided : CBOW's gradient is divided by the number of context words, as the mean asks for (Irsoy, Benton and Stratos 2021);
        word2vec.c and gensim add it whole to each. A sum (cbow_mean=False) in gensim's fashion divides as well.
    """

    name: str = "lmkit"
    share_negatives: bool = True
    direction: str = "context-in"
    skipgram_rate: float = 0.025
    rate_words: int | None = 240_000_000
    cbow_rate: float = 0.05
    tree_rate: float = 0.03
    final_rate: float = 0.0
    rate_floor: float = 1e-4
    rate_every: int = 1
    subsampling: str = "word2vec"
    counts_rare_words: bool = False
    shrink_windows: bool = True
    noise_exponent: float = 0.75
    noise_collision: str = "redraw"
    sigmoid: Sigmoid | None = None
    init_range: float = 0.5
    sentence_cap: SentenceCap | None = None
    end_of_sentence: str = "absent"
    cbow_mean: bool = True
    cbow_divided: bool = False

    def __post_init__(self) -> None:
        check_choice("Variant", "direction", self.direction, ("context-in", "centre-in"))
        check_choice("Variant", "subsampling", self.subsampling, ("word2vec", "gensim", "fasttext"))
        check_choice("Variant", "noise_collision", self.noise_collision, ("redraw", "skip"))
        check_choice("Variant", "end_of_sentence", self.end_of_sentence, ("absent", "word", "row"))
        for rate in ("skipgram_rate", "cbow_rate", "tree_rate", "init_range"):
            check_float("Variant", rate, getattr(self, rate), minimum=0, open_minimum=True)
        check_float("Variant", "final_rate", self.final_rate, minimum=0)
        check_float("Variant", "rate_floor", self.rate_floor, minimum=0, maximum=1)
        check_float("Variant", "noise_exponent", self.noise_exponent)
        check_int("Variant", "rate_every", self.rate_every, minimum=1)
        if self.rate_words is not None:
            check_int("Variant", "rate_words", self.rate_words, minimum=1)
        if self.share_negatives and (self.direction != "context-in" or self.sigmoid is not None or self.noise_collision != "redraw"):
            raise InvalidParameterError(
                "The 'share_negatives' parameter of Variant must be False where direction is 'centre-in', the sigmoid a table or "
                "collisions are skipped. Got True instead."
            )

    def learning_rate(self, model: str, loss: str, words: int | None = None) -> float:
        """The rate to begin with where none is given. words : that the training reads, all epochs together; None for many."""
        rate = self.cbow_rate if model == "cbow" else self.skipgram_rate
        if loss == "hs":
            return self.tree_rate if model == "skipgram" and self.share_negatives else rate
        if words is None or self.rate_words is None or (model == "cbow" and not self.cbow_mean):
            return rate
        return rate * min(max((self.rate_words / max(words, 1)) ** 0.25, 1.0), _MOST_RAISED)

    def replace(self, **changes: Any) -> Variant:
        """A copy with some choices changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Settings:
    """A training as it is carried out: what an estimator's parameters come to. See `lmkit.embeddings.Word2Vec` for what they mean."""

    model: str
    loss: str
    dim: int
    window: int
    negative: int
    epochs: int
    learning_rate: float
    sample: float
    seed: int
    threads: int
    variant: Variant
    right_context: bool = True

    def __post_init__(self) -> None:
        owner = type(self).__name__
        check_choice(owner, "model", self.model, MODELS)
        check_choice(owner, "loss", self.loss, LOSSES)
        check_int(owner, "dim", self.dim, minimum=1, maximum=1 << 16)
        check_int(owner, "window", self.window, minimum=1, maximum=1 << 12)
        check_int(owner, "negative", self.negative, minimum=1 if self.loss == "ns" else 0, maximum=1 << 10)
        check_int(owner, "epochs", self.epochs, minimum=1)
        check_float(owner, "learning_rate", self.learning_rate, minimum=0, maximum=10, open_minimum=True)
        check_float(owner, "sample", self.sample, minimum=0)
        check_int(owner, "seed", self.seed, minimum=0, maximum=(1 << 63) - 1)
        check_int(owner, "threads", self.threads, minimum=1, maximum=1024)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; two trainings with equal ones, on one text, give the same bytes on one machine."""
        return dataclasses.asdict(self)


def check_patience(owner: str, patience: int | None, held_out: Any) -> None:
    """Raise InvalidParameterError for a patience that is none, or has no held-out text to wait for."""
    if patience is None:
        return
    check_int(owner, "patience", patience, minimum=1)
    if held_out is None:
        raise InvalidParameterError("The 'patience' parameter of fit must be None without a held-out text. Give one as held_out.")
