"""Names of cases: each is a file name on any system, and another than all others."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from medsize.data.case import Case
from medsize.data.folders import broken_link, link_problem
from medsize.errors import InputError
from medsize.names import check_name, name_key, quoted

DIFFERENT: Final = (
    "names that differ by more than upper and lower case and the way to write an accent, as results are files"
)
_MOST_SHOWN: Final = 20


def name_problems(cases: Iterable[Case]) -> list[InputError]:
    """Return what is wrong with the names of the cases of a source whose files name them.

    Their results are files named after them, so the names must be file names, and differ by more than upper and lower
    case or the way to write an accent, which macOS and Windows take for one. Links that lead nowhere count as wrong.
    """
    cases = list(cases)
    problems = [problem for case in cases for problem in (*_unusable(case), *_leads_nowhere(case))]
    of_key: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        of_key[name_key(case.id)].append(case)
    problems += [_alike(alike) for alike in of_key.values() if len(alike) > 1]
    return cut(problems)


def cut(problems: list[InputError]) -> list[InputError]:
    """Return the first problems, and how many more there are, where a whole data set is of one wrong kind."""
    if len(problems) <= _MOST_SHOWN:
        return problems
    return [*problems[:_MOST_SHOWN], InputError(f"… and {len(problems) - _MOST_SHOWN} more")]


def _unusable(case: Case) -> list[InputError]:
    try:
        check_name(case.id, f"case of {case.image}")
        check_name(case.group, f"group of {case.image}")
    except InputError as error:
        return [error]
    return []


def _leads_nowhere(case: Case) -> list[InputError]:
    paths = [path for path in (case.image, case.label, case.instances) if path and broken_link(path)]
    return [link_problem(path) for path in paths]


def _alike(cases: list[Case]) -> InputError:
    return InputError(
        f"{len(cases)} cases have one name"
        if len({case.id for case in cases}) == 1
        else "names of cases are too alike",
        expected=DIFFERENT,
        found=", ".join(f"{quoted(case.id)} ({case.image})" for case in cases[:5]),
        remedy="rename all but one",
    )
