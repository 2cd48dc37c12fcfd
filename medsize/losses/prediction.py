"""The network's answer for a batch, with the quantities that the losses share computed once."""

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar, get_args

import torch
from torch import Tensor

from medsize.losses.preconditions import require_option, require_shape, values_are_readable

T = TypeVar("T")
Level = Literal["slice", "volume"]
"""What a size is a fraction of: one image of the batch, or all the images of one case."""


class _Once(Generic[T]):
    """A property computed at first use and kept: functools.cached_property, but without its lock.

    torch.compile cannot trace through the lock that Python 3.11 holds in it.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> T:
        value = self.compute(instance)
        # As the class defines no __set__, the attribute is found before this descriptor from now on.
        setattr(instance, self.name, value)
        return value


class Prediction:
    """Soft-max prediction S of a batch and its average S̄ over the domain Ω of each image.

    Everything is computed when first asked for and kept, so several losses on one prediction pay for one
    log-softmax. Half precisions are computed in float32; float64 stays float64.

    Args:
        logits: Scores before the soft-max, (B, K, *spatial), any number of spatial dimensions from one up.
        domain: True on the pixels that belong to the image, False on padding, (B, *spatial) bool; None
            where there is no padding. What the logits hold outside it, even NaN, influences no loss.
        case: The case that each image is a slice of, (B,) integers, for what is said about whole cases; None where
            nothing is.

    Raises:
        ValueError: For a wrong shape or type, or (when the average is asked for) an image without any pixel.
    """

    def __init__(self, logits: Tensor, domain: Tensor | None = None, case: Tensor | None = None) -> None:
        if logits.ndim < 3 or not logits.is_floating_point():
            raise ValueError(
                "logits must be floating-point of shape (B, K, *spatial) with at least one spatial axis, "
                f"found {logits.dtype} of shape {tuple(logits.shape)}"
            )
        if domain is not None:
            require_shape("domain", domain, (logits.shape[0], *logits.shape[2:]), "(B, *spatial)")
            if domain.dtype != torch.bool:
                raise ValueError(f"domain must be bool (True inside the image), found {domain.dtype}")
        if case is not None:
            require_shape("case", case, logits.shape[:1], "(B,)")
            if case.is_floating_point() or case.is_complex():
                raise ValueError(f"case must be of an integer type, found {case.dtype}")
        self.logits = logits
        self.domain = domain
        self.case = case
        self._at_temperature: dict[float, Prediction] = {}

    @classmethod
    def of(
        cls, prediction: "Prediction | Tensor", domain: Tensor | None = None, case: Tensor | None = None
    ) -> "Prediction":
        """A prediction as it is, or logits made into one.

        Args:
            prediction: A prediction, which keeps its own domain and case, or logits (B, K, *spatial).
            domain: The domain that goes with logits, (B, *spatial) bool.
            case: The case of each image that goes with logits, (B,) integers.
        """
        return prediction if isinstance(prediction, Prediction) else cls(prediction, domain, case)

    def at_temperature(self, temperature: float) -> "Prediction":
        """The prediction with its logits divided by a temperature: below 1 it is sharper, nearer to the mask.

        Args:
            temperature: Above 0; 1 is the prediction itself.
        """
        if temperature == 1:
            return self
        if temperature not in self._at_temperature:
            self._at_temperature[temperature] = Prediction(self.log_probs / temperature, self.domain, self.case)
        return self._at_temperature[temperature]

    def at_level(self, level: Level) -> "Prediction | VolumeAverages":
        """What sizes are compared with: this prediction's own averages, or those of whole cases.

        Args:
            level: ``"slice"``, each image by itself, or ``"volume"``, all images of a case together.

        Raises:
            ValueError: For an unknown level, or for volumes of a prediction that does not know its cases.
        """
        require_option("level", level, get_args(Level))
        return self if level == "slice" else self._volumes

    @_Once
    def _volumes(self) -> "VolumeAverages":
        if self.case is None:
            raise ValueError(
                "sizes of whole volumes need the case of each image: expected Prediction(..., case=...), or an "
                "objective on logits and a batch with an entry 'case' (B,), found neither"
            )
        return VolumeAverages(self, self.case)

    def known_once(self, target: Tensor) -> Tensor:
        """What is known of each image, (B, ...), as it is: the counterpart of :meth:`VolumeAverages.known_once`."""
        return target

    @_Once
    def log_probs(self) -> Tensor:
        """Ln S, (B, K, *spatial), float32 or better; uniform outside the domain."""
        logits = self.logits
        if self.domain is not None:
            # Before the soft-max, not after: its backward pass would turn 0 · NaN from the padding into NaN.
            logits = logits.masked_fill(~self.domain.unsqueeze(1), 0)
        return logits.log_softmax(1, dtype=torch.promote_types(logits.dtype, torch.float32))

    @_Once
    def probs(self) -> Tensor:
        """S, (B, K, *spatial), sums to 1 over K."""
        return self.log_probs.exp()

    @_Once
    def domain_size(self) -> Tensor:
        """|Ω|, the number of pixels of each image, (B,), in the type of ``log_probs``."""
        like = self.log_probs
        if self.domain is None:
            return like.new_full(like.shape[:1], self.logits[0, 0].numel())
        size = self.domain.flatten(1).sum(1)
        if values_are_readable(size) and not size.all():
            row = int((size == 0).nonzero()[0])
            raise ValueError(f"domain is empty for image {row} of the batch: every image needs at least one pixel")
        return size.to(like.dtype)

    @_Once
    def log_average(self) -> Tensor:
        """Ln S̄, (B, K), with S̄ of "Approximate Size Targets" (P0) eq. 1; finite however small S̄ is."""
        log_probs = self.log_probs.flatten(2)
        if self.domain is not None:
            log_probs = log_probs.masked_fill(~self.domain.flatten(1).unsqueeze(1), -torch.inf)
        peak = log_probs.detach().amax(2, keepdim=True)
        total = (log_probs - peak).exp_().sum(2)
        # The division comes before the logarithm: logsumexp − ln|Ω| would subtract two numbers near 11 to get
        # one near 0, and lose a digit of the background's average.
        return peak.squeeze(2) + (total / self.domain_size.unsqueeze(1)).log()

    @_Once
    def average(self) -> Tensor:
        """S̄, the mean of S over Ω, (B, K), a fraction that sums to 1 over K: P0 eq. 1."""
        return self.log_average.exp()


class VolumeAverages:
    """The averages of a prediction over whole cases: S̄ with Ω all the pixels of all the slices of one case.

    Every quantity keeps one row an image, the row of its case, so that shapes follow from the batch's shape alone
    (torch.compile, CUDA graphs). :meth:`known_once` lets each case count once.

    Args:
        prediction: Of the slices.
        case: The case of each, (B,) integers. A case whose slices are not all in the batch has the average of
            those that are.
    """

    def __init__(self, prediction: Prediction, case: Tensor) -> None:
        self.prediction = prediction
        self.same = case.unsqueeze(1) == case.unsqueeze(0)
        self.first = self.same.int().argmax(1)
        """The first row of each row's case."""

    @_Once
    def domain_size(self) -> Tensor:
        """The number of pixels of each row's case, (B,)."""
        return torch.where(self.same, self.prediction.domain_size, 0).sum(1)

    @_Once
    def log_average(self) -> Tensor:
        """Ln S̄ of each row's case, (B, K): each slice counts by its pixels."""
        size = self.prediction.domain_size.expand(self.same.shape)
        return log_mean(self.prediction.log_average.unsqueeze(0), torch.where(self.same, size, 0).unsqueeze(2), 1)

    @_Once
    def average(self) -> Tensor:
        """S̄ of each row's case, (B, K)."""
        return self.log_average.exp()

    def known_once(self, target: Tensor) -> Tensor:
        """What is known of the cases, with all but the first row of each case made unknown.

        Args:
            target: What is known of each row's case, (B, ...), the same for all rows of a case. Unknown is NaN, or
                False throughout a row of bool.

        Raises:
            ValueError: Rows of one case differ.
        """
        rows = (len(self.first), *[1] * (target.ndim - 1))
        if values_are_readable(target):
            equal = (target == target[self.first]) | ((target != target) & (target[self.first] != target[self.first]))
            if not equal.all():
                image = int((~equal).nonzero()[0, 0])
                other = int(self.first[image])
                raise ValueError(
                    f"images {other} and {image} of the batch are slices of one case: expected the same size, bounds "
                    f"or tags of the whole volume, found {target[other].tolist()} and {target[image].tolist()}"
                )
        once = (self.first == torch.arange(len(self.first), device=self.first.device)).reshape(rows)
        return target & once if target.dtype == torch.bool else torch.where(once, target, torch.nan)


def log_mean(log_values: Tensor, weights: Tensor, axis: int) -> Tensor:
    """``ln (Σ w·x / Σ w)`` along an axis, from ln x; exact where the mean is near 1, finite however small it is.

    Args:
        log_values: ln x.
        weights: w, at least 0 and not all 0 along the axis; what has weight 0 has no gradient.
        axis: The axis of the mean.
    """
    peak = log_values.detach().masked_fill(weights == 0, -torch.inf).amax(axis, keepdim=True)
    # Masked before the exponential: what does not count may be so much larger that it overflows.
    values = torch.where(weights > 0, log_values - peak, -torch.inf).exp()
    mean = (weights * values).sum(axis) / weights.sum(axis)
    return peak.squeeze(axis) + mean.log()
