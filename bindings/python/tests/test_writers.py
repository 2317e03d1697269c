"""Python functions that write to the origin."""

from __future__ import annotations

import pytest

import edgecmp
from edgecmp import Loaded


class Database:
    """A system of record in a dict, with one counter for versions."""

    def __init__(self) -> None:
        self.rows: dict[str, Loaded] = {}
        self.done: dict[str, int] = {}
        self.version = 0

    def read(self, key: str) -> Loaded | None:
        return self.rows.get(key)

    def write(self, key: str, value: bytes | None, *, idempotency_key: str, if_version: int | None) -> int:
        if idempotency_key in self.done:
            return self.done[idempotency_key]
        row = self.rows.get(key)
        if if_version is not None and (row is None or row.version != if_version):
            raise edgecmp.ConflictError(f"not at {if_version}")
        self.version += 1
        self.rows[key] = Loaded(value, version=self.version)
        self.done[idempotency_key] = self.version
        return self.version


def test_writer() -> None:
    database = Database()
    with edgecmp.Cache(loader=database.read, writer=database.write) as cache:
        receipt = cache.set("a", b"1")
        assert (receipt.version, cache.get("a").value) == (1, b"1")
        with pytest.raises(edgecmp.ConflictError):
            cache.set("a", b"2", if_version=9)
        assert cache.delete("a", if_version=1).version == 2
        assert cache.get("a").value is None
        assert cache.set("a", b"3", idempotency_key=receipt.idempotency_key).version == 1


def test_writes_need_a_writer_that_can_do_what_is_asked() -> None:
    with edgecmp.Cache(loader=lambda key: None) as cache:
        with pytest.raises(edgecmp.UnsupportedError):
            cache.set("a", b"1")
    written: list[str] = []
    with edgecmp.Cache(loader=lambda key: None, writer=lambda key, value: written.append(key)) as cache:
        assert cache.set("a", b"1").version == 0, "the writer named no version"
        with pytest.raises(edgecmp.UnsupportedError, match="if_version"):
            cache.set("b", b"1", if_version=1)
    assert written == ["a"]


def test_a_writer_that_fails_leaves_the_outcome_unknown() -> None:
    def write(key: str, value: bytes | None) -> int:
        raise OSError("connection lost after sending")

    with edgecmp.Cache(loader=lambda key: None, writer=write) as cache:
        with pytest.raises(edgecmp.UnknownOutcomeError) as caught:
            cache.set("a", b"1")
    assert caught.value.idempotency_key
