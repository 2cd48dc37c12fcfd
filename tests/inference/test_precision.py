import pytest
import torch

from medsize.errors import InputError
from medsize.inference.precision import resolve_device, resolve_precision

CPU = torch.device("cpu")


@pytest.fixture
def gpus(monkeypatch):
    """Pretend to have two GPUs of a generation."""

    def pretend(capability, count=2):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")

    return pretend


@pytest.fixture
def no_mps(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_takes_the_gpu_if_there_is_one(gpus):
    gpus((8, 0))
    assert resolve_device("auto") == torch.device("cuda")


def test_auto_takes_mps_before_the_cpu(gpus, monkeypatch):
    gpus((0, 0), count=0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == resolve_device("mps") == torch.device("mps")


def test_auto_takes_the_cpu_where_there_is_nothing_else(gpus, no_mps):
    gpus((0, 0), count=0)
    assert resolve_device("auto") == resolve_device("cpu") == CPU


def test_a_gpu_is_named_by_its_number(gpus):
    gpus((8, 0))
    assert resolve_device("cuda:1") == torch.device("cuda", 1)


def test_a_gpu_that_is_not_there_is_refused_and_those_there_are_named(gpus, no_mps):
    gpus((8, 0))
    with pytest.raises(InputError, match=r"no device 'cuda:2'\n  expected: auto, cpu, cuda:0, cuda:1\n"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_an_accelerator_is_refused_where_there_is_none(gpus, no_mps, device):
    gpus((0, 0), count=0)
    with pytest.raises(InputError, match=rf"no device '{device}'\n  expected: auto, cpu\n"):
        resolve_device(device)


@pytest.mark.parametrize("device", ["gpu", "meta", ""])
def test_a_device_of_another_kind_is_refused(device):
    with pytest.raises(InputError, match="no such kind of device"):
        resolve_device(device)


@pytest.mark.parametrize(("amx", "avx512"), [(True, False), (False, True), (False, False)])
def test_auto_is_bfloat16_on_a_cpu_with_units_for_it(monkeypatch, amx, avx512):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    assert resolve_precision("auto", CPU) == (torch.bfloat16 if amx or avx512 else torch.float32)


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), torch.float32), ((8, 0), torch.bfloat16)])
def test_auto_is_bfloat16_from_ampere_on(gpus, capability, expected):
    gpus(capability)
    assert resolve_precision("auto", torch.device("cuda")) == expected


def test_auto_is_float32_on_mps():
    assert resolve_precision("auto", torch.device("mps")) == torch.float32


def test_what_is_asked_for_is_given():
    assert resolve_precision("float32", CPU) == torch.float32
    assert resolve_precision("bfloat16", CPU) == torch.bfloat16


def test_bfloat16_is_refused_on_a_gpu_that_cannot(gpus):
    gpus((7, 5))
    with pytest.raises(InputError, match="a GPU cannot compute in bfloat16"):
        resolve_precision("bfloat16", torch.device("cuda"))
