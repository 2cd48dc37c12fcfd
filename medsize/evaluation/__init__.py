"""Evaluation: what a run is worth on its held-out cases, and the report about it."""
