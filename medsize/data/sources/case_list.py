"""The cases of a source with the meaning of their labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from medsize.data.case import Case
from medsize.errors import InputError
from medsize.names import same_name


@dataclass(frozen=True, slots=True)
class CaseList:
    """What a source found.

    Attributes:
        cases: Every case, sorted by id as far as the source has no order of its own.
        labels: Structure name to its value in the label files, for every structure the files can hold.
        structures: The structures to segment, in class order (class 0 is the background).
    """

    cases: list[Case]
    labels: dict[str, int]
    structures: tuple[str, ...]


def resolve_structures(wanted: tuple[str, ...], labels: Mapping[str, int]) -> tuple[str, ...]:
    """Return the structures to segment, as ``labels`` spells them; ``all`` stands for every one, in its order.

    Raises:
        InputError: A structure is not among ``labels``, or is named twice.
    """
    if wanted == ("all",):
        return tuple(labels)
    named = tuple(same_name(name, labels) or name for name in wanted)
    for name in named:
        if name not in labels:
            close = get_close_matches(name, labels, n=1)
            raise InputError(
                f"there is no structure '{name}' in this data",
                expected=f"{', '.join(labels)}, or all",
                found=name,
                remedy=f"did you mean '{close[0]}'?" if close else None,
            )
    if len(set(named)) < len(named):
        raise InputError("a structure is named twice", found=", ".join(wanted), remedy="name each once")
    return named
