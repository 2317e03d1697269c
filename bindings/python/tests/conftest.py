from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Origin, RawServer

import edgecmp


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Origin]:
    """The real origin, one for each test."""
    origin = Origin(tmp_path)
    yield origin
    origin.stop()


@pytest.fixture
def cache(origin: Origin) -> Iterator[edgecmp.Cache]:
    """A cache over it with a bound that no test outlives."""
    with edgecmp.Cache(origin.url, staleness_bound="1h", read_timeout="5s") as cache:
        yield cache


@pytest.fixture
def silent() -> Iterator[RawServer]:
    """An origin that accepts and never answers."""

    def read_on(connection: socket.socket) -> None:
        while connection.recv(4096):
            pass

    server = RawServer(read_on)
    yield server
    server.stop()
