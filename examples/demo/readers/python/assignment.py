"""What the demo tells a reader: arguments, key list, mix of keys."""

import argparse
import array
import pathlib
import sys


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--origin", required=True)
    parser.add_argument("--keys", required=True, type=pathlib.Path)
    parser.add_argument("--mix", required=True, type=pathlib.Path)
    parser.add_argument("--log", required=True)
    for number in ("bound-ms", "seconds", "rate", "seed", "id"):
        parser.add_argument(f"--{number}", required=True, type=int)
    parser.add_argument("--clock-offset-ns", type=int)  # Python reads CLOCK_BOOTTIME itself
    given = parser.parse_args()
    given.keys = given.keys.read_text().splitlines()
    mix = array.array("I", given.mix.read_bytes())
    if sys.byteorder == "big":
        mix.byteswap()
    given.mix = mix
    return given


def draws(given: argparse.Namespace, worker: int):
    """Line numbers of keys, for ever, from far where the other readers begin."""
    place = given.seed + (given.id + 1) * 64 + worker
    at = place * 0x9E3779B97F4A7C15 % 2**64 % len(given.mix)
    while True:
        yield given.mix[at]
        at = (at + 1) % len(given.mix)
