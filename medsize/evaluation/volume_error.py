"""By how much a predicted volume is off, with its sign."""

import math


def volume_error_ml(predicted_ml: float, true_ml: float) -> float:
    """Return the predicted less the true volume in mL: below 0 where too little was found."""
    return predicted_ml - true_ml


def volume_error_percent(predicted_ml: float, true_ml: float) -> float:
    """Return the volume error in percent of the true volume; NaN, undefined, where the reference is empty."""
    return 100 * (predicted_ml - true_ml) / true_ml if true_ml else math.nan
