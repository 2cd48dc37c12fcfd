import itertools
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from medsize.claim import claimed
from medsize.config.loading import dump, load_resolved
from medsize.data.prepare import of_split
from medsize.data.volumes import read_label
from medsize.digests import file_digest
from medsize.errors import InputError, InputErrors
from medsize.evaluation import evaluate_run
from medsize.evaluation.doubt import read_training_sizes
from medsize.evaluation.evaluated import Evaluated
from medsize.evaluation.report import write_report
from medsize.evaluation.training_sizes import TaughtSlices
from medsize.inference.meaning import Meaning
from medsize.inference.options import PredictionOptions
from medsize.run.cases import read_cases
from medsize.run.relabelled import write_relabelled
from medsize.run_folder import RunFolder
from medsize.training.task import prepare_task
from tests.conftest import tiny_run_config
from tests.evaluation.fabricated import fabricate_run, write_cases


@pytest.fixture
def fresh(intensity_network, tiny_acdc, tiny_cache, tmp_path) -> RunFolder:
    """A run that a test may damage."""
    return fabricate_run(tmp_path / "run", tiny_run_config(tiny_acdc, tiny_cache), best=False)


def metrics_of(run):
    return pd.read_csv(run.report / "metrics.csv", keep_default_na=False, na_values={"dice_scan": [""]})


def test_metrics_follow_from_the_written_predictions_and_the_labels(evaluated_all):
    metrics = metrics_of(evaluated_all)
    cases = {case.id: case for case in of_split(read_cases(evaluated_all), "val")}
    assert len(metrics) == 2 * len(cases) * 3 == 24
    for row in metrics.itertuples():
        written = evaluated_all.predictions / row.checkpoint / f"{row.case}.nii.gz"
        value = {"rv": 1, "myo": 2, "lv": 3}[row.structure]
        predicted = np.asarray(nib.load(written).dataobj) == value
        true = np.asarray(nib.load(cases[row.case].label).dataobj) == value
        overlap, total = (predicted & true).sum(), predicted.sum() + true.sum()
        assert row.dice_scan == pytest.approx(2 * overlap / total)
        per_slice = [
            2 * (predicted & true)[..., z].sum() / s if (s := (predicted[..., z].sum() + true[..., z].sum())) else 1
            for z in range(3)
        ]
        assert row.dice_slice == pytest.approx(np.mean(per_slice))
        assert row.volume_predicted_ml == pytest.approx(predicted.sum() * 1.5 * 1.5 * 8 / 1000)
        assert row.volume_true_ml == pytest.approx(true.sum() * 1.5 * 1.5 * 8 / 1000)
        assert (row.split, row.group, row.slices) == ("val", row.case[:10], 3)
        assert row.phase == ("ED" if row.case.endswith("01") else "ES")


def test_predictions_are_on_the_grid_of_their_case_and_only_of_held_out_cases(evaluated):
    held_out = of_split(read_cases(evaluated), "val")
    for name in ("last", "best"):
        written = sorted(path.name for path in (evaluated.predictions / name).iterdir())
        assert written == sorted(f"{case.id}.nii.gz" for case in held_out)
    for case in held_out:
        prediction, image = nib.load(evaluated.predictions / "last" / f"{case.id}.nii.gz"), nib.load(case.image)
        assert prediction.shape == image.shape
        np.testing.assert_array_equal(prediction.affine, image.affine)


def test_the_fabricated_network_makes_mistakes_and_finds_something(evaluated):
    dice = metrics_of(evaluated)["dice_scan"]
    assert dice.between(0.2, 0.99).all()


def test_the_checkpoint_last_comes_first(evaluated):
    assert metrics_of(evaluated)["checkpoint"].to_list() == ["last"] * 4 + ["best"] * 4
    summary = json.loads((evaluated.report / "summary.json").read_text("utf-8"))
    assert summary["checkpoint"] == "last"
    assert [block["checkpoint"] for block in summary["others"]] == ["best"]


