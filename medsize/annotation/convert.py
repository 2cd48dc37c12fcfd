"""From answers to the table of sizes and to seed files."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medsize.annotation.answers import BACKGROUND, Answer, AnswerStore, Stroke, rater_name
from medsize.annotation.session import Record, read_record
from medsize.data.grid_files import write_label
from medsize.data.unlabelled import UNLABELLED
from medsize.data.volumes import read_volume
from medsize.errors import InputError, InputErrors
from medsize.files import remove_abandoned
from medsize.supervision.size_table import SizeEntry, write_size_table


@dataclass(frozen=True, slots=True)
class Annotations:
    """What was answered.

    Attributes:
        record: What the answers are about.
        answers: The last answer of each rater about each thing, by rater, case, slice and structure.
        unfinished: Lines that a crash cut short; they were never acknowledged.
        damaged: Where lines are that were answers, until the file was damaged.
    """

    record: Record
    answers: list[Answer]
    unfinished: int
    damaged: list[str]


def read_annotations(folder: Path, raters: Sequence[str] = ()) -> Annotations:
    """Read a folder of annotations.

    Args:
        folder: As given to ``medsize annotate -o``.
        raters: Whose answers; everybody's without it.

    Raises:
        InputError: The folder holds no annotations, or none of a rater who was named.
    """
    record = read_record(folder)
    store = AnswerStore(folder / "answers")
    known = store.raters()
    chosen = [rater_name(name) for name in raters] or known
    strangers = [name for name in chosen if name not in known]
    if strangers or not known:
        raise InputError(
            f"{folder} holds no answer" + (f" of {', '.join(strangers)}" if strangers else ""),
            expected=f"one of {', '.join(known)}" if known else "answers/*.jsonl",
        )
    order = {name: number for number, name in enumerate(record.structures)}
    answers = [answer for rater in chosen for answer in store.latest(rater).values()]
    answers.sort(key=lambda a: (a.case, -1 if a.slice is None else a.slice, order.get(a.structure, 0), a.rater))
    return Annotations(record, answers, store.unfinished, store.damaged)


def write_table(annotations: Annotations, path: Path) -> int:
    """Write the clinicians' table; what a rater did not know has no row, and slices count from 0.

    Args:
        annotations: What was answered.
        path: The CSV, or the ``.xlsx`` where its name ends so.

    Returns:
        The number of rows.

    Raises:
        InputError: The file cannot be written.
    """
    told = [answer for answer in annotations.answers if answer.value is not None or answer.low is not None]
    return write_size_table(path, [_entry(row, answer) for row, answer in enumerate(told, start=2)])


def write_seed_files(annotations: Annotations, folder: Path) -> tuple[int, int]:
    """Write ``<case>_scribble.nii.gz`` on the grid of every image, 255 where nothing is drawn.

    A case without seeds has a file as well, for a training asks for one of every case. Of one rater's strokes the
    later lies on top; where raters disagree nothing is labelled.

    Returns:
        The number of files, and how many of them have seeds.

    Raises:
        InputError: An image is not known.
        InputErrors: Images are gone or cannot be read, seeds do not fit them, or a place cannot be written to; all
            of them are named.
    """
    remove_abandoned(folder)
    problems: list[InputError] = []
    drawn = 0
    of_case: dict[str, list[Answer]] = defaultdict(list)
    for answer in annotations.answers:
        of_case[answer.case].append(answer)
    unknown = sorted({a.case for a in annotations.answers if a.seeds} - set(annotations.record.images))
    if unknown:
        raise InputError(
            f"seeds were drawn in cases whose images are not known: {', '.join(unknown[:5])}",
            expected="every case under 'images' of session.json",
            remedy="start 'medsize annotate' on them once more with the same -o",
        )
    values = annotations.record.labels | {BACKGROUND: 0}
    for case, image in annotations.record.images.items():
        try:
            seeds = _seeds(of_case[case], read_volume(image).array.shape, values)
            write_label(folder / f"{case}_scribble.nii.gz", seeds, like=image)
        except InputError as error:
            problems.append(error)
        else:
            drawn += bool((seeds != UNLABELLED).any())
    if problems:
        raise InputErrors(problems)
    return len(annotations.record.images), drawn


def _entry(row: int, answer: Answer) -> SizeEntry:
    return SizeEntry(
        row=row,
        case=answer.case,
        slice=answer.slice,
        structure=answer.structure,
        value=answer.value,
        low=answer.low,
        high=answer.high,
        unit=answer.unit,
        rater=answer.rater,
        seconds=round(answer.seconds, 1),
        note=" ".join(answer.note.split()),
    )


def _seeds(answers: Iterable[Answer], shape: tuple[int, ...], values: dict[str, int]) -> NDArray[np.uint8]:
    drawn: dict[str, NDArray[np.uint8]] = {}
    for answer in sorted(answers, key=lambda answer: answer.time):
        seeds = drawn.setdefault(answer.rater, np.full(shape, UNLABELLED, np.uint8))
        for stroke in answer.seeds:
            if stroke.slice >= shape[2] or stroke.structure not in values:
                raise InputError(
                    f"a seed of {answer.rater} does not fit {answer.case}",
                    expected=f"one of {shape[2]} slices and of {', '.join(values)}",
                    found=f"slice {stroke.slice} (counted from 0), {stroke.structure}",
                    remedy="give the image that was annotated",
                )
            seeds[:, :, stroke.slice][_covered(stroke, shape[:2])] = values[stroke.structure]
    merged = np.full(shape, UNLABELLED, np.uint8)
    for seeds in drawn.values():
        merged = np.where(merged == UNLABELLED, seeds, merged)
    for seeds in drawn.values():
        merged[(seeds != UNLABELLED) & (seeds != merged)] = UNLABELLED
    return merged


def _covered(stroke: Stroke, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels whose centres the line covers, and those under its points whatever its width."""
    x, y = np.ogrid[: shape[0], : shape[1]]
    points = np.array(stroke.points)
    covered = np.zeros(shape, bool)
    nearest = np.clip(np.rint(points).astype(int), 0, np.subtract(shape, 1))
    covered[nearest[:, 0], nearest[:, 1]] = True
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[-1]], strict=True):
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / ((dx * dx + dy * dy) or 1), 0, 1)
        covered |= (x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2 <= stroke.radius**2
    return covered
