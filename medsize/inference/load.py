"""A trained network, ready to segment volumes."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from medsize.config.loading import load_resolved
from medsize.config.run import RunConfig
from medsize.data.volumes import Volume
from medsize.errors import InputError
from medsize.files import restore_folder
from medsize.inference.case_prediction import predict_case
from medsize.inference.components import keep_largest
from medsize.inference.label_values import structure_values
from medsize.inference.options import NETWORK_ALONE, PredictionOptions
from medsize.inference.precision import resolve_device, resolve_precision
from medsize.losses import Refine
from medsize.run_folder import Checkpoint, RunFolder


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
        options: What is done beside asking the network once.
        refine: What changes the network's probabilities before they become labels, where the options ask for it.
    """

    network: nn.Module
    config: RunConfig
    values: dict[str, int]
    device: torch.device
    precision: torch.dtype
    batch_size: int
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
        InputError: The checkpoint is missing, damaged, or of another network than ``config.yaml`` describes.
    """
    config = load_resolved(run.config)
    restore_folder(run.checkpoint(checkpoint))
    path = run.weights(checkpoint)
    if not path.is_file():
        raise InputError(
            f"{run.path} has no checkpoint '{checkpoint}'",
            expected=str(path),
            remedy="train the run to its first checkpoint (medsize train --resume)"
            if checkpoint == "last"
            else "use the checkpoint 'last'; 'best' needs validation cases with labels",
        )
    network = config.network.build(in_channels=config.data.channels, classes=len(structure_values(config.data)) + 1)
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise InputError(
            f"{path} cannot be used",
            expected=f"the weights of the network that {run.config} describes",
            found=str(error),
            remedy="copy the run folder again, whole",
        ) from error
    return _channels_last(network.to(device)).eval()


def _channels_last(network: nn.Module) -> nn.Module:
    converted: nn.Module = convert_conv2d_weight_memory_format(network, torch.channels_last)
    return converted
