"""Which results of an earlier prediction are kept: only what would come out the same."""

from collections import Counter
from collections.abc import Callable, Sequence

from medsize.digests import file_digest, files_digest
from medsize.errors import InputError
from medsize.inference.jobs import Job
from medsize.inference.origin import Origin, short
from medsize.inference.volumes_table import VolumesTable

OTHER_NETWORK = "made by another run or checkpoint, with other options, or by another version of medsize"
OTHER_IMAGE = "whose image has changed"
OTHER_LABEL = "whose label file is damaged or has changed"
NO_ROW = "that volumes.csv does not know, or of which it does not say how they were made"
NOT_ALL = "without their picture or probabilities"


def unfinished(
    jobs: Sequence[Job],
    table: VolumesTable,
    origin: Origin,
    structures: Sequence[str],
    *,
    pictures: bool,
    probabilities: bool,
    say: Callable[[str], None],
) -> list[Job]:
    """Return the jobs whose results are not there, or are not what would be made now.

    Args:
        jobs: All.
        table: What is known of the results that are there.
        origin: What results are made with now.
        structures: Of the run.
        pictures: Whether there is to be a picture of each.
        probabilities: Whether there are to be the probabilities of each structure.
        say: Told how many results are kept, and how many are made again and why.
    """
    doubts = {job.file: _doubt(job, table.origin(job.file), origin) for job in jobs if job.output.exists()}
    for job in jobs:
        beside = [job.probability(name) for name in structures] if probabilities else []
        beside += [job.picture] if pictures else []
        if doubts.get(job.file) == "" and not all(path.exists() for path in beside):
            doubts[job.file] = NOT_ALL
    kept = [file for file, doubt in doubts.items() if not doubt]
    if kept:
        say(f"finished before: {len(kept)} of {len(jobs)}")
    if again := Counter(doubt for doubt in doubts.values() if doubt):
        say("made again: " + "; ".join(f"{count} {doubt}" for doubt, count in again.items()))
    return [job for job in jobs if doubts.get(job.file) != ""]


def _doubt(job: Job, made: Origin | None, now: Origin) -> str:
    """Return why a result is not what would be made now; nothing if it is."""
    if made is None or not made.settings:
        return NO_ROW
    if made.made_with != now.made_with:
        return OTHER_NETWORK
    try:
        if made.label != short(file_digest(job.output)):
            return OTHER_LABEL
        return "" if made.input == short(files_digest(job.image.files)) else OTHER_IMAGE
    except InputError:  # what cannot be read is said when the image is
        return OTHER_IMAGE
