"""Draw the pictures of ``reference/losses.md``, each from the loss itself, never from a copy of its formula.

python docs/draw_losses.py
"""

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib as mpl
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from medsize.losses import (
    BalanceLoss,
    CollisionCrossEntropyLoss,
    ConstrainLoss,
    CrossEntropyLoss,
    DenseCRFLoss,
    ElasticWeightConsolidation,
    ExpandLoss,
    FairnessLoss,
    FlatLogBarrierLoss,
    LogBarrierExtensionLoss,
    LogBarrierLoss,
    NegativeLoss,
    PartialCrossEntropyLoss,
    PositionalLoss,
    QuadraticBarrierLoss,
    SizeBoundsLoss,
    SizeTargetLoss,
    SizeWeightedCrossEntropyLoss,
    SparseCRFLoss,
    SuppressionLoss,
    VolumetricLoss,
    WeightedCrossEntropyLoss,
    component_weights,
)

FOLDER = Path(__file__).parent / "reference" / "losses"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#7F3C8D")  # told apart by colour-blind readers too, as are the dashes
DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
STYLE = {
    "svg.hashsalt": "medsize",
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.edgecolor": "#666666",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "lines.linewidth": 2,
    "legend.frameon": False,
    "legend.columnspacing": 1.4,
    "legend.fontsize": 9,
    "legend.handlelength": 2.2,
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes.

    Attributes:
        x: What the horizontal axis shows.
        y: What the vertical axis shows.
        curves: Label to the points of a curve, x and y.
        limits: Of the vertical axis.
        marks: Label to a place on the horizontal axis that matters.
        columns: Of the legend.
        scale: Of the horizontal axis.
    """

    x: str
    y: str
    curves: dict[str, tuple[Tensor, Tensor]]
    limits: tuple[float, float]
    marks: dict[str, float] = field(default_factory=dict)
    columns: int = 2
    scale: str = "linear"


def draw(panels: Sequence[Panel]) -> str:
    """Return panels side by side as SVG on white, so that it reads on light and dark pages."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(4.2 * len(panels), 2.9))
        for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
            for label, place in panel.marks.items():
                axes.axvline(place, color="#888888", linewidth=1, linestyle=(0, (2, 2)))
                axes.annotate(
                    label, (place, 1), (3, -2), ("data", "axes fraction"), "offset points", va="top", fontsize=9
                )
            for (label, (x, y)), colour, dash in zip(panel.curves.items(), COLOURS, DASHES, strict=False):
                axes.plot(x.numpy(), y.numpy(), color=colour, linestyle=dash, label=label)
            axes.set(xlabel=panel.x, ylabel=panel.y, ylim=panel.limits, xscale=panel.scale)
            axes.margins(x=0.02)
            if panel.scale == "log":
                axes.xaxis.set_major_formatter("{x:g}")
            if len(panel.curves) > 1:
                axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1), borderpad=0, ncols=panel.columns)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    return re.sub(r"(?<=\d\.\d\d)\d+(?=[ \"\n)])", "", svg)  # coordinates to a hundredth of a point


def curve(
    value: Callable[[float], Tensor], low: float, high: float, points: int = 241, scale: str = "linear"
) -> tuple[Tensor, Tensor]:
    """Return the points of a curve, evenly on an axis of a scale."""
    x = torch.linspace(low, high, points, dtype=torch.float64)
    if scale == "log":
        x = torch.logspace(math.log10(low), math.log10(high), points, dtype=torch.float64)
    return x, torch.stack([value(float(at)).detach().double() for at in x])


def object_of(probability: Tensor | float) -> Tensor:
    """Logits (1, 2, *spatial) of an object's probability (*spatial), one pixel if it is a number."""
    x = torch.as_tensor(probability, dtype=torch.float64)
    x = x.reshape(1) if x.ndim == 0 else x
    return torch.stack([(1 - x).log(), x.log()]).unsqueeze(0)


def against_size(
    loss: nn.Module, target: Tensor, low: float = 0.001, high: float = 0.999, scale: str = "linear"
) -> tuple[Tensor, Tensor]:
    """Loss of an image by the size of the object in it."""
    return curve(lambda size: loss(object_of(size), target), low, high, scale=scale)


def size(fraction: float) -> Tensor:
    """Size target of an object."""
    return torch.tensor([[1 - fraction, fraction]], dtype=torch.float64)


def bounds(low: float, high: float) -> Tensor:
    """Size bounds of an object; the background's follow from them."""
    return torch.tensor([[[1 - high, 1 - low], [low, high]]], dtype=torch.float64)


