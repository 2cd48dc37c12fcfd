"""PASCAL VOC 2012, with the additional masks of SBD as ``SegmentationClassAug``.

M. Everingham et al., IJCV 88(2), 2010; B. Hariharan et al., "Semantic contours from inverse detectors", ICCV 2011.
"""

from pathlib import Path
from typing import Literal

from medsize.data.case import Case
from medsize.errors import InputError
from medsize.shipped import shipped_lines

VOC_LABELS = {
    "aeroplane": 1,
    "bicycle": 2,
    "bird": 3,
    "boat": 4,
    "bottle": 5,
    "bus": 6,
    "car": 7,
    "cat": 8,
    "chair": 9,
    "cow": 10,
    "diningtable": 11,
    "dog": 12,
    "horse": 13,
    "motorbike": 14,
    "person": 15,
    "pottedplant": 16,
    "sheep": 17,
    "sofa": 18,
    "train": 19,
    "tvmonitor": 20,
}
"""The 20 classes and their values in the masks, whose void is 255."""

_LAYOUT = "JPEGImages, SegmentationClass (or SegmentationClassAug) and, as far as other lists are meant, ImageSets"
_REMEDY = (
    "VOC 2012 is at http://host.robots.ox.ac.uk/pascal/VOC/voc2012/; SegmentationClassAug holds the masks of SBD "
    "converted to VOC's classes"
)
_BELOW = (".", "VOC2012", "VOCdevkit/VOC2012")


def find_voc_cases(root: Path, train: Literal["trainaug", "train"]) -> list[Case]:
    """Find the images of a training list and of ``val``.

    The lists are ``ImageSets/Segmentation/<name>.txt``; ``trainaug`` and ``val`` are shipped and need not be there.
    Training masks are taken from ``SegmentationClassAug`` where they are there, and from ``SegmentationClass`` else;
    validation masks the other way round, for SBD's have no void.

    Args:
        root: The folder ``VOC2012``, ``VOCdevkit`` or the one above it.
        train: Name of the training list.

    Returns:
        Cases of split ``train`` and ``val``, in the order of the lists; an image is its own group. Those with masks of
        ``SegmentationClass`` have the maps of ``SegmentationObject``, where there are any.

    Raises:
        InputError: There is no such data set, or listed images or masks are not in it.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder", expected=f"PASCAL VOC 2012: {_LAYOUT}", remedy=_REMEDY)
    folder = next((root / below for below in _BELOW if (root / below / "JPEGImages").is_dir()), None)
    if folder is None:
        found = ", ".join(sorted(child.name for child in root.iterdir())[:6]) or "an empty folder"
        raise InputError(f"{root} is not PASCAL VOC 2012", expected=_LAYOUT, found=found, remedy=_REMEDY)
    return [
        *_cases(folder, train, "train", ("SegmentationClassAug", "SegmentationClass")),
        *_cases(folder, "val", "val", ("SegmentationClass", "SegmentationClassAug")),
    ]


def _cases(folder: Path, listed: str, split: str, masks: tuple[str, str]) -> list[Case]:
    ids = _ids(folder, listed)
    images = {path.stem: path for path in (folder / "JPEGImages").glob("*.jpg")}
    labels = {path.stem: path for name in reversed(masks) for path in (folder / name).glob("*.png")}
    for what, found, where in (("images", images, "JPEGImages"), ("masks", labels, " or ".join(masks))):
        missing = [name for name in ids if name not in found]
        if missing:
            raise InputError(
                f"{len(missing)} of the {len(ids)} {what} of the list '{listed}' are not there",
                expected=f"all of them in {folder}/{where}",
                found=f"no {', '.join(missing[:5])}{', …' if len(missing) > 5 else ''}",
                remedy="unpack SegmentationClassAug into the same folder, or set data.source.train to train"
                if what == "masks" and listed == "trainaug"
                else "unpack the data set again, or correct the list in ImageSets/Segmentation",
            )
    objects = {path.stem: path for path in (folder / "SegmentationObject").glob("*.png")}
    return [
        Case(
            id=name,
            group=name,
            image=images[name],
            label=labels[name],
            split=split,
            # of the masks of SBD they are not the objects
            instances=objects.get(name) if labels[name].parent.name == "SegmentationClass" else None,
        )
        for name in ids
    ]


def _ids(folder: Path, listed: str) -> list[str]:
    path = folder / "ImageSets" / "Segmentation" / f"{listed}.txt"
    if path.is_file():
        lines = path.read_text(encoding="utf-8").splitlines()
    elif listed in ("trainaug", "val"):
        lines = shipped_lines(f"voc2012_{listed}.txt")
    else:
        raise InputError(f"{path}: no such file", expected="the training list of VOC 2012", remedy=_REMEDY)
    # some copies of trainaug.txt name the image and the mask: /JPEGImages/2007_000032.jpg /SegmentationClassAug/…
    return [Path(line.split()[0]).stem for line in lines if line.strip()]
