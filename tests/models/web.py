"""A web server on localhost that does what servers do, and remembers what it was asked and what it sent."""

import hashlib
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from sdflow.models.web.place import WebPlace


@dataclass
class Page:
    """What lies under a path.

    `status` other than 200 is an error. `breaks` are numbers of bytes after which the connection breaks, one for
    each request. `piece` and `pause` make it slow: so many bytes, then so many seconds. After each of `halts` bytes,
    one for each request, nothing more is sent until the other side leaves.
    """

    data: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    tagged: bool = True
    told: bool = True
    location: str = ""
    token: str = ""
    breaks: list[int] = field(default_factory=list)
    halts: list[int] = field(default_factory=list)
    piece: int = 2**16
    pause: float = 0.0


@dataclass
class Asked:
    """A request, and the bytes of body that were sent for it."""

    path: str
    headers: dict[str, str]
    sent: int = 0


@dataclass
class Web:
    """The stand-in: pages by path, and the requests that came."""

    address: str
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def url(self, path: str) -> str:
        return self.address + path

    def add(self, path: str, data: bytes, **about: object) -> str:
        """Serve a file; its address."""
        self.pages[path] = Page(data, **about)  # type: ignore[arg-type]  # the fields of Page
        return self.url(path)

    def add_version(self, version: int, *files: dict[str, object], **about: object) -> None:
        """Serve what Civitai's API says of a version."""
        told = {
            "id": version,
            "name": "v2.0",
            "baseModel": "SD 1.5",
            "trainedWords": ["dream"],
            "model": {"name": "Dreamer", "type": "Checkpoint"},
            "files": files,
            **about,
        }
        headers = {"Content-Type": "application/json"}
        self.add(f"/api/v1/model-versions/{version}", json.dumps(told).encode(), headers=headers)

    def sent(self) -> int:
        return sum(it.sent for it in self.asked)


def civitai_file(web: Web, name: str, data: bytes, **about: object) -> dict[str, object]:
    """A file as Civitai's API tells of it, served at its download address."""
    number = 1000 + len(web.pages)
    return {
        "id": number,
        "sizeKB": len(data) / 1024,
        "name": name,
        "type": "Model",
        "metadata": {"fp": "fp16", "size": "pruned", "format": "SafeTensor"},
        "hashes": {"AutoV2": "0123456789", "SHA256": hashlib.sha256(data).hexdigest().upper()},
        "primary": True,
        "downloadUrl": web.add(f"/api/download/models/{number}", data),
        **about,
    }


@contextmanager
def running_web() -> Iterator[Web]:
    """Serve on a free port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    web = Web(f"http://127.0.0.1:{server.server_address[1]}")
    server.web = web
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def place_for(
    folder: Path, *, civitai: str = "", token: str | None = None, offline: bool = False
) -> WebPlace:
    return WebPlace(folder / "downloads", folder / "web-notes", offline, civitai, token)


class _Server(ThreadingHTTPServer):
    web: Web
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        pass

    def do_GET(self) -> None:
        web = self.server.web
        asked = Asked(self.path, {key.lower(): value for key, value in self.headers.items()})
        web.asked.append(asked)
        page = web.pages.get(self.path.partition("?")[0], Page(status=404))
        if page.token and self.headers.get("Authorization") != f"Bearer {page.token}":
            return self._begin(401, {"Content-Length": "0"})
        if page.location:
            return self._begin(307, {"Location": page.location, "Content-Length": "0"})
        if page.status != 200:
            return self._begin(page.status, {"Content-Length": "0", **page.headers})
        return self._send(page, asked)

    def _send(self, page: Page, asked: Asked) -> None:
        tag = f'"{hashlib.sha256(page.data).hexdigest()[:16]}"'
        headers = {"ETag": tag} if page.tagged else {}
        start, end, status = 0, len(page.data), 200
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.headers.get("range", "")) if page.ranges else None
        if wanted and asked.headers.get("if-range", tag) == tag:
            start = int(wanted[1])
            if start >= end:
                return self._begin(416, {"Content-Range": f"bytes */{end}", "Content-Length": "0"})
            status, whole = 206, end
            end = min(int(wanted[2]) + 1, end) if wanted[2] else end
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{whole}"
        if page.told:
            headers["Content-Length"] = str(end - start)
        self._begin(status, {**headers, **page.headers})
        halt = start + page.halts.pop(0) if page.halts else None
        stop = halt or (start + page.breaks.pop(0) if page.breaks else end)
        for at in range(start, min(stop, end), page.piece):
            piece = page.data[at : min(at + page.piece, stop, end)]
            with suppress(OSError):
                self.wfile.write(piece)
                asked.sent += len(piece)
                time.sleep(page.pause)
                continue
            break
        if halt is not None:
            self.rfile.read(1)  # ends when nobody is there any more
        self.close_connection = True
        return None

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
