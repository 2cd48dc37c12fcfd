"""The shipped lists of ACDC's patients and scans."""

import csv

from medsize.shipped import shipped_lines


def listed_patients() -> dict[str, tuple[str, int]]:
    """Return the pathology and the fold of ACDC's training patients."""
    rows = csv.DictReader(shipped_lines("acdc_patients.csv"))
    return {row["patient"]: (row["group"], int(row["fold"])) for row in rows}


def paper_validation_cases() -> list[str]:
    """Return the 25 scans that the size-constraint authors hold out, as case ids."""
    return shipped_lines("acdc_paper_val.txt")
