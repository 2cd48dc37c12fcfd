import subprocess

import torch

from medsize import __version__
from medsize.training import environment
from medsize.training.environment import describe_environment


def test_the_environment_names_versions_device_and_precision():
    found = describe_environment(torch.device("cpu"), torch.bfloat16)
    assert found["medsize"] == __version__
    assert found["torch"] == torch.__version__
    assert (found["device"], found["precision"], found["threads"]) == ("cpu", "bfloat16", torch.get_num_threads())


def test_without_git_there_is_no_commit(monkeypatch):
    def fail(*_args: object, **_options: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", fail)
    assert describe_environment(torch.device("cpu"), torch.float32)["commit"] is None


def test_an_installed_package_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "medsize" / "training" / "environment.py"))
    assert describe_environment(torch.device("cpu"), torch.float32)["commit"] is None
