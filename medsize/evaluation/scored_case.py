"""A case with its figures, as a process that compares hands it back."""

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from medsize.data.case import Case

PREDICTIONS: Final = "predictions"
"""What stands for a checkpoint where label files were evaluated, not a run."""

Score = TypeVar("Score", covariant=True)


@dataclass(frozen=True, slots=True)
class ScoredCase(Generic[Score]):
    """A case with what was found about it.

    Attributes:
        case: The case.
        checkpoint: Whose prediction it is.
        score: Its figures, of a volume or of a photo.
        failure: Why there was no prediction to be used, and an empty one was scored; else nothing.
        unnamed: Values that no structure has, in the label and in the prediction.
    """

    case: Case
    checkpoint: str
    score: Score
    failure: str = ""
    unnamed: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
