"""A web server on this computer that speaks like UCSC, Ensembl or a download site, well or badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


@dataclass
class Answer:
    """What the server says to one question; ``cut`` stops after so many bytes although the length promised more."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


@dataclass
class Server:
    """The address of a running server, and what it was asked for: paths decoded, and as they came."""

    url: str
    asked: list[str]
    raw: list[str]
    headers: list[dict[str, str]]


@contextmanager
def serving(answer: Callable[[str, dict[str, str]], Answer]) -> Iterator[Server]:
    """Runs a server whose answers are made by ``answer(path, headers)``."""
    asked: list[str] = []
    raw: list[str] = []
    headers: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(unquote(self.path))
            raw.append(self.path)
            headers.append(dict(self.headers))
            given = answer(unquote(self.path), dict(self.headers))
            self.send_response(given.status)
            for name, value in {"Content-Length": str(len(given.body)), **given.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(given.body[: given.cut])
            except (BrokenPipeError, ConnectionResetError):
                return
            if given.cut is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_address[1]}", asked, raw, headers)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON."""
    return Answer(json.dumps(value).encode(), status, {"Content-Type": "application/json", **headers})


def ucsc(records: dict[str, str]) -> Callable[[str, dict[str, str]], Answer]:
    """Answers like the UCSC REST service for one genome, ``tiny``."""

    def answer(path: str, headers: dict[str, str]) -> Answer:
        route, _, query = path.partition("?")
        asked = dict(part.split("=") for part in query.split(";"))
        if asked.get("genome") != "tiny":
            return as_json({"error": "can not find genome='x'", "statusCode": 400, "statusMessage": "Bad Request"}, 400)
        if route == "/list/chromosomes":
            return as_json({"genome": "tiny", "chromosomes": {name: len(bases) for name, bases in records.items()}})
        start, end = int(asked["start"]), int(asked["end"])
        dna = records[asked["chrom"]][start:end]
        return as_json({"genome": "tiny", "chrom": asked["chrom"], "start": start, "end": end, "dna": dna})

    return answer
