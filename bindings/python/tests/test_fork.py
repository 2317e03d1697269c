"""A cache opened and used before a fork: the child gets an answer or ForkedError, never a hang."""

from __future__ import annotations

import pytest
from support import Origin, run_script

# The child has five seconds for all of it; SIGALRM ends one that hangs.
PRELUDE = """
import asyncio, gc, os, signal, sys, threading, time, warnings
import edgecmp
warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a threaded process: the point here

def in_child(work):
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stdout.flush(); sys.stderr.flush()
            os._exit(code)
    return child

def check(*children):
    for child in children:
        _, status = os.waitpid(child, 0)
        assert status == 0, f"child ended with {status}"
"""


def run(source: str, *arguments: object) -> str:
    return run_script(PRELUDE + source, *arguments, timeout=30)


def test_prefork_with_an_http_origin(origin: Origin) -> None:
    """As gunicorn with preload_app: the parent has used the cache, and goes on using it."""
    origin.put("a", b"1")
    run(
        """
cache = edgecmp.Cache(sys.argv[1], staleness_bound="1h")
assert cache.get("a").source == "origin"

def work():
    assert cache.lookup("a") is None, "reopened empty"
    entry = cache.get("a")
    assert (entry.value, entry.source) == (b"1", "origin")
    # Siblings must not draw the same idempotency key.
    cache.set(f"child-{os.getpid()}", b"")
    assert [e.value for e in cache.get_many(["a", "x"])] == [b"1", None]
    assert cache.close()

children = [in_child(work) for _ in range(4)]
assert cache.get("a").source == "cache"
check(*children)
assert cache.get("b").source == "origin"
""",
        origin.url,
    )


def test_fork_while_threads_read(origin: Origin) -> None:
    """Locks of every kind are held somewhere at the moment of the fork."""
    run(
        """
cache = edgecmp.Cache(sys.argv[1], staleness_bound="100ms", read_timeout="5s")
stop = threading.Event()
def read(n):
    while not stop.is_set():
        cache.get(f"k{n % 3}")
threads = [threading.Thread(target=read, args=(n,)) for n in range(6)]
for t in threads: t.start()

def work():
    for n in range(20):
        cache.get(f"k{n % 3}")

for _ in range(15):
    check(in_child(work))
stop.set()
for t in threads: t.join()
""",
        origin.url,
    )


@pytest.mark.parametrize("kind", ["def", "async def"])
def test_loaders_are_made_again_in_the_child(kind: str) -> None:
    run(
        f"""
{kind} load(key):
    return f"{{key}} by {{os.getpid()}}"
cache = edgecmp.Cache(loader=load, staleness_bound="1h")
def mine(): return f"a by {{os.getpid()}}".encode()
assert cache.get("a").value == mine()

def grandchild():
    assert cache.get("a").value == mine()

def work():
    assert cache.get("a").value == mine()
    check(in_child(grandchild))
    assert cache.get("b").value is not None
    assert cache.close()

children = [in_child(work) for _ in range(3)]
assert cache.get("b").value is not None
check(*children)
"""
    )


def test_fork_while_a_loader_runs() -> None:
    """The parent's call stays the parent's: the child neither answers nor loses it."""
    run(
        """
running, go = threading.Event(), threading.Event()
def load(key):
    if key == "slow":
        running.set()
        go.wait()
    return str(os.getpid())
cache = edgecmp.Cache(loader=load, read_timeout="20s", origin_timeout="20s")
values = []
reader = threading.Thread(target=lambda: values.append(cache.get("slow").value))
reader.start()
assert running.wait(5)

def work():
    assert cache.get("quick").value == str(os.getpid()).encode()
    go.set()
    assert cache.get("slow").value == str(os.getpid()).encode()

check(in_child(work))
assert not values
go.set()
reader.join()
assert values == [str(os.getpid()).encode()]
"""
    )


def test_aio_in_the_child(origin: Origin) -> None:
    origin.put("a", b"1")
    run(
        """
async def load(key): return key
caches = [edgecmp.aio.Cache(sys.argv[1]), edgecmp.aio.Cache(loader=load)]
async def read(): return [(await cache.get("a")).value for cache in caches]
assert asyncio.run(read()) == [b"1", b"a"]
def work(): assert asyncio.run(read()) == [b"1", b"a"]
check(in_child(work), in_child(work))
assert asyncio.run(read()) == [b"1", b"a"]
""",
        origin.url,
    )


def test_a_memory_origin_stays_with_the_parent() -> None:
    run(
        """
cache = edgecmp.Cache("memory:")
cache.set("a", b"1")
def work():
    for call in (lambda: cache.get("a"), lambda: cache.lookup("a"), lambda: cache.set("a", b"")):
        try:
            call()
        except edgecmp.ForkedError as error:
            assert not error.retriable
        else:
            raise AssertionError("answered")
check(in_child(work))
assert cache.get("a").value == b"1"
"""
    )


def test_multiprocessing(origin: Origin) -> None:
    origin.put("a", b"1")
    run(
        """
import multiprocessing
cache = edgecmp.Cache(sys.argv[1])
assert cache.get("a").value == b"1"
def read(key): return cache.get(key).value
with multiprocessing.get_context("fork").Pool(3) as pool:
    assert pool.map(read, ["a"] * 12) == [b"1"] * 12
""",
        origin.url,
    )


@pytest.mark.parametrize("opened", ["sys.argv[1]", "'memory:'", "loader=lambda key: b'1'"])
def test_a_child_that_ends_like_a_program(origin: Origin, opened: str) -> None:
    """sys.exit in the child runs atexit and collects the cache there: no hang either."""
    run(
        f"""
cache = edgecmp.Cache({opened})
cache.get("a")
child = os.fork()
if child == 0:
    signal.alarm(10)
    if len(sys.argv) > 2:
        cache.get("a")
    sys.exit(0)
check(child)
child = os.fork()
if child == 0:
    signal.alarm(10)
    del cache
    gc.collect()
    sys.exit(0)
check(child)
cache.get("b")
""",
        origin.url,
    )
