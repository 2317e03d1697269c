"""What a loader or a writer may return beside plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._types import Value, Version


@dataclass(frozen=True)
class Loaded:
    """A value with its version, or (value None) the version of its delete.

    Versions have to grow with every write of a key, and a version must never
    be used again. Without one, values are compared byte by byte.
    """

    value: Value | None
    version: Version | None = None


class _Unchanged(Enum):
    UNCHANGED = "unchanged"


UNCHANGED: Final = _Unchanged.UNCHANGED
"""Returned by a loader: ``known_version`` is still the current one."""
