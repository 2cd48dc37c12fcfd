"""The backbones for photos as others publish them: names, shapes and forward passes, written down independently.

ResNet, ResNeXt and VGG are torchvision's; ViT is timm's and DeiT's; WideResNet-38 is ``resnet38d`` of AffinityNet.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Shapes = dict[str, tuple[int, ...]]
State = dict[str, Tensor]


def norm_shapes(prefix: str, channels: int) -> Shapes:
    return {f"{prefix}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")}


def affine(prefix: str, *shape: int) -> Shapes:
    return {f"{prefix}.weight": shape, f"{prefix}.bias": (shape[0],)}


def resnet(blocks: list[int], *, bottleneck: bool, groups: int = 1, base: int = 64) -> Shapes:
    found: Shapes = {"conv1.weight": (64, 3, 7, 7), **norm_shapes("bn1", 64)}
    before = 64
    for stage, planes in enumerate([64, 128, 256, 512], 1):
        for index in range(blocks[stage - 1]):
            at = f"layer{stage}.{index}"
            out = planes * 4 if bottleneck else planes
            if bottleneck:
                width = int(planes * base / 64) * groups
                kernels = [(width, before, 1, 1), (width, width // groups, 3, 3), (out, width, 1, 1)]
            else:
                kernels = [(planes, before, 3, 3), (planes, planes, 3, 3)]
            for number, kernel in enumerate(kernels, 1):
                found[f"{at}.conv{number}.weight"] = kernel
                found |= norm_shapes(f"{at}.bn{number}", kernel[0])
            if index == 0 and (stage > 1 or bottleneck):
                found[f"{at}.downsample.0.weight"] = (out, before, 1, 1)
                found |= norm_shapes(f"{at}.downsample.1", out)
            before = out
    return found | affine("fc", 1000, before)


def vgg16() -> Shapes:
    positions = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    found: Shapes = {}
    for number, at in enumerate(positions):
        found |= affine(f"features.{at}", channels[number + 1], channels[number], 3, 3)
    head = affine("classifier.0", 4096, 25088) | affine("classifier.3", 4096, 4096) | affine("classifier.6", 1000, 4096)
    return found | head


def vit(width: int, size: int = 224) -> Shapes:
    found: Shapes = {"cls_token": (1, 1, width), "pos_embed": (1, 1 + (size // 16) ** 2, width)}
    found |= affine("patch_embed.proj", width, 3, 16, 16)
    for block in range(12):
        for name, out, into in (
            ("attn.qkv", 3 * width, width),
            ("attn.proj", width, width),
            ("mlp.fc1", 4 * width, width),
            ("mlp.fc2", width, 4 * width),
        ):
            found |= affine(f"blocks.{block}.{name}", out, into)
        for name in ("norm1", "norm2"):
            found |= affine(f"blocks.{block}.{name}", width)
    return found | affine("norm", width) | affine("head", 1000, width)


# resnet38d: name, channels in, channels of its convolutions, whether the shortcut is projected
WIDE = [
    ("b2", 64, (128, 128), True),
    *[(f"b2_{n}", 128, (128, 128), False) for n in (1, 2)],
    ("b3", 128, (256, 256), True),
    *[(f"b3_{n}", 256, (256, 256), False) for n in (1, 2)],
    ("b4", 256, (512, 512), True),
    *[(f"b4_{n}", 512, (512, 512), False) for n in (1, 2, 3, 4, 5)],
    ("b5", 512, (512, 1024), True),
    *[(f"b5_{n}", 1024, (512, 1024), False) for n in (1, 2)],
    ("b6", 1024, (512, 1024, 2048), True),
    ("b7", 2048, (1024, 2048, 4096), True),
]


def wide_resnet38() -> Shapes:
    found: Shapes = {"conv1a.weight": (64, 3, 3, 3)}
    for name, before, outs, projected in WIDE:
        if projected:
            found[f"{name}.conv_branch1.weight"] = (outs[-1], before, 1, 1)
        parts = ["2a", "2b1", "2b2"][: len(outs)]
        sides = [3, 3] if len(outs) == 2 else [1, 3, 1]
        channels = before
        for part, out, side in zip(parts, outs, sides, strict=True):
            found |= norm_shapes(f"{name}.bn_branch{part}", channels)
            found[f"{name}.conv_branch{part}.weight"] = (out, channels, side, side)
            channels = out
    return found | norm_shapes("bn7", 4096)


def checkpoint(shapes: Shapes, seed: int = 0) -> State:
    """Random values under published names that keep activations near one."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=generator)
        if len(shape) == 4:
            values *= (2 / (shape[1] * shape[2] * shape[3])) ** 0.5
        elif name.endswith("running_var") or (name.endswith("weight") and len(shape) == 1):
            values = 0.5 + torch.rand(shape, generator=generator)
        elif len(shape) == 2:
            values *= shape[1] ** -0.5
        else:
            values *= 0.1
        state[name] = values
    return state


