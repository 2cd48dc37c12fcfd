"""The files of a run and their names."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medsize.errors import InputError

Checkpoint = Literal["last", "best"]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Everything needed to rerun a run, or to doubt its result.

    Attributes:
        path: The folder itself.
    """

    path: Path

    @classmethod
    def existing(cls, path: Path) -> "RunFolder":
        """Open the folder of a run that was started before.

        Raises:
            InputError: There is no run in this folder.
        """
        run = cls(path)
        if not run.config.is_file():
            raise InputError(
                f"{path} is not a run",
                expected="a folder written by 'medsize train', holding config.yaml",
                found="no such folder" if not path.exists() else "no config.yaml in it",
            )
        return run

    @property
    def config(self) -> Path:
        """The resolved configuration, YAML."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """Versions, commit and device, JSON."""
        return self.path / "environment.json"

    @property
    def cases(self) -> Path:
        """Every case of the run with its files and split, CSV."""
        return self.path / "cases.csv"

    @property
    def size_targets(self) -> Path:
        """The sizes the run was given, CSV."""
        return self.path / "size_targets.csv"

    @property
    def corrected_sizes(self) -> Path:
        """The sizes that the training slices were last labelled anew with, CSV, where a stage has done so."""
        return self.path / "corrected_sizes.csv"

    @property
    def supervision(self) -> Path:
        """What was given in words and numbers: seeds, nominal and measured noise, JSON."""
        return self.path / "supervision.json"

    @property
    def metrics(self) -> Path:
        """One line per epoch and per validation, JSON lines."""
        return self.path / "metrics.jsonl"

    @property
    def sizes_while_learning(self) -> Path:
        """Sums over the epochs of the sizes predicted of each training slice, safetensors; of the checkpoint last."""
        return self.checkpoint("last") / "sizes_while_learning.safetensors"

    @property
    def consolidation(self) -> Path:
        """What elastic weight consolidation holds, safetensors; of the checkpoint last, in a stage that has it."""
        return self.checkpoint("last") / "consolidation.safetensors"

    @property
    def training_weights(self) -> Path:
        """The weights that train, safetensors; of the checkpoint last, where those that predict are averages."""
        return self.checkpoint("last") / "training_weights.safetensors"

    @property
    def relabelled(self) -> Path:
        """What the network has labelled the training slices as, NumPy's npz; of the checkpoint last, if it has."""
        return self.checkpoint("last") / "relabelled.npz"

    @property
    def optimiser(self) -> Path:
        """State of the optimiser, of ``torch.save``; of the checkpoint last."""
        return self.checkpoint("last") / "optimiser.pt"

    @property
    def predictions(self) -> Path:
        """Predicted label files, one folder a checkpoint."""
        return self.path / "predictions"

    def prediction(self, checkpoint: str, case: str, image: Path) -> Path:
        """Label file that an evaluation predicts for a case: NIfTI, or PNG where the image is a JPEG or PNG."""
        photo = image.suffix.lower() in (".jpg", ".jpeg", ".png")
        return self.predictions / checkpoint / f"{case}{'.png' if photo else '.nii.gz'}"

    @property
    def report(self) -> Path:
        """Folder of the report and its tables."""
        return self.path / "report"

    def checkpoint(self, name: Checkpoint) -> Path:
        """Return the folder of a checkpoint."""
        return self.path / "checkpoints" / name

    def weights(self, name: Checkpoint) -> Path:
        """Return the network's weights of a checkpoint, safetensors; they say what they were trained on."""
        return self.checkpoint(name) / "model.safetensors"

    def position(self, name: Checkpoint) -> Path:
        """Return where the training stood at a checkpoint, its configuration and its files' digests, JSON."""
        return self.checkpoint(name) / "position.json"
