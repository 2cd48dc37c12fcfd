"""Images, data sets, manifests and weights that cannot be used."""

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.cli.bad import Bad
from tests.cli.place import Command, Place, grey, square
from tests.conftest import DEPTH, SIDE
from tests.networks import published

# Images and labels: damaged, or not what they should be


def truncated(place: Place) -> Command:
    place.image.write_bytes(place.image.read_bytes()[:-50])
    return place.train()


def flipped_bit(place: Place) -> Command:
    content = bytearray(place.image.read_bytes())
    content[len(content) // 2] ^= 16
    place.image.write_bytes(content)
    return place.train()


def not_an_image(place: Place) -> Command:
    place.image.write_text("<html>404 not found</html>")
    return place.train()


def empty_file(place: Place) -> Command:
    place.label.write_bytes(b"")
    return place.train()


def several_damaged(place: Place) -> Command:
    (place.patient / "patient003_frame09.nii.gz").write_bytes(b"")
    return truncated(place)


def changed_label(place: Place, change: Callable[[np.ndarray], np.ndarray], dtype: type = np.uint8) -> Command:
    label = nib.load(place.label)
    nib.save(nib.Nifti1Image(change(np.asarray(label.dataobj)).astype(dtype), label.affine), place.label)
    return place.train()


def with_voxel(value: float) -> np.ndarray:
    image = grey()
    image[3, 4, 1] = value
    return image


def singular_affine(place: Place) -> Command:
    command = place.train_on_case(grey(), square())
    nowhere = nib.Nifti1Image(grey(), None)
    nowhere.header.set_sform(np.diag([1.5, 0.0, 8.0, 1.0]), code=1)
    nib.save(nowhere, place.folder / "bad.nii.gz")
    return command


def unknown_format(place: Place) -> Command:
    place.write("heart.tif", b"\x89PNG")
    return place.train_on_manifest("case,image,label,split\na,heart.tif,heart.tif,train\n")


IMAGES = [
    Bad("truncated gzip", truncated, ("patient003_frame01.nii.gz cannot be read", "truncated", "copy or convert")),
    Bad("flipped bit", flipped_bit, ("patient003_frame01.nii.gz cannot be read", "copy or convert the file again")),
    Bad("wrong magic", not_an_image, ("patient003_frame01.nii.gz cannot be read", "copy or convert the file again")),
    Bad("empty file", empty_file, ("patient003_frame01_gt.nii.gz is empty", "0 bytes", "copy the file again")),
    Bad(
        "all damaged files", several_damaged, ("2 problems", "frame01.nii.gz cannot be read", "frame09.nii.gz is empty")
    ),
    Bad(
        "shapes of image and label differ",
        lambda place: changed_label(place, lambda label: label[:-1]),
        ("patient003_frame01_gt.nii.gz does not fit its image", "(32, 32, 3)", "(31, 32, 3)", "resample the label"),
    ),
    Bad(
        "affines of image and label differ",
        lambda place: place.train_on_case(grey(), square(), np.diag([1.5, 1.5, 9.0, 1.0])),
        ("bad_gt.nii.gz does not lie where its image lies", "8", "9", "copy the image's header"),
    ),
    Bad(
        "label value outside the map",
        lambda place: changed_label(place, lambda label: np.where(label == 3, 7, label)),
        ("patient003_frame01_gt.nii.gz has label values", "only 0, 1, 2, 3", "found: 7", "correct the file"),
    ),
    Bad(
        "labels that are no whole numbers",
        lambda place: changed_label(place, lambda label: label * 0.5, np.float32),
        ("patient003_frame01_gt.nii.gz has label values", "only 0, 1, 2, 3", "found: 0.5, 1.5", "correct the file"),
    ),
    Bad(
        "NaN",
        lambda place: place.train_on_case(with_voxel(np.nan), square()),
        ("bad.nii.gz has voxels that are not finite", "1 of 3072 voxels are NaN or infinite", "leave the case out"),
    ),
    Bad(
        "infinity",
        lambda place: place.train_on_case(with_voxel(np.inf), square()),
        ("bad.nii.gz has voxels that are not finite", "1 of 3072 voxels are NaN or infinite", "leave the case out"),
    ),
    Bad(
        "constant image",
        lambda place: place.train_on_case(np.full_like(grey(), 7), square()),
        ("bad.nii.gz shows nothing", "all 3072 voxels are 7", "leave the case out"),
    ),
    Bad(
        "2-D image",
        lambda place: place.train_on_case(grey(32, 32), square()),
        ("bad.nii.gz is not one volume", "three dimensions", "2 dimensions, shape (32, 32)", "into one file"),
    ),
    Bad(
        "4-D image in a manifest",
        lambda place: place.train_on_case(grey(32, 32, 3, 2), square()),
        ("bad.nii.gz is not one volume", "4 dimensions", "one file a time frame", "'medsize predict' takes 4-D"),
    ),
    Bad("singular affine", singular_affine, ("bad.nii.gz does not say where its voxels are", "write the file again")),
    Bad("unknown format", unknown_format, ("heart.tif has a format that is not known", ".nii.gz", "convert it")),
]


# Data sets: not there, not whole, or not meant


def removed(*names: str) -> Callable[[Place], Command]:
    def make(place: Place) -> Command:
        for name in names:
            for path in place.patient.glob(name):
                path.unlink()
        return place.train()

    return make


def empty(folder: Path) -> Path:
    folder.mkdir()
    return folder


def empty_folder(place: Place) -> Command:
    return place.train("--data-root", empty(place.folder / "nothing"))


def nnunet_layout(place: Place) -> Command:
    (place.folder / "Dataset027" / "imagesTr").mkdir(parents=True)
    return place.train("--data-root", place.folder / "Dataset027")


def info_without_frames(place: Place) -> Command:
    (place.patient / "Info.cfg").write_text("ED: first\nGroup: DCM\n")
    return place.train()


def empty_labels(place: Place) -> Command:
    for path in place.acdc.rglob("*_gt.nii.gz"):
        label = nib.load(path)
        nib.save(nib.Nifti1Image(np.zeros(label.shape, np.uint8), label.affine), path)
    return place.train()


def photos(place: Place, values: tuple[int, int]) -> Command:
    """The command that describes two photos with masks of these values."""
    for folder in ("images", "masks"):
        empty(place.folder / folder)
    mask = np.full((40, 40), values[0], np.uint8)
    mask[10:20, 10:25] = values[1]
    for name in "ab":
        Image.fromarray(np.stack([mask + np.arange(40, dtype=np.uint8)] * 3, -1)).save(
            place.folder / f"images/{name}.jpg"
        )
        Image.fromarray(mask).save(place.folder / f"masks/{name}.png")
    return ["data", "describe", "ecssd", "--data-root", place.folder]


def scribbles_in_the_corner(place: Place) -> Command:
    for path in place.acdc.glob("training/*/*_gt.nii.gz"):
        drawn = np.full((SIDE, SIDE, DEPTH), 4, np.uint8)
        drawn[0, 0] = 3
        place.save(path.name.replace("_gt", "_scribble"), drawn)
    return place.train(
        *("--set", f"supervision.seeds={{kind: scribble, folder: {place.folder}}}"),
        *("--set", "data.preprocessing={name: physical, size: 8, spacing_mm: 1.5}"),
    )


DATA = [
    Bad(
        "labels that are all empty",
        empty_labels,
        ("no label holds any of the structures (lv = 3)", "none in 20 labels", "compare the values in the files"),
    ),
    Bad(
        "masks of 0 and 1 for black and white",
        lambda place: photos(place, (0, 1)),
        ("a.png is no mask of black and white", "0 (90.6%), 1 (9.4%)", "data.source.labels={object: 1}"),
    ),
    Bad(
        "masks of nothing",
        lambda place: photos(place, (0, 0)),
        ("no label holds any of the structures (object = 255)", "none in 2 labels", "data.source.labels"),
    ),
    Bad(
        "masks of black and white for numbers",
        lambda place: [*photos(place, (0, 255)), "--set", "data.source.labels={object: 1}"],
        ("no label holds any of the structures (object = 1)", "none in 2 labels", "0 and 255 are {object: 255}"),
    ),
    Bad(
        "no data root",
        lambda place: ["train", "acdc"],
        ("where the data is was not said", "--data-root", "https://www.creatis", "medsize data phantom FOLDER"),
    ),
    Bad("missing folder", lambda place: place.train("--data-root", "gone"), ("gone: no such folder", "data phantom")),
    Bad("empty folder", empty_folder, ("nothing is not an ACDC data set", "an empty folder", "data phantom")),
    Bad(
        "patient without frames",
        removed("*.nii.gz"),
        ("patient003: no image of frame 1 (ED) and frame 9 (ES)", "no frame at all", "unpack the patient again"),
    ),
    Bad("patient without Info.cfg", removed("Info.cfg"), ("patient003 has no Info.cfg", "unpack the patient again")),
    Bad(
        "nnU-Net's layout",
        nnunet_layout,
        ("is in nnU-Net's layout (imagesTr)", "training/patientNNN/ with Info.cfg", "in a manifest"),
    ),
    Bad("damaged Info.cfg", info_without_frames, ("Info.cfg cannot be used", "ED: first", "ES: missing")),
    Bad(
        "training cases without labels",
        removed("*_gt.nii.gz"),
        ("2 training case(s) have no label: patient003_frame01", "seeds of kind 'erosion'", "use scribble seeds"),
    ),
    Bad(
        "unknown structure",
        lambda place: place.train("--structure", "mio"),
        ("no structure 'mio'", "rv, myo, lv, or all", "did you mean 'myo'?"),
    ),
    Bad(
        "structure named twice",
        lambda place: place.train("--structure", "lv", "--structure", "lv"),
        ("named twice", "lv, lv", "name each once"),
    ),
    Bad("fold out of range", lambda place: place.train("--fold", 5), ("--fold: data.split.fold", "found: 5", "4")),
    Bad(
        "no scribbles",
        lambda place: place.train("--set", f"supervision.seeds={{kind: scribble, folder: {place.folder}}}"),
        ("16 of 16 training cases have no scribble", "patient002_frame01_scribble.nii.gz", "add the files"),
    ),
    Bad(
        "scribbles outside of what the network sees",
        scribbles_in_the_corner,
        (
            "patient002_frame01_scribble.nii.gz: none of the structures' scribbles is on what the network sees",
            "the part that data.preprocessing leaves",
            "raise data.preprocessing.size",
        ),
    ),
    Bad(
        "unwritable cache",
        lambda place: place.train("--set", f"data.cache={place.write('file', '')}/x"),
        ("cannot write", "file/x", "choose a path whose parents are folders"),
    ),
    Bad(
        "the paper's split on other data",
        lambda place: place.train("--set", "data.split={name: paper}"),
        ("the split 'paper' does not fit this data", "of them are not here", "use the split 'patients'"),
    ),
]


# Manifests


def leaking_manifest(place: Place) -> Command:
    command = place.train_on_case(grey(), square())
    place.write("cases.csv", "case,group,image,split\na,p1,good.nii.gz,train\nb,p1,bad.nii.gz,val\n")
    return command


MANIFESTS = [
    Bad(
        "missing column",
        lambda place: place.train_on_manifest("case,imag,split\na,a.nii,train\n"),
        ("cases.csv: no column image", "case, imag, split", "did you mean 'image' by 'imag'?"),
    ),
    Bad(
        "missing image between semicolons",
        lambda place: place.train_on_manifest("case;image;split\na;gone.nii;train\n"),
        ("cases.csv, row 2 (case a): no such file", "gone.nii", "relative to the folder of the manifest"),
    ),
    Bad(
        "a case whose name leads elsewhere",
        lambda place: place.train_on_manifest("case,image,split\n../../esc,own.yaml,train\n"),
        (
            "the case in",
            "cases.csv, row 2 cannot have this name: it begins with '.'",
            "found: '../../esc'",
            "rename it",
        ),
    ),
    Bad(
        "cases that are one file on other systems",
        lambda place: place.train_on_manifest("case,image,split\na,own.yaml,train\nA,cases.csv,train\n"),
        ("cases.csv: case 'a' and 'A' is in rows 2, 3", "differ by more than upper and lower case"),
    ),
    Bad(
        "missing image",
        lambda place: place.train_on_manifest("case,image,split\na,gone.nii,train\n"),
        ("cases.csv, row 2 (case a): no such file", "gone.nii", "relative to the folder of the manifest"),
    ),
    Bad("group in two splits", leaking_manifest, ("group 'p1' is on both sides: a leak", "in one split", "train, val")),
    Bad(
        "no rows",
        lambda place: place.train_on_manifest("case,image,split\n"),
        ("cases.csv lists no case", "a table, separated by commas", "no rows"),
    ),
]


# Weights of the encoder


def with_weights(place: Place, weights: Path) -> Command:
    return place.train("--set", "network={name: mobilenetv2_unet}", "--weights", weights)


def garbage_weights(place: Place) -> Command:
    return with_weights(place, place.write("w.pth", "garbage"))


def wrong_shaped_weights(place: Place) -> Command:
    weights = place.folder / "w.safetensors"
    save_file({"features.0.0.weight": torch.zeros(8, 3, 3, 3)}, weights)
    return with_weights(place, weights)


def weights_with_code(place: Place) -> Command:
    weights = place.folder / "w.pth"
    torch.save({"weight": torch.zeros(1), "trainer": Path("anything but a tensor")}, weights)
    return with_weights(place, weights)


def overflowed_weights(place: Place) -> Command:
    weights = place.folder / "half.safetensors"
    state = published.checkpoint()
    statistic = "features.0.1.running_var"
    save_file({name: (t.abs() + 16610601 if name == statistic else t).half() for name, t in state.items()}, weights)
    return with_weights(place, weights)


WEIGHTS = [
    Bad(
        "weights that float16 could not hold",
        overflowed_weights,
        ("half.safetensors: not finite", "features.0.1.running_var (32 of 32 values)", "saved in float16", "65,504"),
    ),
    Bad(
        "a Git LFS pointer for weights",
        lambda place: with_weights(place, place.write("w.pth", "version https://git-lfs.github.com/spec/v1\noid 1\n")),
        ("w.pth: no readable PyTorch weight file", "a Git LFS pointer", "git lfs pull"),
    ),
    Bad(
        "a web page for weights",
        lambda place: with_weights(place, place.write("w.pth.tar", "<!DOCTYPE html><title>Sign in</title>")),
        ("w.pth.tar: no readable PyTorch weight file", "a web page", "download the file itself"),
    ),
    Bad(
        "missing weights",
        lambda place: with_weights(place, Path("gone.pth")),
        ("weights cannot be used", "gone.pth: there is no such weight file", "download that file and give its path"),
    ),
    Bad(
        "garbage",
        garbage_weights,
        ("weights cannot be used", "w.pth: no readable PyTorch weight file", "a text that begins 'garbage'"),
    ),
    Bad(
        "wrong-shaped weights",
        wrong_shaped_weights,
        ("w.safetensors", "features.0.0.weight: expected (32, 1, 3, 3), found (8, 3, 3, 3)", "published names"),
    ),
    Bad("weights that run code", weights_with_code, ("w.pth", "more than tensors", "save model.state_dict()")),
    Bad(
        "weights for a network without encoder",
        lambda place: place.train("--weights", "w.pth"),
        ("--weights: unknown key 'network.weights'", "known keys: channels"),
    ),
]
