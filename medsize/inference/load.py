"""A trained network, ready to segment volumes, as it was trained."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.data.volumes import Volume
from medsize.digests import file_digest
from medsize.errors import InputError
from medsize.files import restore_folder
from medsize.inference.case_prediction import predict_case
from medsize.inference.components import keep_largest
from medsize.inference.extent import Extent
from medsize.inference.label_values import structure_values
from medsize.inference.meaning import Meaning
from medsize.inference.options import NETWORK_ALONE, PredictionOptions
from medsize.inference.precision import resolve_device, resolve_precision
from medsize.losses import Refine
from medsize.networks.finite import describe_not_finite
from medsize.networks.weight_files import read_metadata, read_safetensors
from medsize.run_folder import Checkpoint, RunFolder
from medsize.text import read_json


@dataclass(frozen=True, slots=True)
class Predictor:
    """A run's network with all that it takes to segment a volume.

    Attributes:
        network: In evaluation mode, on ``device``.
        config: The run's configuration.
        values: Structure to its value in the source's label files, in class order: class ``i + 1`` is the ``i``-th.
        device: Where the network is.
        precision: Of the network's arithmetic.
        batch_size: Slices at a time.
        extent: Of the images that it was trained on, as far as it is known.
        options: What is done beside asking the network once.
        refine: What changes the network's probabilities before they become labels, where the options ask for it.
    """

    network: nn.Module
    config: RunConfig
    values: dict[str, int]
    device: torch.device
    precision: torch.dtype
    batch_size: int
    extent: Extent | None = None
    options: PredictionOptions = NETWORK_ALONE
    refine: Refine | None = None

    @classmethod
    def load(cls, run: RunFolder, checkpoint: Checkpoint = "last", device: str = "auto") -> Self:
        """Load a run's network.

        Raises:
            InputError: The run or its checkpoint is missing or damaged, or there is no such device.
        """
        config = load_resolved(run.config)
        where = resolve_device(device)
        return cls(
            network=load_network(run, checkpoint, where),
            config=config,
            values=structure_values(config.data),
            device=where,
            precision=resolve_precision(config.training.precision, where),
            batch_size=config.training.batch_size,
            extent=Extent.in_metadata(_metadata(run.weights(checkpoint))),
        )

    def with_options(self, options: PredictionOptions) -> Self:
        """Return the same network, used as the options say.

        Raises:
            InputError: The network was trained without flips, and test-time augmentation is asked for.
        """
        if options.tta and not self.config.training.augmentation.flip:
            raise InputError(
                "test-time augmentation would show the network images unlike those it was trained on",
                expected="a run trained with flips (training.augmentation.flip above 0)",
                found="training.augmentation.flip: 0",
                remedy="leave out --tta",
            )
        return replace(self, options=options, refine=self.config.inference.crf.build() if options.crf else None)

    def predict(self, volume: Volume) -> NDArray[np.uint8]:
        """Return the class of each voxel of a volume, (X, Y, Z)."""
        classes = predict_case(
            self.network,
            volume,
            self.config.data.preprocessing,
            device=self.device,
            precision=self.precision,
            batch_size=self.batch_size,
            refine=self.refine,
            tta=self.options.tta,
        )
        return keep_largest(classes) if self.options.keep_largest else classes


def load_network(run: RunFolder, checkpoint: Checkpoint, device: torch.device) -> nn.Module:
    """Return a run's network with the weights of a checkpoint, in evaluation mode, on a device.

    Raises:
        InputError: The checkpoint is missing or damaged, or ``config.yaml`` is not what it was trained with.
    """
    config = load_resolved(run.config)
    path = require_weights(run, checkpoint)
    weights, metadata = _read(path)
    require_usable(path, weights)
    _require_as_trained(run, path, config, metadata)
    _require_unchanged(run, checkpoint, path)
    network = config.network.build(in_channels=config.data.channels, classes=len(structure_values(config.data)) + 1)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            f"{path} cannot be used",
            expected=f"the weights of the network that {run.config} describes",
            found=str(error),
            remedy="copy the run folder again, whole",
        ) from error
    return _channels_last(network.to(device)).eval()


def trained_config(run: RunFolder, checkpoint: Checkpoint = "last") -> RunConfig:
    """Return a run's configuration, for those that tell about its network without loading it.

    Where the weights were removed since, there is nothing to compare it with.

    Raises:
        InputError: As :func:`load_network`, as far as the weights need not be read for it.
    """
    config = load_resolved(run.config)
    restore_folder(run.checkpoint(checkpoint))
    path = run.weights(checkpoint)
    if not path.is_file():
        return config
    _require_as_trained(run, path, config, _metadata(path))
    return config


def require_weights(run: RunFolder, checkpoint: Checkpoint) -> Path:
    """Return the file of a checkpoint's weights; put back one whose replacement was killed.

    Raises:
        InputError: There is none.
    """
    restore_folder(run.checkpoint(checkpoint))
    path = run.weights(checkpoint)
    if path.is_file():
        return path
    raise InputError(
        f"{run.path} has no checkpoint '{checkpoint}'",
        expected=str(path),
        remedy="train the run to its first checkpoint (medsize train --resume)"
        if checkpoint == "last"
        else "use the checkpoint 'last'; 'best' needs validation cases with labels",
    )


def require_usable(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Refuse weights that are not finite: a network of them finds nothing, everywhere.

    Raises:
        InputError: Some are not.
    """
    if problem := describe_not_finite(weights):
        raise InputError(
            f"{path} cannot be used",
            expected="weights that are finite numbers",
            found=problem,
            remedy="use another checkpoint, or train the run anew with a lower training.optimiser.learning_rate",
        )


