"""What could go wrong where Entries are kept, used again and changed in place."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import edgecmp


@pytest.fixture
def cache() -> Iterator[edgecmp.Cache]:
    """Every key is its own value."""
    with edgecmp.Cache(loader=str.encode, staleness_bound="1h", capacity="8MiB") as cache:
        yield cache


def keep(cache: edgecmp.Cache, key: Any) -> None:
    cache.get(key)
    for _ in range(4):
        found = cache.lookup(key)
        # From now on all reads share the object.
        assert found is not None and found.value is not None


def text(*parts: str) -> str:
    """A `str` object of its own."""
    return "".join(parts)


def test_the_address_of_a_key_that_is_gone_is_not_its_identity(cache: edgecmp.Cache) -> None:
    """Keys of one size are made in the same memory again and again."""
    for turn in range(20_000):
        key = text("key-", str(turn % 97).zfill(8))
        again = key
        found = [cache.get(again), cache.lookup(key)]
        assert all(entry is not None and entry.value == key.encode() for entry in found)
        del again


def test_equal_keys_that_are_not_the_same(cache: edgecmp.Cache) -> None:
    keys = [text("a", "b") for _ in range(50)]
    for _ in range(5):
        assert {cache.get(key).value for key in keys} == {b"ab"}


def test_a_kept_key_cannot_be_changed_in_place(cache: edgecmp.Cache) -> None:
    """`s += t` writes into a `str` that nobody else holds."""
    for turn in range(300):
        key = text("grow", str(turn))
        keep(cache, key)
        for _ in range(20):
            key += "x"
            assert cache.get(key).value == key.encode()
    key = sys.intern(text("interned", "key"))
    keep(cache, key)
    assert cache.get(text("interned", "key")).value == b"internedkey"


def test_an_entry_that_is_held_anywhere_is_not_used_again(cache: edgecmp.Cache) -> None:
    key = text("held")
    keep(cache, key)

    def facts(entry: edgecmp.Entry) -> tuple[int, int, bytes | None]:
        return entry.staleness_ns, entry.version, entry.value

    class Holder:
        pass

    holder = Holder()
    holder.entry = cache.lookup(key)  # type: ignore[attr-defined]
    in_tuple = (cache.lookup(key),)
    # A bound slot wrapper, and a generator that waits, hold theirs too.
    method = cache.lookup(key).__repr__
    waiting = (entry for entry in [cache.lookup(key)])
    held: list[Any] = [holder.entry, in_tuple[0]]  # type: ignore[attr-defined]
    before = [facts(entry) for entry in held] + [method()]
    for _ in range(1_000):
        cache.lookup(key)
        cache.get(key)
    assert [facts(entry) for entry in held] + [method()] == before
    first = next(waiting)
    assert first is not None and first.value == b"held"
    assert len({id(entry) for entry in [*held, first]}) == 3


def test_two_results_in_one_expression_are_two_objects(cache: edgecmp.Cache) -> None:
    key = text("twice")
    keep(cache, key)
    one, other = cache.lookup(key), cache.lookup(key)
    assert one is not other and one is not None and other is not None
    assert other.staleness_ns >= one.staleness_ns
    both = cache.get_many([key, key])
    assert both[0] is not both[1] and both[0].value is both[1].value
    assert cache.lookup(key).value is cache.lookup(key).value  # type: ignore[union-attr]


def test_nobody_gets_at_what_is_kept(cache: edgecmp.Cache) -> None:
    """No weak reference, no collector, no referrer: only counted references."""
    key = text("hidden")
    keep(cache, key)
    entry = cache.lookup(key)
    assert entry is not None
    with pytest.raises(TypeError):
        weakref.ref(entry)
    assert not gc.is_tracked(entry)
    assert not [found for found in gc.get_objects() if type(found) is edgecmp.Entry]
    assert not gc.get_referents(entry)
    with pytest.raises(AttributeError):
        entry.other = 1  # type: ignore[attr-defined]


def test_finalizers_and_callbacks_may_call_the_cache(cache: edgecmp.Cache) -> None:
    """Nothing that a look-up frees runs code of Python; what code of Python frees may look up."""
    keys = [text("key", str(n)) for n in range(200)]
    for key in keys:
        keep(cache, key)
    called = []

    class Last:
        def __init__(self, key: str) -> None:
            self.entry, self.key = cache.lookup(key), key

        def __del__(self) -> None:
            called.append(cache.get(self.key).value == self.key.encode())
            cache.invalidate(self.key)
            called.append(cache.lookup(self.key) is None)

    for key in keys:
        last = Last(key)
        weakref.finalize(last, cache.get, key)
        ring = [last]
        ring.append(ring)  # type: ignore[arg-type]
        del last, ring
        for other in keys[:3]:
            cache.lookup(other)
    gc.collect()
    assert called == [True] * 400


class Key(str):
    """Compares and hashes in Python, and calls back."""

    cache: edgecmp.Cache

    def __eq__(self, other: object) -> bool:
        self.cache.lookup("plain")
        return str.__eq__(self, other)

    def __hash__(self) -> int:
        self.cache.get("plain")
        return str.__hash__(self)


def test_keys_that_run_code_are_never_kept(cache: edgecmp.Cache) -> None:
    Key.cache = cache
    key = Key("own")
    count = sys.getrefcount(key)
    for _ in range(10):
        assert cache.get(key).value == b"own"
        assert cache.get_many([key, "plain"])[0].value == b"own"
    assert sys.getrefcount(key) == count


def test_threads_share_kept_entries(cache: edgecmp.Cache) -> None:
    keys = [text("key", str(n)) for n in range(64)]
    ended = time.monotonic() + 1.0
    wrong: list[Any] = []

    def read(seed: int) -> None:
        held: list[tuple[edgecmp.Entry, str, int]] = []
        turn = seed
        while time.monotonic() < ended:
            turn += 7
            key = keys[turn % len(keys)]
            entry = cache.get(key)
            held.append((entry, key, entry.staleness_ns))
            if turn % 50 == 0:
                cache.invalidate(key)
            if len(held) > 100:
                wrong.extend(h for h in held if h[0].value != h[1].encode() or h[0].staleness_ns != h[2])
                held.clear()

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=read, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert not wrong


def test_entries_outlive_caches_and_their_memory_is_used_again() -> None:
    entries: list[edgecmp.Entry] = []
    for turn in range(3):
        with edgecmp.Cache(loader=lambda key: (key * 3).encode(), staleness_bound="1h") as cache:
            # More than there are places for.
            keys = [f"{turn}-{n}" for n in range(70_000)]
            entries = [e for at in range(0, len(keys), 500) for e in cache.get_many(keys[at : at + 500])]
        del cache
        assert all(e.value == f"{turn}-{n}".encode() * 3 for n, e in enumerate(entries))


@pytest.mark.parametrize("capacity", ["2MiB", "32MiB"])
def test_a_random_history_of_many_keys(capacity: str) -> None:
    """Against a dict, with room for all that is kept and without; then all is given back."""
    chance = random.Random(11)
    state: dict[str, int] = {}
    load: Callable[[str], bytes] = lambda key: f"{key}={state[key]}".encode()  # noqa: E731
    cache = edgecmp.Cache(loader=load, staleness_bound="1h", capacity=capacity)
    keys = [f"key-{n}" for n in range(6000)]
    state.update(dict.fromkeys(keys, 0))
    base = [sys.getrefcount(key) for key in keys]
    for step in range(150):
        # Some keys again and again, so that they are kept, next to each other's places.
        some = chance.sample(keys, 120)
        for key in some * 3:
            assert cache.get(key).value == load(key), step
        for key in chance.sample(some, 40) + chance.sample(keys, 20):
            state[key] += 1
            cache.invalidate(key)
            found = cache.lookup(key)
            assert found is None, "what is kept is not found once it is forgotten"
        for key in some:
            found = cache.lookup(key)
            assert found is None or found.value == load(key)
        found = None
    cache.close()
    del cache, some, key
    assert [sys.getrefcount(key) for key in keys] == base


def test_a_forked_child_keeps_its_own(cache: edgecmp.Cache) -> None:
    key = text("forked")
    keep(cache, key)
    held = cache.lookup(key)
    child = os.fork()
    if child == 0:
        ok = cache.lookup(key) is None
        # A loader's cache runs in the child again.
        keep(cache, key)
        first, second = cache.lookup(key), cache.lookup(key)
        ok = ok and first is not None and second is not None and first.value is second.value
        ok = ok and held is not None and held.value == b"forked" and first.value == b"forked"  # type: ignore[union-attr]
        cache.invalidate(key)
        os._exit(0 if ok and cache.lookup(key) is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    again = cache.lookup(key)
    assert again is not None and again.value == b"forked"


# 400,000 loads through Python, unoptimized: 17 s by itself.
@pytest.mark.timeout(300)
def test_capacity_covers_what_is_kept() -> None:
    """Resident memory stays near capacity, kept entries and replaced ones included."""
    program = """
