"""What a size table decides of a run that its configuration leaves open."""

from typing import Final

from pydantic import ValidationError

from medsize.config.run import RunConfig
from medsize.config.supervision import CommonBounds, TableBounds, TableSizes
from medsize.config.terms import SizeBoundsTerm
from medsize.console import say
from medsize.errors import InputError
from medsize.supervision.size_table import SizeEntry, read_size_table
from medsize.supervision.table_sizes import levels_of

_WORDS: Final = {"volume": "whole cases", "both": "slices and of whole cases"}


def complete_config(config: RunConfig) -> RunConfig:
    """Return a configuration with nothing left to the size table, and say what it decided.

    Two things are decided here, and only where the configuration does not say them itself. The level follows from
    whether rows name a slice. And where rows give a range without a value, which size targets cannot use, a term
    ``size_bounds`` is added for them with the weight, scale and temperature of ``size_target``.

    Args:
        config: As given; one that is settled is returned as it is.

    Raises:
        InputError: The table cannot be read, or what it gives contradicts the configuration.
    """
    sizes = config.supervision.sizes
    if not isinstance(sizes, TableSizes):
        return config
    if not {"pseudo_label", "size_target", "size_bounds", "tags"} & config.targets():
        return _with(config, {"supervision": {"level": config.supervision.level or "slice"}})
    entries = read_size_table(sizes.path, tell=True)
    if config.supervision.level is None:
        planes = config.data.preprocessing.name == "photo"  # a case is one plane, which rows need not name
        level = "slice" if planes else levels_of(entry.slice for entry in entries)
        if level != "slice":
            say(f"{sizes.path.name} gives sizes of {_WORDS[level]}: batches hold whole cases.")
        config = _with(config, {"supervision": {"level": level}})
    alone = _ranges_alone(entries)
    told = config.objective.size_target or _bounded(config)
    if not alone or isinstance(config.supervision.bounds, TableBounds) or not told:
        return config
    return _with_bounds(config, alone)


def _ranges_alone(entries: list[SizeEntry]) -> list[SizeEntry]:
    """The rows with a range of items that nobody gave a value for."""
    valued = {(entry.case, entry.slice, entry.structure) for entry in entries if entry.value is not None}
    return [entry for entry in entries if (entry.case, entry.slice, entry.structure) not in valued]


def _bounded(config: RunConfig) -> list[str]:
    """The terms that bounds of sizes teach."""
    return [f"objective.{name}" for name, term in config.objective.terms().items() if term.target == "size_bounds"]


def _with_bounds(config: RunConfig, alone: list[SizeEntry]) -> RunConfig:
    term, bounds = config.objective.size_target, config.supervision.bounds
    bounded = _bounded(config)
    plain = term is not None and term.direction == "forward"
    if bounded or not isinstance(bounds, CommonBounds) or not plain:
        raise InputError(
            f"the size table gives ranges without a value ({len(alone)}, the first in row {alone[0].row})",
            expected="bounds from the table for them",
            found=f"supervision.bounds of kind '{bounds.kind}'"
            + (
                f", used by {', '.join(bounded)}" if bounded else "" if plain else ", and a size_target of another kind"
            ),
            remedy="--set 'supervision.bounds={kind: table}' --set objective.size_bounds.weight=100",
        )
    assert term is not None
    say(f"{len(alone)} sizes are ranges: they train size_bounds, at size_target's weight of {term.weight:g}.")
    added = SizeBoundsTerm(weight=term.weight, scale=term.scale, temperature=term.temperature)
    return _with(
        config, {"supervision": {"bounds": {"kind": "table"}}, "objective": {"size_bounds": added.model_dump()}}
    )


def _with(config: RunConfig, changes: dict[str, dict[str, object]]) -> RunConfig:
    values = config.model_dump()
    for part, change in changes.items():
        values[part] |= change
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"the size table does not fit the configuration: {problem}") from error
