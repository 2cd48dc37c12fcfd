"""A trained network as something that runs without medsize: a MONAI Bundle or an ONNX file, with its model card."""

from medsize.export.run import Format, export_run

__all__ = ["Format", "export_run"]
