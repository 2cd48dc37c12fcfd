"""Reading YAML of people's: no more is made of it than a configuration can hold."""

from typing import Any, Final

import yaml

MOST_VALUES: Final = 100_000
"""No configuration has as many; an anchor that holds anchors that hold anchors soon has more than any memory."""
MOST_LEVELS: Final = 40
_MOST_DIGITS: Final = 400


def parse_yaml(text: str) -> tuple[yaml.Node | None, Any]:
    """Read a YAML document as nodes, which know their lines, and as values.

    Raises:
        yaml.MarkedYAMLError: It is no YAML, or more than a configuration can hold; ``problem`` says what, and
            ``problem_mark`` where, if that is known.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _require_bounded(node)
        return node, yaml.safe_load(text)
    except yaml.MarkedYAMLError:
        raise
    except yaml.YAMLError as error:
        raise yaml.MarkedYAMLError(problem=str(error)) from error
    except RecursionError as error:
        raise yaml.MarkedYAMLError(problem="brackets within brackets without end") from error
    except Exception as error:  # what int(), date(…) and the like raise: !!bool perhaps is a KeyError
        raise yaml.MarkedYAMLError(problem=str(error)) from error


def _require_bounded(root: yaml.Node) -> None:
    """Count the values with each anchor's as often as it is used, without using it."""
    counts: dict[int, int] = {}
    within: set[int] = set()

    def count(node: yaml.Node, level: int) -> int:
        if id(node) in counts:
            return counts[id(node)]
        if id(node) in within:
            raise _too_much(node, "an anchor that holds itself")
        if isinstance(node, yaml.ScalarNode):
            if node.tag.endswith((":int", ":float")) and len(node.value) > _MOST_DIGITS:
                raise _too_much(node, f"a number of {len(node.value):,} digits")
            return 1
        if level > MOST_LEVELS:
            raise _too_much(node, f"more than {MOST_LEVELS} levels")
        within.add(id(node))
        total = 1 + sum(count(inner, level + 1) for inner in _inside(node))
        within.discard(id(node))
        if total > MOST_VALUES:
            raise _too_much(node, f"more than {MOST_VALUES:,} values, with those of its anchors")
        counts[id(node)] = total
        return total

    count(root, 1)


def _inside(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)


def _too_much(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
