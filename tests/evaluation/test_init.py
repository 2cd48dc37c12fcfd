import sys
from subprocess import run

import pytest

import medsize.evaluation


def test_every_name_is_there_and_others_are_not():
    for name in medsize.evaluation.__all__:
        assert callable(getattr(medsize.evaluation, name))
    with pytest.raises(AttributeError, match="has no attribute 'dice'"):
        medsize.evaluation.__getattr__("dice")


def test_a_process_that_compares_files_waits_neither_for_monai_nor_for_pandas():
    code = "import medsize.evaluation.label_pair, sys; print({'monai', 'pandas'} & set(sys.modules))"
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
