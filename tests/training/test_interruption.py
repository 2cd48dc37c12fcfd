import os
import signal

import pytest

from medsize.training.interruption import interruption


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_request_and_the_handlers_come_back(number: signal.Signals):
    before = signal.getsignal(number)
    with interruption() as request:
        assert not request.asked
        os.kill(os.getpid(), number)
        assert request.asked
    assert signal.getsignal(number) == before


def test_a_second_signal_interrupts_at_once():
    with interruption(), pytest.raises(KeyboardInterrupt):  # noqa: PT012  # the second signal is the point
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
