"""Names of structures, which become columns, files and words on a page."""

from collections import defaultdict
from collections.abc import Iterable

from medsize.errors import InputError
from medsize.names import check_structure_name, name_key, quoted


def usable_labels(labels: dict[str, int]) -> dict[str, int]:
    """Return the value of each structure.

    Raises:
        ValueError: A name cannot be used, two are one file name on other systems, or two have one value.
    """
    usable_names(labels)
    of_value: dict[int, list[str]] = defaultdict(list)
    for name, value in labels.items():
        of_value[value].append(name)
    for value, names in of_value.items():
        if len(names) > 1:
            raise ValueError(f"{' and '.join(map(repr, names))} have one value, {value}, and cannot be told apart")
    return labels


def usable_structures(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of structures, or ``all`` alone.

    Raises:
        ValueError: As :func:`usable_labels`.
    """
    if names != ("all",):
        usable_names(dict.fromkeys(names))  # one that is named twice is said where the data is known
    return names


def usable_names(names: Iterable[str]) -> None:
    """Check names of structures that differ.

    Raises:
        ValueError: As :func:`usable_labels`.
    """
    of_key: dict[str, list[str]] = defaultdict(list)
    for name in names:
        try:
            check_structure_name(name)
        except InputError as error:
            raise ValueError(error.problem.replace("this name", f"the name {quoted(name)}")) from error
        of_key[name_key(name)].append(name)
    for alike in of_key.values():
        if len(alike) > 1:
            raise ValueError(
                f"{' and '.join(map(repr, alike))} are one name where upper and lower case, or ways to write an "
                "accent, are the same: rename one"
            )
