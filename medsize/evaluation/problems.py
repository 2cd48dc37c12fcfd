"""What keeps a case from being evaluated, and how the others are evaluated all the same."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from medsize.data.case import Case
from medsize.errors import InputError, InputErrors
from medsize.evaluation.photo_scores import PhotoScore
from medsize.evaluation.scored_case import ScoredCase
from medsize.evaluation.scores import CaseScore

Scored = ScoredCase[CaseScore] | ScoredCase[PhotoScore]
Outcome = Scored | tuple[Case, InputError]
"""A case with its figures, or with the reason why it has none."""

Item = TypeVar("Item")


def attempt(score: Callable[[Item], Scored], item: Item, case: Case) -> Outcome:
    """Return the figures of a case, or whatever kept them from being computed: the other cases are not its fault."""
    try:
        return score(item)
    except Exception as error:
        return case, about_case(case, error)


def about_case(case: Case, error: Exception) -> InputError:
    """Return an error as one of a case."""
    if isinstance(error, InputError):
        return InputError(f"case {case.id}: {error}")
    return InputError(
        f"case {case.id} cannot be evaluated",
        found=f"{type(error).__name__}: {error}",
        remedy="look at its files, or leave the case out",
    )


def part(outcomes: Iterable[Outcome]) -> tuple[list[Scored], dict[str, InputError]]:
    """Part cases with figures from those without.

    Returns:
        The former, and the errors of the latter by the id of their case.

    Raises:
        InputErrors: There are cases, and none of them has figures.
    """
    scored: list[Scored] = []
    problems: dict[str, InputError] = {}
    for outcome in outcomes:
        if isinstance(outcome, ScoredCase):
            scored.append(outcome)
        else:
            problems.setdefault(outcome[0].id, outcome[1])
    scored = [each for each in scored if each.case.id not in problems]  # with all its checkpoints or not at all
    if problems and not scored:
        raise InputErrors(list(problems.values()))
    return scored, problems
