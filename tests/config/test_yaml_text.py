import pytest
import yaml

from medsize.config.yaml_text import MOST_VALUES, parse_yaml


def test_plain_yaml_is_read_as_ever():
    node, values = parse_yaml("a: [1, 2.5, x]\nb: &anchor {c: null}\nd: *anchor\n")
    assert values == {"a": [1, 2.5, "x"], "b": {"c": None}, "d": {"c": None}}
    assert node is not None
    assert node.start_mark.line == 0
    assert parse_yaml("") == (None, None)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 22)
)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (BOMB, 5, f"more than {MOST_VALUES:,} values"),
        ("x: 1\na: &a [*a]\n", 1, "an anchor that holds itself"),
        ("x: 1\nepochs: " + "9" * 5000, 1, "a number of 5,000 digits"),
        ("epochs: 0x" + "f" * 5000, 0, "a number of 5,002 digits"),
        ("epochs: 1." + "0" * 5000, 0, "a number of 5,002 digits"),
        ("[" * 5000, None, "brackets within brackets without end"),
        ("when: 2026-13-45", None, "month must be in 1..12"),
        ("a: [1", 0, "expected ',' or ']'"),
        ("a: \x00", None, "special characters are not allowed"),
    ],
)
def test_what_no_configuration_can_hold_is_one_kind_of_error_with_its_line(text: str, line: int | None, problem: str):
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        parse_yaml(text)
    assert problem in (caught.value.problem or "")
    assert (caught.value.problem_mark.line if caught.value.problem_mark else None) == line


def test_an_anchor_that_is_used_often_is_fine():
    _, values = parse_yaml("a: &a {b: 1}\nc: [" + ", ".join(["*a"] * 500) + "]\n")
    assert len(values["c"]) == 500
