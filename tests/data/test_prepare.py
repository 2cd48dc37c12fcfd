from medsize.config.run import RunConfig
from medsize.data.prepare import find_split_cases, of_split, prepare_slices


def test_every_fold_holds_out_its_patients_and_together_all_of_them(tiny_config: RunConfig):
    held_out: list[str] = []
    for fold in range(5):
        split = tiny_config.data.split.model_copy(update={"fold": fold})
        found = find_split_cases(tiny_config.data.model_copy(update={"split": split}))
        groups = {case.group for case in of_split(found.cases, "val")}
        assert groups.isdisjoint(case.group for case in of_split(found.cases, "train"))
        held_out += groups
    assert sorted(held_out) == [f"patient{number:03d}" for number in range(1, 11)]


def test_the_store_holds_training_cases_first_then_validation_cases(tiny_config: RunConfig):
    found = find_split_cases(tiny_config.data)
    store = prepare_slices(tiny_config.data, found)
    expected = [case.id for case in (*of_split(found.cases, "train"), *of_split(found.cases, "val"))]
    assert store.index["case"].drop_duplicates().tolist() == expected


def test_of_split_keeps_the_order_of_the_splits_asked_for(tiny_config: RunConfig):
    cases = find_split_cases(tiny_config.data).cases
    both = of_split(cases, "val", "train")
    assert [case.split for case in both] == sorted((case.split for case in both), reverse=True)
    assert of_split(cases, "test") == []
