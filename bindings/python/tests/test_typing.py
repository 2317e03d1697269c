"""Types: the stub says what the module has, and users' code checks strictly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(240)


def check(directory: Path, *arguments: str) -> None:
    # In an empty directory: the installed package is checked, not the sources.
    environment = {**os.environ, "MYPY_CACHE_DIR": str(directory / "cache")}
    result = subprocess.run(
        [sys.executable, "-I", "-m", *arguments],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_stub_matches_the_module(tmp_path: Path) -> None:
    check(tmp_path, "mypy.stubtest", "edgecmp")


def test_package_is_strictly_typed(tmp_path: Path) -> None:
    check(tmp_path, "mypy", "--strict", "-p", "edgecmp")


def test_sample_is_strictly_typed(tmp_path: Path) -> None:
    sample = Path(__file__).with_name("typed_sample.py")
    check(tmp_path, "mypy", "--strict", str(sample))


def test_these_tests_are_strictly_typed(tmp_path: Path) -> None:
    tests = sorted(str(path) for path in Path(__file__).parent.glob("*.py"))
    check(tmp_path, "mypy", "--strict", *tests)
