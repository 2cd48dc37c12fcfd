"""A place with good data, a good configuration and a trained run: what bad input starts from."""

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from tests.conftest import SIDE

AFFINE = np.diag([1.5, 1.5, 8.0, 1.0])
Command = list[object]


@dataclass
class Place:
    """Everything that a command is given, each thing made when first asked for.

    Attributes:
        folder: All of it is in here, and a failed command leaves it as it was.
        good_acdc: The tiny data set, to copy.
        good_run: A trained run, to copy.
        config: A tiny configuration.
    """

    folder: Path
    good_acdc: Path
    good_run: Path
    config: Path

    @property
    def output(self) -> Path:
        return self.folder / "output"

    @cached_property
    def acdc(self) -> Path:
        return shutil.copytree(self.good_acdc, self.folder / "acdc")

    @cached_property
    def run(self) -> Path:
        return shutil.copytree(self.good_run, self.folder / "run")

    @property
    def patient(self) -> Path:
        return self.acdc / "training" / "patient003"

    @property
    def image(self) -> Path:
        return self.patient / "patient003_frame01.nii.gz"

    @property
    def label(self) -> Path:
        return self.patient / "patient003_frame01_gt.nii.gz"

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the user's."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def train(self, *options: object) -> Command:
        """The command that trains on the data set."""
        return ["train", self.config, "--data-root", self.acdc, "--output", self.output, *options]

    def train_on_manifest(self, text: str) -> Command:
        """The command that trains on the volumes that a manifest lists."""
        self.write("cases.csv", text)
        labels = "{heart: 1}"
        config = self.write(
            "own.yaml",
            f"extends: {self.config}\n"
            "data:\n"
            f"  source: {{kind: manifest, path: cases.csv, labels: {labels}}}\n"
            "  structures: [heart]\n"
            "  split: {name: manifest}\n",
        )
        return ["train", config, "--output", self.output]

    def train_on_case(self, image: NDArray[np.generic], label: NDArray[np.generic], affine: object = AFFINE) -> Command:
        """The command that trains on a manifest of one good case and one with this image and label."""
        good, mask = grey(), square()
        for name, array, where in (("good", good, AFFINE), ("good_gt", mask, AFFINE), ("bad", image, AFFINE)):
            nib.save(nib.Nifti1Image(array, where), self.folder / f"{name}.nii.gz")
        nib.save(nib.Nifti1Image(label, affine), self.folder / "bad_gt.nii.gz")
        return self.train_on_manifest(
            "case,image,label,split\ngood,good.nii.gz,good_gt.nii.gz,train\nbad,bad.nii.gz,bad_gt.nii.gz,train\n"
        )

    def train_with_sizes(self, text: str) -> Command:
        """The command that trains with a size table."""
        return self.train("--sizes", self.write("sizes.csv", text))

    def predict(self, *inputs: object) -> Command:
        """The command that segments images."""
        return ["predict", self.run, *inputs, "--output", self.output]

    def save(self, name: str, array: NDArray[np.generic]) -> Path:
        """Write an image."""
        path = self.folder / name
        nib.save(nib.Nifti1Image(array, AFFINE), path)
        return path

    def files(self) -> dict[str, bytes]:
        """Every file and what is in it; folders end in a slash."""
        return {
            f"{path.relative_to(self.folder)}/" if path.is_dir() else str(path.relative_to(self.folder)): b""
            if path.is_dir()
            else path.read_bytes()
            for path in self.folder.rglob("*")
        }


def grey(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).random(shape or (SIDE, SIDE, 3), np.float32)


def square() -> NDArray[np.uint8]:
    label = np.zeros((SIDE, SIDE, 3), np.uint8)
    label[10:20, 10:20] = 1
    return label
