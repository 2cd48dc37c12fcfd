"""DICOM of any attributes: volumes in mL as an independent computation gives them, or refused."""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from medsize.data.inputs import find_images
from medsize.errors import InputError
from tests.data.dicoms import plane, save, write_cine
from tests.fuzzing import fuzz

SHAPE = (4, 3)
HIGH, BETWEEN = 100.0, 50.0

Attributes = list[dict[str, Any]]


def volumes_ml(folder: Path) -> list[float]:
    """The volume of what is bright, of each time frame of each image that is found."""
    found = find_images([folder], folder / "out", folder)
    if found.problems:
        raise found.problems[0]
    if not found.images:
        raise InputError("; ".join(found.aside))
    frames = [frame for image in found.images for frame in image.read()]
    return [float((frame.array > BETWEEN).sum() * frame.voxel_ml) for frame in frames]


def times(kind: str, z: int, t: int, rate: float) -> dict[str, Any]:
    return {
        "index": {"TemporalPositionIdentifier": t + 1, "TriggerTime": rate * t},
        "trigger": {"TriggerTime": round((rate + z) * t, 3)},
        "acquisition": {"AcquisitionTime": f"10{z:02d}{t:02d}.{int(rate):03d}", "TriggerTime": 0},
        "number": {"AcquisitionNumber": t + 1},
        "instance": {},
    }[kind]


def decimal(value: float) -> str:
    """A decimal string of at most 16 letters, as the standard has them."""
    return f"{value:.9f}"[:16] if abs(value) >= 1e-6 else "0"


def without(name: str) -> Callable[[Attributes, int, float], None]:
    def spoil(all_of_them: Attributes, which: int, amount: float) -> None:
        for attributes in all_of_them if amount > 0.5 else all_of_them[which : which + 1]:
            attributes[name] = None

    return spoil


def moved(all_of_them: Attributes, which: int, amount: float) -> None:
    position = np.array(all_of_them[which]["ImagePositionPatient"], float)
    all_of_them[which]["ImagePositionPatient"] = [decimal(value) for value in position + 3 + 40 * amount]


def in_one_place(all_of_them: Attributes, which: int, amount: float) -> None:
    for attributes in all_of_them:
        attributes["ImagePositionPatient"] = all_of_them[which]["ImagePositionPatient"]


def stretched(all_of_them: Attributes, which: int, amount: float) -> None:
    spacing = np.array(all_of_them[which]["PixelSpacing"], float)
    all_of_them[which]["PixelSpacing"] = [decimal(value) for value in spacing * (1.01 + amount)]


def turned(all_of_them: Attributes, which: int, amount: float) -> None:
    axes = np.array(all_of_them[which]["ImageOrientationPatient"], float).reshape(2, 3)
    axes = axes @ Rotation.from_rotvec([0.02 + amount, 0.3 * amount, 0.01]).as_matrix()
    all_of_them[which]["ImageOrientationPatient"] = [decimal(value) for value in axes.ravel()]


def lengthened(all_of_them: Attributes, which: int, amount: float) -> None:
    axes = np.array(all_of_them[which]["ImageOrientationPatient"], float)
    for attributes in all_of_them:
        attributes["ImageOrientationPatient"] = [decimal(value) for value in axes * (1.02 + amount)]


def sheared(all_of_them: Attributes, which: int, amount: float) -> None:
    for attributes in all_of_them:
        position = np.array(attributes["ImagePositionPatient"], float)
        row = np.array(attributes["ImageOrientationPatient"], float)[:3]
        shift = (0.2 + amount) * attributes["height"] * row
        attributes["ImagePositionPatient"] = [decimal(value) for value in position + shift]


def dropped(all_of_them: Attributes, which: int, amount: float) -> None:
    del all_of_them[which]


def doubled(all_of_them: Attributes, which: int, amount: float) -> None:
    all_of_them.append({**all_of_them[which], "InstanceNumber": 99})


def of_another(name: str, value: Any) -> Callable[[Attributes, int, float], None]:
    def spoil(all_of_them: Attributes, which: int, amount: float) -> None:
        all_of_them[which][name] = value

    return spoil


FLAWS: dict[str, Callable[[Attributes, int, float], None]] = {
    "no spacing": without("PixelSpacing"),
    "no position": without("ImagePositionPatient"),
    "no orientation": without("ImageOrientationPatient"),
    "moved": moved,
    "in one place": in_one_place,
    "stretched": stretched,
    "turned": turned,
    "lengthened": lengthened,
    "sheared": sheared,
    "dropped": dropped,
    "doubled": doubled,
    "frames": of_another("NumberOfFrames", 3),
    "no slope": of_another("RescaleSlope", 0),
    "inverted": of_another("PhotometricInterpretation", "MONOCHROME1"),
    "another patient": of_another("PatientID", "8"),
    "another frame of reference": of_another("FrameOfReferenceUID", "1.2.9"),
}


