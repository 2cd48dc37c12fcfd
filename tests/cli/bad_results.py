"""Places that cannot be written to, and runs that are none."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

from medsize.networks.weight_files import read_metadata, read_safetensors
from tests.cli.bad import Bad
from tests.cli.bad_data import empty
from tests.cli.place import Command, Place, grey

# Where results go, and runs that are none


def taken(place: Place) -> Command:
    place.output.mkdir()
    (place.output / "thesis.tex").touch()
    return place.train()


def below_a_file(*command: object) -> Callable[[Place], Command]:
    return lambda place: [*command, "--output", place.write("file", "") / "x"]


def other_data(place: Place) -> Command:
    about = json.loads((place.run / "environment.json").read_text("utf-8"))
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
    cases.write_text(cases.read_text("utf-8").replace(str(place.good_acdc), str(place.folder / "gone")))
    return ["evaluate", place.run]


def damaged_weights(place: Place) -> Command:
    (place.run / "checkpoints/last/model.safetensors").write_bytes(b"\0" * 64)
    return place.predict(place.image)


def other_weights(place: Place) -> Command:
    path = place.run / "checkpoints/last/model.safetensors"
    metadata = read_metadata(path)
    path.unlink()
    (place.run / "checkpoints/last/position.json").unlink()
    save_file({"head.weight": torch.zeros(3)}, path, metadata)
    return place.predict(place.image)


def edited(written: str, instead: str, command: Callable[[Place], Command]) -> Callable[[Place], Command]:
    """The command on a run whose config.yaml says something else than what was trained."""

    def make(place: Place) -> Command:
        config = place.run / "config.yaml"
        text = config.read_text("utf-8")
        assert written in text
        config.write_text(text.replace(written, instead))
        return command(place)

    return make


def swapped_weights(place: Place) -> Command:
    shutil.copy(place.run / "checkpoints/best/model.safetensors", place.run / "checkpoints/last/model.safetensors")
    path = place.run / "checkpoints/last/model.safetensors"
    weights, metadata = read_safetensors(path)
    save_file({name: 1.5 * tensor for name, tensor in weights.items()}, path, metadata)
    return place.predict(place.image)


def weights_not_finite(place: Place) -> Command:
    path = place.run / "checkpoints/last/model.safetensors"
    weights, metadata = read_safetensors(path)
    save_file({name: tensor * torch.nan for name, tensor in weights.items()}, path, metadata)
    return place.predict(place.image)


def pointer_for_weights(place: Place) -> Command:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 1611964\n"
    (place.run / "checkpoints/last/model.safetensors").write_text(pointer)
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
    Bad(
        "damaged checkpoint",
        damaged_position,
        ("checkpoints/last cannot be resumed from", "position.json is no JSON", "start the run anew"),
    ),
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
    Bad(
        "weights with a Git LFS pointer in their place",
        pointer_for_weights,
        ("model.safetensors cannot be used", "a Git LFS pointer", "git lfs pull"),
    ),
    Bad(
        "weights that are not finite",
        weights_not_finite,
        ("model.safetensors cannot be used", "not finite: ", "NaN is what a training that diverged leaves"),
    ),
    Bad(
        "weights that were exchanged",
        swapped_weights,
        ("model.safetensors cannot be used", "position.json", "is of another run", "copy the run folder again"),
    ),
    *(
        Bad(
            f"{name} with another {key} in config.yaml",
            edited(written, instead, command),
            ("config.yaml does not describe the network", f"{key}: ", "in the weights", "set these back"),
        )
        for name, command in (
            ("predicted", lambda place: place.predict(place.image)),
            ("evaluated", lambda place: ["evaluate", place.run]),
            ("exported", lambda place: ["export", place.run, "--to", "card", "-o", place.output]),
            ("reported on", lambda place: ["report", place.run]),
        )
        for key, written, instead in (
            ("data.structures", "- lv", "- rv"),
            ("data.preprocessing.size", "size: 32", "size: 48"),
            ("network.mean", "mean: 0.5", "mean: 0.45"),
        )
    ),
    Bad(
        "resumed with an edited config.yaml",
        edited("- lv", "- rv", lambda place: ["train", "--resume", place.run]),
        ("was started with another configuration", "data.structures: ['lv'] then, ['rv'] now", "set them back"),
    ),
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
