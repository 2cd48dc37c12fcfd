"""What a segmentation is worth against a reference: maths on NumPy arrays, which imports nothing else of medsize.

:mod:`~medsize.metrics.measures` declares every measure of a structure once: its name, its words, its rule for empty
masks and how it is computed. What it is computed with is in the modules beside it, and so are the statistics over
cases and patients.

>>> import numpy as np
>>> from medsize.metrics.dice import dice_scan
>>> dice_scan(np.array([True, True, False]), np.array([True, False, False])).__round__(3)
0.667
"""
