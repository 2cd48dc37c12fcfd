import getpass
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medsize.data.volumes import read_volume
from medsize.errors import InputError
from medsize.export import export_run
from medsize.inference.load import Predictor
from medsize.run_folder import RunFolder
from tests.agreement import assert_same_but_for_ties
from tests.export.conftest import photo_config

DOCS = Path(__file__).parents[2] / "docs" / "how-to" / "export.md"
BLOCK = """\
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "medsize":
            raise ModuleNotFoundError("medsize is not installed here")
sys.meta_path.insert(0, Blocker())
"""


def outside(folder: Path, *arguments: object, cwd: Path) -> str:
    """Run Python where medsize cannot be imported."""
    (folder / "block").mkdir()
    (folder / "block" / "sitecustomize.py").write_text(BLOCK)
    done = subprocess.run(
        [sys.executable, "-P", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(folder / "block")},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def images(tiny_acdc: Path, folder: Path) -> list[Path]:
    """Two hearts whose header has another spacing than the affine, as in ACDC."""
    folder.mkdir()
    for source in sorted((tiny_acdc / "training" / "patient001").glob("*frame??.nii.gz")):
        image = nib.load(source)
        image.header.set_zooms((1.1, 1.6, 8.0))
        image.header.set_sform(np.diag([1.0, 1, 1, 1]), code=1)
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[:-3], None, image.header), folder / source.name)
    return sorted(folder.iterdir())


def same_labels(run: RunFolder, files: list[Path], results: Path) -> None:
    predictor = Predictor.load(run, "last", "cpu")
    for file in files:
        expected = np.array([0, *predictor.values.values()])[predictor.predict(read_volume(file))]
        assert_same_but_for_ties(nib.load(results / file.name).dataobj, expected)
        assert len(np.unique(expected)) > 1