def test_an_evaluation_repeats_itself_exactly(fresh):
    first = evaluate_run(fresh, device="cpu")
    texts = {path.name: path.read_bytes() for path in fresh.report.iterdir()}
    second = evaluate_run(fresh, device="cpu")
    pd.testing.assert_frame_equal(first.metrics, second.metrics)
    assert {path.name: path.read_bytes() for path in fresh.report.iterdir() if path.suffix != ".npz"} == {
        name: content for name, content in texts.items() if not name.endswith(".npz")
    }


def test_the_taught_slices_have_the_seeds_of_the_run(evaluated):
    taught = TaughtSlices.read(evaluated.report / "taught_slices.npz")
    assert len(taught.case) == 6
    train = {case.id: case for case in of_split(read_cases(evaluated), "train")}
    for case, number, seeds in zip(taught.case.tolist(), taught.slice.tolist(), taught.seeds, strict=True):
        lv = read_label(train[case].label, None, (1, 2, 3)).array[..., number] == 3
        assert 0 < (seeds == 1).sum() < lv.sum()
        assert lv[seeds == 1].all()


@pytest.mark.parametrize("level", ["slice", "volume"])
def test_the_taught_slices_have_the_pseudo_labels_of_the_run(intensity_network, tiny_acdc, tiny_cache, tmp_path, level):
    config = tiny_run_config(
        *(tiny_acdc, tiny_cache, "objective.pseudo_cross_entropy={}", "objective.partial_cross_entropy=null"),
        *("supervision.sizes={kind: noisy, noise: 0.2}", f"supervision.level={level}"),
    )
    run = fabricate_run(tmp_path / "grown", config)
    evaluate_run(run, device="cpu")
    task = prepare_task(config)
    taught = TaughtSlices.read(run.report / "taught_slices.npz")
    for place, (case, number) in enumerate(zip(taught.case.tolist(), taught.slice.tolist(), strict=True)):
        row = task.store.rows([case])[number]
        np.testing.assert_array_equal(taught.pseudo_label[place], task.supervision.given["pseudo_label"][row])
        np.testing.assert_array_equal(taught.seeds[place], task.supervision.given["seeds"][row])
        np.testing.assert_array_equal(taught.label[place], task.store.labels[row])
    page = write_report(run).read_text(encoding="utf-8")
    assert "taught: Dice" in page
    assert "what the seeds were grown to" in page


def test_the_taught_slices_have_the_labels_that_the_network_gave_last(
    intensity_network, tiny_acdc, tiny_cache, tmp_path
):
    config = tiny_run_config(
        *(tiny_acdc, tiny_cache, "objective.pseudo_cross_entropy={}", "objective.partial_cross_entropy=null"),
        *("training.epochs=2", "training.stages={grown: {epochs: 1}, own: {relabel: {}}}"),
    )
    run = fabricate_run(tmp_path / "own", config)
    store = prepare_task(config).store
    labels = np.random.default_rng(0).integers(0, 2, (len(store), store.side, store.side)).astype(np.uint8)
    write_relabelled(run.relabelled, {"pseudo_label": labels})
    evaluate_run(run, device="cpu")
    taught = TaughtSlices.read(run.report / "taught_slices.npz")
    for place, (case, number) in enumerate(zip(taught.case.tolist(), taught.slice.tolist(), strict=True)):
        np.testing.assert_array_equal(taught.pseudo_label[place], labels[store.rows([case])[number]])
    page = write_report(run).read_text(encoding="utf-8")
    assert "the labels that the network gave itself, held to the sizes" in page
    assert "labels of its own with these sizes" in page
    assert 'class="grown"' in page


def test_training_sizes_cover_every_training_slice(evaluated):
    sizes = pd.read_csv(evaluated.report / "training_sizes.csv")
    assert len(sizes.drop_duplicates(["case", "slice"])) == 16 * 3
    assert sizes["given_fraction"].notna().all()


@pytest.fixture(scope="module")
def beside(intensity_network, tiny_acdc, tiny_cache, tmp_path_factory) -> tuple[RunFolder, RunFolder]:
    """The same run evaluated without and with the CRF."""
    config = tiny_run_config(tiny_acdc, tiny_cache, "data.structures=[all]")
    plain = fabricate_run(tmp_path_factory.mktemp("runs") / "plain", config)
    refined = RunFolder(shutil.copytree(plain.path, plain.path.with_name("refined")))
    evaluate_run(plain, device="cpu")
    evaluate_run(refined, device="cpu", options=PredictionOptions(crf=True))
    return plain, refined


