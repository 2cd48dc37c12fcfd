"""A data set of whose structures no pixel is anywhere: its masks are not what its labels say."""

from collections.abc import Mapping, Sequence

from medsize.errors import InputError


def require_something(structures: Sequence[str], labels: Mapping[str, int], labelled: int, total: float) -> None:
    """Refuse a data set whose labels are all empty.

    Args:
        structures: The structures that were looked for.
        labels: Structure name to value in the label files.
        labelled: How many cases have a label; of none nothing is known.
        total: What all structures take up together, in any unit.

    Raises:
        InputError: Cases have labels, and no structure is in any of them.
    """
    if labelled and not total > 0:
        values = ", ".join(f"{name} = {labels[name]}" for name in structures[:8])
        raise InputError(
            f"no label holds any of the structures ({values}{', …' if len(structures) > 8 else ''})",
            expected="some pixels of at least one of them",
            found=f"none in {labelled} label{'s' if labelled > 1 else ''}: 0, or what counts as background or void",
            remedy="compare the values in the files with data.source.labels and data.structures: masks of 0 and 255 "
            "are {object: 255}, masks of 0 and 1 are {object: 1}",
        )
