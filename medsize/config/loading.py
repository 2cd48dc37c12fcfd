"""From layers to a checked configuration, and back to YAML."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from medsize.config.divide import OverrideError
from medsize.config.layers import Layer, config_file, layer_from_file
from medsize.config.run import RunConfig
from medsize.errors import InputError, InputErrors

_SHOWN: Final = 120


def load_config(name: str, overrides: Sequence[Layer] = ()) -> RunConfig:
    """Load a preset or a YAML file with overrides laid over it, the last one on top.

    Args:
        name: A preset's name (``acdc``) or the path of a YAML file.
        overrides: Layers from command-line options and ``--set``.

    Raises:
        InputError: A file cannot be used.
        InputErrors: Values are wrong; all of them, each with its file and line or its option.
    """
    above = Layer()
    for override in overrides:  # together first: naming another network must not drop the weights named beside it
        above = override.over(above)
    return validate(above.over(layer_from_file(config_file(name, beside=Path.cwd()))))


def load_resolved(path: Path) -> RunConfig:
    """Load the ``config.yaml`` of a run folder.

    Raises:
        InputError: The file cannot be used.
    """
    return validate(layer_from_file(path))


def validate(layer: Layer) -> RunConfig:
    """Check a layer against the configuration's models.

    Raises:
        InputErrors: All that is wrong, each with its origin and, for an unknown key, what was meant.
    """
    try:
        return RunConfig.model_validate(layer.values)
    except ValidationError as error:
        problems = [_explain(dict(item), layer) for item in error.errors()]
        raise InputErrors(problems) from error


def dump(config: RunConfig) -> str:
    """Return the configuration as YAML that ``load_resolved`` reads back."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _explain(item: dict[str, Any], layer: Layer) -> InputError:
    raised = item.get("ctx", {}).get("error")
    if isinstance(raised, OverrideError):  # wrong is what a stage makes of another part, whose schema it has
        item, key = raised.item, _key_in(layer.values, raised.loc)
        item["loc"] = (*raised.part, *item["loc"])
    else:
        key = _key_in(layer.values, item["loc"])
    where = f"{layer.origin(key) or 'defaults'}: " if key else ""
    name = ".".join(key)
    if item["type"] == "extra_forbidden":
        known = list(_schema_at(item["loc"][:-1]).get("properties", {}))
        close = get_close_matches(key[-1], known, n=1)
        remedy = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(sorted(known))}"
        return InputError(f"{where}unknown key '{name}'", remedy=remedy)
    if item["type"] == "union_tag_invalid":
        tag = str(item["ctx"]["tag"])
        choices = [choice.strip(" '") for choice in item["ctx"]["expected_tags"].split(",")]
        close = get_close_matches(tag, choices, n=1)
        return InputError(
            f"{where}{name}: unknown variant '{tag}'",
            expected="one of " + ", ".join(choices),
            remedy=f"did you mean '{close[0]}'?" if close else None,
        )
    if item["type"] == "union_tag_not_found":
        union = _schema_at(item["loc"])["discriminator"]
        return InputError(
            f"{where}{name} does not say its {union['propertyName']}",
            expected=f"{union['propertyName']}: {' or '.join(union['mapping'])}",
        )
    found = None if isinstance(item["input"], dict | BaseModel) else _shortened(repr(item["input"]))
    problem = item["msg"].removeprefix("Value error, ")
    return InputError(f"{where}{name or 'the configuration'}: {problem}", found=found)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} letters)"


def _key_in(values: Any, loc: Iterable[int | str]) -> tuple[str, ...]:
    """Return the key path of an error: pydantic's location without the tags of its unions."""
    key: list[str] = []
    parts = list(loc)
    for position, part in enumerate(parts):
        is_last = position == len(parts) - 1
        if isinstance(values, dict) and (part in values or is_last):
            key.append(str(part))
            values = values.get(part)
        elif isinstance(part, int):
            key.append(str(part))
    return tuple(key)


def _schema_at(loc: Sequence[int | str]) -> dict[str, Any]:
    """Return the JSON schema of the model, or the union of models, at an error's location."""
    schema = RunConfig.model_json_schema()
    node: dict[str, Any] = schema
    for part in loc:
        node = _step(schema, node, str(part))
    return node


def _step(schema: dict[str, Any], node: dict[str, Any], part: str) -> dict[str, Any]:
    target = node.get("properties", {}).get(part, node.get("additionalProperties") or None)
    if target is None:  # a union's tag: take the variant it names
        target = {"$ref": node["discriminator"]["mapping"][part]}
    if "anyOf" in target:  # an optional model
        target = next(choice for choice in target["anyOf"] if "$ref" in choice)
    if "$ref" in target:
        target = schema["$defs"][target["$ref"].rsplit("/", 1)[-1]]
    return dict(target)