def test_a_crf_stands_beside_the_network_alone_whose_figures_stay(beside):
    plain, refined = beside
    metrics = metrics_of(refined)
    assert list(dict.fromkeys(metrics["checkpoint"])) == ["last", "best", "last_crf", "best_crf"]
    alone = metrics[metrics["checkpoint"].isin(["last", "best"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, metrics_of(plain))
    for file in ("training_sizes.csv", *(f"../predictions/last/{case}.nii.gz" for case in alone["case"])):
        assert (refined.report / file).read_bytes() == (plain.report / file).read_bytes()


def test_the_figures_of_a_crf_are_those_of_its_own_predictions(beside):
    _, refined = beside
    metrics = metrics_of(refined)
    changed = 0
    for row in metrics[metrics["checkpoint"] == "last_crf"].itertuples():
        written, alone = (
            np.asarray(nib.load(refined.predictions / name / f"{row.case}.nii.gz").dataobj)
            == {"rv": 1, "myo": 2, "lv": 3}[row.structure]
            for name in ("last_crf", "last")
        )
        assert row.voxels_predicted == np.count_nonzero(written)
        changed += np.count_nonzero(written != alone)
    assert changed > 0


def test_the_summary_says_what_the_crf_was_and_nothing_where_there_was_none(beside):
    plain, refined = (json.loads((run.report / "summary.json").read_text("utf-8")) for run in beside)
    assert "crf" not in plain
    assert refined["crf"]["sigma_space"] == 4.0
    assert [block["checkpoint"] for block in refined["others"]] == ["best", "last_crf", "best_crf"]
    assert (refined["checkpoint"], refined["mean"]) == (plain["checkpoint"], plain["mean"])


def test_without_best_only_last_is_evaluated(fresh):
    evaluation = evaluate_run(fresh, device="cpu")
    assert set(evaluation.metrics["checkpoint"]) == {"last"}
    assert evaluation.summary["others"] == []


def test_progress_counts_cases(fresh):
    calls = []
    evaluate_run(fresh, device="cpu", progress=lambda done, total: calls.append((done, total)))
    assert calls == [(number, 4) for number in range(5)]


def test_held_out_cases_without_label_are_listed_not_evaluated(fresh):
    cases = read_cases(fresh)
    unlabelled = of_split(cases, "val")[0]
    write_cases(fresh, [replace(case, label=None) if case == unlabelled else case for case in cases])
    evaluation = evaluate_run(fresh, device="cpu")
    assert evaluation.summary["unevaluated"] == [unlabelled.id]
    assert unlabelled.id not in set(evaluation.metrics["case"])
    assert f"held-out cases without a label, not evaluated: {unlabelled.id}" in evaluation.describe()


def test_test_cases_are_evaluated_and_headline(fresh):
    cases = read_cases(fresh)
    tested = of_split(cases, "val")[0]
    write_cases(fresh, [replace(case, split="test") if case == tested else case for case in cases])
    evaluation = evaluate_run(fresh, device="cpu")
    assert evaluation.summary["split"] == "test"
    assert set(evaluation.metrics.loc[evaluation.metrics["split"] == "test", "case"]) == {tested.id}


def test_without_held_out_cases_nothing_is_claimed(fresh):
    write_cases(fresh, of_split(read_cases(fresh), "train"))
    evaluation = evaluate_run(fresh, device="cpu")
    assert len(evaluation.metrics) == 0
    assert evaluation.describe().startswith("no held-out case has a label: nothing can be said about accuracy\nThe im")
    assert metrics_of(fresh).columns.to_list() == evaluation.metrics.columns.to_list()


def test_held_out_files_that_cannot_be_used_are_listed_and_the_others_evaluated(fresh, tmp_path):
    expected = evaluate_run(fresh, device="cpu").metrics
    cases = read_cases(fresh)
    first, second, *others = of_split(cases, "val")
    shutil.copy(first.image, tmp_path / "cut.nii.gz")
    (tmp_path / "cut.nii.gz").write_bytes(first.image.read_bytes()[:400])
    broken = {
        first.id: replace(first, image=tmp_path / "cut.nii.gz"),
        second.id: replace(second, label=tmp_path / "gone.nii.gz"),
    }
    write_cases(fresh, [broken.get(case.id, case) for case in cases])
    evaluation = evaluate_run(fresh, device="cpu")
    named = expected[expected["case"].isin([case.id for case in others])].reset_index(drop=True)
    pd.testing.assert_frame_equal(evaluation.metrics, named)
    assert [each["case"] for each in evaluation.summary["not_evaluated"]] == [first.id, second.id]
    with pytest.raises(InputErrors) as caught:
        evaluation.check()
    assert [first.id in str(caught.value.errors[0]), second.id in str(caught.value.errors[1])] == [True, True]


def test_without_a_held_out_case_that_can_be_used_the_old_results_stay(fresh, tmp_path):
    evaluate_run(fresh, device="cpu")
    before = contents(fresh.path)
    cases = read_cases(fresh)
    write_cases(fresh, [replace(case, image=tmp_path / "gone.nii.gz") for case in cases])
    before["cases.csv"] = fresh.cases.read_bytes()
    with pytest.raises(InputErrors, match="4 problems"):
        evaluate_run(fresh, device="cpu")
    assert contents(fresh.path) == before


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class KilledError(BaseException):
    """Stands for a SIGKILL: nothing in the program handles it."""


@pytest.fixture
def kill(monkeypatch):
    """Evaluate a run until the rename of a number, and leave it as a killed process would; return whether it ended."""

    def evaluate_until(run: RunFolder, number: int, **options: object) -> bool:
        renames = itertools.count()

        def counted(original):
            def move(path, target):
                if next(renames) >= number:
                    raise KilledError
                return original(path, target)

            return move

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", counted(Path.rename))
            patch.setattr(Path, "replace", counted(Path.replace))
            patch.setattr(Path, "unlink", lambda *_, **__: None)  # the dead clean nothing up
            patch.setattr(shutil, "rmtree", lambda *_, **__: None)
            try:
                evaluate_run(run, device="cpu", **options)
            except KilledError:
                return False
        return True

    return evaluate_until


def test_a_kill_at_any_rename_leaves_the_old_results_or_the_new(fresh, kill, tmp_path):
    evaluate_run(fresh, device="cpu")
    again = RunFolder(shutil.copytree(fresh.path, tmp_path / "again"))
    old = Evaluated.read(fresh.path)
    new = evaluate_run(again, device="cpu", nsd_tolerance_mm=1.5)
    found = []
    for number in itertools.count():
        run = RunFolder(shutil.copytree(fresh.path, tmp_path / f"killed{number}"))
        ended = kill(run, number, nsd_tolerance_mm=1.5)
        read = Evaluated.read(run.path)
        of_old = "nsd" not in read.measures
        pd.testing.assert_frame_equal(read.metrics, old.metrics if of_old else new.metrics, check_dtype=False)
        assert len(read_training_sizes(run))
        assert {path.name for path in run.predictions.iterdir()} == {"last"}
        found.append(of_old)
        if ended:
            break
    assert found[0]
    assert not found[-1]
    assert found == sorted(found, reverse=True)


def test_results_of_other_weights_than_a_run_has_are_refused_until_it_is_evaluated(fresh, kill):
    evaluate_run(fresh, device="cpu")
    measured = file_digest(fresh.weights("last"))
    train_on(fresh)
    kill(fresh, 6)  # after the training, in the middle of its evaluation
    now = file_digest(fresh.weights("last"))
    for read in (Evaluated.read, lambda path: Evaluated.read(path / "report"), lambda _: read_training_sizes(fresh)):
        with pytest.raises(InputError) as caught:
            read(fresh.path)
        assert f"'last' with SHA-256 {measured[:12]}…, as measured" in str(caught.value)
        assert f"'last' with SHA-256 {now[:12]}…\n" in str(caught.value)
        assert f"medsize evaluate {fresh.path}" in str(caught.value)
    evaluate_run(fresh, device="cpu")
    assert Evaluated.read(fresh.path).summary["weights"] == {"last": now}


def test_what_a_killed_process_left_is_removed(fresh):
    dying = (
        "import os, pathlib, sys; from medsize.files import atomic_folder\n"
        "with atomic_folder(pathlib.Path(sys.argv[1])) as folder: (folder / 'half.csv').touch(); os._exit(9)"
    )
    for folder in (fresh.report, fresh.predictions):
        subprocess.run([sys.executable, "-c", dying, str(folder)], check=False)
    assert len(list(fresh.path.glob(".partial*"))) == 2
    evaluate_run(fresh, device="cpu")
    assert not list(fresh.path.rglob(".*"))


def train_on(run: RunFolder) -> None:
    weights = load_file(run.weights("last"))
    metadata = Meaning.of(load_resolved(run.config)).metadata()
    save_file({name: 1.5 * weight for name, weight in weights.items()}, run.weights("last"), metadata)


def test_a_checkpoint_that_was_not_measured_is_named(fresh):
    evaluate_run(fresh, device="cpu")
    shutil.copytree(fresh.checkpoint("last"), fresh.checkpoint("best"))
    with pytest.raises(InputError, match="'best' with SHA-256 none"):
        Evaluated.read(fresh.path)


def test_weights_that_change_while_they_are_measured_are_noticed(fresh):
    with pytest.raises(InputError, match="changed while they were measured"):
        evaluate_run(fresh, device="cpu", progress=lambda done, total: train_on(fresh) if done == 1 else None)
    assert not fresh.report.exists()


def test_files_of_two_evaluations_are_not_taken_for_one(evaluated, fresh):
    evaluate_run(fresh, device="cpu", nsd_tolerance_mm=1.0)
    for name in ("metrics.csv", "slices.csv", "summary.json"):
        run = RunFolder(shutil.copytree(evaluated.path, fresh.path.parent / f"mixed_{name}"))
        shutil.copy(fresh.report / name, run.report / name)
        with pytest.raises(InputError, match=rf"{name} cannot be read as the file that the evaluation"):
            Evaluated.read(run.path)


def test_a_run_that_another_process_works_on_is_not_evaluated(fresh):
    with claimed(fresh.path, "training"), pytest.raises(InputError, match=r"another process is at work(.|\n)*training"):
        evaluate_run(fresh, device="cpu")


def test_data_that_changed_since_the_training_are_said(fresh):
    evaluation = evaluate_run(fresh, device="cpu")
    assert evaluation.summary["data"]["trained_on"] == evaluation.summary["data"]["evaluated_on"]
    assert "not those that it was trained on" not in evaluation.describe()
    cases = read_cases(fresh)
    changed = of_split(cases, "train")[0]
    label = nib.load(changed.label)
    other = fresh.path.parent / "other_gt.nii.gz"
    nib.save(nib.Nifti1Image(np.asarray(label.dataobj)[::-1], label.affine), other)
    write_cases(fresh, [replace(case, label=other) if case == changed else case for case in cases])
    evaluation = evaluate_run(fresh, device="cpu")
    assert evaluation.summary["data"]["trained_on"] != evaluation.summary["data"]["evaluated_on"]
    assert "The images, labels or cases of this run are not those that it was trained on" in evaluation.describe()
    environment = json.loads(fresh.environment.read_text("utf-8"))
    del environment["data"]
    fresh.environment.write_text(json.dumps(environment))
    assert "does not say which data it was trained on" in evaluate_run(fresh, device="cpu").describe()


def test_a_network_that_finds_nothing_is_an_error_after_the_tables_were_written(fresh):
    weights = load_file(fresh.weights("last"))
    bias = next(name for name in weights if name.endswith("bias"))
    weights[bias][0] = 1e6  # all background
    save_file(weights, fresh.weights("last"), Meaning.of(load_resolved(fresh.config)).metadata())
    evaluation = evaluate_run(fresh, device="cpu")
    assert Evaluated.read(fresh.path).metrics["dice_scan"].eq(0).all()
    with pytest.raises(InputError, match=r"every score is 0(.|\n)*none in any prediction(.|\n)*metrics\.jsonl"):
        evaluation.check()


@pytest.mark.parametrize("name", ["../../away", "/tmp/away", "a\\..\\b"])
def test_a_case_whose_name_leads_away_is_refused(fresh, name):
    cases = read_cases(fresh)
    write_cases(fresh, [replace(cases[0], id=name), *cases[1:]])
    with pytest.raises(InputError, match="written to another folder"):
        evaluate_run(fresh, device="cpu")


def test_a_run_without_checkpoint_is_refused(fresh):
    shutil.rmtree(fresh.checkpoint("last"))
    with pytest.raises(InputError, match="no checkpoint 'last'"):
        evaluate_run(fresh, device="cpu")


def test_a_run_on_masks_has_neither_seeds_nor_given_sizes(intensity_network, tiny_acdc, tiny_cache, tmp_path):
    terms = ("objective.partial_cross_entropy=null", "objective.size_target=null", "objective.cross_entropy={}")
    run = fabricate_run(tmp_path / "masks", tiny_run_config(tiny_acdc, tiny_cache, *terms))
    evaluate_run(run, device="cpu")
    sizes = pd.read_csv(run.report / "training_sizes.csv")
    assert sizes["given_fraction"].isna().all()
    assert sizes["exact_fraction"].notna().all()
    assert (TaughtSlices.read(run.report / "taught_slices.npz").seeds == 255).all()


def test_the_tolerance_of_the_configuration_gives_the_nsd_and_an_option_another(fresh):
    config = load_resolved(fresh.config)
    settings = config.evaluation.model_copy(update={"nsd_tolerance_mm": 1.5})
    fresh.config.write_text(dump(config.model_copy(update={"evaluation": settings})))
    first = evaluate_run(fresh, device="cpu")
    assert first.summary["nsd_tolerance_mm"] == {"lv": 1.5}
    second = evaluate_run(fresh, device="cpu", nsd_tolerance_mm={"lv": 20.0})
    assert (second.metrics["nsd"] >= first.metrics["nsd"]).all()
    assert (second.metrics["nsd"] > first.metrics["nsd"]).any()


def test_without_a_tolerance_nsd_is_left_out_and_said_so(evaluated):
    summary = json.loads((evaluated.report / "summary.json").read_text(encoding="utf-8"))
    assert (summary["nsd_tolerance_mm"], summary["nsd_left_out"]) == ({}, ["lv"])
    assert metrics_of(evaluated)["nsd"].eq("").all()


def test_slices_are_those_of_the_cases(evaluated):
    slices = pd.read_csv(evaluated.report / "slices.csv")
    metrics = metrics_of(evaluated).set_index(["checkpoint", "case"])
    assert len(slices) == 3 * len(metrics)
    means = slices.groupby(["checkpoint", "case"])["dice_slice"].mean()
    pd.testing.assert_series_equal(means, metrics["dice_slice"].astype(float).sort_index())


def test_the_summary_of_a_run_says_split_seeds_and_versions(evaluated):
    summary = json.loads((evaluated.report / "summary.json").read_text(encoding="utf-8"))
    assert (summary["kind"], summary["data_split"]["name"], summary["leaks"]) == ("run", "patients", [])
    assert summary["groups"]["count"] == 2
    assert summary["seeds"].keys() == {"training", "bootstrap"}
    assert summary["versions"].keys() == {"medsize", "torch", "numpy", "scipy"}
    assert summary["failures"] == []


def test_several_options_are_measured_together_as_one_variant(fresh):
    options = PredictionOptions(tta=True, keep_largest=True)
    evaluation = evaluate_run(fresh, device="cpu", options=options)
    assert list(dict.fromkeys(evaluation.metrics["checkpoint"])) == ["last", "last_tta_largest"]
    assert evaluation.summary["options"]["last_tta_largest"] == {"tta": True, "keep_largest": True, "crf": False}
    assert evaluation.summary["options"]["last"] == {"tta": False, "keep_largest": False, "crf": False}
    assert "crf" not in evaluation.summary
