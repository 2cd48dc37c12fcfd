"""PASCAL VOC 2012, with the additional masks of SBD as ``SegmentationClassAug``.

M. Everingham et al., IJCV 88(2), 2010; B. Hariharan et al., "Semantic contours from inverse detectors", ICCV 2011.
"""

from pathlib import Path
from typing import Literal

from medsize.data.case import Case
from medsize.data.folders import is_folder, listed, shown
from medsize.errors import InputError
from medsize.names import name_finder
from medsize.shipped import shipped_lines
from medsize.text import read_text

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
    content = listed(root, f"PASCAL VOC 2012: {_LAYOUT}", remedy=_REMEDY)
    folder = next((root / below for below in _BELOW if is_folder(root / below / "JPEGImages")), None)
    if folder is None:
        raise InputError(f"{root} is not PASCAL VOC 2012", expected=_LAYOUT, found=shown(content), remedy=_REMEDY)
    return [
        *_cases(folder, train, "train", ("SegmentationClassAug", "SegmentationClass")),
        *_cases(folder, "val", "val", ("SegmentationClass", "SegmentationClassAug")),
    ]


def _cases(folder: Path, of: str, split: str, masks: tuple[str, str]) -> list[Case]:
    ids = _ids(folder, of)
    images = _files(folder / "JPEGImages", ".jpg")
    labels = _files(folder / masks[1], ".png") | _files(folder / masks[0], ".png")
    image_of, label_of = name_finder(images), name_finder(labels)
    for what, find, where in (("images", image_of, "JPEGImages"), ("masks", label_of, " or ".join(masks))):
        missing = [name for name in ids if find(name) is None]
        if missing:
            raise InputError(
                f"{len(missing)} of the {len(ids)} {what} of the list '{of}' are not there",
                expected=f"all of them in {folder}/{where}",
                found=f"no {', '.join(missing[:5])}{', …' if len(missing) > 5 else ''}",
                remedy="unpack SegmentationClassAug into the same folder, or set data.source.train to train"
                if what == "masks" and of == "trainaug"
                else "unpack the data set again, or correct the list in ImageSets/Segmentation",
            )
    objects = _files(folder / "SegmentationObject", ".png")
    cases = []
    for name in ids:
        image, label = images[image_of(name) or ""], labels[label_of(name) or ""]
        # of the masks of SBD they are not the objects
        instances = objects.get(label.stem) if label.parent.name == "SegmentationClass" else None
        cases.append(Case(image.stem, image.stem, image, label, split=split, instances=instances))
    return cases


def _files(folder: Path, suffix: str) -> dict[str, Path]:
    """Return the files of a folder, if it is there, by their names without suffix."""
    if not is_folder(folder):
        return {}
    return {path.stem: path for path in listed(folder, _LAYOUT) if path.suffix.lower() == suffix}


def _ids(folder: Path, of: str) -> list[str]:
    path = folder / "ImageSets" / "Segmentation" / f"{of}.txt"
    if of in ("trainaug", "val") and not path.exists():
        lines = shipped_lines(f"voc2012_{of}.txt")
    else:
        lines = read_text(path, f"the list '{of}' of VOC 2012, one name a line").splitlines()
    # some copies of trainaug.txt name the image and the mask: /JPEGImages/2007_000032.jpg /SegmentationClassAug/…
    names = (line.split()[0].rpartition("/")[2] for line in lines if line.strip())
    return [Path(name).stem if name.lower().endswith((".jpg", ".png")) else name for name in names]
