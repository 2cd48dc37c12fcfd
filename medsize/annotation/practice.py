"""Practice on cases whose sizes are known: the one place of the annotation that reads labels."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from medsize.annotation.answers import WHOLE, Answer
from medsize.annotation.session import Session
from medsize.data.volumes import read_label


class Practice:
    """Measures the truth on labels, and raters against it.

    Args:
        session: A session of practice: its cases have labels.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._measured = lru_cache(maxsize=None)(self._measure)

    def truth(self, answer: Answer) -> float:
        """Return the size that an answer is about, in the answer's unit.

        Raises:
            InputError: The label cannot be read.
        """
        pixels, voxel_ml, plane = self._measured(answer.case)
        counts = pixels[answer.structure]
        if answer.slice is None:
            return sum(counts) * voxel_ml
        return counts[answer.slice] / plane * WHOLE[answer.unit]

    def feedback(self, answer: Answer) -> dict[str, float | None]:
        """Return the truth and the relative error of an answer (P0 eq. 14), signed; none without truth or size."""
        truth, said = self.truth(answer), _said(answer)
        return {"truth": truth, "said": said, "error": (said - truth) / truth if truth and said is not None else None}

    def summary(self, answers: Sequence[Answer]) -> dict[str, Any]:
        """Return mRE and seconds an image, as Table 1 of "Approximate Size Targets" (P0).

        Args:
            answers: A rater's answers, one about each thing.

        Returns:
            For each structure (and all of them under ``all``): ``mre``, the mean relative error over the images that
            hold the structure; ``answers``, how many those are; ``absent``, how many images do not hold it and how
            many of these were called empty. And ``seconds``, the mean time an image, and ``images``.
        """
        rows = {name: [a for a in answers if a.structure == name] for name in self._session.structures}
        seconds: dict[tuple[str, int | None], float] = {}
        for answer in answers:
            place = (answer.case, answer.slice)
            seconds[place] = seconds.get(place, 0.0) + answer.seconds
        return {
            "structures": {name: self._score(of_one) for name, of_one in rows.items()},
            "all": self._score(answers),
            "seconds": float(np.mean(list(seconds.values()))) if seconds else None,
            "images": len(seconds),
        }

    def _score(self, answers: Sequence[Answer]) -> dict[str, Any]:
        given = [(self.truth(answer), said) for answer in answers if (said := _said(answer)) is not None]
        errors = [abs(said - truth) / truth for truth, said in given if truth]
        absent = [said == 0 for truth, said in given if not truth]
        return {
            "mre": float(np.mean(errors)) if errors else None,
            "answers": len(errors),
            "absent": {"images": len(absent), "right": sum(absent)},
        }

    def _measure(self, case_id: str) -> tuple[Mapping[str, list[int]], float, int]:
        case = self._session.cases[case_id]
        assert case.label is not None, "a session of practice holds cases with labels alone"
        label = read_label(case.label, None, set(self._session.labels.values()))
        counts = {
            name: [int(count) for count in (label.array == value).sum((0, 1))]
            for name, value in self._session.labels.items()
        }
        return counts, label.voxel_ml, label.array.shape[0] * label.array.shape[1]


def _said(answer: Answer) -> float | None:
    """The size that an answer stands for: its value, or the middle of its range."""
    if answer.value is not None or answer.low is None or answer.high is None:
        return answer.value
    return (answer.low + answer.high) / 2
