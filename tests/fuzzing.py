"""Property tests of readers: a few examples in ``make test``, thousands in ``make test-data``."""

from collections.abc import Callable
from typing import Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings

THOROUGH: Final = "thorough"
AT_LENGTH: Final = 2000

Test = TypeVar("Test", bound=Callable[..., None])


def fuzz(examples: int = 40, at_length: int = AT_LENGTH) -> Callable[[Test], Test]:
    """Mark a test with ``@given`` as one of a reader: ``@fuzz()`` stands above ``@given(…)``.

    Args:
        examples: How many are tried in ``make test``.
        at_length: How many are tried in ``make test-data``, which runs these tests with the profile ``thorough``.
    """
    count = at_length if settings.get_current_profile_name() == THOROUGH else examples
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

    def decorate(test: Test) -> Test:
        marked: Test = pytest.mark.fuzz(settings(max_examples=count, suppress_health_check=slow)(test))
        return marked

    return decorate
