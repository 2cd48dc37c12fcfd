"""What the numbers of a network are about, as its weights themselves say it."""

import json
from collections.abc import Mapping
from typing import Self

from pydantic import ValidationError

from medsize.config.data import Preprocessing
from medsize.config.keys import differing
from medsize.config.model import Model
from medsize.config.network import NetworkConfig
from medsize.config.run import RunConfig
from medsize.config.training import WeightAverage
from medsize.inference.label_values import structure_values

_KEY = "medsize"


class Meaning(Model):
    """All that decides what a network sees, how its logits come about, and what its classes are.

    Weights alone do not tell it: the same numbers would be taken for another structure, or shown other images, if the
    configuration beside them said so. So it is written into their file, and compared with the configuration wherever
    they are loaded.
    """

    structures: tuple[str, ...]
    """In class order; class 0 is the background."""
    label_values: tuple[int, ...]
    """Of these structures in label files."""
    preprocessing: Preprocessing
    """From an image to slices."""
    network: NetworkConfig
    """Without what its training started from."""
    flip: float
    """Probability of flips in the training, which test-time augmentation needs."""
    ema: WeightAverage | None = None
    """How the weights are averages over the training's steps; None: they are those of a step."""

    @classmethod
    def of(cls, config: RunConfig) -> Self:
        """Return what a configuration says.

        Raises:
            InputError: A structure is not one of the source's.
        """
        values = structure_values(config.data)
        started: dict[str, None] = dict.fromkeys({"weights", "start_from"} & type(config.network).model_fields.keys())
        return cls(
            structures=tuple(values),
            label_values=tuple(values.values()),
            preprocessing=config.data.preprocessing,
            network=config.network.model_copy(update=started),
            flip=config.training.augmentation.flip,
            ema=config.training.ema,
        )

    @classmethod
    def in_metadata(cls, metadata: Mapping[str, str]) -> Self | None:
        """Return what a file of weights says about itself; None if it says nothing that this version knows."""
        try:
            return cls.model_validate_json(metadata[_KEY])
        except (KeyError, ValidationError):
            return None

    def metadata(self) -> dict[str, str]:
        """Return it as a file of weights keeps it."""
        return {_KEY: json.dumps(self.model_dump(mode="json"))}

    def differences(self, other: Self) -> dict[str, tuple[object, object]]:
        """Return by the configuration's keys what this says and what another says instead."""
        return differing(self._by_key(), other._by_key())

    def _by_key(self) -> dict[str, object]:
        values = self.model_dump(mode="json")
        return {
            "data": {"structures": values["structures"], "preprocessing": values["preprocessing"]},
            "values in label files": values["label_values"],
            "network": values["network"],
            "training": {"augmentation": {"flip": values["flip"]}, "ema": values["ema"]},
        }
