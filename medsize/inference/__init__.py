"""Prediction: a trained network over slices, volumes and files."""

from medsize.inference.case_prediction import predict_case
from medsize.inference.load import Predictor, load_network
from medsize.inference.options import PredictionOptions
from medsize.inference.predict import Wanted, predict_files
from medsize.inference.predict_slices import predict_labels, predict_probabilities

__all__ = [
    "PredictionOptions",
    "Predictor",
    "Wanted",
    "load_network",
    "predict_case",
    "predict_files",
    "predict_labels",
    "predict_probabilities",
]
