"""The weights of the best validation: the same bits back, from memory and from a file that leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lmkit.errors import OutputError
from lmkit.neural import best_weights
from lmkit.neural.architecture import Architecture
from lmkit.neural.best_weights import BestWeights
from lmkit.neural.models import RecurrentLanguageModel
from lmkit.neural.packed import room_in
from lmkit.neural.recipe import Recipe
from lmkit.numeric import _kernels_gemm as gemm


@pytest.fixture(params=["memory", "file"])
def beside(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "m.lm.checkpoint" if request.param == "file" else None


def arrays(seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {"a": draw.normal(size=(5, 7)).astype(np.float32), "b": draw.normal(size=3), "c": np.empty((0, 2), np.float32)}


def test_the_best_come_back_to_the_bit(beside: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(best_weights, "_PIECE", 48)  # several pieces an array, the last one shorter
    values, first, second = arrays(0), arrays(1), arrays(2)
    best = BestWeights(values, beside)
    assert not best.is_there
    best.keep(first)
    best.keep(second)
    assert best.is_there
    for array in second.values():
        array[...] = 9  # a copy was kept
    best.give_back()
    for name, array in arrays(2).items():
        np.testing.assert_array_equal(values[name], array)
    together = {name: b"".join(piece.tobytes() for found, _, piece in best.pieces() if found == name) for name in values}
    assert together == {name: array.tobytes() for name, array in arrays(2).items()}
    if beside is not None:
        assert list(beside.parent.iterdir()) == []
    best.close()
    assert not best.is_there


def test_a_place_that_takes_no_file(tmp_path: Path) -> None:
    best = BestWeights(arrays(0), tmp_path / "nowhere" / "checkpoint")
    with pytest.raises(OutputError, match="the folder .*nowhere does not exist"):
        best.keep(arrays(1))


def test_a_model_is_the_same_with_and_without_a_checkpoint(tmp_path: Path) -> None:
    """The best of the epochs is not the last one, so that it is given back."""
    found = []
    for checkpoint in (None, tmp_path / "checkpoint"):
        model = RecurrentLanguageModel(Architecture(layers=1, hidden=8), Recipe(batch=2, steps=4, epochs=12, learning_rate=0.05), threads=1)
        model.fit("a b c d\nb c a\nd d a b\n" * 4, valid="a b c c\nb c d\n", checkpoint=checkpoint, checkpoint_minutes=0)
        found.append(model)
    perplexities = [record["valid_perplexity"] for record in found[0].history_]
    assert min(perplexities) < perplexities[-1]
    for one, other in zip(found[0].network_.parameters, found[1].network_.parameters, strict=True):
        np.testing.assert_array_equal(one.value, other.value)


def test_packed_weights_lie_in_spare_room_where_they_fit() -> None:
    depth, columns = 3, gemm.PANEL + 1
    needed = 2 * depth * gemm.PANEL
    for size, fits in ((needed + 16, True), (needed - 1, False), (0, False)):
        spare = np.zeros(size, np.float32)
        room = room_in(spare, depth, columns)
        assert room.shape == (2, depth, gemm.PANEL)
        assert room.ctypes.data % 64 == 0
        assert np.shares_memory(room, spare) == fits
