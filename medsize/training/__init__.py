"""Training: one readable loop, its schedule, checkpoints and records."""

from medsize.training.loop import InterruptedTraining
from medsize.training.start import resume_run, start_run

__all__ = ["InterruptedTraining", "resume_run", "start_run"]
