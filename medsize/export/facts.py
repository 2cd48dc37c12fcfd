"""What is told about a network to those who will run it, without a patient's name or a local path."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import medsize
from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.data.splits import held_out_leaks
from medsize.digests import file_digest
from medsize.evaluation.summary import read_summary
from medsize.files import restore_folder
from medsize.inference.label_values import structure_values
from medsize.run.cases import read_cases
from medsize.run.notes import read_notes
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
        results: The block of the checkpoint in ``summary.json``, or None: these weights were not evaluated.
        earlier_results: Whether there are results, but of other weights of this checkpoint.
        leaks: Number of patients on both sides of the split.
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
    earlier_results: bool
    leaks: int

    @classmethod
    def of(cls, run: RunFolder, checkpoint: Checkpoint) -> "Facts":
        """Collect the facts of a run whose checkpoint is there.

        Raises:
            InputError: A file of the run, or of its evaluation, is damaged.
        """
        config = load_resolved(run.config)
        cases = read_cases(run)
        groups = {(case.split or "unused", case.group) for case in cases}
        digest = file_digest(run.weights(checkpoint))
        summary = _summary(run)
        measured = summary.get("weights", {}).get(checkpoint)
        return cls(
            config=config,
            values=structure_values(config.data),
            checkpoint=checkpoint,
            weights_sha256=digest,
            cases=dict(Counter(case.split or "unused" for case in cases).most_common()),
            patients=dict(Counter(split for split, _ in groups)),
            environment=read_notes(run.environment),
            supervision=read_notes(run.supervision),
            results=_of_checkpoint(summary, checkpoint) if measured == digest else None,
            earlier_results=measured not in (None, digest),
            leaks=len(held_out_leaks(cases)),
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


def _summary(run: RunFolder) -> dict[str, Any]:
    restore_folder(run.report)
    return read_summary(run.report) if (run.report / "summary.json").exists() else {}


def _of_checkpoint(summary: dict[str, Any], checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Return the figures of a checkpoint, if any case of it was measured."""
    blocks = [summary, *summary["others"]]
    return next((block for block in blocks if block.get("checkpoint") == checkpoint and block["aggregates"]), None)