def _metadata(path: Path) -> dict[str, str]:
    try:
        return read_metadata(path)
    except ValueError as error:
        raise _damaged(path, error) from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        return read_safetensors(path)
    except ValueError as error:
        raise _damaged(path, error) from error


def _require_as_trained(run: RunFolder, path: Path, config: RunConfig, metadata: Mapping[str, str]) -> None:
    trained = Meaning.in_metadata(metadata)
    if trained is None:
        raise InputError(
            f"{path} does not say what it was trained on, so that nothing shows whether {run.config.name} is right",
            expected="weights as 'medsize train' writes them, with 'medsize' in their header",
            found="others: of an earlier version, or written again by another tool",
            remedy=f"train the run anew: medsize train {run.config}",
        )
    if differences := trained.differences(Meaning.of(config)):
        raise InputError(
            f"{run.config} does not describe the network in {path}",
            expected="what the weights say that they were trained with",
            found="; ".join(
                f"{key}: {then} in the weights, {now} in {run.config.name}" for key, (then, now) in differences.items()
            ),
            remedy=f"set these back in {run.config.name}, or copy the run folder again, whole",
        )


def _require_unchanged(run: RunFolder, checkpoint: Checkpoint, path: Path) -> None:
    """Compare weights with the digest beside them, where they did not travel alone."""
    position = run.position(checkpoint)
    if not position.is_file():
        return
    content = read_json(position, "where the training stood, as 'medsize train' writes it")
    files = content.get("files") if isinstance(content, dict) else None
    written = files.get(path.name) if isinstance(files, dict) else None
    if written is not None and written != file_digest(path):
        raise InputError(
            f"{path} cannot be used",
            expected=f"the weights whose digest is in {position}",
            found="other ones: the file was damaged, changed, or is of another run",
            remedy="copy the run folder again, whole",
        )


def _damaged(path: Path, error: ValueError) -> InputError:
    return InputError(
        f"{path} cannot be used",
        expected="the weights that 'medsize train' wrote",
        found=str(error).removeprefix(f"{path}: "),
        remedy="copy the run folder again, whole",
    )


def _channels_last(network: nn.Module) -> nn.Module:
    converted: nn.Module = convert_conv2d_weight_memory_format(network, torch.channels_last)
    return converted
