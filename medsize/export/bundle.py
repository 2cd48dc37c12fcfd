"""The configuration and the metadata of a MONAI Bundle that needs MONAI, torch, nibabel and ignite, not medsize."""

from importlib.metadata import version
from typing import Any

import medsize
from medsize.evaluation.report.words import network_words
from medsize.export.facts import NOT_A_DEVICE, Facts

_SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"

# The spacing that the header gives (pixdim), as ITK reads it, and the affine's where pixdim says nothing.
_SPACING = (
    "$lambda image: torch.as_tensor("
    "[float(mm) for mm in (image.pixdim if {float(mm) for mm in image.meta['pixdim'][1:4]} == {1.0} "
    "else image.meta['pixdim'][1:4])][:2])"
)

# MONAI's SliceInferer passes nothing but the planes on to the network, so it cannot hand over a spacing.
_INFERER = (
    "$lambda volume, network, *spacing_mm: MetaTensor(torch.cat("
    "[network(planes, *spacing_mm) for planes in volume.as_tensor()[0].movedim(-1, 0).split(@batch)]"
    ").movedim(0, -1)[None]).copy_meta_from(volume)"
)


def inference_config(facts: Facts) -> dict[str, Any]:
    """Return ``configs/inference.json``: NIfTI files of a folder in, label files out.

    The network is the traced program, which holds the way to its square and back; the configuration only reads,
    scales to [0, 1], calls it with the planes of a volume a batch at a time, and writes the most probable class.
    """
    physical = facts.config.data.preprocessing.name == "physical"
    values = [0, *facts.values.values()]
    spacing = [
        {"_target_": "CopyItemsd", "keys": "image", "names": "spacing_mm"},
        {"_target_": "Lambdad", "keys": "spacing_mm", "func": _SPACING},
    ]
    arguments = "batch['spacing_mm'][0].to(device)," if physical else ""
    return {
        "imports": [
            "$import glob",
            "$import torch",
            "$import torch.export.passes",
            "$from monai.data import MetaTensor",
        ],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/images'",
        "output_dir": "$@bundle_root + '/predictions'",
        "images": "$sorted(glob.glob(@dataset_dir + '/*.nii') + glob.glob(@dataset_dir + '/*.nii.gz'))",
        "batch": facts.config.training.batch_size,
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "network_def": "$torch.export.unflatten(torch.export.passes.move_to_device_pass("
        "torch.export.load(@bundle_root + '/models/model.pt2'), str(@device)))",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "LoadImaged", "keys": "image", "reader": "NibabelReader", "ensure_channel_first": True},
                *(spacing if physical else []),
                {"_target_": "ScaleIntensityd", "keys": "image", "minv": 0.0, "maxv": 1.0},
            ],
        },
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': image} for image in @images]",
            "transform": "@preprocessing",
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1},
        "inferer": _INFERER,
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
                {
                    "_target_": "MapLabelValued",
                    "keys": "pred",
                    "orig_labels": list(range(len(values))),
                    "target_labels": values,
                    "dtype": "$torch.uint8",
                },
                {
                    "_target_": "SaveImaged",
                    "keys": "pred",
                    "output_dir": "@output_dir",
                    "output_postfix": "",
                    "separate_folder": False,
                    "resample": False,
                    "output_dtype": "$torch.uint8",
                    "print_log": False,
                },
            ],
        },
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network_def",
            "inferer": "@inferer",
            "prepare_batch": "$lambda batch, device, non_blocking=False, **_: "
            f"(batch['image'].to(device), None, ({arguments}), {{}})",
            "postprocessing": "@postprocessing",
        },
        "run": ["$@evaluator.run()"],
    }


def metadata(facts: Facts) -> dict[str, Any]:
    """Return ``configs/metadata.json``, with everything that MONAI's schema asks for."""
    config = facts.config
    classes = len(facts.structures)
    image = {
        "type": "image",
        "format": "magnitude",
        "modality": config.data.source.modality or "n/a",
        "num_channels": config.data.channels,
        "spatial_shape": ["*", "*"],
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        "channel_def": {"0": "image"},
    }
    inputs: dict[str, Any] = {"image": image}
    if config.data.preprocessing.name == "physical":
        inputs["spacing_mm"] = {
            "type": "tuples",
            "format": "magnitude",
            "num_channels": 1,
            "spatial_shape": [2],
            "dtype": "float32",
            "value_range": [],
            "is_patch_data": False,
            "channel_def": {"0": "pixel spacing along the first and the second axis, mm"},
        }
    return {
        "schema": _SCHEMA,
        "version": medsize.__version__,
        "changelog": {medsize.__version__: f"exported from the checkpoint '{facts.checkpoint}' of a medsize run"},
        "monai_version": version("monai"),
        "pytorch_version": version("torch").split("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {"nibabel": version("nibabel"), "pytorch-ignite": "0.5.5"},
        "supported_apps": {},
        "name": f"Segmentation of {', '.join(facts.values)}",
        "task": f"Segmentation of {', '.join(facts.values)}, plane by plane",
        "description": f"{network_words(config)}, trained by medsize. {NOT_A_DEVICE}",
        "authors": "whoever trained the run",
        "copyright": "see LICENSE; the data set's terms also bind the weights",
        "data_source": "see MODEL_CARD.md",
        "data_type": "nibabel",
        "image_classes": "one channel, scaled to [0, 1] over the volume",
        "label_classes": "values of label files: " + ", ".join(f"{v} {name}" for name, v in facts.values.items()),
        "pred_classes": f"{classes} channels, probabilities: {', '.join(facts.structures.values())}",
        "eval_metrics": _figures(facts),
        "intended_use": NOT_A_DEVICE,
        "references": [],
        "medsize": {"weights_sha256": facts.weights_sha256, "checkpoint": facts.checkpoint},
        "network_data_format": {
            "inputs": inputs,
            "outputs": {
                "pred": {
                    "type": "probabilities",
                    "format": "segmentation",
                    "num_channels": classes,
                    "spatial_shape": ["*", "*"],
                    "dtype": "float32",
                    "value_range": [0, 1],
                    "is_patch_data": False,
                    "channel_def": facts.structures,
                }
            },
        },
    }


def _figures(facts: Facts) -> dict[str, float]:
    aggregates = facts.results["aggregates"] if facts.results else {}
    return {f"mean_dice_{name}": figures["measures"]["dice_scan"]["mean"] for name, figures in aggregates.items()}
