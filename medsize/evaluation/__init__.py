"""Evaluation: what a run, or anybody's predictions, are worth; and the report about it."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from medsize.evaluation.evaluate import evaluate_run
    from medsize.evaluation.evaluate_predictions import evaluate_predictions
    from medsize.evaluation.report import write_report
    from medsize.evaluation.result import Evaluation

__all__ = ["Evaluation", "evaluate_predictions", "evaluate_run", "write_report"]

_FROM: Final = {
    "Evaluation": "result",
    "evaluate_predictions": "evaluate_predictions",
    "evaluate_run": "evaluate",
    "write_report": "report",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, and no more: a process that compares masks need not wait for the networks."""
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_FROM[name]}"), name)
    return value
