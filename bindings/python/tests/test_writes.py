"""set, delete, and writes of unknown outcome."""

from __future__ import annotations

import array

import pytest
from support import Origin

import edgecmp


def test_reads_its_own_write(origin: Origin, cache: edgecmp.Cache) -> None:
    receipt = cache.set("a", b"1")
    assert cache.get("a").version >= receipt.version
    assert cache.get("a").value == b"1" == origin.request("GET", "/items/a")


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (b"", b""),
        ("zażółć", "zażółć".encode()),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (array.array("H", [1, 2]), array.array("H", [1, 2]).tobytes()),
    ],
)
def test_values(cache: edgecmp.Cache, value: bytes, stored: bytes) -> None:
    cache.set("a", value)
    cache.invalidate("a")
    assert cache.get("a").value == stored


def test_keys_of_any_bytes(cache: edgecmp.Cache) -> None:
    for key in ("a/b c?d#e%2F", "Łódź", b"\x00\xff\xfe", b"caf\xe9"):
        cache.set(key, repr(key))
    for key in ("a/b c?d#e%2F", "Łódź", b"\x00\xff\xfe", b"caf\xe9"):
        cache.invalidate(key)
        assert cache.get(key).value == repr(key).encode()
    # A file name as Python gives it: the same bytes.
    assert cache.get("caf\udce9").value == repr(b"caf\xe9").encode()


def test_delete(cache: edgecmp.Cache) -> None:
    first = cache.set("a", b"1")
    deleted = cache.delete("a")
    assert deleted.version > first.version
    assert cache.get("a").value is None


def test_if_version(origin: Origin, cache: edgecmp.Cache) -> None:
    version = cache.set("a", b"1").version
    other = origin.put("a", b"2")
    with pytest.raises(edgecmp.ConflictError) as caught:
        cache.set("a", b"3", if_version=version)
    assert not caught.value.retriable
    assert cache.set("a", b"3", if_version=other).version > other


def test_a_lost_answer_is_an_unknown_outcome_and_its_retry_writes_once(
    origin: Origin, cache: edgecmp.Cache
) -> None:
    origin.fail(method="PUT", drop_answer=True, count=10)
    with pytest.raises(edgecmp.UnknownOutcomeError) as caught:
        cache.set("a", b"1", timeout="1s")
    error = caught.value
    assert error.retriable and error.idempotency_key
    assert origin.writes() == 1, "it did happen; the cache can't know"
    origin.fail(count=0)
    receipt = cache.set("a", b"1", idempotency_key=error.idempotency_key)
    assert (receipt.idempotency_key, origin.writes()) == (error.idempotency_key, 1)
    assert cache.get("a").version == receipt.version


def test_without_the_key_a_retry_does_write_twice(origin: Origin, cache: edgecmp.Cache) -> None:
    """The test above can fail: this is what it looks like."""
    cache.set("a", b"1")
    cache.set("a", b"1")
    assert origin.writes() == 2


def test_after_an_unknown_outcome_the_old_value_is_not_served(
    origin: Origin, cache: edgecmp.Cache
) -> None:
    cache.set("a", b"old")
    origin.fail(method="PUT", drop_answer=True, count=10)
    with pytest.raises(edgecmp.UnknownOutcomeError):
        cache.set("a", b"new", timeout="1s")
    origin.fail(count=0)
    assert cache.lookup("a") is None
    assert cache.get("a").value == b"new"


def test_an_unreachable_origin_did_not_write(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.stop()
    with pytest.raises(edgecmp.OriginUnavailableError):
        cache.set("a", b"1", timeout="1s")
