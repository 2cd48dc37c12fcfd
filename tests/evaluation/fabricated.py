"""A run folder without a training: real data and supervision, a network that looks at intensities alone."""

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save_file
from torch import nn

from medsize.config.loading import dump
from medsize.config.run import RunConfig
from medsize.data.prepare import find_split_cases, of_split, prepare_slices
from medsize.inference.meaning import Meaning
from medsize.run_folder import RunFolder
from medsize.supervision.supervise import supervise

# Intensities of the tiny hearts, on the scale of a volume from about 20 to 380.
CENTRES = {"background": 0.28, "rv": 0.67, "myo": 0.19, "lv": 0.78}


class IntensityNetwork(nn.Module):
    """Gives each pixel to the class of the nearest intensity: logits −(x − c)²·s, which is linear in x up to x²·s."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, classes, 1)

    def look_for(self, *names: str, sharpness: float = 60.0) -> "IntensityNetwork":
        centres = torch.tensor([CENTRES[name] for name in ("background", *names)])
        with torch.no_grad():
            self.conv.weight.copy_((2 * sharpness * centres)[:, None, None, None])
            self.conv.bias.copy_(-sharpness * centres**2)
        return self

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.conv(image)


def fabricate_run(folder: Path, config: RunConfig, *, best: bool = True) -> RunFolder:
    """Write what a training writes, without the training."""
    run = RunFolder(folder)
    found = find_split_cases(config.data)
    store = prepare_slices(config.data, found)
    rows = store.rows(case.id for case in of_split(found.cases, "train"))
    needs = (
        frozenset({"seeds", "pseudo_label", "size_target", "size_bounds", "tags"}) & config.objective.build().targets
    )
    supervision = supervise(
        config.supervision, store, rows, needs=needs, seed=config.training.seed, labels=found.labels
    )
    folder.mkdir(parents=True)
    run.config.write_text(dump(config))
    write_cases(run, found.cases)
    supervision.table.to_csv(run.size_targets, index=False)
    run.supervision.write_text(
        json.dumps(
            {
                "seeds": config.supervision.seeds.model_dump(mode="json"),
                "sizes": config.supervision.sizes.model_dump(mode="json"),
                "nominal_noise": supervision.nominal_noise,
                "measured_noise": supervision.measured_noise,
                "seed_pixels": supervision.seed_pixels,
                "pseudo_labels": supervision.pseudo_labels,
            }
        )
    )
    environment = {"medsize": "0.1.0", "torch": "2.13.0", "commit": None, "device": "cpu", "data": store.key}
    run.environment.write_text(json.dumps(environment))
    write_metrics(run, found.structures)
    for sharpness, name in enumerate(("last", "best")[: 2 if best else 1], start=1):
        run.weights(name).parent.mkdir(parents=True)
        network = IntensityNetwork(len(found.structures) + 1).look_for(*found.structures, sharpness=60 * sharpness)
        save_file(network.state_dict(), run.weights(name), Meaning.of(config).metadata())
    return run


def write_cases(run: RunFolder, cases: list) -> None:
    pd.DataFrame([asdict(case) for case in cases]).rename(columns={"id": "case"}).to_csv(run.cases, index=False)


def write_metrics(run: RunFolder, structures: tuple[str, ...], epochs: int = 4) -> None:
    records = []
    for epoch in range(1, epochs + 1):
        parts = {"partial_cross_entropy": 1 / epoch, "size_target": 0.1 / epoch}
        common = {"step": 10 * epoch, "epoch": epoch}
        records.append(
            {**common, "kind": "epoch", "loss": 3 / epoch, "parts": parts, "learning_rate": 0.1, "seconds": 2.5}
        )
        dice = dict.fromkeys(structures, 0.2 * epoch)
        records.append({**common, "kind": "validation", "dice_scan": dice, "mean": 0.2 * epoch, "best": epoch < 4})
    run.metrics.write_text("".join(json.dumps(record) + "\n" for record in records))
