"""Origins that answer garbage, too much, too slowly, or nothing: no hang, a reason."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from support import Origin, RawServer, closed_port

import edgecmp

DEADLINE = 0.6
# What a busy machine may add to a deadline.
GRACE = 1.0


def read_request(connection: socket.socket) -> None:
    request = b""
    while b"\r\n\r\n" not in request:
        part = connection.recv(4096)
        if not part:
            raise ConnectionResetError
        request += part


def answers(*parts: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)

    return serve


def endless(connection: socket.socket) -> None:
    """A body of 10 GB, as far as anybody reads it."""
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def endless_chunks(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def endless_headers(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")


def drip(connection: socket.socket) -> None:
    """Slow-loris: a byte now and then, for ever."""
    read_request(connection)
    while True:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)


PROTOCOL, AWAY = edgecmp.OriginProtocolError, edgecmp.OriginUnavailableError
DEADLINE_OR_AWAY = (edgecmp.DeadlineExceededError, AWAY)

Kind = type[edgecmp.Error] | tuple[type[edgecmp.Error], ...]

ORIGINS: dict[str, tuple[Callable[[socket.socket], None], Kind]] = {
    "not http": (answers(b"\x00\xff garbage \r\n\r\n"), PROTOCOL),
    "http of another kind": (answers(b"ICY 200 OK\r\n\r\n"), PROTOCOL),
    "bad content-length": (answers(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), PROTOCOL),
    "bad version": (
        answers(b"HTTP/1.1 200 OK\r\nEdge-Version: seven\r\nContent-Length: 1\r\n\r\nx"),
        PROTOCOL,
    ),
    "304 unasked": (answers(b"HTTP/1.1 304 Not Modified\r\n\r\n"), PROTOCOL),
    "10 GB": (endless, PROTOCOL),
    "endless chunks": (endless_chunks, PROTOCOL),
    "endless headers": (endless_headers, PROTOCOL),
    "slow-loris": (drip, DEADLINE_OR_AWAY),
    "silence": (answers(b"", pause=30), DEADLINE_OR_AWAY),
    "half a body": (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), AWAY),
    "closes": (lambda connection: None, AWAY),
    "500": (answers(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), AWAY),
    "418": (
        answers(b"HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n"),
        edgecmp.OriginRejectedError,
    ),
}


@pytest.fixture(params=ORIGINS)
def bad(request: pytest.FixtureRequest) -> Iterator[tuple[RawServer, Kind]]:
    serve, error = ORIGINS[request.param]
    server = RawServer(serve)
    yield server, error
    server.stop()


def test_read(bad: tuple[RawServer, Kind]) -> None:
    server, error = bad
    with edgecmp.Cache(server.url, read_timeout=DEADLINE, breaker_failures=0) as cache:
        started = time.monotonic()
        with pytest.raises(error) as caught:
            cache.get("a")
        assert time.monotonic() - started < DEADLINE + GRACE
        assert isinstance(caught.value, edgecmp.Error) and caught.value.message
        assert cache.lookup("a") is None, "nothing of it is kept"


# Their heads say 200, and that says "committed", whatever follows.
COMMITTED = {"bad version", "10 GB", "endless chunks", "half a body"}


@pytest.mark.parametrize("name", ORIGINS)
def test_write(name: str) -> None:
    """A write that may have happened says so, or is acknowledged: never silently lost."""
    server = RawServer(ORIGINS[name][0])
    with edgecmp.Cache(server.url, write_timeout=DEADLINE, breaker_failures=0) as cache:
        started = time.monotonic()
        try:
            receipt = cache.set("a", b"1")
            assert name in COMMITTED and receipt.version == 0
        except edgecmp.UnknownOutcomeError as error:
            assert error.idempotency_key
        except edgecmp.OriginRejectedError:
            assert name == "418"
        assert time.monotonic() - started < DEADLINE + GRACE
        assert cache.lookup("a") is None, "of unknown version: not kept"
    server.stop()


def test_nobody_listens() -> None:
    with edgecmp.Cache(f"http://127.0.0.1:{closed_port()}/{{key}}", read_timeout=DEADLINE) as cache:
        with pytest.raises(edgecmp.OriginUnavailableError):
            cache.get("a")


def test_a_large_answer_within_the_limits_is_returned_but_not_kept(origin: Origin) -> None:
    origin.put("a", b"x" * 100_000)
    with edgecmp.Cache(origin.url, max_value_bytes="64KiB") as cache:
        assert len(cache.get("a").value or b"") == 100_000
        assert cache.lookup("a") is None
        assert cache.stats()["not_kept"] == 1