def _norm(state: State, prefix: str, x: Tensor) -> Tensor:
    mean, var, weight, bias = (
        state[f"{prefix}.{part}"].reshape(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def resnet_forward(state: State, image: Tensor, groups: int = 1) -> list[Tensor]:
    """The stem and the four stages of an undilated ResNet, in evaluation mode."""
    maps = [_norm(state, "bn1", F.conv2d(image, state["conv1.weight"], None, 2, 3)).relu()]
    x = F.max_pool2d(maps[0], 3, 2, 1)
    for stage in range(1, 5):
        index = 0
        while f"layer{stage}.{index}.conv1.weight" in state:
            at = f"layer{stage}.{index}"
            stride = 2 if stage > 1 and index == 0 else 1
            convs = [n for n in (1, 2, 3) if f"{at}.conv{n}.weight" in state]
            strided = 2 if len(convs) == 3 else 1
            y = x
            for n in convs:
                kernel = state[f"{at}.conv{n}.weight"]
                grouped = groups if len(convs) == 3 and n == 2 else 1
                y = F.conv2d(y, kernel, None, stride if n == strided else 1, kernel.shape[-1] // 2, 1, grouped)
                y = _norm(state, f"{at}.bn{n}", y)
                y = y if n == convs[-1] else y.relu()
            if f"{at}.downsample.0.weight" in state:
                x = _norm(state, f"{at}.downsample.1", F.conv2d(x, state[f"{at}.downsample.0.weight"], None, stride))
            x = (x + y).relu()
            index += 1
        maps.append(x)
    return maps


def wide_forward(state: State, image: Tensor) -> Tensor:
    """conv6 of resnet38d, with its dilations (output stride 8), in evaluation mode."""
    x = F.conv2d(image, state["conv1a.weight"], padding=1)
    for name, _, outs, projected in WIDE:
        stride = 2 if name in ("b2", "b3", "b4") else 1
        dilation = {"b5": 2, "b6": 4, "b7": 4}.get(name[:2], 1)
        first = 1 if name == "b5" else dilation

        def part(y: Tensor, which: str, stride: int, rate: int, name: str = name) -> Tensor:
            kernel = state[f"{name}.conv_branch{which}.weight"]
            return F.conv2d(y, kernel, None, stride, rate * (kernel.shape[-1] // 2), rate)

        active = _norm(state, f"{name}.bn_branch2a", x).relu()
        shortcut = part(active, "1", stride, 1) if projected else x
        y = part(active, "2a", stride, first if len(outs) == 2 else 1)
        y = part(_norm(state, f"{name}.bn_branch2b1", y).relu(), "2b1", 1, dilation)
        if len(outs) == 3:
            y = part(_norm(state, f"{name}.bn_branch2b2", y).relu(), "2b2", 1, 1)
        x = shortcut + y
    return _norm(state, "bn7", x).relu()


def vit_forward(state: State, image: Tensor, heads: int, depth: int) -> Tensor:
    """Patch tokens of a ViT as a map, with attention written out."""

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def layer_norm(name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + 1e-6)
        return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]

    weight, bias = state["patch_embed.proj.weight"], state["patch_embed.proj.bias"]
    rows, columns = image.shape[2] // 16, image.shape[3] // 16
    tokens = [
        torch.einsum("bcij,dcij->bd", image[:, :, 16 * r : 16 * r + 16, 16 * c : 16 * c + 16], weight) + bias
        for r in range(rows)
        for c in range(columns)
    ]
    x = torch.cat([state["cls_token"].expand(len(image), -1, -1), torch.stack(tokens, 1)], 1) + state["pos_embed"]
    for block in range(depth):
        at = f"blocks.{block}"
        qkv = linear(f"{at}.attn.qkv", layer_norm(f"{at}.norm1", x))
        width = x.shape[-1]
        size = width // heads
        outs = []
        for head in range(heads):
            q, k, v = (qkv[..., i * width + head * size : i * width + (head + 1) * size] for i in range(3))
            outs.append(torch.softmax(q @ k.transpose(1, 2) / size**0.5, -1) @ v)
        x = x + linear(f"{at}.attn.proj", torch.cat(outs, -1))
        y = linear(f"{at}.mlp.fc1", layer_norm(f"{at}.norm2", x))
        x = x + linear(f"{at}.mlp.fc2", y * 0.5 * (1 + torch.erf(y / 2**0.5)))
    return layer_norm("norm", x)[:, 1:].transpose(1, 2).reshape(len(image), -1, rows, columns)


PUBLISHED: dict[str, Callable[[], Shapes]] = {
    "resnet18": lambda: resnet([2, 2, 2, 2], bottleneck=False),
    "resnet34": lambda: resnet([3, 4, 6, 3], bottleneck=False),
    "resnet50": lambda: resnet([3, 4, 6, 3], bottleneck=True),
    "resnet101": lambda: resnet([3, 4, 23, 3], bottleneck=True),
    "resnext50": lambda: resnet([3, 4, 6, 3], bottleneck=True, groups=32, base=4),
    "vgg16": vgg16,
    "wideresnet38": wide_resnet38,
    "vit_small": lambda: vit(384),
    "vit_base": lambda: vit(768),
}
PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnext50": 25_028_904,
    "vgg16": 138_357_544,
    "vit_small": 22_050_664,
    "vit_base": 86_567_656,
}
"""Trainable parameters as torchvision and timm state them, classifier included."""

HEADS = ("fc.", "classifier.", "head.")
