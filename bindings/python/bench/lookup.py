"""What a read of a hit costs through Python, beside its peers and the host itself.

Every reader runs the same loop over the same key objects, in interleaved
rounds; the figures are medians in ns a read. The loop is not subtracted: its
cost is the row "empty loop", and `net` is the ratio without it. Prints a table
for each number of keys and writes rows and verdicts as JSON.

    python -I bench/lookup.py [--json FILE] [--quick] [--any-speed]
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import cachebox
import cachetools
import moka_py
import theine

import edgecmp

SIZES = (1_000, 10_000, 100_000)
MIXES = ("uniform", "zipf")
ZIPF_EXPONENT = 0.99
BATCH = 32
VALUE_BYTES = 100
TTL_SECONDS = 3600

HOST = "host"  # what CPython takes for the call alone
PEER = "peer"
OURS = "edgecmp"
ANEW = "anew"  # the same with keys made in the loop, which costs all the same

BAR_OVER_DICT = 3.0
"""`edgecmp.lookup` over `dict.get`, at the most."""
BARRED = "edgecmp.lookup"


@dataclass(frozen=True)
class Reader:
    """One way to read: `run` takes a sequence of keys, or of batches."""

    name: str
    kind: str
    run: Callable[[Iterable[Any]], None]
    batched: bool = False


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    impl: str
    kind: str
    n: int
    mix: str
    ns: float
    over_dict: float
    net_over_dict: float


def each(read: Callable[[Any], Any]) -> Callable[[Iterable[Any]], None]:
    """The loop that all readers run."""

    def run(keys: Iterable[Any]) -> None:
        for key in keys:
            read(key)

    return run


def each_value(read: Callable[[Any], Any]) -> Callable[[Iterable[Any]], None]:
    def run(keys: Iterable[Any]) -> None:
        for key in keys:
            read(key).value

    return run


def each_anew(read: Callable[[Any], Any]) -> Callable[[Iterable[Any]], None]:
    """Keys that are equal, and no object that was ever seen: hashed and compared anew."""

    def run(keys: Iterable[Any]) -> None:
        for key in keys:
            read(key[:1] + key[1:])

    return run


def empty(keys: Iterable[Any]) -> None:
    for _ in keys:
        pass


def readers(values: dict[str, bytes]) -> list[Reader]:
    """All of them, filled with the same key and value objects."""
    n = len(values)
    deadline = time.monotonic() + TTL_SECONDS
    timed = {key: (deadline, value) for key, value in values.items()}
    tools: Any = cachetools.TTLCache(n, TTL_SECONDS)
    box: Any = cachebox.TTLCache(n, TTL_SECONDS)
    # Those that estimate frequencies get room to spare: every read is a hit.
    moka: Any = moka_py.Moka(2 * n, ttl=TTL_SECONDS)
    tiny: Any = theine.Cache(2 * n)
    for key, value in values.items():
        tools[key] = value
        box[key] = value
        moka.set(key, value)
        tiny.set(key, value, timedelta(seconds=TTL_SECONDS))
    ours = edgecmp.Cache(loader=lambda key: values[key], staleness_bound=TTL_SECONDS)
    for some in batches(list(values)):
        ours.get_many(some)
    for key, value in values.items():
        found = [tools.get(key), box.get(key), moka.get(key), tiny.get(key)[0], ours.get(key).value]
        if found != [value] * 5 or ours.lookup(key) is None:
            raise AssertionError(f"not all caches have {key}: {found}")

    def ttl_get(key: str, clock: Callable[[], float] = time.monotonic) -> bytes | None:
        found = timed.get(key)
        if found is not None and clock() < found[0]:
            return found[1]
        return None

    return [
        Reader("empty loop", HOST, empty),
        Reader("empty builtin: callable(key)", HOST, each(callable)),
        Reader("builtin, fresh object: id(key)", HOST, each(id)),
        Reader("dict.get", HOST, each(values.get)),
        Reader("dict.get + time.monotonic", HOST, each(ttl_get)),
        Reader("cachetools.TTLCache.get", PEER, each(tools.get)),
        Reader("cachebox.TTLCache.get", PEER, each(box.get)),
        Reader("moka_py.Moka.get", PEER, each(moka.get)),
        Reader("theine.Cache.get", PEER, each(tiny.get)),
        Reader("edgecmp.lookup", OURS, each(ours.lookup)),
        Reader("edgecmp.lookup(key).value", OURS, each_value(ours.lookup)),
        Reader("edgecmp.get", OURS, each(ours.get)),
        Reader(f"edgecmp.get_many, {BATCH} keys", OURS, each(ours.get_many), batched=True),
        Reader("callable, key made anew", ANEW, each_anew(callable)),
        Reader("dict.get, key made anew", ANEW, each_anew(values.get)),
        Reader("cachebox.TTLCache.get, made anew", ANEW, each_anew(box.get)),
        Reader("edgecmp.lookup, key made anew", ANEW, each_anew(ours.lookup)),
    ]


def batches(keys: list[str]) -> list[list[str]]:
    return [keys[at : at + BATCH] for at in range(0, len(keys), BATCH)]


def sequence(keys: list[str], mix: str, length: int, chance: random.Random) -> list[str]:
    """Which keys are read, in order."""
    if mix == "uniform":
        return chance.choices(keys, k=length)
    shares = accumulate(1 / rank**ZIPF_EXPONENT for rank in range(1, len(keys) + 1))
    return chance.choices(keys, cum_weights=list(shares), k=length)


def measure(
    every: list[Reader], keys: list[str], rounds: int, chance: random.Random
) -> dict[str, float]:
    """Medians in ns a key; the first round warms up and does not count."""
    grouped = batches(keys)
    times: dict[str, list[float]] = {reader.name: [] for reader in every}
    for turn in range(rounds + 1):
        # Another order each round: nobody always follows the same neighbour.
        for reader in chance.sample(every, len(every)):
            what: Iterable[Any] = grouped if reader.batched else keys
            began = time.perf_counter_ns()
            reader.run(what)
            taken = time.perf_counter_ns() - began
            if turn:
                times[reader.name].append(taken / len(keys))
    return {name: statistics.median(taken) for name, taken in times.items()}


def table(n: int, mix: str, every: list[Reader], medians: dict[str, float]) -> list[Row]:
    loop, base = medians["empty loop"], medians["dict.get"]
    rows = [
        Row(
            reader.name,
            reader.kind,
            n,
            mix,
            round(medians[reader.name], 2),
            round(medians[reader.name] / base, 3),
            round((medians[reader.name] - loop) / (base - loop), 3),
        )
        for reader in every
    ]
    print(f"\nN = {n:,}, {mix}\n{'':34}{'ns':>9}{'x dict.get':>12}{'net':>8}")
    for row in rows:
        print(f"{row.impl:34}{row.ns:9.1f}{row.over_dict:12.2f}{row.net_over_dict:8.2f}")
    return rows


def judge(rows: list[Row]) -> list[dict[str, Any]]:
    """The bars, one verdict each for every number of keys and mix."""
    bars = []
    ours = next(row for row in rows if row.impl == BARRED)

    def bar(what: str, value: float, limit: float) -> None:
        passed = value <= limit
        bars.append(
            {
                "n": ours.n,
                "mix": ours.mix,
                "bar": what,
                "value": value,
                "limit": limit,
                "pass": passed,
            }
        )
        print(
            f"  {'PASS' if passed else 'FAIL'}  {BARRED} {what}: {value:.2f} (at most {limit:.2f})"
        )

    bar("/ dict.get", ours.over_dict, BAR_OVER_DICT)
    for peer in (row for row in rows if row.kind == PEER):
        bar(f"/ {peer.impl}", round(ours.ns / peer.ns, 3), 1.0)
    return bars


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="where rows and verdicts go")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smallest size only")
    parser.add_argument("--any-speed", action="store_true", help="status 0 even if a bar is missed")
    asked = parser.parse_args()
    sizes, rounds, length = (SIZES[:1], 5, 20_000) if asked.quick else (SIZES, 15, 100_000)

    chance = random.Random(7)
    rows: list[Row] = []
    bars: list[dict[str, Any]] = []
    print(
        f"CPython {sys.version.split()[0]}, edgecmp {edgecmp.__version__}: ns a read of a hit, medians of {rounds}"
    )
    for n in sizes:
        keys = [f"{chance.getrandbits(128):032x}" for _ in range(n)]
        values = {key: chance.randbytes(VALUE_BYTES) for key in keys}
        every = readers(values)
        gc.collect()
        gc.disable()
        for mix in MIXES:
            medians = measure(every, sequence(keys, mix, length, chance), rounds, chance)
            shown = table(n, mix, every, medians)
            bars += judge(shown)
            rows += shown
        gc.enable()
        del every
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        about = {"python": sys.version, "edgecmp": edgecmp.__version__, "rounds": rounds}
        asked.json.write_text(
            json.dumps(
                {"about": about, "rows": [asdict(row) for row in rows], "bars": bars}, indent=1
            )
        )
    missed = [bar for bar in bars if not bar["pass"]]
    print(f"\n{len(bars) - len(missed)} of {len(bars)} bars met")
    return 0 if asked.any_speed or not missed else 1


if __name__ == "__main__":
    sys.exit(main())
