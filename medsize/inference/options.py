"""What is done to a network's answer beside asking it once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PredictionOptions:
    """How a prediction is made from a network; the default is the network alone.

    Attributes:
        tta: Average the probabilities of each slice and its mirror images (see ``predict_slices.FLIPS``).
        keep_largest: Of each structure keep the largest connected component (see ``components.keep_largest``).
        crf: Refine the probabilities by the CRF that the run's configuration describes.
    """

    tta: bool = False
    keep_largest: bool = False
    crf: bool = False

    @property
    def suffix(self) -> str:
        """What tells results made with these options from those of the network alone, e.g. ``_tta_largest_crf``."""
        parts = (("tta", self.tta), ("largest", self.keep_largest), ("crf", self.crf))
        return "".join(f"_{name}" for name, used in parts if used)


NETWORK_ALONE = PredictionOptions()
