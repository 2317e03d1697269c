"""get, get_many, lookup, invalidate, and what an Entry says."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from support import Origin, wait_until

import edgecmp


def test_miss_then_hit(origin: Origin, cache: edgecmp.Cache) -> None:
    version = origin.put("a", b"\x00value")
    miss, hit = cache.get("a"), cache.get(b"a")
    assert (miss.value, miss.version, miss.source) == (b"\x00value", version, "origin")
    assert (hit.value, hit.version, hit.source) == (b"\x00value", version, "cache")
    assert hit.found and not hit.degraded and hit.proof == "pull"
    assert origin.requests() == 1


def test_a_hit_says_how_old_it_can_be(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("a", b"1")
    before = time.monotonic()
    cache.get("a")
    time.sleep(0.05)
    hit = cache.get("a")
    assert 0.05 <= hit.staleness <= (time.monotonic() - before) * 1.001
    assert hit.staleness == pytest.approx(hit.staleness_ns / 1e9)
    assert (hit.bound, hit.bound_ns) == (3600.0, 3600 * 10**9)


def test_no_such_key_is_an_entry_without_a_value(cache: edgecmp.Cache) -> None:
    entry = cache.get("nothing")
    assert (entry.value, entry.found) == (None, False)
    assert bool(entry), "lookup gives None for no entry: an entry is always true"
    assert cache.get("nothing").source == "cache"


def test_past_its_bound_a_value_is_asked_for_again(origin: Origin) -> None:
    with edgecmp.Cache(origin.url, staleness_bound="50ms") as cache:
        origin.put("a", b"old")
        assert cache.get("a").value == b"old"
        version = origin.put("a", b"new")
        time.sleep(0.06)
        entry = cache.get("a")
        assert (entry.value, entry.version) == (b"new", version)


def test_a_read_may_tighten_the_bound_and_widen_it_expressly(origin: Origin) -> None:
    with edgecmp.Cache(origin.url, staleness_bound="100ms") as cache:
        origin.put("a", b"1")
        cache.get("a")
        time.sleep(0.01)
        assert cache.get("a", staleness_bound=0.005).source == "origin"
        time.sleep(0.11)
        assert cache.lookup("a", staleness_bound="1h") is None, "wider without `widen`"
        wide = cache.lookup("a", staleness_bound=timedelta(hours=1), widen=True)
        assert wide is not None and wide.bound == 3600.0


def test_min_version_reads_your_writes_of_another_node(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("a", b"1")
    cache.get("a")
    with edgecmp.Cache(origin.url) as other:
        version = other.set("a", b"2").version
    assert cache.get("a").value == b"1", "within the bound"
    for asked in (version, str(version), UUID(int=version)):
        assert cache.get("a", min_version=asked).value == b"2"
    with pytest.raises(edgecmp.VersionNotReachedError):
        cache.get("a", min_version=version + 1)


def test_lookup_never_asks_the_origin(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("a", b"1")
    assert cache.lookup("a") is None
    time.sleep(0.05)
    assert origin.requests() == 0
    cache.get("a")
    entry = cache.lookup("a")
    assert entry is not None and entry.value == b"1"


def test_get_many_in_order_with_one_request_for_the_misses(
    origin: Origin, cache: edgecmp.Cache
) -> None:
    for n in range(20):
        origin.put(f"k{n}", str(n))
    cache.get("k3")
    keys: list[str | bytes] = [b"k0", "none", *(f"k{n}" for n in range(1, 20)), "k0"]
    entries = cache.get_many(iter(keys))
    values = [entry.value for entry in entries]
    assert values == [b"0", None, *(str(n).encode() for n in range(1, 20)), b"0"]
    assert entries[4].source == "cache"
    assert (origin.requests("POST"), origin.requests("GET")) == (1, 1)
    assert cache.get_many([]) == []


def test_get_many_raises_the_failure_or_returns_it() -> None:
    def load(key: str) -> bytes:
        if key == "bad":
            raise LookupError("no luck")
        return key.encode()

    with edgecmp.Cache(loader=load, breaker_failures=0) as cache:
        with pytest.raises(edgecmp.OriginUnavailableError, match="no luck"):
            cache.get_many(["a", "bad", "b"])
        a, bad, b = cache.get_many(["a", "bad", "b"], return_exceptions=True)
        assert isinstance(a, edgecmp.Entry) and isinstance(b, edgecmp.Entry)
        assert (a.value, b.value) == (b"a", b"b")
        assert isinstance(bad, edgecmp.OriginUnavailableError)


def test_invalidate(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("a", b"1")
    cache.get("a")
    origin.put("a", b"2")
    cache.invalidate("a")
    assert cache.lookup("a") is None
    assert cache.get("a").value == b"2"


def test_last_modified_at(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("a", b"1")
    modified = cache.get("a").last_modified_at
    assert modified is not None and modified.tzinfo is timezone.utc
    assert abs(datetime.now(timezone.utc) - modified) < timedelta(seconds=5)
    assert cache.get("none").last_modified_at is None


def test_degraded_only_if_asked_for(origin: Origin) -> None:
    options = {"staleness_bound": "20ms", "read_timeout": "300ms", "retry_limit": 0}
    with edgecmp.Cache(origin.url, **options) as cache:  # type: ignore[arg-type]
        origin.put("a", b"1")
        cache.get("a")
        origin.stop()
        time.sleep(0.03)
        with pytest.raises(ConnectionError) as caught:  # OriginUnavailable, or BreakerOpen
            cache.get("a")
        assert isinstance(caught.value, edgecmp.Error) and caught.value.retriable
        entry = cache.get("a", outage_bound="1h")
        assert entry.degraded and entry.value == b"1" and entry.proof == "none"
        assert entry.staleness > 0.02


def test_background_refresh_keeps_a_hot_key_warm(origin: Origin) -> None:
    with edgecmp.Cache(origin.url, staleness_bound="400ms", refresh_after="20ms") as cache:
        origin.put("a", b"1")
        cache.get("a")
        version = origin.put("a", b"2")
        time.sleep(0.03)
        assert cache.get("a").source == "cache", "serves, and asks for a refresh"
        wait_until(lambda: cache.lookup("a").version == version, "refreshed")  # type: ignore[union-attr]


def test_entries_are_immutable_and_outlive_the_cache(origin: Origin) -> None:
    origin.put("a", b"1")
    with edgecmp.Cache(origin.url) as cache:
        entry = cache.get("a")
    assert bytes(memoryview(entry.value or b"")) == b"1"
    assert entry.value is entry.value, "one bytes object, not a copy each time"
    with pytest.raises(AttributeError):
        entry.version = 3  # type: ignore[misc]
    assert repr(entry).startswith("<Entry 1 bytes, version=1, staleness=")


def test_traceparent_reaches_the_origin() -> None:
    context = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    seen = []

    def load(key: str, traceparent: str | None) -> bytes:
        seen.append(traceparent)
        return b""

    with edgecmp.Cache(loader=load) as cache:
        cache.get("a", traceparent=context)
        cache.get("b")
    assert seen == [context, None]
