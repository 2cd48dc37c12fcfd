import re
import shutil

import numpy as np
import pandas as pd
import pytest

from medsize.evaluation import evaluate_predictions, evaluate_run
from medsize.evaluation.evaluated import Evaluated
from medsize.evaluation.report import write_report
from medsize.evaluation.report.photo_figures import iou_by_area, spread_of_photos
from medsize.evaluation.report.photo_results import by_object_size, mistakes, photo_rows, sample_objects
from medsize.run_folder import RunFolder
from tests.evaluation.photo_sets import VALUES, random_masks, spoilt, write_masks

STRUCTURES = [f"{name}={value}" for name, value in VALUES.items()]


@pytest.fixture(scope="module")
def page(evaluated_photos):
    return write_report(evaluated_photos).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def found(evaluated_photos):
    return Evaluated.read(evaluated_photos.path)


def section(page, name):
    return re.search(rf'<section id="{name}">.*?</section>', page, re.DOTALL)[0]


def test_a_page_about_photos_speaks_of_photos_alone(page):
    for word in ("patient", "spacing_mm", "HD95", "true mL", "Training slice", "of the slice"):
        assert word not in re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL), word


def test_the_headline_is_the_miou_of_the_summary(page, found):
    result = section(page, "result")
    assert f'<div class="number">{found.summary["set"]["miou"]["value"]:.3f}</div>' in result
    assert "4 validation photos" in result


def test_every_class_that_is_there_has_a_row_and_the_others_are_named(page, found):
    classes = section(page, "classes")
    rows = re.findall(r'<tr><td class="t">(\w+)</td><td class="bar"', classes)
    assert rows == list(found.summary["classes"])
    if "bird" not in rows:
        assert "left out: bird" in classes


def test_photos_are_shown_with_classes_and_each_picture_once(page):
    cases = section(page, "cases")
    assert cases.count("data:image/jpeg") == cases.count('<use href="#photo-') == 4
    assert cases.count("data:image/png") == 2 * 4
    assert 'style="background: rgb(' in cases


def test_all_photos_are_in_the_table(page, found):
    table = section(page, "table")
    assert all(f'<td class="t">{case}</td>' in table for case in found.headline["case"].unique())


def test_taught_photos_are_in_colour_and_whole(page):
    assert 'viewBox="0 0 52.0 40.0"' in section(page, "taught")


def test_a_binary_set_leads_with_its_f_measure(evaluated_objects):
    page = write_report(evaluated_objects).read_text(encoding="utf-8")
    f = Evaluated.read(evaluated_objects.path).summary["aggregates"]["object"]["measures"]["f_measure"]["mean"]
    assert f'<div class="number">{f:.3f}</div>' in section(page, "result")
    assert "F of mean precision and recall" in page


def test_mask_files_have_a_page_without_what_only_a_run_tells(tmp_path):
    labels = random_masks(4)
    write_masks(tmp_path / "labels", labels)
    write_masks(tmp_path / "predictions", [spoilt(mask, n) for n, mask in enumerate(labels)])
    report = tmp_path / "report"
    evaluate_predictions(tmp_path / "predictions", tmp_path / "labels", report, structures=STRUCTURES)
    page = write_report(report).read_text(encoding="utf-8")
    assert "How they were made is not known here" in page
    assert 'id="cases"' not in page
    assert 'id="mistakes"' in page


def test_mistakes_are_shares_of_all_wrong_pixels_the_most_first(found):
    pairs = found.of_headline(found.confusion)
    wrong = pairs[pairs["true"] != pairs["predicted"]]
    shown = mistakes(found)
    assert shown[0].share_of_wrong == pytest.approx(wrong["pixels"].max() / wrong["pixels"].sum())
    shares = [row.share_of_wrong for row in shown]
    assert shares == sorted(shares, reverse=True)


def test_objects_are_counted_by_size_and_those_that_were_missed(found):
    objects = found.of_headline(found.instances)
    objects = objects[objects["structure"] != "background"]
    small, medium, large = by_object_size(found)
    assert (small.objects, medium.objects, large.objects) == (len(objects), 0, 0)
    assert small.missed == (objects["iou"] == 0).sum()
    assert small.name == "small: below 1024 pixels"


def test_photos_are_listed_worst_first(found):
    figures = [row["figure"] for row in photo_rows(found, "jaccard")]
    assert figures == sorted(figures)
    assert len(figures) == found.headline["case"].nunique()


def test_many_objects_are_sampled_evenly_by_size(found):
    many = pd.DataFrame({"structure": "cat", "area_pixels": np.arange(5000), "iou": 0.5}).assign(
        checkpoint="last", split="val"
    )
    sample = sample_objects(
        type(found)(**{name: getattr(found, name) for name in found.__slots__} | {"instances": many})
    )
    assert len(sample) == 1200
    assert (sample["area_pixels"].min(), sample["area_pixels"].max()) == (0, 4999)


def test_figures_stay_small_for_many_photos_and_objects():
    random = np.random.default_rng(0)
    objects = pd.DataFrame({"area_pixels": random.integers(1, 90_000, 1200), "iou": random.random(1200)})
    assert len(iou_by_area(objects, (1024, 9216))) < 300_000
    names = pd.Series(random.choice([f"class {n}" for n in range(80)], 20_000))
    figure = spread_of_photos(pd.Series(random.random(20_000)), "IoU", names)
    assert len(figure) < 1_000_000
    assert "all" in figure


def test_a_set_in_which_nothing_is_found_or_there_has_a_page(tmp_path):
    empty = [np.zeros((9, 9), np.uint8)] * 2
    for name in ("labels", "predictions"):
        write_masks(tmp_path / name, empty)
    evaluate_predictions(tmp_path / "predictions", tmp_path / "labels", tmp_path / "report", structures=["object=255"])
    assert "nothing found" in write_report(tmp_path / "report").read_text(encoding="utf-8")


def test_a_run_without_a_labelled_photo_has_a_page(evaluated_photos, tmp_path):
    run = shutil.copytree(evaluated_photos.path, tmp_path / "run")
    cases = pd.read_csv(run / "cases.csv", dtype=str, keep_default_na=False)
    cases.loc[cases["split"] == "val", "label"] = ""
    cases.to_csv(run / "cases.csv", index=False)
    evaluation = evaluate_run(RunFolder(run), device="cpu")
    assert "nothing can be said about accuracy" in evaluation.describe()
    assert "No held-out case has a label" in write_report(RunFolder(run)).read_text(encoding="utf-8")
