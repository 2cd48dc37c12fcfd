"""A table of bad input: each kind gives one message that says what, where and what to do, and leaves nothing behind."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.cli.command import medsize, medsize_process
from tests.cli.place import Command, Place, grey, square


@dataclass(frozen=True)
class Bad:
    """One kind of bad input.

    Attributes:
        name: What is bad.
        make: Makes it, and returns the command that meets it.
        says: What the message must say, in pieces.
        code: 1 for a failed command, 2 for wrong usage.
        leaves: Files that the command is right to write all the same.
    """

    name: str
    make: Callable[[Place], Command]
    says: tuple[str, ...]
    code: int = 1
    leaves: tuple[str, ...] = ()


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
        ("bad.nii.gz has voxels that are not numbers", "1 of 3072 voxels are NaN or infinite", "leave the case out"),
    ),
    Bad(
        "infinity",
        lambda place: place.train_on_case(with_voxel(np.inf), square()),
        ("bad.nii.gz has voxels that are not numbers", "1 of 3072 voxels are NaN or infinite", "leave the case out"),
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


def info_without_frames(place: Place) -> Command:
    (place.patient / "Info.cfg").write_text("ED: first\nGroup: DCM\n")
    return place.train()


DATA = [
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
        "semicolons",
        lambda place: place.train_on_manifest("case;image;split\na;a.nii;train\n"),
        ("cases.csv is separated by semicolons", "case;image;split", "export it with commas"),
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
        ("cases.csv lists no case", "a comma-separated table", "no rows"),
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


WEIGHTS = [
    Bad(
        "missing weights",
        lambda place: with_weights(place, Path("gone.pth")),
        ("weights cannot be used", "gone.pth: there is no such weight file", "download that file and give its path"),
    ),
    Bad("garbage", garbage_weights, ("weights cannot be used", "w.pth: no readable PyTorch weight file", "convert")),
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


# Configurations and options


def configured(text: str, *options: object) -> Callable[[Place], Command]:
    def make(place: Place) -> Command:
        return ["train", place.write("my.yaml", text), "--data-root", place.acdc, "--output", place.output, *options]

    return make


def without_objective(place: Place) -> Command:
    return place.train("--set", "objective={partial_cross_entropy: null, size_target: null}")


CONFIGURATIONS = [
    Bad("bad YAML", configured("training:\n  epochs: [2\n"), ("my.yaml, line", "not valid YAML", "check indentation")),
    Bad(
        "duplicate key",
        configured("extends: acdc\ntraining:\n  epochs: 2\n  epochs: 3\n"),
        ("my.yaml, line 4: 'training.epochs' is given twice", "first at my.yaml, line 3", "keep one"),
    ),
    Bad(
        "unknown key",
        configured("extends: acdc\ntraining:\n  epocs: 2\n"),
        ("my.yaml, line 3: unknown key 'training.epocs'", "did you mean 'epochs'?"),
    ),
    Bad("unknown preset", lambda place: ["train", "adcd"], ("'adcd' is not a preset", "acdc_cpu", "did you mean")),
    Bad("missing file", lambda place: ["train", "my.yaml"], ("my.yaml: no such configuration file", "or a preset")),
    Bad(
        "negative noise",
        lambda place: place.train("--noise", -0.08),
        ("--noise: supervision.sizes.noise", "greater than or equal to 0", "found: -0.08"),
    ),
    Bad(
        "all that is wrong",
        configured("extends: acdc\ntraining: {epochs: 0}\n", "--noise", 99, "--set", "training.sed=1"),
        ("3 problems", "my.yaml, line 2: training.epochs", "--noise", "--set training.sed=1", "did you mean 'seed'?"),
    ),
    Bad(
        "YAML that runs code",
        configured("extends: acdc\nx: !!python/object/apply:os.system [ls]\n"),
        ("my.yaml, line 2: not valid YAML", "could not determine a constructor"),
    ),
    Bad(
        "variant left open",
        configured("data: {source: {path: cases.csv}}\nobjective: {size_target: {}}\n"),
        ("data.source does not say its kind", "kind: acdc or coco or folder or manifest or voc"),
    ),
    Bad(
        "more levels than the network has",
        lambda place: place.train("--set", "network={name: mobilenetv2_unet, decoder_channels: [8, 8, 8, 8, 8, 8]}"),
        ("network.decoder_channels", "at most 5 items"),
    ),
    Bad("no assignment", lambda place: place.train("--set", "x"), ("--set x: not an assignment", "training.epochs=50")),
    Bad("no objective", without_objective, ("no term: give at least one of partial_cross_entropy", "size_target")),
    Bad("noise that is no number", lambda place: place.train("--noise", "8%"), ("'--noise'", "valid number"), 2),
    Bad("noise beside sizes", lambda place: place.train("--noise", 0.1, "--sizes", "s.csv"), ("give one",), 2),
    Bad("nothing to train", lambda place: ["train"], ("give a preset or a YAML file", "medsize train acdc"), 2),
    Bad(
        "resume elsewhere",
        lambda place: ["train", "--resume", place.run, "--output", place.output],
        ("--resume goes on in the run's own folder", "leave out --output"),
        2,
    ),
    Bad("unknown option", lambda place: place.train("--nose", 0.1), ("No such option: --nose", "--noise"), 2),
    Bad("unknown command", lambda place: ["trian"], ("No such command 'trian'", "'train'"), 2),
    Bad("no patients", lambda place: ["data", "phantom", place.output, "--patients", 0], ("'--patients'", "1"), 2),
]


# Size tables


def sizes_row(row: str) -> Callable[[Place], Command]:
    return lambda place: place.train_with_sizes(f"case,slice,structure,value,unit\n{row}\n")


SIZES = [
    Bad(
        "sizes of held-out cases alone",
        lambda place: place.train_with_sizes("case;slice;structure;value;unit\npatient001_frame01;0;lv;0,1;fraction\n"),
        ("sizes.csv gives no training slice a size", "sizes of 1 slices", "add rows for training cases"),
    ),
    Bad("no table", lambda place: place.train("--sizes", "gone.csv"), ("cannot read the size table", "gone.csv")),
    Bad("unknown case", sizes_row("patient01_frame01,0,lv,0.1,fraction"), ("sizes.csv, row 2: unknown case", "mean")),
    Bad("unknown structure", sizes_row("patient001_frame01,0,l,0.1,fraction"), ("row 2: unknown structure", "'lv'")),
    Bad("no such slice", sizes_row("patient001_frame01,3,lv,0.1,fraction"), ("row 2: no such slice", "0 to 2", "'3'")),
    Bad("negative size", sizes_row("patient001_frame01,0,lv,-0.1,fraction"), ("row 2", "negative", "'-0.1'")),
    Bad("unknown unit", sizes_row("patient001_frame01,0,lv,12,pints"), ("row 2", "unit", "'pints'")),
    Bad("too many mL", sizes_row("patient001_frame01,,lv,120,mL"), ("bigger than the whole image", "55.296 ml")),
    Bad(
        "a level that the table contradicts",
        lambda place: [
            *place.train_with_sizes("case,structure,value,unit\npatient001_frame01,lv,12,ml\n"),
            *("--set", "supervision.level=slice"),
        ],
        ("supervision.level is 'slice'", "rows of slices", "rows of whole cases", "leave supervision.level out"),
    ),
    Bad(
        "common bounds for ranges",
        lambda place: [
            *place.train_with_sizes("case,structure,low,high,unit\npatient001_frame01,lv,10,12,ml\n"),
            *("--set", "objective.quadratic_barrier.weight=1"),
        ],
        (
            "ranges without a value (1, the first in row 2)",
            "kind 'common', used by objective.quadratic_barrier",
            "{kind: table}",
        ),
    ),
    Bad(
        "what slices show, told by volumes",
        lambda place: [
            *place.train_with_sizes("case,structure,value,unit\npatient001_frame01,lv,12,ml\n"),
            *("--set", "objective.negative.weight=1"),
        ],
        ("the size table does not fit", "objective.negative must be told what each slice shows"),
    ),
    Bad(
        "sum above one",
        lambda place: [
            *place.train_with_sizes(
                "case,slice,structure,value,unit\n"
                + "".join(f"patient001_frame01,0,{name},0.4,fraction\n" for name in ("rv", "myo", "lv"))
            ),
            *("--structure", "all"),
        ],
        ("case patient001_frame01, slice 0", "the structures exceed the slice", "at most 1 in all", "1.2"),
    ),
]


# Where results go, and runs that are none


def taken(place: Place) -> Command:
    place.output.mkdir()
    (place.output / "thesis.tex").touch()
    return place.train()


def below_a_file(*command: object) -> Callable[[Place], Command]:
    return lambda place: [*command, "--output", place.write("file", "") / "x"]


def other_data(place: Place) -> Command:
    about = json.loads((place.run / "environment.json").read_text())
    (place.run / "environment.json").write_text(json.dumps(about | {"data": "0123456789abcdef"}))
    return ["train", "--resume", place.run]


def damaged_position(place: Place) -> Command:
    (place.run / "checkpoints/last/position.json").write_text("{")
    return ["train", "--resume", place.run]


def damaged(name: str, command: str, *options: object) -> Callable[[Place], Command]:
    """The command on a run with a file that holds something else."""

    def make(place: Place) -> Command:
        (place.run / name).write_text("name\nsomebody\n")
        return [command, *options, place.run]

    return make


def without(*names: str) -> Callable[[Place], Path]:
    def make(place: Place) -> Path:
        for name in names:
            path = place.run / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return place.run

    return make


def moved_images(place: Place) -> Command:
    cases = place.run / "cases.csv"
    cases.write_text(cases.read_text().replace(str(place.good_acdc), str(place.folder / "gone")))
    return ["evaluate", place.run]


def damaged_weights(place: Place) -> Command:
    (place.run / "checkpoints/last/model.safetensors").write_bytes(b"\0" * 64)
    return place.predict(place.image)


def other_weights(place: Place) -> Command:
    path = place.run / "checkpoints/last/model.safetensors"
    path.unlink()
    save_file({"head.weight": torch.zeros(3)}, path)
    return place.predict(place.image)


def broken_among_good(place: Place) -> Command:
    good, flat = place.save("good.nii.gz", grey(20, 24, 4)), place.save("flat.nii.gz", grey(20, 24))
    return place.predict(flat, place.write("empty.nii.gz", b""), good, place.image)


def predicted_before(place: Place) -> Command:
    place.output.mkdir()
    (place.output / place.image.name).touch()
    return place.predict(place.image)


def same_name_twice(place: Place) -> Command:
    return place.predict(place.save("a.nii", grey()), place.save("a.nii.gz", grey()))


def phantom_in_a_full_folder(place: Place) -> Command:
    return ["data", "phantom", place.acdc]


RESULTS = [
    Bad(
        "unwritable run folder",
        lambda place: below_a_file(*place.train())(place),
        ("cannot write", "file/x", "Not a directory", "choose a path whose parents are folders"),
    ),
    Bad("taken run folder", taken, ("output is taken", "found: other files", "choose another with --output")),
    Bad(
        "run started again",
        lambda place: place.train("--output", place.run),
        ("run is taken", "found: a run", "go on with it: --resume"),
    ),
    Bad("resumed no run", lambda place: ["train", "--resume", place.acdc], ("acdc is not a run", "no config.yaml")),
    Bad(
        "resumed with another configuration",
        lambda place: ["train", "--resume", place.run, "--noise", 0.2],
        ("was started with another configuration", "supervision.sizes.noise: 0.08 then, 0.2 now", "start a new run"),
    ),
    Bad("resumed on other data", other_data, ("was started on other data", "0123456789abcdef", "start a new run")),
    Bad("damaged checkpoint", damaged_position, ("checkpoints/last cannot be resumed from", "start the run anew")),
    Bad(
        "training on a device that does not exist",
        lambda place: place.train("--set", "training.device=cuda:9"),
        ("this machine has no device 'cuda:9'", "auto, cpu", "choose another device"),
    ),
    Bad("evaluated no run", lambda place: ["evaluate", "gone"], ("gone is not a run", "no such folder")),
    Bad(
        "evaluated without a checkpoint",
        lambda place: ["evaluate", without("checkpoints")(place)],
        ("has no checkpoint 'last'", "model.safetensors", "medsize train --resume"),
    ),
    Bad(
        "evaluated on a device that does not exist",
        lambda place: ["evaluate", place.run, "--device", "cuda:9"],
        ("this machine has no device 'cuda:9'", "auto, cpu", "choose another device"),
    ),
    Bad(
        "no kind of device",
        lambda place: ["evaluate", place.run, "--device", "gpu"],
        ("no such kind of device", "auto, cpu, cuda, cuda:N or mps", "found: gpu"),
    ),
    Bad("evaluated without its images", moved_images, ("4 problems", "case patient0", "gone", "no such file")),
    Bad("damaged cases", damaged("cases.csv", "evaluate"), ("cases.csv cannot be read", "copy the run folder again")),
    Bad("damaged config.yaml", damaged("config.yaml", "evaluate"), ("config.yaml does not describe a run",)),
    *(
        Bad(f"reported on damaged {name}", damaged(f"report/{name}", "report"), (f"{name} cannot be read", "evaluate"))
        for name in ("metrics.csv", "summary.json", "training_sizes.csv", "taught_slices.npz")
    ),
    Bad(
        "resumed with a damaged environment",
        damaged("environment.json", "train", "--resume"),
        ("does not say what it was trained on", "environment.json", "copy the run folder again"),
    ),
    Bad(
        "resumed with records cut off",
        damaged("metrics.jsonl", "train", "--resume"),
        ("metrics.jsonl is shorter than it was at the checkpoint", "14 bytes", "copy the run folder again"),
    ),
    Bad("report before evaluation", lambda place: ["report", without("report")(place)], ("evaluate",)),
    Bad(
        "predicted nothing",
        lambda place: place.predict(place.folder / "gone.nii.gz"),
        ("gone.nii.gz: no such file or folder",),
    ),
    Bad(
        "predicted with a run without checkpoint",
        lambda place: ["predict", without("checkpoints")(place), place.image, "-o", place.output],
        ("has no checkpoint 'last'", "model.safetensors", "medsize train --resume"),
    ),
    Bad("damaged weights", damaged_weights, ("model.safetensors cannot be used", "copy the run folder again")),
    Bad("other weights", other_weights, ("model.safetensors cannot be used", "head.weight", "copy the run folder")),
    Bad(
        "broken images among good ones",
        broken_among_good,
        ("2 problems", "flat.nii.gz is not one volume", "empty.nii.gz is empty", "copy the file again"),
        leaves=(
            "output/",
            "output/good.nii.gz",
            "output/patient003_frame01.nii.gz",
            "output/volumes.csv",
            "output/labels_itksnap.txt",
            "output/labels_slicer.ctbl",
            "output/pictures/",
            "output/pictures/good.png",
            "output/pictures/patient003_frame01.png",
        ),
    ),
    Bad(
        "unwritable predictions",
        lambda place: below_a_file("predict", place.run, place.image)(place),
        ("cannot write", "file/x", "choose a path whose parents are folders"),
    ),
    Bad(
        "no DICOM series in a folder",
        lambda place: place.predict(empty(place.folder / "series")),
        ("there is no image in", "series", "or DICOM files", "0 other files", "name the folder that holds the images"),
    ),
    Bad("no checkpoint of that name", lambda place: place.predict(place.image, "--checkpoint", "x"), ("'best'",), 2),
    Bad("predicted before", predicted_before, ("1 result(s) are there already", "frame01.nii.gz", "--overwrite")),
    Bad("two results of one name", same_name_twice, ("2 inputs would be written to", "a.nii.gz", "rename them")),
    Bad(
        "phantom in a full folder",
        phantom_in_a_full_folder,
        ("acdc is not empty", "a new or empty folder", "choose another folder"),
    ),
    Bad(
        "unwritable size table",
        lambda place: below_a_file("sizes", "from-labels", place.config, "--data-root", place.acdc)(place),
        ("cannot write", "file/x", "choose a path whose parents are folders"),
    ),
    Bad(
        "sizes measured on a table",
        lambda place: [
            *("sizes", "from-labels", place.config, "--data-root", place.acdc, "--output", place.output),
            *("--set", "supervision.sizes={kind: table, path: s.csv}"),
        ],
        ("sizes of kind 'table' are not measured on labels", "exact, noisy or mean"),
    ),
]

TABLES = {
    "image": IMAGES,
    "data": DATA,
    "manifest": MANIFESTS,
    "weights": WEIGHTS,
    "configuration": CONFIGURATIONS,
    "sizes": SIZES,
    "results": RESULTS,
}
TABLE = [pytest.param(bad, id=f"{about}: {bad.name}") for about, table in TABLES.items() for bad in table]
IN_A_PROCESS = ["no data root", "duplicate key", "noise that is no number", "evaluated no run"]


@pytest.fixture
def place(tmp_path: Path, tiny_acdc: Path, trained_run: Path, tiny_yaml: Path) -> Place:
    return Place(tmp_path, tiny_acdc, trained_run, tiny_yaml)


@pytest.mark.parametrize("bad", TABLE)
def test_bad_input_gets_one_clear_message_and_leaves_nothing_behind(bad: Bad, place: Place, cache: Path):
    command = bad.make(place)
    before = place.files()
    outcome = medsize(*command)
    assert outcome.code == bad.code, outcome.stderr
    assert [piece for piece in bad.says if piece not in outcome.said] == [], outcome.stderr
    assert "Traceback" not in outcome.stdout + outcome.stderr
    assert "unexpected" not in outcome.stderr
    assert outcome.errors == 1, outcome.stderr
    assert not outcome.stdout
    after = place.files()
    assert {name: content for name, content in after.items() if name not in bad.leaves} == before
    assert set(bad.leaves) <= set(after)
    assert not list(cache.rglob(".partial*"))


@pytest.mark.parametrize("bad", [bad for table in TABLES.values() for bad in table if bad.name in IN_A_PROCESS])
def test_a_process_ends_with_the_same_code_and_message(bad: Bad, place: Place):
    outcome = medsize_process(*bad.make(place))
    assert outcome.code == bad.code, outcome.stderr
    assert [piece for piece in bad.says if piece not in outcome.said] == [], outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert outcome.errors == 1
    assert not outcome.stdout
