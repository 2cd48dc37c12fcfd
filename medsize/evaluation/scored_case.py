"""A case with its figures, as a process that compares hands it back."""

from dataclasses import dataclass
from typing import Final

from medsize.data.case import Case
from medsize.evaluation.scores import CaseScore

PREDICTIONS: Final = "predictions"
"""What stands for a checkpoint where label files were evaluated, not a run."""


@dataclass(frozen=True, slots=True)
class ScoredCase:
    """A case with what was found about it.

    Attributes:
        case: The case.
        checkpoint: Whose prediction it is.
        score: Its figures.
        failure: Why there was no prediction to be used, and an empty one was scored; else nothing.
    """

    case: Case
    checkpoint: str
    score: CaseScore
    failure: str = ""
