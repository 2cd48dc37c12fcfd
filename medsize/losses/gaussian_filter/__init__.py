"""Gaussian filtering of all pixels with all others: the product with W of the dense CRF, by several engines."""

from medsize.losses.gaussian_filter.engines import Engine, gaussian_filter
from medsize.losses.gaussian_filter.features import Features

__all__ = ["Engine", "Features", "gaussian_filter"]
