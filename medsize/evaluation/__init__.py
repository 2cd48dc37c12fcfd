"""Evaluation: what a run is worth on its held-out cases, and the report about it."""

from medsize.evaluation.dice import dice_scan, dice_slice
from medsize.evaluation.evaluate import Evaluation, evaluate_run
from medsize.evaluation.report import write_report

__all__ = ["Evaluation", "dice_scan", "dice_slice", "evaluate_run", "write_report"]
