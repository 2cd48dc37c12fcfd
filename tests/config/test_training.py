import pytest
from pydantic import ValidationError

from medsize.config.training import Augmentation


def test_the_default_is_the_papers_augmentation() -> None:
    ours = ("rotation", "scaling", "elastic", "gamma", "noise", "blur")
    assert [getattr(Augmentation(), name) for name in ours] == [0] * len(ours)
    assert Augmentation().zoom is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rotation", -1, "greater than or equal to 0"),
        ("rotation", 181, "less than or equal to 180"),
        ("scaling", 1.5, "less than or equal to 1"),
        ("elastic", 0.3, "less than or equal to 0.25"),
        ("gamma", -0.1, "greater than or equal to 0"),
        ("noise", 2, "less than or equal to 1"),
        ("blur", 11, "less than or equal to 10"),
        ("rotation", float("nan"), "greater than or equal to 0|finite"),
        ("rotate", 10, "Extra inputs"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(name: str, value: float, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        Augmentation(**{name: value})
