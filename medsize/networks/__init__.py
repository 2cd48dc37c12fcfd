"""Segmentation networks: images in [0, 1] of any size in, logits of that size out."""

from medsize.networks.backbone import Backbone
from medsize.networks.backbone_unet import BackboneUNet
from medsize.networks.deeplabv2 import DeepLabV2
from medsize.networks.deeplabv3plus import DeepLabV3Plus
from medsize.networks.encoder_network import EncoderNetwork
from medsize.networks.first_guess import guess_shares
from medsize.networks.largefov import DeepLabLargeFOV
from medsize.networks.mobilenetv2 import MobileNetV2
from medsize.networks.resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnext50
from medsize.networks.segmenter import Segmenter
from medsize.networks.unet import UNet
from medsize.networks.vgg16 import VGG16
from medsize.networks.vit import VisionTransformer, vit_base, vit_small
from medsize.networks.weight_files import read_state_dict
from medsize.networks.weights import WeightMatch, load_encoder_weights, match_weights
from medsize.networks.wide_resnet38 import WideResNet38

__all__ = [
    "VGG16",
    "Backbone",
    "BackboneUNet",
    "DeepLabLargeFOV",
    "DeepLabV2",
    "DeepLabV3Plus",
    "EncoderNetwork",
    "MobileNetV2",
    "ResNet",
    "Segmenter",
    "UNet",
    "VisionTransformer",
    "WeightMatch",
    "WideResNet38",
    "guess_shares",
    "load_encoder_weights",
    "match_weights",
    "read_state_dict",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnext50",
    "vit_base",
    "vit_small",
]
