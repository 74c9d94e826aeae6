"""Finding a word among 16 at once."""

from __future__ import annotations

import numpy as np
import pytest

from lmkit._jit import kernel
from lmkit.numeric._kernels_find import FOUND_AMONG, place_of


@kernel
def find(words, index, word):
    return place_of(words, index, word)


@pytest.mark.parametrize("index", [0, 3, 24])
@pytest.mark.parametrize("place", [0, 1, 7, 15])
def test_the_first_equal_word_is_found(index, place):
    words = np.arange(100, 140, dtype=np.uint32)
    words[index + place] = 2**32 - 1
    if place < 15:
        words[index + 15] = 2**32 - 1  # a later equal word makes no difference
    assert find(words, index, np.uint32(2**32 - 1)) == place


def test_a_word_that_is_not_there_is_reported_behind_the_last():
    words = np.array([7] * FOUND_AMONG + [5], np.uint32)
    assert find(words, 0, np.uint32(5)) == FOUND_AMONG
