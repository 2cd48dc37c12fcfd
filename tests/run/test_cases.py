from pathlib import Path

import pytest

from medsize.data.case import Case
from medsize.errors import InputError
from medsize.run.cases import read_cases
from medsize.run_folder import RunFolder
from tests.evaluation.fabricated import write_cases

FULL = Case(
    id="001", group="007", image=Path("/a/x.nii"), label=Path("/a/y.nii"), frame=9, phase="ES", pathology="NA",
    split="val", fold=3,
)  # fmt: skip
BARE = Case(id="b, c", group="b", image=Path("/a/z.nii"), split="train")


def test_cases_come_back_as_they_were_written(tmp_path):
    run = RunFolder(tmp_path)
    write_cases(run, [FULL, BARE])
    assert read_cases(run) == [FULL, BARE]


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cases\.csv cannot be read"):
        read_cases(RunFolder(tmp_path))


HEADER = "case,group,image,label,frame,phase,pathology,split,fold"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("case,group\n1,2\n", "no column image"),
        ("", "an empty file"),
        (f"{HEADER}\n", "no case in it"),
        (f"{HEADER}\na,p,i.nii,l.nii,,ED,,val,x\n", "could not convert string to float: .x."),
        (f"{HEADER}\na,p,i.nii,l.nii,1e999,ED,,val,\n", "infinity"),
        ("a,b\n1,2,3,4\n,", ""),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, content, found):
    run = RunFolder(tmp_path)
    run.cases.write_text(content)
    with pytest.raises(InputError, match=f"found: .*{found}"):
        read_cases(run)
