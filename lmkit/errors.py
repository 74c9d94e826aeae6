"""Every error that lmkit raises on purpose.

Each carries one sentence that says what was wrong, where (path, line or byte, value) and what to do next. The command line prints
that sentence and exits with `exit_code`: 2 for a wrong call, 1 for anything that failed while it ran.
"""

from __future__ import annotations


class LmkitError(Exception):
    """Base class: catch this to catch everything that lmkit raises on purpose."""

    exit_code = 1


class UsageError(LmkitError):
    """The call itself can't be carried out as written: an unknown name, options that exclude each other."""

    exit_code = 2


class InvalidParameterError(UsageError, ValueError):
    """A parameter is outside its range. Also a ValueError, as scikit-learn's checks raise."""


class UnknownWordError(UsageError, KeyError):
    """A word that the vectors don't have. The message names it, and words spelled nearly so. `words`: the unknown ones."""

    def __init__(self, message: str, words: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.words = words

    __str__ = Exception.__str__  # a KeyError would show the message's repr


class InputError(LmkitError, ValueError):
    """A text that can't be read or trained on: missing, empty, binary, not in the stated encoding."""


class FormatError(InputError):
    """A model or data file that is cut, inconsistent or not of the expected format."""


class NotFittedError(LmkitError, ValueError, AttributeError):
    """A model was asked for scores before it was fitted (scikit-learn's bases, so that its tools recognise it)."""


class OutputError(LmkitError, OSError):
    """A file could not be written: a full disk, a missing folder, no permission."""


class MissingDependencyError(LmkitError, ImportError):
    """An optional package is needed. The message holds the install command."""


class NetworkError(LmkitError, OSError):
    """A download failed. The message names the address and the way to supply the file by hand."""


class ChecksumError(InputError):
    """A file's sha256 is not the one that the catalogue states."""


class DivergenceError(LmkitError, ArithmeticError):
    """A training whose loss or gradient is no finite number any more, or stays above that of guessing. What was saved before is good."""
