"""How large the images of a data set are."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from medsize.data.case import Case
from medsize.data.formats import Grid, read_grid
from medsize.data.photos import is_photo, read_photo_grid
from medsize.errors import InputError, InputErrors


def read_grids(cases: Sequence[Case]) -> dict[str, Grid]:
    """Return the grid of every case by its id; of NIfTI and photos only the headers are read.

    Raises:
        InputErrors: Files cannot be used; all of them are listed.
    """

    def attempt(case: Case) -> Grid | InputError:
        try:
            return read_photo_grid(case.image) if is_photo(case.image) else read_grid(case.image)
        except InputError as error:
            return error

    with ThreadPoolExecutor() as executor:
        results = list(executor.map(attempt, cases))
    problems = [result for result in results if isinstance(result, InputError)]
    if problems:
        raise InputErrors(problems)
    return {case.id: grid for case, grid in zip(cases, results, strict=True) if isinstance(grid, Grid)}