@pytest.fixture(scope="module")
def bundle(physical_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_run(physical_run, "bundle", tmp_path_factory.mktemp("export") / "bundle").folder


@pytest.fixture(scope="module")
def onnx(physical_run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = export_run(physical_run, "onnx", tmp_path_factory.mktemp("export") / "onnx")
    assert written.difference is not None
    return written.folder


def test_monai_runs_the_bundle_without_medsize(bundle: Path, physical_run, tiny_acdc: Path, tmp_path: Path) -> None:
    files = images(tiny_acdc, tmp_path / "in")
    places = ["--dataset_dir", tmp_path / "in", "--output_dir", tmp_path / "out"]
    command = ["-m", "monai.bundle", "run", "--config_file", "configs/inference.json", *places]
    outside(tmp_path, *command, cwd=bundle)
    same_labels(physical_run, files, tmp_path / "out")


def test_the_program_in_the_docs_runs_the_onnx_file_without_medsize(
    onnx: Path, physical_run, tiny_acdc: Path, tmp_path: Path
) -> None:
    files = images(tiny_acdc, tmp_path / "in")
    (tmp_path / "segment.py").write_text(program_in_the_docs())
    outside(tmp_path, "segment.py", onnx / "model.onnx", tmp_path / "out", *files, cwd=tmp_path)
    same_labels(physical_run, files, tmp_path / "out")


def program_in_the_docs() -> str:
    (program,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return program


def test_the_bundle_has_what_monai_asks_for(bundle: Path, physical_run) -> None:
    inside = {str(file.relative_to(bundle)) for file in bundle.rglob("*") if file.is_file()}
    assert inside == {
        "MODEL_CARD.md", "LICENSE", "docs/README.md", "models/model.pt2",
        "configs/inference.json", "configs/metadata.json",
    }  # fmt: skip
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text("utf-8"))
    needed = "version monai_version pytorch_version numpy_version required_packages_version task description authors"
    for name in (*needed.split(), "copyright", "network_data_format", "intended_use"):
        assert metadata[name]
    formats = metadata["network_data_format"]
    assert formats["outputs"]["pred"]["channel_def"] == {"0": "background", "1": "lv"}
    assert set(formats["inputs"]) == {"image", "spacing_mm"}


def test_the_onnx_file_says_what_it_is(onnx: Path) -> None:
    import onnxruntime

    about = onnxruntime.InferenceSession(onnx / "model.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(about["label_values"]) == {"lv": 3}
    assert json.loads(about["preprocessing"]) == {"name": "physical", "size": 32, "spacing_mm": 1.2}
    assert {"medsize_version", "license", "weights_sha256", "intended_use"} <= about.keys()


def test_nothing_exported_names_a_patient_or_a_local_path(bundle: Path, onnx: Path, physical_run, tiny_acdc) -> None:
    places = (physical_run.path, tiny_acdc, Path(__file__).parents[2], Path(sys.prefix), Path.home() / ".cache")
    secrets = [b"patient0", *(str(place).encode() for place in places), f"/{getpass.getuser()}/".encode()]
    for file in (file for folder in (bundle, onnx) for file in folder.rglob("*") if file.is_file()):
        content = file.read_bytes()
        assert not [secret for secret in secrets if secret in content], file


def test_the_card_alone_can_be_had(physical_run: RunFolder, tmp_path: Path) -> None:
    steps = []
    folder = tmp_path / "card"
    export_run(physical_run, "card", folder, progress=lambda done, total: steps.append((done, total)))
    assert [file.name for file in folder.iterdir()] == ["MODEL_CARD.md"]
    assert steps == [(0, 3), (1, 3), (3, 3)]


def test_an_export_is_replaced_only_when_asked(physical_run: RunFolder, tmp_path: Path) -> None:
    folder = export_run(physical_run, "card", tmp_path / "card").folder
    (folder / "MODEL_CARD.md").write_text("old")
    with pytest.raises(InputError, match=r"is there already(.|\n)*--overwrite"):
        export_run(physical_run, "card", folder)
    export_run(physical_run, "card", folder, overwrite=True)
    assert "Model card" in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_a_folder_that_is_no_export_is_never_replaced(physical_run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    with pytest.raises(InputError, match=r"no MODEL_CARD\.md"):
        export_run(physical_run, "card", tmp_path / "thesis", overwrite=True)


def test_the_name_of_a_file_is_refused(physical_run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name a folder"):
        export_run(physical_run, "onnx", tmp_path / "lv.onnx")


def test_a_missing_checkpoint_leaves_nothing_behind(physical_run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint 'best'"):
        export_run(physical_run, "bundle", tmp_path / "out" / "bundle", checkpoint="best")
    assert not (tmp_path / "out").exists()


def test_a_bundle_of_photos_is_refused(physical_run: RunFolder, tmp_path: Path, monkeypatch) -> None:
    facts = type("Facts", (), {"of": staticmethod(lambda run, checkpoint: type("F", (), {"config": photo_config()}))})
    monkeypatch.setattr("medsize.export.run.Facts", facts)
    with pytest.raises(InputError, match="use --to onnx"):
        export_run(physical_run, "bundle", tmp_path / "bundle")


@pytest.mark.real_data
def test_on_real_scans_both_exports_give_the_dice_of_the_run(
    bundle: Path, onnx: Path, physical_run: RunFolder, test_data: Path, tmp_path: Path
) -> None:
    patients = sorted((test_data / "acdc" / "training").glob("patient*"))[:10]
    files = [min(folder.glob("*_frame??.nii.gz")) for folder in patients]
    (tmp_path / "in").mkdir()
    for file in files:
        (tmp_path / "in" / file.name).symlink_to(file.resolve())
    places = ["--dataset_dir", tmp_path / "in", "--output_dir", tmp_path / "bundle"]
    (tmp_path / "one").mkdir()
    outside(
        tmp_path / "one", "-m", "monai.bundle", "run", "--config_file", "configs/inference.json", *places, cwd=bundle
    )
    (tmp_path / "segment.py").write_text(program_in_the_docs())
    outside(tmp_path, "segment.py", onnx / "model.onnx", tmp_path / "onnx", *files, cwd=tmp_path)
    predictor = Predictor.load(physical_run, "last", "cpu")
    for file in files:
        label = np.asarray(nib.load(str(file).replace(".nii.gz", "_gt.nii.gz")).dataobj) == 3
        expected = dice(predictor.predict(read_volume(file)) == 1, label)
        for folder in ("bundle", "onnx"):
            found = dice(np.asarray(nib.load(tmp_path / folder / file.name).dataobj) == 3, label)
            assert found == pytest.approx(expected, abs=1e-4)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))
