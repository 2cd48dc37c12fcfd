import contextlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from medsize.config.layers import layer_from_assignment
from medsize.config.loading import validate
from medsize.config.yaml_text import MOST_VALUES, parse_yaml
from medsize.errors import InputError
from tests.fuzzing import fuzz


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
        ("[" * 1500, None, "brackets within brackets without end"),
        ("a: " + "[" * 60 + "]" * 60, 0, "more than 40 levels"),
        ("a: !!bool perhaps", None, "perhaps"),
        ("a: !!timestamp soon", None, "NoneType"),
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


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


@fuzz()
@given(VALUES)
def test_what_yaml_can_hold_is_read_as_it_is(value: object) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    _, read_back = parse_yaml(text)
    assert read_back == value or repr(read_back) == repr(value)  # NaN


KEYS = st.sampled_from(
    [
        "training",
        "training.epochs",
        "training.optimiser",
        "training.optimiser.name",
        "network",
        "network.name",
        "data",
        "data.source",
        "data.source.kind",
        "data.source.root",
        "data.split",
        "data.split.name",
        "data.structures",
        "supervision",
        "supervision.seeds",
        "supervision.sizes",
        "supervision.sizes.kind",
        "supervision.bounds.kind",
        "objective",
        "objective.size_target",
        "objective.size_target.weight",
        "evaluation",
        "inference",
        "stages",
        "x",
        "1",
    ]
)
WORDS = st.sampled_from(
    ["acdc", "kind: table", "{name: unet}", "{kind: noisy, noise: .nan}", "{1: 2}", "~no_such_person/x", "[1]"]
)


@fuzz()
@given(st.lists(st.tuples(KEYS, VALUES.map(yaml.safe_dump) | WORDS), min_size=1, max_size=3))
def test_whatever_is_set_is_taken_or_refused_with_a_message(assignments: list[tuple[str, str]]) -> None:
    with contextlib.suppress(InputError):
        layers = [layer_from_assignment(f"{key}={value}") for key, value in assignments]
        layer = layers[0]
        for other in layers[1:]:
            layer = other.over(layer)
        validate(layer)


@fuzz()
@given(st.text())
def test_any_text_is_yaml_or_refused(text: str) -> None:
    with contextlib.suppress(yaml.MarkedYAMLError):
        parse_yaml(text)
