import gzip
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from medsize.data.grid_files import write_label
from medsize.data.volumes import read_frames, read_label, read_volume
from medsize.errors import InputError
from tests.data.raw_headers import metaimage_bytes, nrrd_bytes, save

VALUES = np.arange(60).reshape(3, 4, 5)
SPACE = "space: left-posterior-superior"
DIRECTIONS = "space directions: (0.15,0,0) (0,0.2,0) (0,0,0.8)"
MM = "space directions: (1.5,0,0) (0,2,0) (0,0,8)"


@pytest.mark.parametrize(
    "lines",
    [
        (SPACE, MM),
        (SPACE, MM, 'space units: "mm" "mm" "mm"'),
        (SPACE, MM, 'space units: "" "" ""'),
        (SPACE, DIRECTIONS, 'space units: "cm" "cm" "cm"'),
        ("space: RAS", DIRECTIONS, 'space units: "centimeters" "centimeters" "centimeters"'),
        (SPACE, "space directions: (0.0015,0,0) (0,0.002,0) (0,0,0.008)", 'space units: "m" "m" "m"'),
        (SPACE, "space directions: (1500,0,0) (0,2000,0) (0,0,8000)", 'space units: "um" "um" "um"'),
        (SPACE, "space directions: (0.15,0,0) (0,0.2,0) (0,0,8)", 'space units: "cm" "cm" "mm"'),
        ("spacings: 1.5 2 8",),
        ("spacings: 0.15 0.2 0.8", 'units: "cm" "cm" "cm"'),
        ("spacings: 0.15 2 8", 'units: "cm" "mm" "mm"'),
        ("spacings: -1.5 2 8",),
        ("# a comment", "key:=value: 1", "Spacings: 1.5 2 8", "axismins: 0 0 0"),
    ],
)
def test_an_nrrd_is_in_mm_whatever_its_unit(tmp_path: Path, lines: tuple[str, ...]) -> None:
    image = read_volume(save(tmp_path / "scan.nrrd", nrrd_bytes(VALUES, *lines)))
    np.testing.assert_array_equal(image.array, VALUES)
    assert image.spacing_mm == pytest.approx((1.5, 2, 8))
    assert image.voxel_ml == pytest.approx(0.024)


def test_a_detached_header_has_its_units_too(tmp_path: Path) -> None:
    content = nrrd_bytes(VALUES, SPACE, DIRECTIONS, 'space units: "cm" "cm" "cm"')
    header, _, values = content.partition(b"\n\n")
    (tmp_path / "scan.raw").write_bytes(values)
    (tmp_path / "scan.nhdr").write_bytes(header + b"\ndata file: scan.raw\n")
    assert read_volume(tmp_path / "scan.nhdr").spacing_mm == pytest.approx((1.5, 2, 8))


