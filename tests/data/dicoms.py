"""Writes DICOM files plane by plane, with any attribute changed or left out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

OBLIQUE = (0.8, 0.6, 0.0, -0.36, 0.48, -0.8)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
ORIGIN = np.array([-100.0, 20.0, 50.0])


def normal_of(orientation: Sequence[float]) -> np.ndarray:
    return np.cross(orientation[:3], orientation[3:])


def at(height_mm: float, orientation: Sequence[float] = OBLIQUE) -> list[float]:
    """The position of a plane, so many mm along the normal."""
    return [round(float(value), 6) for value in ORIGIN + height_mm * normal_of(orientation)]


def plane(values: np.ndarray, **changes: Any) -> Dataset:
    """One MR plane of values (X, Y), signed 16 bits; an attribute that is None is left out."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, generate_uid()
    data.Modality, data.PatientID, data.PatientName = "MR", "7", "Doe^Jo"
    data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = "1.2.3.4", "1.2.3.9", "1.2.3.5"
    data.SeriesDescription, data.SeriesNumber, data.InstanceNumber = "SAX", 5, 1
    data.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Columns, data.Rows = values.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
    data.PixelSpacing, data.SliceThickness = [2.0, 1.5], 8.0  # rows, columns
    data.ImageOrientationPatient, data.ImagePositionPatient = list(OBLIQUE), at(0)
    data.PixelData = np.ascontiguousarray(values.T, "<i2").tobytes()
    for name, value in changes.items():
        if value is not None:
            setattr(data, name, value)
        elif name in data:
            delattr(data, name)
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    return data


def save(data: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pydicom.config.disable_value_validation():
        data.save_as(path, enforce_file_format=True)
    return path


def write_planes(folder: Path, array: np.ndarray, step_mm: float = 10.0, **changes: Any) -> list[Path]:
    """Write a series of values (X, Y, Z), a file a plane; a change that is a function is given the plane's number."""
    return [
        save(
            plane(
                array[:, :, z],
                **{
                    "InstanceNumber": z + 1,
                    "ImagePositionPatient": at(z * step_mm),
                    **{name: value(z) if callable(value) else value for name, value in changes.items()},
                },
            ),
            folder / f"{z:03d}.dcm",
        )
        for z in range(array.shape[2])
    ]


def write_cine(folder: Path, array: np.ndarray, *, series_a_slice: bool = False, **changes: Any) -> list[Path]:
    """Write values (X, Y, Z, T), a file an image, as hospitals export a cine; functions are given z and t."""
    files = []
    for z, t in np.ndindex(array.shape[2:]):
        told = {
            "InstanceNumber": z * array.shape[3] + t + 1,
            "ImagePositionPatient": at(10 * z),
            "TriggerTime": 30.0 * t,
            "SeriesInstanceUID": f"1.2.3.{z + 20}" if series_a_slice else "1.2.3.9",
            "SeriesDescription": f"SAX_{z + 1}" if series_a_slice else "SAX",
            **{name: value(z, t) if callable(value) else value for name, value in changes.items()},
        }
        files.append(save(plane(array[:, :, z, t], **told), folder / f"{z:02d}_{t:02d}.dcm"))
    return files


def enhanced(array: np.ndarray, frames: Sequence[tuple[int, int]], **changes: Any) -> Dataset:
    """A multi-frame MR of values (X, Y, Z, T); ``frames`` are place and time of each, in its order."""
    data = plane(array[:, :, 0, 0], PixelSpacing=None, SliceThickness=None)
    del data.ImagePositionPatient, data.ImageOrientationPatient
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    data.NumberOfFrames = len(frames)
    data.PixelData = np.stack([array[:, :, z, t].T for z, t in frames]).astype("<i2").tobytes()
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [2.0, 1.5], 8.0
    orientation.ImageOrientationPatient = list(OBLIQUE)
    shared = Dataset()
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    data.SharedFunctionalGroupsSequence = [shared]
    data.PerFrameFunctionalGroupsSequence = [frame_groups(z, t, several=array.shape[3] > 1) for z, t in frames]
    for name, value in changes.items():
        setattr(data, name, value)
    return data


def frame_groups(z: int, t: int, *, several: bool) -> Dataset:
    groups, position, content = Dataset(), Dataset(), Dataset()
    position.ImagePositionPatient = at(10 * z)
    if several:
        content.TemporalPositionIndex = t + 1
    groups.PlanePositionSequence, groups.FrameContentSequence = [position], [content]
    return groups
