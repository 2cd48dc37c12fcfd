"""Segmentation networks: images in [0, 1] of any size in, logits of that size out."""

from medsize.networks.deeplabv3plus import DeepLabV3Plus
from medsize.networks.first_guess import guess_shares
from medsize.networks.mobilenetv2 import MobileNetV2
from medsize.networks.mobilenetv2_unet import MobileNetV2UNet
from medsize.networks.unet import UNet
from medsize.networks.weights import LoadReport, load_encoder_weights, read_state_dict

__all__ = [
    "DeepLabV3Plus",
    "LoadReport",
    "MobileNetV2",
    "MobileNetV2UNet",
    "UNet",
    "guess_shares",
    "load_encoder_weights",
    "read_state_dict",
]
