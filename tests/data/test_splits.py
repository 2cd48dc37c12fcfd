import random
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from medsize.config.data import HoldoutSplit, ManifestSplit, PaperSplit, PatientsSplit
from medsize.data.case import Case
from medsize.data.sources import listed_patients, paper_validation_cases
from medsize.data.sources.acdc import find_acdc_cases
from medsize.data.splits import held_out_leaks, patient_folds, split_cases
from medsize.errors import InputError
from tests.fuzzing import fuzz

PAPER = PaperSplit(name="paper")
MANIFEST = ManifestSplit(name="manifest")


def patients(pathologies: list[str], first: int = 1, split: str = "") -> list[Case]:
    return [
        Case(
            id=f"patient{number:03d}_frame{frame:02d}",
            group=f"patient{number:03d}",
            image=Path("x"),
            pathology=pathology,
            split=split,
        )
        for number, pathology in enumerate(pathologies, start=first)
        for frame in (1, 2)
    ]


def as_acdc_names() -> list[Case]:
    """All 200 scans: the validation ids, and for every other patient two more or less arbitrary frames."""
    listed = listed_patients()
    held_out = paper_validation_cases()
    ids = set(held_out)
    for patient in listed:
        ids |= set([f"{patient}_frame{frame}" for frame in (97, 98)][: 2 - sum(patient in case for case in held_out)])
    return [Case(id=name, group=name[:10], image=Path("x"), pathology=listed[name[:10]][0]) for name in sorted(ids)]


@pytest.mark.parametrize("fold", range(5))
def test_a_fold_holds_out_whole_patients_and_four_of_each_pathology_of_acdc(fold: int) -> None:
    cases = split_cases(as_acdc_names(), PatientsSplit(fold=fold))
    held_out = {case.group: case.pathology for case in cases if case.split == "val"}
    assert Counter(held_out.values()) == dict.fromkeys(("DCM", "HCM", "MINF", "NOR", "RV"), 4)
    assert Counter(case.split for case in cases) == {"train": 160, "val": 40}
    assert held_out_leaks(cases) == []
    assert {case.fold for case in cases if case.split == "val"} == {fold}
    assert fold not in {case.fold for case in cases if case.split == "train"}


def test_the_shipped_folds_follow_the_rule_that_their_header_gives() -> None:
    listed = listed_patients()
    assert sorted(listed) == [f"patient{number:03d}" for number in range(1, 101)]
    for pathology in ("DCM", "HCM", "MINF", "NOR", "RV"):
        members = sorted(patient for patient, (group, _) in listed.items() if group == pathology)
        assert [listed[patient][1] for patient in members] == [position % 5 for position in range(20)]


def test_a_part_of_acdc_keeps_its_folds() -> None:
    some = [case for case in as_acdc_names() if case.group in ("patient007", "patient050", "patient099")]
    listed = listed_patients()
    assert patient_folds(some) == {case.group: listed[case.group][1] for case in some}


def test_other_patients_get_folds_of_equal_size_each_with_every_pathology() -> None:
    folds = patient_folds(patients(["RV", "NOR", "RV", "NOR", "RV", "NOR", "RV", "NOR", "RV", "NOR"]))
    assert Counter(folds.values()) == dict.fromkeys(range(5), 2)
    assert sorted(folds[f"patient{number:03d}"] for number in (1, 3, 5, 7, 9)) == [0, 1, 2, 3, 4]


def test_the_same_names_with_other_pathologies_are_not_acdc() -> None:
    folds = patient_folds(patients(["DCM"] * 5 + ["RV"] * 3))
    assert folds == {f"patient{number:03d}": (number - 1) % 5 for number in range(1, 9)}


def test_patients_of_the_test_set_stay_there_and_decide_nothing() -> None:
    train = patients(["DCM", "HCM", "NOR", "NOR", "RV"], first=201)
    cases = split_cases(train + patients(["AAA"], first=101, split="test"), PatientsSplit(fold=4))
    assert Counter(case.split for case in cases) == {"train": 8, "val": 2, "test": 2}
    assert {case.group for case in cases if case.split == "val"} == {"patient205"}
    assert {case.fold for case in cases if case.split == "test"} == {None}


def test_a_fold_without_patients_is_refused() -> None:
    with pytest.raises(InputError, match=r"fold 4 cannot be held out(.|\n)*folds 0, 1(.|\n)*2 groups in 2 folds"):
        split_cases(patients(["DCM", "NOR"], first=201), PatientsSplit(fold=4))


def test_the_papers_validation_scans_are_what_its_random_numbers_give(real_acdc: Path) -> None:
    names = sorted(case.id.replace("_frame", "_") for case in find_acdc_cases(real_acdc))
    random.seed(0)
    drawn = sorted(random.sample(names, 25))
    assert drawn == [case.replace("_frame", "_") for case in paper_validation_cases()]


def test_the_papers_split_leaks_in_23_patients() -> None:
    cases = split_cases(as_acdc_names(), PAPER)
    assert Counter(case.split for case in cases) == {"train": 175, "val": 25}
    assert {case.id for case in cases if case.split == "val"} == set(paper_validation_cases())
    assert len(held_out_leaks(cases)) == 23


