"""What every reader of models must withstand: files that are damaged at random, and how that is checked."""

from __future__ import annotations

import contextlib
import gzip
import math
import random
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lmkit import NgramLanguageModel, WordVectors, load
from lmkit.errors import LmkitError

DATA = Path(__file__).parents[1] / "golden" / "data"
SECONDS = 20.0
"""Longer than any small file may take, compilation left out."""
BYTES_A_BYTE = 400
"""Memory that a reader may take for each byte of a file, beside the constant: objects around tiny arrays weigh more than a tiny file."""
CONSTANT = 48 << 20
_LIES = [0, 1, 2, 3, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1]


def seeds(folder: Path) -> dict[str, bytes]:
    """One small sound file of each kind."""
    found = {path.name.removesuffix(".gz"): gzip.decompress(path.read_bytes()) for path in sorted(DATA.glob("odd-o3-*.bin.gz"))}
    found |= {path.name.removesuffix(".gz"): gzip.decompress(path.read_bytes()) for path in sorted(DATA.glob("pruned-suffixes-*.bin.gz"))}
    found["odd-o3.arpa"] = gzip.decompress((DATA / "odd-o3.arpa.gz").read_bytes())
    found["pruned-suffixes.arpa"] = gzip.decompress((DATA / "pruned-suffixes.arpa.gz").read_bytes())
    found["incomplete.arpa"] = b"iARPA\n\n" + found["odd-o3.arpa"]
    found["odd-o3.arpa.gz"] = gzip.compress(found["odd-o3.arpa"], mtime=0)
    model = NgramLanguageModel(order=3).fit("a b a b c\nc a b\n\nb a\n")
    for name, one in (("fast.lm", model), ("compact.lm", model.compact()), ("quantised.lm", model.compact(bits=4))):
        one.save(folder / name)
        found[name] = (folder / name).read_bytes()
    return found


def damaged(raw: bytes, draw: Callable[[int], int]) -> bytes:
    """The file with one to four things done to it; draw(n) gives a number below n."""
    data = bytearray(raw)
    for _ in range(1 + draw(4)):
        if not data:
            break
        # small places first: headers and counts are at the start
        at = draw(len(data)) if draw(2) else draw(min(len(data), 256))
        what = draw(7)
        if what == 0:
            data[at] ^= 1 << draw(8)
        elif what == 1:
            data[at] = draw(256)
        elif what == 2:
            del data[at:]
        elif what == 3:
            del data[at : at + 1 + draw(64)]
        elif what == 4:
            other = draw(len(data))
            data[at:at] = data[other : other + 1 + draw(64)]
        else:  # a number that lies, where numbers stand
            size = 8 if what == 5 else 4
            place = at // size * size
            lie = _LIES[draw(len(_LIES))] if draw(2) else len(raw) + draw(16) - 8
            data[place : place + size] = struct.pack("<Q", lie % 2**64)[:size]
    return bytes(data)


def check(path: Path, raw: bytes, use: Callable[[Path], None] | None = None) -> bool:
    """Open and use a file: either one sentence that names it, or a model that answers. Returns which, True for a model.

    use : opens the file and does what people do with it; that of n-gram models if left out.

    Raises AssertionError for anything else: another exception, too long, too much memory.
    """
    path.write_bytes(raw)
    tracemalloc.start()
    started = time.perf_counter()
    try:
        (use or use_model)(path)
        sound = True
    except LmkitError as error:
        message = str(error)
        assert "\n" not in message, message
        assert path.name in message or path.parent.name in message or "model" in message, message
        sound = False
    finally:
        seconds = time.perf_counter() - started
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert seconds < SECONDS, f"{seconds:.1f} s"
    assert peak < CONSTANT + BYTES_A_BYTE * len(raw), f"{peak:,} bytes for a file of {len(raw):,}"
    return sound


def use_model(path: Path) -> None:
    """What people do with a model."""
    model = load(path)
    if isinstance(model, WordVectors):  # so little is left that it is a line of words and a number, as GloVe writes vectors
        assert path.stat().st_size < 256
        return
    with np.errstate(all="ignore"):
        events = model.score("a b a\nc xyz b")
        assert len(events) == 8 - (0 if model.text_options.sentence_boundaries else 2)
        assert not math.isnan(len(model.info()["ngrams"]))
        model.next_words("a b", top=3)
        states = model.advance(model.initial_state(2), [3 % len(model.vocabulary), 0])
        model.log_probs(states)


def main(runs: int, seed: int, folder: Path) -> None:
    """A long job without a fuzzing engine: random damage, seeds one after the other."""
    draw = random.Random(seed).randrange
    files = list(seeds(folder).items())
    sound = 0
    for name, raw in files:  # compiles what they need, so that the time limit measures work
        (folder / name).write_bytes(raw)
        with contextlib.suppress(LmkitError):
            use_model(folder / name)
    for run in range(runs):
        name, raw = files[run % len(files)]
        data = damaged(raw, draw)
        try:
            sound += check(folder / name, data)
        except BaseException:
            print(f"seed {seed}, run {run}: see {folder / name}")
            raise
        if run % 1000 == 999:
            print(f"{run + 1:,} files, {sound:,} of them still models", flush=True)
