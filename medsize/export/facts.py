"""What is told about a network to those who will run it, without a patient's name or a local path."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

import medsize
from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.inference.label_values import structure_values
from medsize.run_folder import Checkpoint, RunFolder

NOT_A_DEVICE = "Research only. Not a medical device: not to be used for diagnosis or treatment."


@dataclass(frozen=True, slots=True)
class Facts:
    """A run, as far as it may be told.

    Attributes:
        config: The run's configuration.
        values: Structure to its value in label files, in class order.
        checkpoint: Which of the run's networks.
        weights_sha256: Of the checkpoint's weights.
        cases: Number of cases by split.
        patients: Number of patients by split.
        environment: Versions and device of the training.
        supervision: Nominal and measured noise, seed pixels.
        results: The block of the checkpoint in ``summary.json``, or None: not evaluated.
        leaks: Number of patients on both sides of the split, or None: not evaluated.
    """

    config: RunConfig
    values: dict[str, int]
    checkpoint: Checkpoint
    weights_sha256: str
    cases: dict[str, int]
    patients: dict[str, int]
    environment: dict[str, Any]
    supervision: dict[str, Any]
    results: dict[str, Any] | None
    leaks: int | None

    @classmethod
    def of(cls, run: RunFolder, checkpoint: Checkpoint) -> "Facts":
        """Collect the facts of a run whose checkpoint is there."""
        config = load_resolved(run.config)
        cases = pd.read_csv(run.cases)
        cases["split"] = cases["split"].fillna("unused")
        summary = _json(run.report / "summary.json")
        blocks = [summary, *summary.get("others", [])] if summary else []
        sides = cases.groupby("group")["split"].agg(lambda splits: "train" in set(splits) and len(set(splits)) > 1)
        return cls(
            config=config,
            values=structure_values(config.data),
            checkpoint=checkpoint,
            weights_sha256=hashlib.sha256(run.weights(checkpoint).read_bytes()).hexdigest(),
            cases={str(name): int(count) for name, count in cases["split"].value_counts().items()},
            patients={str(name): int(count) for name, count in cases.groupby("split")["group"].nunique().items()},
            environment=_json(run.environment),
            supervision=_json(run.supervision),
            results=next((block for block in blocks if _tells(block, checkpoint)), None),
            leaks=int(sides.sum()),
        )

    @property
    def structures(self) -> dict[str, str]:
        """Class number to structure, 0 the background."""
        return {str(number): name for number, name in enumerate(["background", *self.values])}

    def about(self) -> dict[str, object]:
        """Return what a file says of itself."""
        return {
            "medsize_version": medsize.__version__,
            "task": f"segmentation of {', '.join(self.values)}",
            "classes": self.structures,
            "label_values": self.values,
            "preprocessing": self.config.data.preprocessing.model_dump(mode="json"),
            "intensities": intensity_words(self.config.data.preprocessing.name),
            "network": self.config.network.name,
            "checkpoint": self.checkpoint,
            "weights_sha256": self.weights_sha256,
            "intended_use": NOT_A_DEVICE,
            "license": "Apache-2.0; the data set's terms also bind the weights",
        }


def intensity_words(preprocessing: str) -> str:
    """Return what the values of the planes must be."""
    if preprocessing == "photo":
        return "red, green and blue of an upright photo, divided by 255, resized to the network's square"
    return "scaled to [0, 1] by the smallest and the largest intensity of the whole volume"


def _tells(block: dict[str, Any], checkpoint: Checkpoint) -> bool:
    """Tell whether figures are those of a checkpoint, with the intervals that older versions did not compute."""
    aggregates = block.get("aggregates", {}).values()
    return bool(aggregates) and block["checkpoint"] == checkpoint and all("measures" in each for each in aggregates)


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found
