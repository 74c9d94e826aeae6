"""One-hot and count matrices of an encoded text, sparse (SciPy CSR): small steps for teaching, fast enough for millions of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmkit._validation import check_choice, check_int
from lmkit.errors import InvalidParameterError
from lmkit.text.corpus import EncodedCorpus
from lmkit.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def one_hot(corpus: EncodedCorpus, vocabulary: Vocabulary | None = None) -> csr_array:
    """One row a token with a single 1 in the column of its id.

    Parameters
    ----------
    vocabulary : whose ids are the columns; default: the corpus' own. Unknown tokens are in column 0.

    Returns
    -------
    float32 (N, V).

    Examples
    --------
    >>> from lmkit.text import as_corpus, one_hot
    >>> one_hot(as_corpus("a b a")).toarray()[:, 3:]
    array([[1., 0.],
           [0., 1.],
           [1., 0.]], dtype=float32)
    """
    from scipy.sparse import csr_array

    ids, size = _columns(corpus, vocabulary)
    return csr_array((np.ones(len(ids), np.float32), ids, np.arange(len(ids) + 1)), shape=(len(ids), size))


def transition_counts(corpus: EncodedCorpus, vocabulary: Vocabulary | None = None) -> csr_array:
    """How often token j follows token i: the counts of a bigram model.

    Row `<s>` holds the first tokens of sentences, column `</s>` what ends them; continuous text has neither.

    Returns
    -------
    int64 (V, V); dividing each row by its sum gives the maximum-likelihood bigram probabilities.
    """
    ids, size = _columns(corpus, vocabulary)
    offsets = corpus.sentence_offsets
    if corpus.options.sentence_boundaries:
        places = np.arange(len(ids)) + 2 * np.repeat(np.arange(corpus.n_sentences), np.diff(offsets)) + 1
        stream = np.empty(len(ids) + 2 * corpus.n_sentences, np.int64)
        stream[places] = ids
        starts = offsets[:-1] + 2 * np.arange(corpus.n_sentences)
        stream[starts] = Vocabulary.BOS
        stream[offsets[1:] + 2 * np.arange(corpus.n_sentences) + 1] = Vocabulary.EOS
        follows = np.ones(len(stream), np.bool_)
        follows[starts] = False
    else:
        stream = ids.astype(np.int64)
        follows = np.ones(len(stream), np.bool_)
        follows[offsets[:-1][offsets[:-1] < len(stream)]] = False
    places = np.flatnonzero(follows)
    return _counted(stream[places - 1], stream[places], None, (size, size))


def cooccurrence_matrix(corpus: EncodedCorpus, vocabulary: Vocabulary | None = None, window: int = 5, weighting: str = "flat") -> csr_array:
    """How often two tokens stand at most `window` tokens apart in one sentence.

    Parameters
    ----------
    window : tokens to either side, >= 1.
    weighting : "flat" counts each pair once; "harmonic" weighs a pair at distance d by 1/d, as GloVe does (Pennington et al., 2014).

    Returns
    -------
    float64 (V, V), symmetric.
    """
    check_int("cooccurrence_matrix", "window", window, minimum=1)
    check_choice("cooccurrence_matrix", "weighting", weighting, ("flat", "harmonic"))
    ids, size = _columns(corpus, vocabulary)
    sentence = np.repeat(np.arange(corpus.n_sentences), np.diff(corpus.sentence_offsets))
    total = _counted(ids[:0], ids[:0], np.empty(0, np.float64), (size, size))
    for distance in range(1, min(window, len(ids) - 1) + 1):
        same = sentence[distance:] == sentence[:-distance]
        left, right = ids[:-distance][same], ids[distance:][same]
        weight = 1.0 / distance if weighting == "harmonic" else 1.0
        total = total + _counted(left, right, np.full(len(left), weight), (size, size))
    return (total + total.T).tocsr()


def document_term_matrix(corpus: EncodedCorpus, vocabulary: Vocabulary | None = None, unit: str = "document") -> csr_array:
    """How often each token occurs in each document (or sentence).

    Returns
    -------
    int64 (D, V), or (S, V) for unit="sentence".
    """
    check_choice("document_term_matrix", "unit", unit, ("document", "sentence"))
    ids, size = _columns(corpus, vocabulary)
    offsets = corpus.sentence_offsets if unit == "sentence" else corpus.sentence_offsets[corpus.document_offsets]
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return _counted(rows, ids, None, (len(offsets) - 1, size))


def _columns(corpus: EncodedCorpus, vocabulary: Vocabulary | None) -> tuple[np.ndarray, int]:
    if not isinstance(corpus, EncodedCorpus):
        raise InvalidParameterError(
            f"A matrix is made from an EncodedCorpus. Got {type(corpus).__name__} instead; encode it with lmkit.text.as_corpus."
        )
    chosen = corpus.vocabulary if vocabulary is None else vocabulary
    return corpus.ids_in(chosen), len(chosen)


def _counted(rows: np.ndarray, columns: np.ndarray, weights: np.ndarray | None, shape: tuple[int, int]) -> csr_array:
    from scipy.sparse import coo_array

    values = np.ones(len(rows), np.int64) if weights is None else weights
    counts = coo_array((values, (rows, columns)), shape=shape).tocsr()
    counts.sum_duplicates()
    return counts
