"""How far the network is in an image, plane by plane."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from torch import Tensor

from medsize.data.volumes import Volume


class Planes:
    """Counts the planes of an image's time frames that are done.

    Args:
        frames: The image.
        moved: Called with the share that is done, above 0 and below 1.
    """

    def __init__(self, frames: Sequence[Volume], moved: Callable[[float], None]) -> None:
        self._all = sum(frame.array.shape[2] for frame in frames)
        self._moved = moved
        self._done = 0

    def counted(self, batches: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yield batches of planes, which lie along the last axis, and count each when the next is asked for."""
        for batch in batches:
            yield batch
            self._done += batch.shape[-1]
            if self._done < self._all:  # the whole image is done when it is written
                self._moved(self._done / self._all)
