"""Nothing that trains, loses or predicts knows which world an image came from."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "medsize"
ROOMS = ("losses", "networks", "supervision", "training", "inference", "evaluation", "export", "data")
DATA_SETS = re.compile(r"(?<![a-z])(voc|coco|acdc|ecssd)(?![a-z])", re.IGNORECASE)
FILES = [
    path
    for room in ROOMS
    for path in sorted((PACKAGE / room).rglob("*.py"))
    if "sources" not in path.relative_to(PACKAGE).parts
]


def words(tree: ast.Module) -> Iterator[str]:
    """Every name and text of the code; docstrings may cite where a result was measured."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
        for field in ("id", "attr", "name", "module", "arg"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield value


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_data_set_is_mentioned_in_code(path: Path) -> None:
    found = [word for word in words(ast.parse(path.read_text(encoding="utf-8"))) if DATA_SETS.search(word)]
    assert found == []
