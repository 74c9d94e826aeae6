"""The container of model files: what is written is read, damage and forgery are told, nothing is half-written."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmkit import _container, _files, load
from lmkit.errors import FormatError, InputError, LmkitError, OutputError

TENSORS = {
    "a": np.arange(7, dtype=np.int32),
    "b": np.array([[1.5, -2.0, np.inf]], np.float64),
    "empty": np.empty((0, 3), np.uint8),
    "big endian": np.array([1, 2, 3], ">i8"),
    "flags": np.array([True, False]),
}


def write(path: Path) -> Path:
    _container.write_container(path, "test", {"answer": 42, "name": "é"}, TENSORS)
    return path


def test_round_trip_and_alignment(tmp_path: Path) -> None:
    container = _container.read_container(write(tmp_path / "m"))
    assert (container.kind, container.metadata) == ("test", {"answer": 42, "name": "é"})
    assert set(container) == set(TENSORS)
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(container[name], tensor)
        assert not container[name].size or container[name].ctypes.data % _container.ALIGNMENT == 0
        assert not container[name].flags.writeable or not container[name].size


def test_the_safetensors_library_reads_it(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(write(tmp_path / "m"), "np") as file:
        np.testing.assert_array_equal(file.get_tensor("b"), TENSORS["b"])
        assert json.loads(file.metadata()["lmkit"])["answer"] == 42


def edited(path: Path, old: bytes, new: bytes) -> Path:
    raw = path.read_bytes()
    assert raw.count(old) == 1
    assert len(old) == len(new)
    path.write_bytes(raw.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"shape":[7]', b'"shape":[9]', r"tensor 'a' declares shape \[9\] but 28 bytes"),
        (b'"data_offsets":[0,28]', b'"data_offsets":[0,99]', "declares shape"),
        (b'"dtype":"I32"', b'"dtype":"X32"', "entry for tensor 'a' can't be read"),
        (b'\\"format_version\\": 1', b'\\"format_version\\": 9', "format version 9, this lmkit reads up to 1; update lmkit"),
        (b'{"__metadata__"', b'["__metadata__"', "no JSON header"),
    ],
)
def test_forged_headers_are_refused(old: bytes, new: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=message):
        _container.read_container(edited(write(tmp_path / "m"), old, new))


def test_cut_files_are_refused_at_every_length(tmp_path: Path) -> None:
    raw = write(tmp_path / "m").read_bytes()
    for length in [*range(0, 40), *range(40, len(raw), 7), len(raw) - 1]:
        (tmp_path / "cut").write_bytes(raw[:length])
        with pytest.raises(FormatError):
            _container.read_container(tmp_path / "cut")


@pytest.mark.parametrize("length", [0, 5000])
def test_tensors_move_where_the_header_became_longer_or_shorter(length: int, tmp_path: Path) -> None:
    """A cache entry's metadata are known when its tensors are on the disk already."""
    tensors = {"a": np.random.default_rng(0).integers(0, 256, 5 * _files.WRITE_BLOCK + 7, np.uint8), "b": np.arange(9)}
    shapes = {name: (tensor.dtype, tensor.shape) for name, tensor in tensors.items()}
    metadata = {"note": "x" * 2000}
    with _container.writing_container(tmp_path / "pieces", "test", metadata, shapes) as writer:
        for name, tensor in tensors.items():
            writer.write(name, 0, tensor)
        metadata["note"] = "x" * length
    _container.write_container(tmp_path / "whole", "test", metadata, tensors)
    assert (tmp_path / "pieces").read_bytes() == (tmp_path / "whole").read_bytes()


def test_a_huge_declared_header_is_refused_without_reading_it(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes((2**60).to_bytes(8, "little") + b"{}")
    with pytest.raises(FormatError, match="its header should take 1,152,921,504,606,846,976 bytes, the file has 10"):
        _container.read_container(tmp_path / "m")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_random_damage_gives_the_data_or_one_sentence(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        raw = bytearray(write(Path(folder) / "m").read_bytes())
        for _ in range(data.draw(st.integers(1, 5))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        (Path(folder) / "m").write_bytes(raw)
        try:
            container = _container.read_container(Path(folder) / "m")
            for name in container:
                container[name].sum()
        except LmkitError as error:
            assert "\n" not in str(error)


def test_load_tells_what_it_can_t_open(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "none.lm")
    with pytest.raises(InputError, match="is a folder"):
        load(tmp_path)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(FormatError, match="neither a model written by lmkit nor an ARPA file"):
        load(tmp_path / "text")
    with pytest.raises(FormatError, match="holds a 'test' model"):
        load(write(tmp_path / "m"))


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    target = tmp_path / "m"
    target.write_text("old")

    def failing(error: BaseException) -> None:
        with _files.replacing(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(OutputError, match="the disk is full, so nothing was written"):
        failing(OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(KeyboardInterrupt):
        failing(KeyboardInterrupt())
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_links_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "real").write_text("old")
    (tmp_path / "link").symlink_to(Path("elsewhere") / "real")
    (tmp_path / "new").symlink_to(tmp_path / "elsewhere" / "made")
    for name, real in (("link", "real"), ("new", "made")):
        with _files.replacing(tmp_path / name) as temporary:
            temporary.write_text("new")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "elsewhere" / real).read_text() == "new"
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == ["made", "real"]
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere" / "file")
    with pytest.raises(OutputError, match="the folder .*nowhere does not exist"):
        write(tmp_path / "lost")
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OutputError, match="circle: could not be written"):
        write(tmp_path / "circle")


@pytest.mark.parametrize("name", ["pipe", "link"])
def test_what_is_no_file_is_not_replaced(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(OutputError, match=f"{name}: is a pipe, a device or a socket, which a file would replace; name another place"):
        write(tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()
    with pytest.raises(OutputError, match="/dev/null: is a pipe, a device or a socket"):
        _files.target_of("/dev/null")


def test_threads_that_write_one_file_do_not_meet(tmp_path: Path) -> None:
    with _files.replacing(tmp_path / "m") as first, _files.replacing(tmp_path / "m") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "m").read_text() == "first"  # renamed last
    assert list(tmp_path.iterdir()) == [tmp_path / "m"]


def test_a_file_is_on_the_disk_before_it_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_size))
    size = write(tmp_path / "m").stat().st_size
    assert synced == [size]

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write(tmp_path / "n")
    assert list(tmp_path.iterdir()) == [tmp_path / "m"]


def test_writing_into_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the folder .*nowhere does not exist"):
        write(tmp_path / "nowhere" / "m")
    with pytest.raises(OutputError, match="name a file"):
        write(tmp_path)
