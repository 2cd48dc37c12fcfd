"""A synthetic data set of short-axis hearts, to try and to test everything without patients."""

from medsize.data.sources.phantom.writer import write_phantom

__all__ = ["write_phantom"]
