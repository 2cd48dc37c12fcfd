"""The Vision Transformer as an encoder, under timm's parameter names."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medsize.networks.backbone import Backbone

POSITIONS = "pos_embed"


class VisionTransformer(Backbone):
    """ViT with patches of 16 pixels and a class token, as one map of its patch tokens.

    Every parameter has the name and shape of timm's ``vit_*_patch16`` and of DeiT (``cls_token``, ``pos_embed``,
    ``patch_embed.proj``, ``blocks.0.attn.qkv`` … ``norm``), so their checkpoints fit as they are, but for the
    distilled ones, which have a second token. MONAI's ViT computes the same under names of its own, so no published
    checkpoint fits it.

    The position embeddings belong to a grid of ``image_size / 16`` patches a side. Those of a checkpoint for
    another size, and those of images of another size, are interpolated (bicubic, as DeiT and timm do it).

    Sources: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021; Touvron et al., DeiT, ICML 2021.

    Args:
        width: Channels of a token.
        heads: Attention heads.
        depth: Blocks.
        in_channels: Channels of the input; the published networks have 3.
        image_size: Side of the images whose position embeddings are kept, in pixels, a multiple of 16.
        stock_weights: Which published weights fit.

    Raises:
        ValueError: ``image_size`` is no positive multiple of 16.
    """

    first_kernel = "patch_embed.proj.weight"
    patch = 16

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        depth: int = 12,
        in_channels: int = 3,
        image_size: int = 224,
        stock_weights: str,
    ) -> None:
        super().__init__(in_channels=in_channels, output_stride=self.patch)
        if image_size < self.patch or image_size % self.patch:
            raise ValueError(f"image_size: expected a positive multiple of {self.patch}, found {image_size}")
        self.channels, self.strides, self.stock_weights = (width,), (self.patch,), stock_weights
        self.side = image_size // self.patch
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.side**2, width))
        self.patch_embed = PatchEmbedding(in_channels, width, self.patch)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self._initialise()

    def forward(self, image: Tensor) -> tuple[Tensor]:
        """Compute the map of patch tokens behind the last normalisation.

        Args:
            image: (B, in_channels, H, W), H and W multiples of 16.

        Returns:
            One map (B, width, H/16, W/16).
        """
        patches = self.patch_embed(image)
        height, width = patches.shape[-2:]
        tokens = torch.cat([self.cls_token.expand(image.shape[0], -1, -1), patches.flatten(2).mT], dim=1)
        tokens = tokens + resize_positions(self.pos_embed, height, width).to(tokens.dtype)
        tokens = self.norm(self.blocks(tokens))
        return (tokens[:, 1:].mT.unflatten(2, (height, width)),)

    def fit(self, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return published tensors as this backbone takes them: channels summed, positions interpolated."""
        fitted = super().fit(published)
        found = fitted.get(POSITIONS)
        if found is not None and found.ndim == 3 and found.shape[1] != self.pos_embed.shape[1]:
            side = round((found.shape[1] - 1) ** 0.5)
            if side > 0 and side**2 == found.shape[1] - 1:
                fitted[POSITIONS] = resize_positions(found, self.side, self.side)
        return fitted

    def _initialise(self) -> None:
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)


class PatchEmbedding(nn.Module):
    """Patches to tokens: a convolution whose stride is its kernel.

    Args:
        in_channels: Channels of the image.
        width: Channels of a token.
        patch: Side of a patch in pixels.
    """

    def __init__(self, in_channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(in_channels, width, patch, patch)

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, in_channels, H, W) to (B, width, H/patch, W/patch)."""
        tokens: Tensor = self.proj(image)
        return tokens


class Block(nn.Module):
    """Attention and a two-layer perceptron, each normalised before and beside a shortcut.

    Args:
        width: Channels of a token.
        heads: Attention heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Perceptron(width, 4 * width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, width) to (B, N, width)."""
        tokens = tokens + self.attn(self.norm1(tokens))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class Attention(nn.Module):
    """Softmax attention of every token to every token, in several heads.

    Args:
        width: Channels of a token.
        heads: Heads; they share the width.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, N, width) to (B, N, width)."""
        parts = self.qkv(tokens).unflatten(2, (3, self.heads, -1))  # (B, N, 3, heads, width / heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(attended.transpose(1, 2).flatten(2))
        return out


class Perceptron(nn.Module):
    """Two layers with GELU between.

    Args:
        width: Channels in and out.
        hidden: Channels between.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (…, width) to (…, width)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return out


def resize_positions(positions: Tensor, height: int, width: int) -> Tensor:
    """Interpolate the position embeddings of a square grid; the class token keeps its own.

    Args:
        positions: (1, 1 + side², C), the class token first.
        height: Rows of the new grid; ``side`` leaves the embeddings as they are, up to rounding.
        width: Its columns.

    Returns:
        (1, 1 + height · width, C).
    """
    side = round((positions.shape[1] - 1) ** 0.5)
    grid = positions[:, 1:].mT.reshape(1, -1, side, side)
    resized = F.interpolate(grid.float(), size=(height, width), mode="bicubic", align_corners=False)
    return torch.cat([positions[:, :1], resized.to(positions.dtype).flatten(2).mT], dim=1)


def vit_small(*, in_channels: int = 3, image_size: int = 224) -> VisionTransformer:
    """Build ViT-S/16."""
    stock = "timm vit_small_patch16_224.augreg_in21k_ft_in1k (or _384), or DeiT's deit_small_patch16_224-cd65a155.pth"
    return VisionTransformer(width=384, heads=6, in_channels=in_channels, image_size=image_size, stock_weights=stock)


def vit_base(*, in_channels: int = 3, image_size: int = 224) -> VisionTransformer:
    """Build ViT-B/16."""
    stock = "timm vit_base_patch16_384.augreg_in21k_ft_in1k (or _224), or DeiT's deit_base_patch16_224-b5f2ef4d.pth"
    return VisionTransformer(width=768, heads=12, in_channels=in_channels, image_size=image_size, stock_weights=stock)
