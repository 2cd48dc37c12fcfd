import pytest

from medsize.errors import InputError
from medsize.evaluation.evaluated import Evaluated
from tests.evaluation.report.made_up import write_evaluation


def test_label_files_are_read_from_their_folder_or_the_report_in_it(tmp_path):
    write_evaluation(tmp_path / "labels" / "report", patients=2)
    for path in (tmp_path / "labels", tmp_path / "labels" / "report"):
        found = Evaluated.read(path)
        assert found.folder == tmp_path / "labels" / "report"
        assert found.run is None
        assert len(found.headline) == len(found.metrics) == 2 * 2 * 3


def test_a_run_counts_with_its_last_checkpoint_alone(evaluated):
    found = Evaluated.read(evaluated.path)
    assert found.run == evaluated
    assert set(found.metrics["checkpoint"]) == {"last", "best"}
    assert set(found.headline["checkpoint"]) == set(found.of_headline(found.slices)["checkpoint"]) == {"last"}


def test_what_was_not_measured_is_no_measure(tmp_path):
    assert "nsd" in Evaluated.read(write_evaluation(tmp_path / "with", patients=1)).measures
    assert "nsd" not in Evaluated.read(write_evaluation(tmp_path / "without", patients=1, with_nsd=False)).measures


@pytest.mark.parametrize("name", ["metrics.csv", "slices.csv", "summary.json"])
def test_a_missing_table_is_named_with_the_remedy(tmp_path, name):
    folder = write_evaluation(tmp_path / "labels", patients=1)
    (folder / name).unlink()
    with pytest.raises(InputError, match=r"cannot be read(.|\n)*medsize evaluate"):
        Evaluated.read(folder)
