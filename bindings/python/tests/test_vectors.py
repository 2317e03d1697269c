"""The cases of ``tests/vectors``, which every language runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import edgecmp

VECTORS = Path(__file__).resolve().parents[3] / "tests" / "vectors"


def vectors(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    assert cases
    return cases


@pytest.mark.parametrize("case", vectors("options.json"), ids=lambda case: f"{case['option']}={case['value']}")
def test_options(case: dict[str, Any]) -> None:
    options = {case["option"]: case["value"]}
    if "error" not in case:
        edgecmp.Cache("memory:", **options).close()
        return
    with pytest.raises(edgecmp.Error) as raised:
        edgecmp.Cache("memory:", **options)
    assert raised.value.code == case["error"]
    assert case.get("says", "") in raised.value.message


def run(cache: edgecmp.Cache, step: dict[str, Any]) -> Any:
    key = "k" * step["key_bytes"] if "key_bytes" in step else step.get("key", "")
    named = {name: step[name] for name in ("min_version", "idempotency_key", "if_version") if name in step}
    match step["call"]:
        case "set":
            return cache.set(key, step["value"], **named)
        case "get":
            return cache.get(key, **named)
        case "lookup" | "delete" | "invalidate" as call:
            return getattr(cache, call)(key)
        case "close":
            return cache.close()
    raise AssertionError(step)


@pytest.mark.parametrize("case", vectors("calls.json"), ids=lambda case: case["name"])
def test_calls(case: dict[str, Any]) -> None:
    with edgecmp.Cache("memory:") as cache:
        for step in case["steps"]:
            if "error" in step:
                with pytest.raises(edgecmp.Error) as raised:
                    run(cache, step)
                assert raised.value.code == step["error"], step
                continue
            outcome = run(cache, step)
            if step["call"] == "lookup":
                assert (outcome is None) == step.get("miss", False), step
            for name in ("version", "found", "source"):
                if name in step:
                    assert getattr(outcome, name) == step[name], step
            if "value" in step and step["call"] != "set":
                assert outcome.value == step["value"].encode(), step
