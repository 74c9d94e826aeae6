"""Finding a word among those of a cache line at once."""

from __future__ import annotations

import numpy as np
import pytest

from lmkit._jit import kernel
from lmkit.numeric._kernels_find import LINE_WORDS, place_in_line


@kernel
def find(words, index, word):
    return place_in_line(words, index, word)


def words_from(lane):
    """64 words, the first of them at this place of a line."""
    memory = np.arange(100, 100 + 64 + 2 * LINE_WORDS, dtype=np.uint32)
    start = (lane - memory.ctypes.data // 4) % LINE_WORDS
    return memory[start : start + 64]


@pytest.mark.parametrize("lane", [0, 3, 15])
@pytest.mark.parametrize("index", [0, 5, 24])
def test_the_first_equal_word_of_the_line_is_found(lane, index):
    rest = LINE_WORDS - (lane + index) % LINE_WORDS
    for place in range(rest):
        words = words_from(lane)
        words[index + place :] = 2**32 - 1  # later equal words make no difference
        words[:index] = 2**32 - 1  # nor do those in front
        assert find(words, index, np.uint32(2**32 - 1)) == place


@pytest.mark.parametrize("lane", [0, 3, 15])
def test_a_word_that_is_not_in_the_line_is_to_be_sought_behind_it(lane):
    words = words_from(lane)
    rest = LINE_WORDS - (lane + 7) % LINE_WORDS
    words[7 + rest] = 5
    assert find(words, 7, np.uint32(5)) == -rest
    assert find(words, 7 + rest, np.uint32(5)) == 0
