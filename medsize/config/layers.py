"""Layers of a configuration: YAML files and command-line overrides, merged, each value remembering its origin."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

import yaml

from medsize.config.yaml_text import MOST_LEVELS, parse_yaml
from medsize.errors import InputError
from medsize.shipped import shipped
from medsize.text import excerpt, read_text

Key = tuple[str, ...]

# Relative paths in a file are relative to that file, so they are resolved before layers are merged.
PATH_KEYS: frozenset[Key] = frozenset(
    {
        ("data", "source", "root"),
        ("data", "source", "path"),
        ("data", "split", "ids"),
        ("data", "cache"),
        ("supervision", "seeds", "folder"),
        ("supervision", "sizes", "path"),
        ("network", "weights"),
        ("network", "start_from"),
    }
)
_MOST_BYTES = 2**20
_SHOWN = 80  # letters of an assignment
# A mapping whose variant changes is replaced, not merged: the keys of another variant mean nothing to it.
VARIANT_KEYS = ("kind", "name")


@dataclass(frozen=True, slots=True)
class Layer:
    """A nested mapping and where each of its values was written.

    Attributes:
        values: The mapping.
        origins: Key path to origin, e.g. ``my.yaml, line 12`` or ``--noise``.
    """

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Key, str] = field(default_factory=dict)

    def over(self, other: Self) -> "Layer":
        """Return this layer laid over another one: this one's values win."""
        values = merge(other.values, self.values)
        return Layer(values, {**other.origins, **self.origins})

    def origin(self, key: Iterable[str]) -> str | None:
        """Return where the value at ``key`` was written, or the nearest mapping around it."""
        parts = tuple(key)
        for length in range(len(parts), 0, -1):
            if parts[:length] in self.origins:
                return self.origins[parts[:length]]
        return None


def layer_from_option(option: str, key: Key, value: object) -> Layer:
    """Return the layer of one command-line option, e.g. ``--noise``; paths are relative to the working folder."""
    nested: Any = _absolute(key, value, Path.cwd())
    for part in reversed(key):
        nested = {part: nested}
    return Layer(nested, {key[:length]: option for length in range(1, len(key) + 1)})


def layer_from_assignment(text: str) -> Layer:
    """Return the layer of ``--set a.b=c``; the value is read as YAML.

    Raises:
        InputError: There is no ``=``, no key, or the value is no YAML.
    """
    key, separator, value = text.partition("=")
    parts = tuple(part.strip() for part in key.split("."))
    option = f"--set {text}" if len(text) <= _SHOWN else f"--set {text[:_SHOWN]}…"
    if not separator or not all(parts) or len(parts) > MOST_LEVELS:
        raise InputError(f"{option}: not an assignment", expected="--set training.epochs=50", found=excerpt(text))
    try:
        _, parsed = parse_yaml(value)
    except yaml.MarkedYAMLError as error:
        raise InputError(f"{option}: the value is no YAML", found=error.problem) from error
    return layer_from_option(option, parts, parsed)


def layer_from_file(path: Path, *, _above: tuple[Path, ...] = ()) -> Layer:
    """Read a YAML file, laid over the preset or file that its key ``extends`` names.

    Raises:
        InputError: The file is missing, is no YAML, is not a mapping, repeats a key, or extends itself.
    """
    path = path.resolve()
    if path in _above:
        chain = " extends ".join(p.name for p in (*_above, path))
        raise InputError(f"{path} extends itself", found=chain)
    text = read_text(path, "a configuration, in YAML", most_bytes=_MOST_BYTES)
    try:
        node, values = parse_yaml(text)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(
            f"{path}{line}: not valid YAML", found=error.problem or str(error), remedy="check indentation and colons"
        ) from error
    if not isinstance(node, yaml.MappingNode):
        raise InputError(f"{path} does not describe a run", expected="a mapping, e.g. 'extends: acdc'")
    origins: dict[Key, str] = {}
    _note_lines(node, (), path, origins)
    base = values.pop("extends", None)
    values = _absolute((), values, path.parent)
    layer = Layer(values, origins)
    if base is None:
        return layer
    return layer.over(layer_from_file(config_file(str(base), beside=path.parent), _above=(*_above, path)))


def config_file(name: str, *, beside: Path) -> Path:
    """Return the file of a preset (``acdc``) or of a path (``my.yaml``, relative to ``beside``).

    Raises:
        InputError: It is neither; the message names the presets.
    """
    if name.endswith((".yaml", ".yml")):
        path = _place(name, beside, "the configuration file")
        if not path.is_file():
            raise InputError(f"{path}: no such configuration file", remedy=f"give a file or a preset: {_presets()}")
        return path
    path = shipped("configs") / f"{name}.yaml"
    if not path.is_file() or "/" in name:
        close = get_close_matches(name, presets(), n=1)
        hint = f"did you mean '{close[0]}'?" if close else "a configuration file ends in .yaml"
        raise InputError(f"'{name}' is not a preset", expected=_presets(), remedy=hint)
    return path


def presets() -> list[str]:
    """Return the names of the shipped configurations."""
    return sorted(path.stem for path in shipped("configs").glob("*.yaml"))


def _presets() -> str:
    return "one of " + ", ".join(presets())


def merge(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Return a nested mapping laid over another one: the upper one's values win."""
    if any(key in upper and upper[key] != lower.get(key, upper[key]) for key in VARIANT_KEYS):
        return dict(upper)
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged


def _absolute(key: Key, value: Any, base: Path) -> Any:
    if isinstance(value, dict):
        return {str(part): _absolute((*key, str(part)), inner, base) for part, inner in value.items()}
    if key in PATH_KEYS and isinstance(value, str | Path):
        return str(_place(value, base, ".".join(key)))
    return value


def _place(name: str | Path, beside: Path, what: str) -> Path:
    """The path that is meant, if the system can have such a one."""
    try:
        path = (beside / Path(name).expanduser()).resolve()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, ~ of nobody, a NUL
        raise InputError(f"{what}: no path that a file can have", found=f"{excerpt(str(name))}: {error}") from error
    return path


def _note_lines(node: yaml.MappingNode, key: Key, path: Path, origins: dict[Key, str]) -> None:
    for name, value in node.value:
        inner = (*key, str(name.value))
        if inner in origins:
            raise InputError(
                f"{path}, line {name.start_mark.line + 1}: '{'.'.join(inner)}' is given twice",
                found=f"first at {origins[inner]}",
                remedy="keep one",
            )
        origins[inner] = f"{path.name}, line {name.start_mark.line + 1}"
        if isinstance(value, yaml.MappingNode):
            _note_lines(value, inner, path, origins)