@st.composite
def scans(draw: st.DrawFn) -> tuple[Attributes, list[float], str]:
    """Draw the attributes of each image, the volume of each time frame in mL, and the flaw; none may be refused."""
    number = st.floats(0.2, 5).map(lambda value: round(value, 6))
    planes, phases = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    kind = draw(st.sampled_from(["index", "trigger", "acquisition", "number", "instance"][: 5 if planes > 1 else 4]))
    axes = Rotation.from_euler("xyz", draw(st.tuples(*[st.floats(-180, 180)] * 3)), degrees=True).as_matrix()
    rows_mm, columns_mm, step, thickness = draw(number), draw(number), draw(number) * 4, draw(number)
    noise = draw(st.sampled_from([0.0, 0.002]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    heights = step * (np.arange(planes) + noise * rng.uniform(-1, 1, planes) * (planes > 2))
    origin = rng.uniform(-300, 300, 3)
    against = draw(st.booleans())  # the planes of ascending numbers go against the normal
    of_a_slice = draw(st.booleans())
    order = rng.permutation(planes * phases) if kind != "instance" else np.arange(planes * phases)
    rate = draw(number) * 10
    masks = rng.random((phases, planes, *SHAPE)) < 0.5
    masks[:, :, 0, 0], masks[:, :, 1, 0] = True, False  # no plane shows nothing
    attributes = []
    for z, t in np.ndindex(planes, phases):
        slope, intercept = round(rng.uniform(0.1, 3), 4), round(rng.uniform(-1000, 1000), 3)
        height = -heights[z] if against else heights[z]
        attributes.append(
            {
                "values": np.round((HIGH * masks[t, z] - intercept) / slope).astype(np.int16),
                "height": height,
                "PixelSpacing": [decimal(rows_mm), decimal(columns_mm)],
                "SliceThickness": decimal(thickness),
                "SpacingBetweenSlices": decimal(draw(number)),
                "ImageOrientationPatient": [decimal(value) for value in (*axes[:, 0], *axes[:, 1])],
                "ImagePositionPatient": [decimal(value) for value in origin + height * axes[:, 2]],
                "SliceLocation": decimal(height),
                "RescaleSlope": decimal(slope),
                "RescaleIntercept": decimal(intercept),
                "InstanceNumber": int(order[z * phases + t]) + 1,
                "SeriesInstanceUID": f"1.2.3.{z if of_a_slice else 0}",
                **times(kind, z, t, rate),
            }
        )
    depth = thickness if planes == 1 else abs(heights[-1] - heights[0]) / (planes - 1)
    truth = [float(masks[t].sum() * rows_mm * columns_mm * depth / 1000) for t in range(phases)]
    flaw = draw(st.sampled_from(["none"] * len(FLAWS) + list(FLAWS)))
    if flaw != "none":
        FLAWS[flaw](attributes, draw(st.integers(0, len(attributes) - 1)), draw(st.floats(0, 1)))
    return draw(st.permutations(attributes)), truth, flaw


def can_be_told(attributes: Attributes, truth: list[float], flaw: str) -> bool:
    """Tell whether a flaw leaves a trace: a lost plane at an end does not, nor does a single plane that lies wrong."""
    heights = {attribute["height"] for attribute in attributes}
    if flaw == "dropped":
        return len(truth) > 1 or (len(heights) > 1 and np.ptp(np.diff(sorted(heights))) > 1e-3)
    return (
        flaw not in ("moved", "stretched", "turned", "sheared", "another patient", "in one place") or len(heights) > 2
    )


@fuzz(examples=30)
@given(scans())
def test_volumes_are_right_or_refused(scan: tuple[Attributes, list[float], str]) -> None:
    attributes, truth, flaw = scan
    with tempfile.TemporaryDirectory() as name:
        for number, changes in enumerate(attributes):
            told = {key: value for key, value in changes.items() if key not in ("values", "height")}
            save(plane(changes["values"], **told), Path(name) / f"IM{number}")
        try:
            found = volumes_ml(Path(name))
        except InputError:
            assert flaw != "none"
            return
    if can_be_told(attributes, truth, flaw):
        np.testing.assert_allclose(found, truth, rtol=1e-3)


WHERE = st.floats(0, 1, exclude_max=True)
DAMAGE = st.tuples(st.integers(0, 3), WHERE, st.integers(0, 4), st.binary(max_size=6), st.none() | WHERE)


@fuzz(examples=30)
@given(st.lists(DAMAGE, min_size=1, max_size=8))
def test_damaged_files_are_never_more_than_an_input_error(damages: list[tuple[int, float, int, bytes, float | None]]):
    with tempfile.TemporaryDirectory() as name:
        files = write_cine(Path(name), np.random.default_rng(0).integers(0, 9, (*SHAPE, 2, 2)).astype(np.int16))
        for which, where, removed, added, end in damages:
            content = bytearray(files[which].read_bytes())
            at = int(where * len(content))
            content[at : at + removed] = added
            files[which].write_bytes(content[: None if end is None else int(end * len(content))])
        with contextlib.suppress(InputError):
            assert all(volume >= 0 for volume in volumes_ml(Path(name)))