def test_the_papers_split_leaves_the_test_set_alone() -> None:
    cases = split_cases(as_acdc_names() + patients(["DCM"], first=101, split="test"), PAPER)
    assert [case.split for case in cases[-2:]] == ["test", "test"]


def test_the_papers_split_needs_its_scans() -> None:
    with pytest.raises(InputError, match=r"'paper' does not fit(.|\n)*25 of them(.|\n)*patient006_frame01"):
        split_cases(patients(["DCM"], first=201), PAPER)


def test_a_manifest_is_split_as_written() -> None:
    cases = [
        replace(case, split=split)
        for case, split in zip(patients(["", ""]), ("train", "train", "val", "test"), strict=True)
    ]
    assert split_cases(cases, MANIFEST) == cases


def test_a_manifest_with_cases_of_no_split_is_refused() -> None:
    cases = [replace(case, split="" if number else "train") for number, case in enumerate(patients([""] * 4))]
    with pytest.raises(InputError, match=r"7 case\(s\)(.|\n)*data.split.fold(.|\n)*patient001_frame02, .*, …"):
        split_cases(cases, MANIFEST)


def test_a_manifest_without_training_cases_is_refused() -> None:
    with pytest.raises(InputError, match=r"no case to train on(.|\n)*'val': 2"):
        split_cases(patients([""], split="val"), MANIFEST)


def test_a_fold_of_a_manifest_is_held_out_and_cases_without_one_train() -> None:
    cases = [replace(case, fold=fold) for case, fold in zip(patients([""] * 3), (0, 0, 1, 1, None, None), strict=True)]
    cases += patients([""], first=9, split="test")
    found = split_cases(cases, ManifestSplit(name="manifest", fold=1))
    assert [case.split for case in found] == ["train", "train", "val", "val", "train", "train", "test", "test"]


def test_a_fold_that_a_manifest_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match=r"fold 7(.|\n)*cases with a fold"):
        split_cases(patients(["", ""]), ManifestSplit(name="manifest", fold=7))


def test_leaks_are_groups_on_both_sides() -> None:
    both = [
        replace(case, split=split)
        for case, split in zip(patients(["", ""]), ("train", "test", "val", "val"), strict=True)
    ]
    assert held_out_leaks(both) == ["patient001"]


PHOTOS = [Case(id=f"{number:03d}", group=f"{number:03d}", image=Path(f"{number}.jpg")) for number in range(20)]


def held_out(**options: object) -> set[str]:
    split = HoldoutSplit(name="holdout", **options)
    return {case.id for case in split_cases(PHOTOS, split) if case.split == "val"}


def test_images_are_held_out_by_number_seed_and_fold() -> None:
    assert len(held_out(count=7)) == 7
    assert held_out(count=7) == held_out(count=7) != held_out(count=7, seed=1)
    folds = [held_out(fold=fold) for fold in range(5)]
    assert [len(fold) for fold in folds] == [4] * 5
    assert set().union(*folds) == {case.id for case in PHOTOS}
    with pytest.raises(InputError, match="20 images cannot be held out"):
        held_out(count=20)
    with pytest.raises(ValidationError, match="fold 5 is none of the 5 folds"):
        held_out(fold=5)


def test_a_list_of_images_to_hold_out_is_followed_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("# mine\n003\n\n011\n")
    assert held_out(ids=path) == {"003", "011"}
    path.write_text("003\nnone\n")
    with pytest.raises(InputError, match=r"(?s)2 names, of which 1 are no image, e\.g\. 'none'"):
        held_out(ids=path)
    path.write_text("")
    with pytest.raises(InputError, match="0 names"):
        held_out(ids=path)
    with pytest.raises(InputError, match="no such file"):
        held_out(ids=tmp_path / "gone.txt")


@pytest.mark.parametrize(
    ("encoding", "form"),
    [("utf-8", "NFC"), ("utf-8", "NFD"), ("utf-8-sig", "NFC"), ("utf-16", "NFD"), ("cp1252", "NFC")],
)
def test_a_list_of_other_systems_names_the_same_images(tmp_path: Path, encoding: str, form: str) -> None:
    cases = [Case(id=name, group=name, image=Path(name)) for name in (unicodedata.normalize("NFD", "Mü"), "b", "Mu")]
    (tmp_path / "ids.txt").write_bytes((unicodedata.normalize(form, "Mü") + "\r\n").encode(encoding))
    found = split_cases(cases, HoldoutSplit(name="holdout", ids=tmp_path / "ids.txt"))
    assert [case.split for case in found] == ["val", "train", "train"]


def test_patients_of_whom_no_pathology_is_known_get_folds_all_the_same() -> None:
    folds = patient_folds([replace(case, pathology=None) for case in patients([""] * 10, first=201)])
    assert Counter(folds.values()) == dict.fromkeys(range(5), 2)


@fuzz()
@given(
    st.binary(max_size=40)
    | st.lists(st.sampled_from(["003", "011", "x", "#", ""])).map(lambda n: "\n".join(n).encode())
)
def test_any_list_is_followed_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "ids.txt"
    path.write_bytes(content)
    try:
        found = held_out(ids=path)
    except InputError:
        return
    assert found == set(content.decode("utf-8-sig").split()) - {"#"}
