"""What the tests share: the real origin as a process, servers that misbehave, scripts."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ORIGIN = os.environ.get(
    "EDGECMP_ORIGIN",
    str(Path(__file__).parents[3] / "target" / "debug" / "edgecmp-origin"),
)


class Origin:
    """The reference origin (examples/origin), in memory, with faults on demand."""

    def __init__(self, directory: Path) -> None:
        port_file = directory / "port"
        self._process = subprocess.Popen(
            [ORIGIN, "--db", ":memory:", "--faults", "--port-file", str(port_file)],
            stdout=subprocess.DEVNULL,
        )
        wait_until(port_file.exists, "the origin listens")
        self.port = int(port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}/items/{{key}}"

    def request(self, method: str, path: str, body: bytes | str | None = None) -> bytes:
        """One request of our own, beside every cache."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.status >= 400:
            raise AssertionError(f"{method} {path}: {response.status} {content!r}")
        return content

    def put(self, key: str, value: bytes | str) -> int:
        """Writes as another client would; the version of the write."""
        return int(json.loads(self.request("PUT", f"/items/{key}", value))["version"])

    def fail(self, **fault: Any) -> None:
        """What goes wrong with the next `count` requests; see examples/origin."""
        self.request("POST", "/faults", json.dumps({"count": 1, "match": "/items", **fault}))

    def requests(self, method: str = "GET") -> int:
        """Requests below /items that it has answered, by its own count."""
        text = self.request("GET", "/metrics").decode()
        pattern = rf'origin_requests_total{{method="{method}",endpoint="/items[^"]*",[^}}]*}} (\d+)'
        return sum(int(count) for count in re.findall(pattern, text))

    def writes(self) -> int:
        """Versions that it has given, by its own history."""
        text = self.request("GET", "/metrics").decode()
        return sum(int(n) for n in re.findall(r"origin_writes_total{[^}]*} (\d+)", text))

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class RawServer:
    """Accepts connections and does with each what it is told, at TCP level."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/items/{{key}}"
        self.accepted = 0
        self._serve = serve
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._serve(connection)
            except OSError:
                pass  # the client went away

    def stop(self) -> None:
        # Wakes `accept` up, which `close` alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until(condition: Callable[[], Any], what: str, timeout: float = 10.0) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.005)


def script(source: str, *arguments: object) -> subprocess.Popen[str]:
    """Runs a program in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-I", "-W", "error", "-c", textwrap.dedent(source), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_script(source: str, *arguments: object, timeout: float = 20.0) -> str:
    """Its output; it has to end by itself, with status 0 and nothing on stderr."""
    process = script(source, *arguments)
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        raise AssertionError(f"hangs; stdout {output!r}, stderr {errors!r}") from None
    assert (process.returncode, errors) == (0, ""), (process.returncode, output, errors)
    return output
