"""medsize: segmentation networks trained from approximate sizes and a few seed pixels."""

__version__ = "0.1.0"
