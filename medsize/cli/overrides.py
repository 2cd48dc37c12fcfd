"""Options of the command line as layers over a configuration."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medsize.config.layers import Layer


def training_overrides(
    *,
    data_root: Path | None = None,
    structure: Sequence[str] | None = None,
    noise: float | None = None,
    sizes: Path | None = None,
    weights: Path | None = None,
    fold: int | None = None,
    seed: int | None = None,
    assignments: Sequence[str] | None = None,
) -> "list[Layer]":
    """Return the options that were given as layers, ``--set`` on top.

    Raises:
        InputError: An assignment cannot be read.
    """
    from medsize.config.layers import layer_from_assignment, layer_from_option

    options = [
        ("--data-root", ("data", "source", "root"), data_root),
        ("--structure", ("data", "structures"), list(structure) if structure else None),
        ("--noise", ("supervision", "sizes"), None if noise is None else {"kind": "noisy", "noise": noise}),
        ("--sizes", ("supervision", "sizes"), sizes and {"kind": "table", "path": str(sizes)}),
        ("--weights", ("network", "weights"), weights),
        ("--fold", ("data", "split", "fold"), fold),
        ("--seed", ("training", "seed"), seed),
    ]
    layers = [layer_from_option(option, key, value) for option, key, value in options if value is not None]
    return layers + [layer_from_assignment(text) for text in assignments or ()]
