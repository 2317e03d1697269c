"""The Python surface against core's tables: nothing is missing, nothing is invented."""

from __future__ import annotations

import pickle
import typing

import edgecmp
from edgecmp import _edgecmp, _types, errors


def test_one_exception_for_each_code() -> None:
    table = {name: (number, retriable) for name, number, retriable, _ in _edgecmp.error_table()}
    classes = {c.code: (c.number, c.retriable) for c in errors.BY_CODE.values()}
    assert classes == table
    for code, cls in errors.BY_CODE.items():
        assert cls.__name__ == code.title().replace("_", "") + "Error"
        assert getattr(edgecmp, cls.__name__) is cls and cls.__name__ in edgecmp.__all__
        assert cls.__doc__


def test_exceptions_carry_what_core_says() -> None:
    error = errors.from_core("UNKNOWN_OUTCOME", "no answer", "key-1")
    assert isinstance(error, edgecmp.UnknownOutcomeError)
    assert (error.code, error.message, error.idempotency_key) == ("UNKNOWN_OUTCOME", "no answer", "key-1")
    assert str(error) == "UNKNOWN_OUTCOME: no answer"
    assert isinstance(errors.from_core("NEW_CODE", "?", None), edgecmp.InternalError)


def test_exceptions_are_the_built_in_ones_too() -> None:
    pairs = {
        edgecmp.InvalidArgumentError: ValueError,
        edgecmp.UnknownOptionError: TypeError,
        edgecmp.DeadlineExceededError: TimeoutError,
        edgecmp.OriginUnavailableError: ConnectionError,
        edgecmp.BreakerOpenError: ConnectionError,
    }
    for cls, builtin in pairs.items():
        assert issubclass(cls, builtin) and issubclass(cls, edgecmp.Error)


def test_exceptions_travel_between_processes() -> None:
    for cls in errors.BY_CODE.values():
        error = pickle.loads(pickle.dumps(cls("why", idempotency_key="k")))
        assert type(error) is cls
        assert (error.message, error.idempotency_key, str(error)) == ("why", "k", f"{cls.code}: why")


PYTHON_TYPES = {
    "duration": _types.Duration,
    "size": _types.Size,
    "integer": int,
    "text": str,
    "secret": str,
}


def test_every_option_is_a_typed_keyword() -> None:
    hints = typing.get_type_hints(_types.Options)
    table = {name: kind for name, kind, *_ in _edgecmp.option_table() if name != "origin"}
    assert list(hints) == list(table), "the same names in the same order"
    for name, kind in table.items():
        if name in ("prefix_bounds", "lease_slots") or name.endswith("_file"):  # take more than their text
            assert str in typing.get_args(hints[name])
        else:
            assert hints[name] == PYTHON_TYPES[kind], name


def test_every_option_can_be_set_to_its_default() -> None:
    options: dict[str, typing.Any] = {}
    for name, kind, default, *_ in _edgecmp.option_table():
        if name != "origin":
            options[name] = int(default) if kind == "integer" else default
    with edgecmp.Cache("memory:", **options) as cache:
        assert set(cache.options()) == {"origin", *options}


def test_statistics() -> None:
    names = [name for name, *_ in _edgecmp.statistics_table()]
    with edgecmp.Cache("memory:") as cache:
        cache.get("a")
        cache.get("a")
        stats = cache.stats()
        assert list(stats) == names
        assert (stats["misses"], stats["hits"], stats["entries"]) == (1, 1, 1)
        text = cache.metrics_text()
    assert "\nedgecmp_hits_total 1\n" in text
    assert all(f"# TYPE edgecmp_{name}" in text for name in names)


def test_version() -> None:
    assert edgecmp.__version__ == _edgecmp.__version__ != ""
