"""The short way into lookup and get, and the entries kept by their key objects."""

from __future__ import annotations

import inspect
import os
import resource
import sys
import threading
import time
from typing import Any

import pytest
from support import Origin

import edgecmp


def read_often(cache: edgecmp.Cache, key: str | bytes) -> edgecmp.Entry:
    """Has the key kept, and reads it."""
    entry = None
    for _ in range(4):
        entry = cache.lookup(key)
    assert entry is not None
    return entry


def test_one_bytes_object_for_all_reads_of_a_version(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("a", b"1")
    cache.get("a")
    value = read_often(cache, "a").value
    held = [read_often(cache, "a") for _ in range(3)]
    assert value == b"1"
    assert all(entry.value is value for entry in [*held, cache.get("a")])
    cache.set("a", b"2")
    new = read_often(cache, "a").value
    assert new == b"2" and new is not value
    assert read_often(cache, "a").value is new


def test_an_entry_that_is_held_does_not_change(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("a", b"1")
    cache.get("a")
    first = read_often(cache, "a")
    before = (first.staleness_ns, first.version, first.value)
    time.sleep(0.01)
    second = read_often(cache, "a")
    assert second is not first and second.staleness_ns >= before[0] + 10_000_000
    version = cache.set("a", b"2").version
    assert read_often(cache, "a").version == version > before[1]
    assert (first.staleness_ns, first.version, first.value) == before


def test_each_read_says_its_own_staleness(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("a", b"1")
    cache.get("a")
    first = cache.get("a").staleness_ns
    read_at = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    for _ in range(100):
        passed = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - read_at
        # An age is told some four microseconds too high, or not (docs/clock.md): the
        # first may be, and this one not. But it grows with the time that passes.
        assert cache.get("a").staleness_ns >= first + passed - 5_000
    assert passed > 5_000, "a staleness that stands still would not be noticed"


def test_what_is_kept_obeys_bounds_writes_and_invalidation(origin: Origin) -> None:
    with edgecmp.Cache(origin.url, staleness_bound="80ms", refresh_after="80ms") as cache:
        origin.put("a", b"1")
        cache.get("a")
        read_often(cache, "a")
        time.sleep(0.09)
        assert cache.lookup("a") is None, "past its bound"
        assert cache.get("a").value == b"1"
        for n in range(50):
            version = cache.set("a", str(n)).version
            assert (found := cache.lookup("a")) is None or found.version >= version
            assert cache.get("a").value == str(n).encode()
        read_often(cache, "a")
        cache.invalidate("a")
        assert cache.lookup("a") is None
    for call in (cache.lookup, cache.get):
        with pytest.raises(edgecmp.ClosedError):
            call("a")


def test_a_key_that_is_gone(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("a", b"1")
    cache.get("a")
    read_often(cache, "a")
    cache.delete("a")
    assert cache.get("a").found is False
    assert read_often(cache, "a").value is None


def test_get_many_of_kept_and_other_keys(origin: Origin, cache: edgecmp.Cache) -> None:
    for key in "abc":
        origin.put(key, key)
    cache.get("a")
    kept = read_often(cache, "a")
    for _ in range(3):
        entries = cache.get_many(["b", "a", "c", "a", "none", "b"])
        assert [entry.value for entry in entries] == [b"b", b"a", b"c", b"a", None, b"b"]
        assert entries[1].value is entries[3].value is kept.value
    assert cache.get_many(["a"])[0].value is kept.value
    with pytest.raises(edgecmp.InvalidArgumentError, match=r"keys\[2\]: got 0 bytes"):
        cache.get_many(["a", "b", ""])
    before = cache.stats()["hits"]
    cache.get_many(["a", "b"] * 50)
    assert cache.stats()["hits"] == before + 100
    cache.close()
    with pytest.raises(edgecmp.ClosedError):
        cache.get_many(["a"])


class Text(str):
    """No `str` exactly."""


KEYS: list[Any] = ["a", "\N{SNOWMAN}", "\udcff", b"a", b"\xff\x00", Text("a"), "k" * 1024]


@pytest.mark.parametrize("key", KEYS, ids=ascii)
def test_keys_of_all_kinds(key: Any) -> None:
    with edgecmp.Cache(loader=lambda key: key.encode("utf-8", "surrogateescape"), staleness_bound="1h") as cache:
        value = key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogateescape")
        assert cache.get(key).value == value
        for _ in range(4):
            for entry in (cache.lookup(key), cache.get(key), cache.lookup(key, widen=True)):
                assert entry is not None and (entry.value, entry.source) == (value, "cache")


def test_hits_are_counted_once_each(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("a", b"1")
    cache.get("a")
    before = cache.stats()["hits"]
    for _ in range(500):
        cache.lookup("a")
        cache.get("a")
    assert cache.stats()["hits"] == before + 1000


def test_many_more_keys_than_are_kept() -> None:
    """Each read gets its own key's value, whoever was in its place before."""
    with edgecmp.Cache(loader=str.encode, staleness_bound="1h", capacity="4MiB") as cache:
        keys = [f"key-{n}" for n in range(6000)]
        for _ in range(3):
            for at in range(0, len(keys), 50):
                some = keys[at : at + 50]
                for key in [*some, *some, *some]:
                    assert cache.get(key).value == key.encode()


def test_nothing_leaks() -> None:
    key = "".join(["a", "key"])
    cache = edgecmp.Cache(loader=lambda key: b"x" * 200, staleness_bound="1h")
    cache.get(key)
    value = read_often(cache, key).value
    base = (sys.getrefcount(key), sys.getrefcount(value))

    def read(times: int) -> int:
        for _ in range(times):
            cache.lookup(key)
            cache.lookup("".join(["a", "key"]))
            held = cache.lookup(key)
            assert held is not None and held.value is not None
            cache.lookup(key)
            cache.lookup("not there")
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    warm = read(50_000)
    assert read(200_000) - warm < 2048, "KiB"
    assert (sys.getrefcount(key), sys.getrefcount(value)) == base
    cache.close()
    del cache
    assert sys.getrefcount(key) == base[0] - 1, "given back with the cache"


def test_a_forked_child_finds_nothing_of_its_parent(origin: Origin, cache: edgecmp.Cache) -> None:
    origin.put("a", b"1")
    cache.get("a")
    held = read_often(cache, "a")
    child = os.fork()
    if child == 0:
        found = [cache.lookup("a"), cache.lookup("a")]
        os._exit(0 if found == [None, None] and held.value == b"1" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert read_often(cache, "a").value is held.value


def test_threads_never_see_a_version_go_back() -> None:
    store = {"n": 0}

    def write(key: str, value: bytes | None) -> int:
        store["n"] += 1
        return store["n"]

    with edgecmp.Cache(
        loader=lambda key: edgecmp.Loaded(str(store["n"]), version=store["n"]),
        writer=write,
        staleness_bound="1h",
    ) as cache:
        cache.set("a", b"")
        ended = threading.Event()
        problems: list[Any] = []

        def read() -> None:
            seen = 0
            while not ended.is_set():
                entry = cache.lookup("a")
                if entry is not None:
                    if entry.version < seen:
                        problems.append((entry.version, seen))
                    seen = entry.version

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for _ in range(300):
            version = cache.set("a", b"").version
            assert cache.get("a").version >= version
        ended.set()
        for reader in readers:
            reader.join()
    assert problems == []


def test_the_methods_look_as_pyo3_made_them() -> None:
    options = ["staleness_bound", "widen", "outage_bound", "min_version"]
    assert list(inspect.signature(edgecmp.Cache.lookup).parameters) == ["self", "key", *options]
    more = [*options, "timeout", "traceparent"]
    assert list(inspect.signature(edgecmp.Cache.get).parameters) == ["self", "key", *more]
    assert (edgecmp.Cache.get.__doc__ or "").startswith("Reads a key.")


def test_entries_are_made_by_caches_alone() -> None:
    with pytest.raises(TypeError):
        edgecmp.Entry()
    with pytest.raises(TypeError):
        type("Other", (edgecmp.Entry,), {})
    with pytest.raises(TypeError):
        edgecmp.Entry.value = 5  # type: ignore[assignment]
    with pytest.raises(TypeError):
        edgecmp.Cache.lookup(object(), "a")  # type: ignore[arg-type]
