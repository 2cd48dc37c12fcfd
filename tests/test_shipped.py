from pathlib import Path

import medsize.shipped
from medsize.shipped import shipped


def test_a_checkout_has_the_files_at_its_root():
    assert (shipped("configs") / "acdc.yaml").is_file()
    assert (shipped("data_manifests") / "acdc_patients.csv").is_file()


def test_an_installed_package_has_them_inside(tmp_path: Path, monkeypatch):
    (tmp_path / "medsize" / "configs").mkdir(parents=True)
    monkeypatch.setattr(medsize.shipped, "__file__", str(tmp_path / "medsize" / "shipped.py"))
    assert shipped("configs") == tmp_path / "medsize" / "configs"
