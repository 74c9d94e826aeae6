"""The layers of networks: one file a cell, its forward and backward side by side, and beside it its kernels.

A new cell is a file with a subclass of `RecurrentLayer` and one row of `CELLS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmkit._validation import check_choice

if TYPE_CHECKING:
    from lmkit.neural.layers.recurrent import RecurrentLayer

CELLS = {
    # name -> module and class
    "lstm": ("lmkit.neural.layers.lstm", "LSTM"),
    "lstm-peephole": ("lmkit.neural.layers.peephole_lstm", "PeepholeLSTM"),
    "gru": ("lmkit.neural.layers.gru", "GRU"),
    "gru-reset-before": ("lmkit.neural.layers.gru", "ResetBeforeGRU"),
    "elman": ("lmkit.neural.layers.elman", "Elman"),
    "elman-relu": ("lmkit.neural.layers.elman", "RectifiedElman"),
    "jordan": ("lmkit.neural.layers.jordan", "Jordan"),
    "qrnn": ("lmkit.neural.layers.qrnn", "QRNN"),
}


def get_cell(name: str) -> type[RecurrentLayer]:
    """The class of a cell. Raises InvalidParameterError for an unknown name."""
    import importlib

    module, class_name = CELLS[check_choice("RecurrentLanguageModel", "cell", name, CELLS)]
    return getattr(importlib.import_module(module), class_name)
