import hashlib

import pytest

from medsize.digests import file_digest, value_digest
from medsize.errors import InputError


@pytest.mark.parametrize("content", [b"", b"abc", bytes(range(256)) * 20_000])
def test_the_digest_of_a_file_is_sha256_of_its_content(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    assert file_digest(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone cannot be read\n.*No such file"):
        file_digest(tmp_path / "gone")


def test_values_have_one_digest_exactly_if_they_are_equal():
    assert value_digest({"a": 1, "b": [2, None, "ü"]}) == value_digest({"b": [2, None, "ü"], "a": 1})
    assert value_digest({"a": 1, "b": 2}) != value_digest({"a": 2, "b": 1})
    assert value_digest({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


def test_what_has_no_one_notation_has_no_digest():
    with pytest.raises(ValueError, match="not JSON compliant"):
        value_digest({"a": float("nan")})