def tags(present: bool) -> Tensor:
    """Tags of an image with or without the object."""
    return torch.tensor([[True, present]])


SIZE, PIXEL = "size S̄ of the object in the prediction", "probability S of the pixel's class"


def size_target() -> list[Panel]:
    """The loss at three targets, and its variants at one."""

    def of(loss: nn.Module, v: float) -> tuple[Tensor, Tensor]:
        return against_size(loss, size(v), low=0.0005, scale="log")

    variants = {
        "forward": SizeTargetLoss(),
        "reverse": SizeTargetLoss("reverse"),
        'scale "entropy"': SizeTargetLoss(scale="entropy"),
        'scale "object"': SizeTargetLoss(scale="object"),
    }
    return [
        Panel(
            SIZE,
            "loss",
            {f"v = {v:g}": of(SizeTargetLoss(), v) for v in (0.01, 0.1, 0.3)},
            (-0.02, 1),
            columns=3,
            scale="log",
        ),
        Panel(
            SIZE,
            "loss at v = 0.1",
            {name: of(loss, 0.1) for name, loss in variants.items()},
            (-0.05, 2.8),
            {"v": 0.1},
            scale="log",
        ),
    ]


def size_bounds() -> list[Panel]:
    """Flat between the bounds, a size target outside."""
    curves = {
        "bounds 0.1 and 0.3": against_size(SizeBoundsLoss(), bounds(0.1, 0.3), high=0.7),
        "size target 0.2": against_size(SizeTargetLoss(), size(0.2), high=0.7),
    }
    return [Panel(SIZE, "loss", curves, (-0.02, 0.5), {"a": 0.1, "b": 0.3})]


def quadratic_barrier() -> list[Panel]:
    """The barrier beside the flat-bottomed KL."""
    curves = {
        "quadratic barrier": against_size(QuadraticBarrierLoss("fraction"), bounds(0.1, 0.3), high=0.7),
        "size bounds (KL)": against_size(SizeBoundsLoss(), bounds(0.1, 0.3), high=0.7),
    }
    return [Panel(SIZE, 'loss, scale "fraction"', curves, (-0.02, 0.5), {"a": 0.1, "b": 0.3})]


def log_barrier_extension() -> list[Panel]:
    """Three hardnesses."""
    curves = {
        f"t = {t}": against_size(LogBarrierExtensionLoss(t, 1.0, "fraction"), bounds(0.1, 0.3), high=0.4)
        for t in (10, 30, 100)
    }
    return [Panel(SIZE, 'loss, scale "fraction"', curves, (-0.1, 4), {"a": 0.1, "b": 0.3}, columns=3)]


def log_barrier() -> list[Panel]:
    """Least where all present classes are of equal size."""
    curves = {
        "object and background present": against_size(LogBarrierLoss(), tags(True)),
        "background alone present": against_size(LogBarrierLoss(), tags(False)),
    }
    return [Panel(SIZE, "loss", curves, (0, 5), {"½": 0.5}, columns=1)]


def flat_log_barrier() -> list[Panel]:
    """Flat from ε on."""
    curves = {f"ε = {e:g}": against_size(FlatLogBarrierLoss(e), tags(True), high=0.6) for e in (0.02, 0.1, 0.3)}
    return [Panel(SIZE, "loss, object present", curves, (0, 9), columns=3)]


def suppression() -> list[Panel]:
    """Of an absent object."""
    curves = {
        "suppression": against_size(SuppressionLoss(), tags(False)),
        "size target 0": against_size(SizeTargetLoss(), size(0.0)),
        "negative": against_size(NegativeLoss(), tags(False)),
    }
    return [Panel(SIZE, "loss, object absent", curves, (0, 4), columns=3)]


def fairness() -> list[Panel]:
    """Of the batch's average."""
    image = torch.zeros(1, 1, 1)
    curves = {
        "fairness, least at ½": against_size(FairnessLoss(), image),
        "balance, v = 0.2": against_size(BalanceLoss((0.8, 0.2)), image),
    }
    return [Panel("size Ŝ of the object, mean over the batch", "loss", curves, (-0.8, 1.2), {"v": 0.2, "½": 0.5})]


def partial_cross_entropy() -> list[Panel]:
    """One seed."""
    seed = torch.ones(1, 1, dtype=torch.uint8)
    curves = {"one seed": curve(lambda p: PartialCrossEntropyLoss()(object_of(p), seed), 0.005, 1)}
    return [Panel(PIXEL, "loss of a seed", curves, (0, 5))]


