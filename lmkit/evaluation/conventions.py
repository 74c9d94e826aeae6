"""The figures of one run as other tools would print them.

Each tool counts other events, and so the same model has another perplexity in each. A convention takes the accounting of a run and
returns the lines that the tool writes for it, so that a figure in a paper or a log can be met.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lmkit.errors import InvalidParameterError
from lmkit.evaluation.perplexity import Accounting

_LN10 = math.log(10)


def kenlm(total: Accounting, text: str) -> str:
    """KenLM's `query -v summary`: unknown words in and out, ends in."""
    known = total.known_words + total.ends
    return "\n".join(
        [
            f"Perplexity including OOVs:\t{total.all.perplexity:.17g}",
            f"Perplexity excluding OOVs:\t{known.perplexity:.17g}",
            f"OOVs:\t{total.unknown_words.count}",
            f"Tokens:\t{total.all.count}",
        ]
    )


def srilm(total: Accounting, text: str) -> str:
    """SRILM's `ngram -ppl` without `-unk`: unknown words are left out of sum and count, and the sum holds the ends of sentences.

    ppl divides it by words and ends, ppl1 by words alone.
    """
    words = total.known_words.count + total.unknown_words.count
    known = total.known_words + total.ends
    zeros = total.zero_probabilities
    logprob = known.log_probability / _LN10
    if zeros:
        raise InvalidParameterError(
            f"This model holds {zeros:,} events impossible, which SRILM would leave out one by one; take a smoothed model for --as srilm."
        )
    counted = words - total.unknown_words.count
    ppl = _power(-logprob, counted + total.sentences)
    ppl1 = _power(-logprob, counted)
    return (
        f"file {text}: {total.sentences} sentences, {words} words, {total.unknown_words.count} OOVs\n"
        f"{zeros} zeroprobs, logprob= {logprob:.7g} ppl= {ppl:.7g} ppl1= {ppl1:.7g}"
    )


def nltk(total: Accounting, text: str) -> str:
    """nltk.lm: `entropy` in bits and `perplexity` over all n-grams of text padded by one end; unknown words count as the vocabulary's."""
    entropy = -total.all.log_probability / total.all.count / math.log(2) if total.all.count else math.nan
    return f"entropy\t{entropy!r}\nperplexity\t{2**entropy!r}"


def awd(total: Accounting, text: str) -> str:
    """The line of the AWD-LSTM scripts: loss in nats a token, ends among them, its exp, and bits; every word is in their vocabulary."""
    loss = -total.all.log_probability / total.all.count if total.all.count else math.nan
    return f"| End of training | test loss {loss:5.2f} | test ppl {math.exp(loss):8.2f} | test bpc {loss / math.log(2):8.3f}"


CONVENTIONS: dict[str, Callable[[Accounting, str], str]] = {"kenlm": kenlm, "srilm": srilm, "nltk": nltk, "awd": awd}


def as_printed_by(tool: str, total: Accounting, text: str) -> str:
    """The lines that a tool prints for a run. tool : a name in `CONVENTIONS`; text : name of the text, for tools that print it.

    Raises
    ------
    InvalidParameterError : for an unknown tool, or figures that the tool would reach in another way.
    """
    check_tool(tool)
    return CONVENTIONS[tool](total, text)


def check_tool(tool: str) -> None:
    """Raise InvalidParameterError for a tool whose convention is not known."""
    if tool not in CONVENTIONS:
        raise InvalidParameterError(f"There is no convention of a tool {tool!r}; there are: {', '.join(CONVENTIONS)}.")


def _power(exponent: float, count: int) -> float:
    return 10 ** (exponent / count) if count else math.nan
