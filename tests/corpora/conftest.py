"""Folders of their own for every test, and a web server on this machine that can misbehave."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty data and cache folders; returns the data folder."""
    monkeypatch.setenv("LMKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


class Site:
    """A server of one file. What it does wrong is set by the attributes.

    cuts : after how many bytes of the body the connection is cut, one number a request; whole afterwards.
    ranges : whether it knows Range.
    etag : what it calls the file; None for no validator at all.
    status : what it answers instead of the file, if not 200.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.cuts: list[int] = []
        self.ranges = True
        self.etag: str | None = '"one"'
        self.status = 200
        self.requests: list[dict[str, str]] = []
        self.url = ""

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        self.requests.append(dict(handler.headers.items()))
        if self.status != 200:
            handler.send_error(self.status)
            return
        start = 0
        asked = handler.headers.get("Range")
        if asked and self.ranges and handler.headers.get("If-Range") == self.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(self.content):
                handler.send_error(416)
                return
        body = self.content[start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(body)))
        if self.etag is not None:
            handler.send_header("ETag", self.etag)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        handler.end_headers()
        handler.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)
        handler.close_connection = True


@pytest.fixture
def site() -> Iterator[Site]:
    """A running server on 127.0.0.1 with 100,000 bytes that repeat only after 251."""
    offered = Site(bytes(range(251)) * 399)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            offered.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    offered.url = f"http://127.0.0.1:{server.server_port}/file.bin"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield offered
    server.shutdown()
    server.server_close()
