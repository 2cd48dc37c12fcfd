"""Evaluations of photos, of runs and of mask files, against figures computed from the files alone."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from medsize.errors import InputError
from medsize.evaluation import evaluate_predictions
from medsize.evaluation.compare import compare
from medsize.evaluation.evaluated import Evaluated
from medsize.evaluation.photo_scores import PHOTO_COLUMNS
from medsize.evaluation.report import write_comparison
from medsize.run.cases import read_cases
from tests.evaluation.photo_sets import VALUES, random_masks, spoilt, write_masks

STRUCTURES = [f"{name}={value}" for name, value in VALUES.items()]


@pytest.fixture(scope="module")
def masks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("masks")
    labels = random_masks(1)
    predictions = [spoilt(mask, number) for number, mask in enumerate(labels)]
    write_masks(folder / "labels", labels)
    write_masks(folder / "predictions", predictions)
    return folder, labels, predictions


@pytest.fixture(scope="module")
def compared(masks):
    folder, _, _ = masks
    return evaluate_predictions(folder / "predictions", folder / "labels", folder / "report", structures=STRUCTURES)


def of_set(labels, predictions, value):
    """Right, predicted and true pixels of a value over all masks, void left out."""
    counts = np.zeros(3, int)
    for label, prediction in zip(labels, predictions, strict=True):
        inside = label != 255
        true, predicted = (label == value) & inside, (prediction == value) & inside
        counts += [(true & predicted).sum(), predicted.sum(), true.sum()]
    return counts


def test_the_figures_of_the_set_are_those_of_all_pixels_together(masks, compared):
    _, labels, predictions = masks
    ious = {}
    for name, value in {"background": 0, **VALUES}.items():
        right, predicted, true = of_set(labels, predictions, value)
        if predicted + true:
            ious[name] = right / (predicted + true - right)
            found = compared.summary["classes"][name]
            assert found["miou"]["value"] == pytest.approx(ious[name])
            assert found["precision"]["value"] == pytest.approx(right / predicted)
            assert found["recall"]["value"] == pytest.approx(right / true)
    measured = compared.summary["set"]["miou"]
    assert measured["value"] == pytest.approx(np.mean(list(ious.values())))
    assert (measured["classes"], measured["left_out"]) == (3, ["bird"])
    assert measured["low"] < measured["value"] < measured["high"]


def test_a_photo_has_a_row_for_the_background_and_each_class_it_holds(masks, compared):
    _, labels, predictions = masks
    assert tuple(compared.metrics.columns) == PHOTO_COLUMNS
    for number, (label, prediction) in enumerate(zip(labels, predictions, strict=True)):
        inside = label != 255
        held = {0, *np.unique(label[inside]), *np.unique(prediction[inside])}
        rows = compared.metrics[compared.metrics["case"] == f"photo{number}"]
        assert set(rows["structure"]) == {name for name, value in {"background": 0, **VALUES}.items() if value in held}
        assert (rows["voxels"] == inside.sum()).all()


def test_the_confusion_matrix_adds_up_to_the_pixels_that_are_not_void(masks, compared):
    _, labels, _ = masks
    table = compared.tables["confusion"]
    assert table["pixels"].sum() == sum((label != 255).sum() for label in labels)
    assert table.loc[table["true"] == "cat", "pixels"].sum() == sum((label == 3).sum() for label in labels)


def test_objects_are_listed_with_their_areas(masks, compared):
    _, labels, _ = masks
    objects = compared.tables["instances"]
    assert objects.loc[objects["structure"] == "dog", "area_pixels"].sum() == sum((mask == 5).sum() for mask in labels)
    small = objects[(objects["structure"] != "background")].groupby("structure")["iou"].mean().mean()
    assert compared.summary["set"]["ia_small"]["value"] == pytest.approx(small)
    assert compared.summary["set"]["ia_large"]["value"] is None


def test_photos_have_no_distances_and_this_is_said(compared):
    assert not {"hd95_mm", "volume_true_ml", "dice_slice"} & set(compared.metrics)
    assert "photos have no spacing" in compared.describe()
    assert compared.describe().startswith("mIoU of 3 classes, 6 photos: 0.")


def test_a_missing_photo_is_scored_as_background_and_listed(masks, tmp_path):
    folder, _, predictions = masks
    write_masks(tmp_path / "some", predictions[:-1])
    found = evaluate_predictions(tmp_path / "some", folder / "labels", tmp_path / "report", structures=STRUCTURES)
    assert [each["case"] for each in found.summary["failures"]] == ["photo5"]
    rows = found.metrics[(found.metrics["case"] == "photo5") & (found.metrics["structure"] != "background")]
    assert len(rows)
    assert (rows["jaccard"] == 0).all()


def test_a_prediction_of_void_is_a_failure(masks, tmp_path):
    folder, _, predictions = masks
    write_masks(tmp_path / "void", [np.full_like(predictions[0], 255), *predictions[1:]])
    found = evaluate_predictions(tmp_path / "void", folder / "labels", tmp_path / "report", structures=STRUCTURES)
    assert "predicts nothing at" in found.summary["failures"][0]["reason"]


def test_255_is_refused_beside_other_structures(masks, tmp_path):
    folder, _, _ = masks
    with pytest.raises(InputError, match="255 means void"):
        evaluate_predictions(folder / "predictions", folder / "labels", tmp_path, structures=["a=255", "b=3"])


def test_binary_masks_are_measured_by_the_mean_f_measure_over_photos(tmp_path):
    labels = [np.where(mask == 3, 255, 0).astype(np.uint8) for mask in random_masks(2)]
    labels.append(np.zeros_like(labels[0]))
    predictions = [spoilt(np.where(mask == 255, 1, 0).astype(np.uint8), n) * 255 for n, mask in enumerate(labels)]
    write_masks(tmp_path / "labels", labels)
    write_masks(tmp_path / "predictions", predictions)
    found = evaluate_predictions(
        tmp_path / "predictions", tmp_path / "labels", tmp_path / "report", structures=["object=255"]
    )
    expected = []
    for label, prediction in zip(labels, predictions, strict=True):
        if label.any() or prediction.any():
            right = (label & prediction > 0).sum()
            precision, recall = right / max((prediction > 0).sum(), 1), right / max((label > 0).sum(), 1)
            below = 0.3 * precision + recall
            expected.append(1.3 * precision * recall / below if below else 0)
    aggregate = found.summary["aggregates"]["object"]
    assert aggregate["measures"]["f_measure"]["mean"] == pytest.approx(np.mean(expected))
    assert aggregate["in_neither"] == len(labels) - len(expected) >= 1
    assert found.summary["headline"] == "f_measure"
    assert f"F-measure object, {len(labels)} photos: mean" in found.describe()


def test_a_run_is_measured_at_the_photos_own_resolution_by_its_written_masks(evaluated_photos):
    summary = json.loads((evaluated_photos.report / "summary.json").read_text("utf-8"))
    held_out = [case for case in read_cases(evaluated_photos) if case.split == "val"]
    labels = [np.asarray(Image.open(case.label)) for case in held_out]
    predictions = [np.asarray(Image.open(evaluated_photos.prediction("last", c.id, c.image))) for c in held_out]
    assert predictions[0].shape == labels[0].shape == (40, 52)
    right, predicted, true = of_set(labels, predictions, 3)
    assert summary["classes"]["cat"]["miou"]["value"] == pytest.approx(right / (predicted + true - right))
    assert (summary["images"], summary["headline"], summary["checkpoint"]) == ("photos", "miou", "last")
    assert not (evaluated_photos.report / "slices.csv").exists()


def test_a_run_and_its_masks_evaluated_as_files_agree(evaluated_photos, tmp_path):
    held_out = next(case for case in read_cases(evaluated_photos) if case.split == "val")
    (tmp_path / "labels").mkdir()
    for case in read_cases(evaluated_photos):
        if case.split == "val":
            (tmp_path / "labels" / case.label.name).write_bytes(case.label.read_bytes())
    found = evaluate_predictions(
        evaluated_photos.predictions / "last", tmp_path / "labels", tmp_path / "report", structures=STRUCTURES
    )
    of_run = pd.read_csv(evaluated_photos.report / "metrics.csv")
    of_run = of_run[of_run["checkpoint"] == "last"]
    key = ["case", "structure"]
    columns = ["jaccard", "voxels_true", "voxels_predicted"]
    pd.testing.assert_frame_equal(
        of_run.sort_values(key)[columns].reset_index(drop=True),
        found.metrics.sort_values(key)[columns].reset_index(drop=True),
    )
    assert held_out.id in set(found.metrics["case"])


def test_evaluated_photos_leave_the_background_to_the_set(evaluated_photos):
    found = Evaluated.read(evaluated_photos.path)
    assert found.of_photos
    assert "background" not in set(found.metrics["structure"])
    assert set(found.measures) == {"jaccard", "dice_scan", "precision", "recall", "f_measure"}
    assert len(found.instances)
    assert len(found.confusion)


def manifest_of_touching_cats(folder, numbers):
    label = np.zeros((6, 20), np.uint8)
    label[1:5, 2:18] = 3
    write_masks(folder / "labels", [label])
    write_masks(folder / "predictions", [np.where(np.arange(20) < 10, label, 0).astype(np.uint8)])
    write_masks(folder / "objects", [numbers(label)])
    (folder / "cases.csv").write_text(
        "case,image,label,instances\nphoto0,labels/photo0.png,labels/photo0.png,objects/photo0.png\n"
    )
    return folder


def test_objects_that_touch_are_told_apart_by_a_map(tmp_path):
    folder = manifest_of_touching_cats(
        tmp_path, lambda label: np.where(label > 0, 1 + (np.arange(20) >= 10), 0).astype(np.uint8)
    )
    found = evaluate_predictions(folder / "predictions", folder / "cases.csv", folder / "report", structures=["cat=3"])
    cats = found.tables["instances"].query("structure == 'cat'")
    assert sorted(cats["iou"]) == [0, 1]
    assert found.summary["object_maps"] == 1


def test_a_map_of_another_size_is_named(tmp_path):
    folder = manifest_of_touching_cats(tmp_path, lambda label: label[:, :5])
    with pytest.raises(InputError, match=r"case photo0(.|\n)*does not fit its photo"):
        evaluate_predictions(folder / "predictions", folder / "cases.csv", folder / "report", structures=["cat=3"])


@pytest.mark.usefixtures("compared")
def test_evaluations_of_photos_are_compared(masks, tmp_path):
    folder, labels, _ = masks
    write_masks(tmp_path / "better", [np.where(mask == 255, 0, mask) for mask in labels])
    evaluate_predictions(tmp_path / "better", folder / "labels", tmp_path / "better" / "report", structures=STRUCTURES)
    found = compare([folder / "report", tmp_path / "better"])
    rows = found.differences[found.differences["measure"] == "jaccard"]
    assert (rows["mean_difference"] > 0).all()
    assert not any("references are not the same" in warning for warning in found.warnings)
    assert (write_comparison(found, tmp_path / "comparison")).stat().st_size > 10_000
