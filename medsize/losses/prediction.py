"""The network's answer for a batch, with the quantities that the losses share computed once."""

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

from medsize.losses.preconditions import require_shape, values_are_readable

T = TypeVar("T")


class _Once(Generic[T]):
    """A property computed at first use and kept: functools.cached_property, but without its lock.

    torch.compile cannot trace through the lock that Python 3.11 holds in it.
    """

    def __init__(self, compute: Callable[["Prediction"], T]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: "Prediction", owner: type) -> T:
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

    Raises:
        ValueError: For a wrong shape or type, or (when the average is asked for) an image without any pixel.
    """

    def __init__(self, logits: Tensor, domain: Tensor | None = None) -> None:
        if logits.ndim < 3 or not logits.is_floating_point():
            raise ValueError(
                "logits must be floating-point of shape (B, K, *spatial) with at least one spatial axis, "
                f"found {logits.dtype} of shape {tuple(logits.shape)}"
            )
        if domain is not None:
            require_shape("domain", domain, (logits.shape[0], *logits.shape[2:]), "(B, *spatial)")
            if domain.dtype != torch.bool:
                raise ValueError(f"domain must be bool (True inside the image), found {domain.dtype}")
        self.logits = logits
        self.domain = domain
        self._at_temperature: dict[float, Prediction] = {}

    @classmethod
    def of(cls, prediction: "Prediction | Tensor", domain: Tensor | None = None) -> "Prediction":
        """A prediction as it is, or logits made into one.

        Args:
            prediction: A prediction, which keeps its own domain, or logits (B, K, *spatial).
            domain: The domain that goes with logits, (B, *spatial) bool.
        """
        return prediction if isinstance(prediction, Prediction) else cls(prediction, domain)

    def at_temperature(self, temperature: float) -> "Prediction":
        """The prediction with its logits divided by a temperature: below 1 it is sharper, nearer to the mask.

        Args:
            temperature: Above 0; 1 is the prediction itself.
        """
        if temperature == 1:
            return self
        if temperature not in self._at_temperature:
            self._at_temperature[temperature] = Prediction(self.log_probs / temperature, self.domain)
        return self._at_temperature[temperature]

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
