"""A hub on localhost: the few routes of it that are used, and a count of what was asked."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

from sdflow.models.hub_place import HubPlace

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Repo:
    """A repository of one commit. Files with one of `large` in their name are LFS files."""

    files: dict[str, bytes]
    branches: tuple[str, ...] = ("main",)
    commit: str = COMMIT
    token: str | None = None
    gated: bool = False
    gated_files: bool = False
    forbidden: bool = False

    large: tuple[str, ...] = (".safetensors", ".bin")

    @classmethod
    def of_folder(cls, folder: Path) -> "Repo":
        found = (path for path in folder.rglob("*") if path.is_file())
        return cls({path.relative_to(folder).as_posix(): path.read_bytes() for path in found})

    def is_large(self, name: str) -> bool:
        return name.endswith(self.large)


@dataclass
class Hub:
    """The stand-in: its repositories, new names of renamed ones, and the requests that came."""

    place: HubPlace
    repos: dict[str, Repo] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    corrupt: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)

    def downloads(self) -> list[str]:
        return [
            it.partition("/resolve/")[2].partition("/")[2]
            for it in self.requests
            if it.startswith("GET") and "/resolve/" in it
        ]


@contextmanager
def running_hub(folder: Path) -> Iterator[Hub]:
    """Serve on a free port; cache and listings are in `folder`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    hub = Hub(HubPlace(folder / "hf", endpoint, offline=False, listings=folder / "listings", token="hf_ours"))
    server.hub = hub  # type: ignore[attr-defined]  # how a handler finds it
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def offline(place: HubPlace) -> HubPlace:
    return replace(place, offline=True)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        pass

    def _answer(self, *, body: bool) -> None:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]  # set in running_hub
        path = unquote(urlsplit(self.path).path)
        hub.requests.append(f"{self.command} {path}")
        is_api = path.startswith("/api/models/")
        parts = path.removeprefix("/api/models").strip("/").split("/")
        name = "/".join(parts[:2])
        if name in hub.renamed:
            new = path.replace(name, hub.renamed[name])
            return self._reply(307, {"Location": new + "?blobs=true" if is_api else new})
        repo = hub.repos.get(name)
        if repo is None:
            return self._reply(404, {"X-Error-Code": "RepoNotFound"})
        if repo.gated:
            return self._reply(403, {"X-Error-Code": "GatedRepo"})
        if repo.forbidden:
            return self._reply(403, {})
        if repo.token and self.headers.get("Authorization") != f"Bearer {repo.token}":
            return self._reply(401, {"X-Error-Code": "RepoNotFound"})
        revision = parts[3] if len(parts) > 3 else "main"
        if revision not in (*repo.branches, repo.commit):
            return self._reply(404, {"X-Error-Code": "RevisionNotFound"})
        if is_api:
            return self._reply(200, {"Content-Type": "application/json"}, _info(name, repo))
        if repo.gated_files:
            return self._reply(403, {"X-Error-Code": "GatedRepo"})
        return self._file(hub, repo, "/".join(parts[4:]), body=body)

    def _file(self, hub: Hub, repo: Repo, name: str, *, body: bool) -> None:
        data = repo.files.get(name)
        if data is None:
            return self._reply(404, {"X-Error-Code": "EntryNotFound"})
        etag = hashlib.sha256(data).hexdigest() if repo.is_large(name) else _git_digest(data)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": repo.commit}
        if repo.is_large(name):
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(data))}
        if name in hub.corrupt:
            data = bytes(len(data))
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if body and wanted:
            whole, start = len(data), int(wanted[1])
            data = data[start : int(wanted[2]) + 1 if wanted[2] else whole]
            span = f"bytes {start}-{start + len(data) - 1}/{whole}"
            return self._reply(206, {**headers, "Content-Range": span}, data)
        if body:
            return self._reply(200, headers, data)
        return self._reply(200, {**headers, "Content-Length": str(len(data))})

    def _reply(self, status: int, headers: dict[str, str], data: bytes = b"") -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


def _info(name: str, repo: Repo) -> bytes:
    siblings = []
    for file, data in repo.files.items():
        it: dict[str, object] = {"rfilename": file, "size": len(data), "blobId": _git_digest(data)}
        if repo.is_large(file):
            it["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
        siblings.append(it)
    return json.dumps({"id": name, "modelId": name, "sha": repo.commit, "siblings": siblings}).encode()


def _git_digest(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
