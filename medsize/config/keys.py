"""The values of a configuration by their keys, e.g. ``training.epochs``, and where two differ."""

from collections.abc import Mapping
from typing import Any


def by_key(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return the values of a nested mapping by their keys."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= by_key(value, f"{above}{key}.") if isinstance(value, Mapping) else {above + key: value}
    return found


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what two nested mappings say of the keys in which they differ; None where one does not have a key."""
    first, second = by_key(one), by_key(other)
    return {
        key: (first.get(key), second.get(key))
        for key in sorted(first.keys() | second.keys())
        if first.get(key) != second.get(key)
    }
