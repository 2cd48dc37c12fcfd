"""What is to be annotated, in which order, and where the answers are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, Field, ValidationError

from medsize.annotation.answers import AnswerStore
from medsize.config.model import Model
from medsize.config.structure_names import usable_labels
from medsize.data.case import Case
from medsize.data.formats import read_grid
from medsize.data.photos import is_photo
from medsize.data.volumes import read_volume
from medsize.errors import InputError, InputErrors
from medsize.files import remove_abandoned, write_text
from medsize.names import check_name, check_structure_name
from medsize.text import read_text

Level = Literal["slice", "volume"]
PRACTICE = "practice"
"""Folder, inside that of the annotations, for what was answered in practice."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at: a slice of a case, or the whole of it.

    Attributes:
        case: Id of the case.
        slice: Counted from 0; nothing for the whole case.
    """

    case: str
    slice: int | None


def _case_name(name: str) -> str:
    try:
        return check_name(name, "case")
    except InputError as error:
        raise ValueError(error.problem) from error


class Record(Model):
    """The file ``session.json``: what the answers beside it are about."""

    labels: Annotated[dict[str, Annotated[int, Field(ge=1, le=255)]], AfterValidator(usable_labels)]
    """Structure to its value in label and seed files."""
    structures: tuple[str, ...]
    level: Level
    seed: int
    images: dict[Annotated[str, AfterValidator(_case_name)], Path]
    """Case to its image."""


@dataclass(frozen=True)
class Session:
    """What is to be annotated.

    Attributes:
        folder: Where the answers go.
        cases: By id. Outside of practice no case knows of its label.
        structures: Asked for one after the other.
        labels: Structure to its value in label files.
        level: Whether slices or whole cases are asked about.
        items: In the order in which they are shown.
        practice: Whether raters are told how far off they were.
    """

    folder: Path
    cases: Mapping[str, Case]
    structures: tuple[str, ...]
    labels: Mapping[str, int]
    level: Level
    items: tuple[Item, ...]
    practice: bool

    @cached_property
    def store(self) -> AnswerStore:
        """The answers."""
        return AnswerStore(self.folder / "answers")


def open_session(
    folder: Path,
    cases: Sequence[Case],
    labels: Mapping[str, int],
    structures: Sequence[str],
    *,
    level: Level,
    seed: int,
    practice: bool = False,
) -> Session:
    """Begin to annotate, or go on.

    Args:
        folder: Folder of the annotations.
        cases: What to annotate.
        labels: Structure to its value in label and seed files.
        structures: The structures asked for, in this order.
        level: Whether every slice is asked about, or every case.
        seed: Seed of the order, which is random and the same for all raters.
        practice: Ask about cases with labels only; the answers go to a folder of their own.

    Raises:
        InputError: The folder holds annotations with other label values, there is nothing to annotate, or a
            structure or case cannot be called so.
        InputErrors: Images cannot be read; all of them are named.
    """
    for structure in structures:
        check_structure_name(structure)
    for case in cases:
        check_name(case.id, "case")
    chosen = [case for case in cases if case.label is not None] if practice else [replace(c, label=None) for c in cases]
    if not chosen:
        raise InputError(
            "there is no case to practise on" if practice else "there is no case to annotate",
            expected="cases with label files" if practice else "at least one image",
            found=f"{len(cases)} cases" + (", none with a label" if practice else ""),
        )
    folder = folder / PRACTICE if practice else folder
    items = _items(chosen, level)
    order = np.random.default_rng(seed).permutation(len(items))
    record = Record(
        labels=dict(labels),
        structures=tuple(structures),
        level=level,
        seed=seed,
        images={case.id: case.image.absolute() for case in chosen},
    )
    _keep(folder / "session.json", record)
    return Session(
        folder=folder,
        cases={case.id: case for case in chosen},
        structures=tuple(structures),
        labels=dict(labels),
        level=level,
        items=tuple(items[number] for number in order),
        practice=practice,
    )


def read_record(folder: Path) -> Record:
    """Read what the answers in a folder are about.

    Raises:
        InputError: The folder holds no annotations, or the file is damaged.
    """
    path = folder / "session.json"
    if not path.is_file():
        raise InputError(
            f"{folder} holds no annotations",
            expected="session.json and answers/, as 'medsize annotate' writes them",
            found="no session.json" if folder.is_dir() else "no such folder",
        )
    try:
        return Record.model_validate_json(read_text(path, "what 'medsize annotate' wrote"))
    except ValidationError as error:
        raise InputError(
            f"{path} cannot be read",
            found=str(error.errors()[0]["msg"]),
            remedy="move the file away and start 'medsize annotate' again: it writes it anew and keeps the answers",
        ) from error


def _keep(path: Path, record: Record) -> None:
    """Write the record, with the images of cases that were annotated earlier and are not asked for now."""
    if path.is_file():
        earlier = read_record(path.parent)
        if earlier.labels != record.labels:
            raise InputError(
                f"{path.parent} holds annotations of other structures",
                expected=f"label values {_pairs(earlier.labels)}",
                found=_pairs(record.labels),
                remedy="choose another folder with -o",
            )
        record = record.model_copy(update={"images": earlier.images | record.images})
    remove_abandoned(path.parent)
    write_text(path, record.model_dump_json(indent=2) + "\n")


def _pairs(labels: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in labels.items())


def _items(cases: Sequence[Case], level: Level) -> list[Item]:
    if level == "volume":
        return [Item(case.id, None) for case in cases]
    items: list[Item] = []
    problems: list[InputError] = []
    for case in cases:
        try:
            items += [Item(case.id, number) for number in range(_slices(case))]
        except InputError as error:
            problems.append(error)
    if problems:
        raise InputErrors(problems)
    return items


def _slices(case: Case) -> int:
    """How many slices an image has; of a file that is one volume the header alone is read."""
    if not is_photo(case.image):
        grid = read_grid(case.image)
        if grid.frames == 1:
            return grid.shape[2]
    return int(read_volume(case.image).array.shape[2])
