"""Reading runs, and a data set for people's seeds."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from safetensors.torch import load_file

from medsize.run_folder import RunFolder


def weights(run: RunFolder, name: str = "last") -> dict[str, torch.Tensor]:
    return load_file(run.weights(name))


def same_weights(one: RunFolder, other: RunFolder) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def history(run: RunFolder) -> list[dict[str, object]]:
    records = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    return [{key: value for key, value in record.items() if key != "seconds"} for record in records]


def copy_with_scribbles(source: Path, root: Path, scribbles: Path) -> None:
    scribbles.mkdir()
    for file in source.rglob("*"):
        if file.is_file():
            copy = root / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
        if file.name.endswith("_gt.nii.gz"):
            label = nib.load(file)
            scribble = np.where(np.random.default_rng(1).random(label.shape) < 0.05, np.asarray(label.dataobj), 4)
            name = file.name.replace("_gt.nii.gz", "_scribble.nii.gz")
            nib.save(nib.Nifti1Image(scribble.astype(np.uint8), label.affine), scribbles / name)
