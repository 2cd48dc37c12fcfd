"""Write ``reference/configuration.md`` from the configuration's own models.

python docs/write_configuration.py
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from medsize.config.run import RunConfig

PAGE = Path(__file__).parent / "reference" / "configuration.md"
WORDS = {"Path": "path", "str": "text", "int": "integer", "float": "number", "bool": "true/false"}
HEAD = """# Configuration

A run is described by a YAML file, one of the presets (`acdc`, `acdc_cpu`, …) or your own, which may extend another:

```yaml
extends: acdc_cpu
data:
  source: {kind: acdc, root: /data/ACDC}
training: {epochs: 30}
```

`--set training.epochs=30` sets any key from the command line; `medsize train my.yaml --set objective.sparse_crf=null`
takes a term out. A relative path in a file is relative to that file. A mapping with a `kind` or `name` comes in several
variants; another variant replaces it whole. The run folder keeps the resolved configuration as `config.yaml`, and
`medsize train RUN/config.yaml` runs it again.

This page is written by `docs/write_configuration.py` from the models that check a configuration.
"""


def page() -> str:
    """Return the page."""
    return HEAD + "".join(sections(RunConfig, "")).replace("``", "`")


def sections(model: type[BaseModel], path: str) -> Iterator[str]:
    """Yield a section for a model and then for those inside it."""
    rows = []
    inner: list[tuple[type[BaseModel], str]] = []
    for name, field in model.model_fields.items():
        key = f"{path}.{name}".lstrip(".")
        models = [part for part in parts_of(field.annotation) if is_model(part)]
        inner += [(part, key) for part in models]
        if get_origin(field.annotation) is dict:
            inner += [(part, f"{key}.NAME") for part in get_args(field.annotation) if is_model(part)]
        if not models and name not in ("kind", "name"):
            description = " ".join((field.description or "").split())
            rows.append(f"| `{name}` | {kind_of(field)} | {default_of(field)} | {description} |\n")
    if path and path != "objective":
        yield f"\n## `{path}`{variant_of(model)}\n\n{inspect.cleandoc(model.__doc__ or '')}\n"
        if rows:
            yield "\n| key | type | default | |\n|---|---|---|---|\n" + "".join(rows)
    for part, key in inner:
        yield from sections(part, key)


def is_model(part: Any) -> bool:
    """Tell whether a type is a part of the configuration with keys of its own."""
    return isinstance(part, type) and issubclass(part, BaseModel)


def variant_of(model: type[BaseModel]) -> str:
    """Return which variant of its mapping a model is, or nothing."""
    tags = [model.model_fields[key] for key in ("kind", "name") if key in model.model_fields]
    return ": " + ", ".join(f"`{tag}`" for tag in get_args(tags[0].annotation)) if tags else ""


def parts_of(annotation: Any) -> list[Any]:
    """Return the alternatives of a type, without None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return parts_of(get_args(annotation)[0])
    if origin is None or origin in (tuple, list, dict, Literal):
        return [] if annotation is NoneType else [annotation]
    return [leaf for part in get_args(annotation) for leaf in parts_of(part)]


def kind_of(field: FieldInfo) -> str:
    """Return a field's type in words."""
    words = []
    for part in parts_of(field.annotation):
        if get_origin(part) is Literal:
            words += [f"`{value}`" for value in get_args(part)]
        elif get_origin(part) is not None:
            words.append({"tuple": "list", "dict": "mapping"}[get_origin(part).__name__])
        else:
            words.append(WORDS[part.__name__])
    return ", ".join(words)


def default_of(field: FieldInfo) -> str:
    """Return a field's default as it would be written."""
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, tuple):
        value = list(value)
    return "" if value is None else f"`{value:.6g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