def cross_entropy() -> list[Panel]:
    """A pixel of a rare class and one of a common class, weighted and not."""
    rare, common = torch.ones(1, 1, dtype=torch.uint8), torch.zeros(1, 1, dtype=torch.uint8)
    weighted = WeightedCrossEntropyLoss((90.0, 10.0), beta=0.99)
    curves = {
        "weighted, rare class (n = 10)": curve(lambda p: weighted(object_of(p), rare), 0.005, 1),
        "cross entropy": curve(lambda p: CrossEntropyLoss()(object_of(p), rare), 0.005, 1),
        "weighted, common class (n = 90)": curve(lambda p: weighted(object_of(1 - p), common), 0.005, 1),
    }
    return [Panel(PIXEL, "loss of a pixel", curves, (0, 6), columns=1)]


def collision_cross_entropy() -> list[Panel]:
    """A label at three certainties."""
    label = torch.ones(1, 1, dtype=torch.uint8)

    def at(certainty: float) -> tuple[Tensor, Tensor]:
        return curve(lambda p: CollisionCrossEntropyLoss(certainty)(object_of(p), label), 0.002, 1)

    curves = {"certainty 1": at(1.0), "0.9": at(0.9), "0.7": at(0.7)}
    return [Panel(PIXEL, "loss of a label", curves, (0, 5), columns=3)]


def size_weighted_cross_entropy() -> list[Panel]:
    """The weight of a pixel by the size of its component, and what it costs."""

    def weight(share: float) -> Tensor:
        label = torch.ones(1, 1, 1001, dtype=torch.uint8)
        label[..., round(1000 * share)] = 0
        return component_weights(label)[0, 0, 0]

    one = torch.ones(1, 1, 1, dtype=torch.uint8)
    two = torch.tensor([[[1, 0] + [1] * 2]], dtype=torch.uint8)

    def cost(p: float, label: Tensor) -> Tensor:
        # All pixels but the first are certain and right, so that the mean is the first pixel's share.
        x = torch.where(label[0] == 1, 1 - 1e-12, 1e-12).double()
        x[0, 0] = p
        return SizeWeightedCrossEntropyLoss()(object_of(x), label) * label.numel()

    return [
        Panel(
            "the component's share of its class",
            "weight of its pixels",
            {"": curve(weight, 0.01, 0.999, 400)},
            (0, 5.5),
        ),
        Panel(
            PIXEL,
            "cost of a pixel",
            {
                "component of a third of its class": curve(lambda p: cost(p, two), 0.005, 0.999),
                "lone component": curve(lambda p: cost(p, one), 0.005, 0.999),
            },
            (0, 10),
            columns=1,
        ),
    ]


def elastic_weight_consolidation() -> list[Panel]:
    """The penalty on moving one parameter, for three importances."""
    importance = torch.tensor([1.0, 0.3, 0.0]).sqrt()

    def penalty(parameter: int, moved: float) -> Tensor:
        network = nn.Linear(3, 1, bias=False)
        ewc = ElasticWeightConsolidation()
        ewc.consolidate(network, [(network.weight * importance).sum()])
        with torch.no_grad():
            network.weight[0, parameter] += moved
        return ewc.penalty(network)

    curves = {
        f"F = {value:g}": curve(lambda moved, i=i: penalty(i, moved), -0.1, 0.1, 41)
        for i, value in enumerate((1, 0.3, 0))
    }
    return [Panel("parameter moved by θ − θ*", "penalty", curves, (-0.05, 2.6), columns=3)]


def neighbours() -> list[Panel]:
    """Two neighbours, and how much a border between them counts."""
    pair = torch.zeros(1, 1, 2)
    absolute, bilinear = SparseCRFLoss(0.1), SparseCRFLoss(0.1, "bilinear")

    def of_pair(loss: nn.Module, p: float, q: float, contrast: float = 0.0) -> Tensor:
        image = pair + torch.tensor([0.0, contrast])
        return loss(object_of(torch.tensor([p, q], dtype=torch.float64)), image)

    return [
        Panel(
            "object's probability x at q; at p it is 0.8",
            "loss",
            {
                '"absolute"': curve(lambda q: of_pair(absolute, 0.8, q), 0.001, 0.999),
                '"bilinear"': curve(lambda q: of_pair(bilinear, 0.8, q), 0.001, 0.999),
            },
            (0, 0.9),
            {"x at p": 0.8},
        ),
        Panel(
            "contrast |C − C'| of the neighbours",
            "loss of a border",
            {
                f"σ = {sigma:g}": curve(lambda c, s=sigma: of_pair(SparseCRFLoss(s), 1 - 1e-9, 1e-9, c), 0, 0.5)
                for sigma in (0.05, 0.15)
            },
            (0, 1.05),
        ),
    ]


