import os
import unicodedata
from pathlib import Path

import pytest

from medsize.data.case import Case
from medsize.data.sources.case_names import name_problems


def case(name: str, *, group: str = "", image: Path = Path("a.nii")) -> Case:
    return Case(id=name, group=group or name, image=image)


def test_names_that_are_file_names_and_apart_are_no_problem() -> None:
    assert name_problems([case("a", group="p"), case("b", group="p"), case("NA"), case("Mü")]) == []


@pytest.mark.parametrize("name", ["../x", "x" * 225, "a\x1bb", os.fsdecode(b"M\xfc"), "nul", "a."])
def test_a_name_that_is_no_file_name_is_named_with_its_file(name: str) -> None:
    (problem,) = name_problems([case("a"), case(name)])
    assert "the case of a.nii cannot have this name" in str(problem)
    (problem,) = name_problems([case("a", group=name)])
    assert "the group of a.nii cannot have this name" in str(problem)


@pytest.mark.parametrize("other", ["mü", "Mü", unicodedata.normalize("NFD", "Mü")])
def test_names_that_are_one_file_elsewhere_are_named_together(other: str) -> None:
    (problem,) = name_problems([case("Mü", image=Path("1.nii")), case(other, image=Path("2.nii")), case("c")])
    assert "(1.nii)" in str(problem)
    assert "(2.nii)" in str(problem)


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.nii").symlink_to("gone")
    (problem,) = name_problems([case("a", image=tmp_path / "a.nii")])
    assert "a.nii is a link to a file that is not there\n  found:    gone" in str(problem)


def test_a_data_set_of_one_wrong_kind_takes_a_screenful() -> None:
    problems = name_problems([case(f"{number}/x") for number in range(1000)])
    assert len(problems) == 21
    assert str(problems[-1]) == "… and 980 more"
