"""Fitting published weights to a backbone, and saying what fits."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from medsize.networks.backbone import Backbone
from medsize.networks.finite import describe_not_finite
from medsize.networks.weight_files import read_state_dict

SHOWN = 5

Shape = tuple[int, ...]


@dataclass(frozen=True)
class WeightMatch:
    """How the tensors of a weight file meet those of a backbone.

    Attributes:
        path: The file.
        backbone: Class of the backbone.
        fitting: Names of its parameters and statistics that the file gives.
        adapted: Those of them that were changed for it: the first kernel for other channels than three, and position
            embeddings for another size.
        missing: Those that the file lacks.
        misshaped: Those that have another shape in the file: name, expected shape, found shape.
        left_over: Names in the file that the backbone has no place for, such as a classifier.
        converted: Types in the file that become float32, and how many tensors have them.
    """

    path: Path
    backbone: str
    fitting: tuple[str, ...]
    adapted: tuple[str, ...]
    missing: tuple[str, ...]
    misshaped: tuple[tuple[str, Shape, Shape], ...]
    left_over: tuple[str, ...]
    converted: Mapping[str, int]

    @property
    def covers(self) -> bool:
        """Whether the file gives everything that the backbone has."""
        return not self.missing and not self.misshaped


def match_weights(encoder: Backbone, path: str | Path) -> WeightMatch:
    """Compare a weight file with a backbone, which may be on the ``meta`` device, and change nothing.

    Args:
        encoder: The backbone.
        path: A ``.safetensors``, ``.pth``, ``.pt`` or ``.pth.tar`` file under the published parameter names.

    Raises:
        ValueError: The file is absent or no weight file, or what it holds for the backbone are no finite numbers.
    """
    return _match(encoder, Path(path))[0]


def load_encoder_weights(encoder: Backbone, path: str | Path) -> WeightMatch:
    """Set every parameter and statistic of a backbone from a weight file.

    Where the backbone's images do not have three channels, or its position embeddings another size, the published
    tensors are adapted (``Backbone.fit``). Every floating type becomes float32.

    Args:
        encoder: Changed in place; left as it was when the file does not fit.
        path: A ``.safetensors``, ``.pth``, ``.pt`` or ``.pth.tar`` file under the published parameter names.

    Returns:
        What was loaded, and what in the file was left aside.

    Raises:
        ValueError: The file is absent or no weight file, or a tensor of the backbone is missing, has another shape, or
            holds no finite numbers.
    """
    match, tensors = _match(encoder, Path(path))
    if not match.covers:
        wrong = [f"{name}: expected {expected}, found {found}" for name, expected, found in match.misshaped]
        wrong += [f"{name}: found nothing" for name in match.missing]
        more = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise ValueError(
            f"{match.path}: {len(wrong)} of {len(wrong) + len(match.fitting)} tensors do not fit {match.backbone}\n  "
            + "\n  ".join(wrong[:SHOWN] + more)
            + f"\n  remedy:   give weights under the published names: {encoder.stock_weights}; "
            "'medsize weights check' lists every name"
        )
    encoder.load_state_dict(tensors, strict=False)
    return match


def _match(encoder: Backbone, path: Path) -> tuple[WeightMatch, dict[str, Tensor]]:
    if not path.is_file():
        raise ValueError(
            f"{path}: there is no such weight file\n"
            f"  expected: {encoder.stock_weights}\n"
            f"  remedy:   download that file and give its path, or train from scratch"
        )
    found = read_state_dict(path)
    expected = {
        name: tuple(tensor.shape)
        for name, tensor in encoder.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    known = {name: tensor for name, tensor in found.items() if name in expected}
    _require_numbers(known, path, encoder)
    converted = Counter(str(t.dtype).removeprefix("torch.") for t in known.values() if t.dtype is not torch.float32)
    published = {name: tensor.float() for name, tensor in known.items()}
    fitted = encoder.fit(published)
    right = {name: tensor for name, tensor in fitted.items() if tensor.shape == expected[name]}
    wrong = [
        (name, expected[name], tuple(found[name].shape)) for name in expected if name in fitted.keys() - right.keys()
    ]
    match = WeightMatch(
        path=path,
        backbone=type(encoder).__name__,
        fitting=tuple(name for name in expected if name in right),
        adapted=tuple(name for name, tensor in right.items() if tensor is not published[name]),
        missing=tuple(name for name in expected if name not in fitted),
        misshaped=tuple(wrong),
        left_over=tuple(name for name in found if name not in expected),
        converted=dict(converted),
    )
    return match, right


def _require_numbers(tensors: Mapping[str, Tensor], path: Path, encoder: Backbone) -> None:
    whole = [f"{name} ({tensor.dtype})" for name, tensor in tensors.items() if not tensor.is_floating_point()]
    problem = f"quantised, not in floating point: {', '.join(whole[:SHOWN])}" if whole else describe_not_finite(tensors)
    if problem:
        raise ValueError(f"{path}: {problem}\n  remedy:   give other weights: {encoder.stock_weights}")