import resource, edgecmp
capacity = 32 << 20
state = {"n": 0}
def load(key):
    return (key + str(state["n"])).encode() * 16
cache = edgecmp.Cache(loader=load, staleness_bound="1h", capacity=capacity)
keys = [f"key-{n:030d}" for n in range(100_000)]
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
cache.get(keys[0])
before = peak()
for turn in range(4):
    state["n"] = turn
    for at in range(0, len(keys), 1000):
        some = keys[at : at + 1000]
        for key in some:
            cache.invalidate(key)
        for _ in range(4):
            for key in some:
                cache.get(key).value
print(cache.options()["capacity"], cache.stats()["bytes"], peak() - before)
cache.close()
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    said, held, grown = done.stdout.split()
    assert said == "32MiB", "as it was asked for"
    assert int(held) <= (32 << 20) * 7 // 8, "core leaves room"
    assert int(grown) < (32 << 20) * 1.25, "what allocators and the loader need comes on top"


def test_no_other_interpreter_of_the_process() -> None:
    """What is static here is one interpreter's."""
    name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
    pytest.importorskip(name)
    code = "try: import edgecmp\nexcept ImportError as error: print('refused', error, flush=True)"
    program = f"""
import {name} as interpreters
import edgecmp
other = interpreters.create()
(getattr(interpreters, "exec", None) or interpreters.run_string)(other, {code!r})
interpreters.destroy(other)
"""
    run = [sys.executable, "-I", "-c", program]
    done = subprocess.run(run, capture_output=True, text=True, timeout=30)
    assert "refused" in done.stdout and done.returncode == 0, done.stdout + done.stderr


def test_the_module_can_be_imported_again() -> None:
    program = """
import sys, edgecmp
entry = edgecmp.Entry
for name in [name for name in sys.modules if name.startswith("edgecmp")]:
    del sys.modules[name]
import edgecmp
assert edgecmp.Entry is entry
with edgecmp.Cache(loader=str.encode, staleness_bound="1h") as cache:
    cache.get("a")
    assert type(cache.lookup("a")) is entry
"""
    subprocess.run([sys.executable, "-I", "-c", program], check=True, timeout=30)