def dense_crf() -> list[Panel]:
    """An image of two halves, and where the border between two classes lies in it."""
    place = torch.arange(64.0)
    image = torch.where(place < 24, 0.3, 0.7).reshape(1, 1, -1)

    def by_border(loss: nn.Module) -> tuple[Tensor, Tensor]:
        x, y = curve(
            lambda border: loss(object_of((place + 0.5 > border).double() * (1 - 2e-9) + 1e-9), image), 0, 64, 65
        )
        return x, y / y.max()

    curves = {
        "dense": by_border(DenseCRFLoss(sigma_space=16, sigma_intensity=0.1, engine="exact")),
        "sparse": by_border(SparseCRFLoss(0.1)),
    }
    return [
        Panel(
            "place of the border in a row of 64 pixels",
            "energy (largest: 1)",
            curves,
            (0, 1.15),
            {"edge of the image": 24},
        )
    ]


def expand() -> list[Panel]:
    """An image of 41² pixels of which a share is the object."""

    def of_share(share: float, present: bool) -> Tensor:
        x = torch.full((1681,), 0.01, dtype=torch.float64)
        x[: round(1681 * share)] = 0.99
        return ExpandLoss()(object_of(x), tags(present))

    curves = {
        "object present": curve(lambda share: of_share(share, True), 0, 1),
        "object absent": curve(lambda share: of_share(share, False), 0, 1),
    }
    return [Panel("share of the image predicted as object", "loss", curves, (0, 10))]


def constrain() -> list[Panel]:
    """A pixel for three refined predictions."""

    def of_pixel(s: float, q: float) -> Tensor:
        refined = torch.tensor([[[1 - q], [q]]], dtype=torch.float64)
        return ConstrainLoss(lambda *_, **__: refined)(object_of(s), torch.zeros(1, 1, 1))

    curves = {f"Q = {q:g}": curve(lambda s, q=q: of_pixel(s, q), 0.001, 0.999) for q in (0.1, 0.5, 0.95)}
    return [Panel("object's probability S before the CRF", "loss of a pixel", curves, (0, 3), columns=3)]


def volumetric() -> list[Panel]:
    """One image."""
    curves = {
        "mean 0.5, minimum 0.15": against_size(VolumetricLoss(), tags(True)),
        "mean 0.2, minimum 0.1": against_size(VolumetricLoss(mean=0.2, minimum=0.1), tags(True)),
    }
    return [Panel("size s of the object, a batch of one image", "loss", curves, (-0.02, 0.7), columns=1)]


def positional() -> list[Panel]:
    """A disc that grows from the centre to the border, and one that does so elsewhere."""
    place = torch.arange(64) - 31.5

    def of_disc(radius: float, shift: float) -> Tensor:
        distance = torch.hypot(place[:, None], place[None] - shift).double()
        return PositionalLoss()(object_of((radius - distance).sigmoid().clamp(1e-9, 1 - 1e-9)), tags(True))

    curves = {
        "at the centre": curve(lambda radius: of_disc(radius, 0), 0, 48, 97),
        "16 pixels beside it": curve(lambda radius: of_disc(radius, 16), 0, 48, 97),
    }
    return [Panel("radius of a disc in 64 × 64 pixels", "loss", curves, (-0.02, 1.1), {"border": 31.5})]


def negative() -> list[Panel]:
    """An image without the object."""
    return [
        Panel("size s of the object, which is absent", "loss", {"": against_size(NegativeLoss(), tags(False))}, (0, 1))
    ]


PICTURES: dict[str, Callable[[], list[Panel]]] = {
    "size_target": size_target,
    "size_bounds": size_bounds,
    "quadratic_barrier": quadratic_barrier,
    "log_barrier_extension": log_barrier_extension,
    "log_barrier": log_barrier,
    "flat_log_barrier": flat_log_barrier,
    "suppression": suppression,
    "fairness": fairness,
    "partial_cross_entropy": partial_cross_entropy,
    "cross_entropy": cross_entropy,
    "collision_cross_entropy": collision_cross_entropy,
    "size_weighted_cross_entropy": size_weighted_cross_entropy,
    "elastic_weight_consolidation": elastic_weight_consolidation,
    "sparse_crf": neighbours,
    "dense_crf": dense_crf,
    "expand": expand,
    "constrain": constrain,
    "volumetric": volumetric,
    "positional": positional,
    "negative": negative,
}


def pictures() -> Iterator[tuple[str, str]]:
    """Yield the name and the SVG of each picture."""
    for name, panels in PICTURES.items():
        yield f"{name}.svg", draw(panels())


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, svg in pictures():
        (FOLDER / name).write_text(svg, encoding="utf-8")