def test_a_header_that_lists_its_files_ends_there(tmp_path: Path) -> None:
    content = nrrd_bytes(VALUES, "spacings: 1.5 2 8")
    header, _, values = content.partition(b"\n\n")
    for number in range(5):
        (tmp_path / f"{number}.raw").write_bytes(values[number * 24 : (number + 1) * 24])
    names = b"".join(b"%d.raw\n" % number for number in range(5))
    (tmp_path / "scan.nhdr").write_bytes(header + b"\ndata file: LIST\n" + names)
    np.testing.assert_array_equal(read_volume(tmp_path / "scan.nhdr").array, VALUES)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "does not say how large its voxels are(.|\n)*neither of them"),
        ((SPACE, "space origin: (0,0,0)"), "does not say how large its voxels are"),
        (("spacings: nan 2 8",), "does not say how large(.|\n)*spacings: nan 2 8"),
        (("spacings: 1.5 2",), "does not say how large"),
        (("spacings: a b c",), "does not say how large(.|\n)*a b c"),
        ((SPACE, "space directions: none (0,2,0) (0,0,8)"), "does not say how large"),
        ((SPACE, MM, 'space units: "furlong" "mm" "mm"'), "a unit that is not known(.|\n)*'furlong'"),
        (("spacings: 1.5 2 8", 'units: "s" "mm" "mm"'), "a unit that is not known(.|\n)*'s' in the header's 'units'"),
        ((SPACE, "space directions: (0.0015,0,0) (0,0.002,0) (0,0,0.008)"), "probably metres"),
        (("spacings: 1.5 2 8", "kinds: time space space"), "first three axes(.|\n)*time space space"),
        (("a line of no field",), "line 5: 'a line of no field'"),
        (("unknown: field",), "line 5: 'unknown: field'"),
        (("spacings: " + "1 " * 5000,), "line 5: 'spacings: 1 1"),
    ],
)
def test_an_nrrd_without_a_known_size_is_refused_by_its_field(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_volume(save(tmp_path / "scan.nrrd", nrrd_bytes(VALUES, *lines)))


def test_an_nrrd_is_written_with_the_lines_of_its_image_that_say_where_it_lies(tmp_path: Path) -> None:
    lines = (SPACE, "space directions: (0.15,0,0) (0,0.2,0) (0,0.1,0.8)", "space origin: (1.25,-3,7)")
    lines += ('space units: "cm" "cm" "cm"', "kinds: domain domain domain", "content: Doe", "patient:=Doe")
    source = save(tmp_path / "scan.nrrd", nrrd_bytes(VALUES, *lines))
    write_label(tmp_path / "label.nrrd", VALUES % 2, like=source)
    image = read_volume(source)
    np.testing.assert_array_equal(read_label(tmp_path / "label.nrrd", image, (1,)).array, VALUES % 2)
    before, after = (SimpleITK.ReadImage(str(path)) for path in (source, tmp_path / "label.nrrd"))
    for getter in ("GetSize", "GetOrigin", "GetSpacing", "GetDirection"):
        assert getattr(after, getter)() == getattr(before, getter)()
    header, _, values = (tmp_path / "label.nrrd").read_bytes().partition(b"\n\n")
    assert b"Doe" not in header
    assert b'space units: "cm" "cm" "cm"' in header
    assert gzip.decompress(values) == (VALUES % 2).astype(np.uint8).tobytes("F")


@pytest.mark.parametrize(
    "lines",
    [
        ("ElementSpacing = 1.5 2 8",),
        ("ElementSize = 1.5 2 8",),
        ("ElementSize = 3 3 3", "ElementSpacing = 1.5 2 8"),
        ("ElementSpacing: 1.5 2 8", "DistanceUnits = mm"),
        ("ElementSpacing = 0.15 0.2 0.8", "DistanceUnits = cm"),
        ("ElementSpacing = 1500 2000 8000", "DistanceUnits = um"),
        ("ElementSpacing = -1.5 2 8", "Comment = ElementSpacing = 7 7 7"),
    ],
)
def test_a_metaimage_is_in_mm_whatever_its_unit(tmp_path: Path, lines: tuple[str, ...]) -> None:
    image = read_volume(save(tmp_path / "scan.mha", metaimage_bytes(VALUES, *lines)))
    assert image.spacing_mm == pytest.approx((1.5, 2, 8))
    write_label(tmp_path / "label.mha", VALUES % 2, like=image.path)
    np.testing.assert_array_equal(read_label(tmp_path / "label.mha", image, (1,)).array, VALUES % 2)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "does not say how large its voxels are(.|\n)*neither of them"),
        (("elementspacing = 1.5 2 8",), "does not say how large"),
        (("ElementSpacing = nan 2 8",), "does not say how large(.|\n)*ElementSpacing = nan 2 8"),
        (("ElementSpacing = 0 2 8",), "does not say how large"),
        (("ElementSpacing = 1.5 x 8",), "does not say how large"),
        (("ElementSpacing = 1.5 2 8", "DistanceUnits = furlong"), "'furlong' in the header's DistanceUnits"),
        (("ElementSpacing = 1.5 2 8", "TransformMatrix = 2 0 0 0 2 0 0 0 2"), "says twice(.|\n)*come to 3, 4, 16"),
        (("ElementSpacing = 0.0015 0.002 0.008",), "probably metres"),
    ],
)
def test_a_metaimage_without_a_known_size_is_refused_by_its_field(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_volume(save(tmp_path / "scan.mha", metaimage_bytes(VALUES, *lines)))


def test_dimensions_beyond_memory_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    nrrd = nrrd_bytes(VALUES, "spacings: 0.5 0.5 0.5").replace(b"sizes: 3 4 5", b"sizes: 5000 5000 4000000")
    with pytest.raises(InputError, match="at most 5,000 planes"):
        read_frames(save(tmp_path / "scan.nrrd", nrrd))
    mha = metaimage_bytes(VALUES, "ElementSpacing = 1 1 1").replace(b"DimSize = 3 4 5", b"DimSize = 900000 900000 900")
    with pytest.raises(InputError, match="more than fit into memory"):
        read_frames(save(tmp_path / "scan.mha", mha))


def test_a_time_series_keeps_its_frames_and_their_distance(tmp_path: Path) -> None:
    series = np.stack([VALUES, VALUES + 1], axis=-1)
    path = save(tmp_path / "scan.mha", metaimage_bytes(series, "ElementSpacing = 1.5 2 8 30"))
    assert len(read_frames(path)) == 2
    write_label(tmp_path / "label.mha", series % 2, like=path)
    assert SimpleITK.ReadImage(str(tmp_path / "label.mha")).GetSpacing() == (1.5, 2, 8, 30)
