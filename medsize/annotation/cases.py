"""What ``medsize annotate DATA`` means by DATA."""

from collections.abc import Sequence
from pathlib import Path

from medsize.config.layers import Layer, layer_from_option
from medsize.config.loading import load_config
from medsize.data.sources import CaseList, find_cases, read_manifest
from medsize.errors import InputError


def find_data(data: str, structures: Sequence[str] = (), overrides: Sequence[Layer] = ()) -> CaseList:
    """Find the cases to annotate.

    Args:
        data: A folder in the ACDC layout, a manifest (CSV) of images, or a preset or YAML file that says which data.
        structures: What to annotate. A manifest by itself has no structures: they are these, and their values in seed
            files (and in labels, in practice) are 1, 2, … in this order.
        overrides: Layers over the preset or YAML file.

    Raises:
        InputError: There is no such data, or a manifest comes without structures.
    """
    path = Path(data)
    if path.suffix.lower() == ".csv":
        if not structures or "all" in structures:
            raise InputError(
                f"{data} does not say which structures to annotate",
                expected="--structure NAME, once for each, in the order of their values 1, 2, …",
                remedy="or give a YAML file with data.source.labels instead of the manifest",
            )
        names = tuple(dict.fromkeys(structures))
        return CaseList(read_manifest(path), {name: value for value, name in enumerate(names, start=1)}, names)
    chosen = [layer_from_option("--structure", ("data", "structures"), list(structures))] if structures else []
    if len(path.parts) > 1 and not path.exists():
        raise InputError(f"there is nothing at {data}", expected="a folder in the ACDC layout, a CSV or a YAML file")
    if path.is_dir():
        root = layer_from_option("DATA", ("data", "source", "root"), path)
        return find_cases(load_config("acdc", [root, *chosen, *overrides]).data)
    return find_cases(load_config(data, [*chosen, *overrides]).data)
