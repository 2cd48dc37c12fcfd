"""The course of a training, from ``metrics.jsonl``."""

import re
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd

from medsize.errors import InputError
from medsize.run.records import read_records
from medsize.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class History:
    """A training epoch by epoch.

    Attributes:
        epochs: The columns ``epoch``, ``loss``, ``learning_rate``, ``seconds`` and one a part of the objective.
        parts: Names of these.
        validations: The columns ``epoch`` and one a structure (``dice_scan``, NaN where undefined).
        best_epoch: Epoch of the checkpoint ``best``, if there is one.
        stages: Name and first epoch of each stage, repetitions as one; empty for a training without stages.
    """

    epochs: pd.DataFrame
    parts: tuple[str, ...]
    validations: pd.DataFrame
    best_epoch: int | None
    stages: tuple[tuple[str, int], ...] = ()

    @classmethod
    def read(cls, run: RunFolder, structures: tuple[str, ...]) -> Self:
        """Read a run's records; a last line without its end was being written when the training was stopped.

        Raises:
            InputError: The file is missing or damaged.
        """
        try:
            return cls._of(read_records(run.metrics), structures)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{run.metrics} has a record that is not whole",
                expected="the records of epochs and validations that 'medsize train' writes",
                found=f"no {error}" if isinstance(error, KeyError) else str(error),
                remedy="copy the run folder again, whole",
            ) from error

    @classmethod
    def _of(cls, records: list[dict[str, Any]], structures: tuple[str, ...]) -> Self:
        epochs = [record for record in records if record["kind"] == "epoch"]
        validations = [record for record in records if record["kind"] == "validation"]
        parts = tuple(dict.fromkeys(part for record in epochs for part in record["parts"]))
        best = [record["epoch"] for record in validations if record["best"]]
        columns = ["epoch", "loss", "learning_rate", "seconds"]
        return cls(
            epochs=pd.DataFrame(
                [{**{column: record[column] for column in columns}, **record["parts"]} for record in epochs],
                columns=[*columns, *parts],
            ),
            parts=parts,
            validations=pd.DataFrame(
                [{"epoch": record["epoch"], **record["dice_scan"]} for record in validations],
                columns=["epoch", *structures],
                dtype=float,
            ),
            best_epoch=best[-1] if best else None,
            stages=_stages(epochs),
        )


def _stages(epochs: list[dict[str, Any]]) -> tuple[tuple[str, int], ...]:
    begun: dict[str, int] = {}
    for record in epochs:
        if name := record.get("stage"):
            begun.setdefault(re.sub(r" \d+/\d+$", "", name), record["epoch"])
    return tuple(begun.items())
