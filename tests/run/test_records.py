import json
import sys
from pathlib import Path

import pytest

from medsize.errors import InputError
from medsize.run.records import Records, require_records


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_each_record_is_a_line(tmp_path: Path):
    records = Records(tmp_path / "metrics.jsonl", tensorboard=None, keep_bytes=0)
    records.add(3, kind="epoch", loss=0.5)
    records.add(6, kind="epoch", loss=0.25)
    assert lines(tmp_path / "metrics.jsonl") == [
        {"step": 3, "kind": "epoch", "loss": 0.5},
        {"step": 6, "kind": "epoch", "loss": 0.25},
    ]
    records.close()


def test_a_resumed_run_forgets_what_came_after_its_checkpoint(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    records = Records(path, tensorboard=None, keep_bytes=0)
    records.add(1, kind="epoch")
    at_checkpoint = records.bytes
    records.add(2, kind="epoch")
    records.close()
    with path.open("a") as file:
        file.write('{"half a li')
    records = Records(path, tensorboard=None, keep_bytes=at_checkpoint)
    records.add(2, kind="again")
    records.close()
    assert [line["kind"] for line in lines(path)] == ["epoch", "again"]


def test_tensorboard_gets_the_numbers(tmp_path: Path):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed (extra tensorboard)")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    records = Records(tmp_path / "metrics.jsonl", tensorboard=tmp_path / "tb", keep_bytes=0)
    records.add(4, kind="validation", dice_scan={"lv": 0.75}, best=True)
    records.close()
    events = EventAccumulator(str(tmp_path / "tb")).Reload()
    assert events.Tags()["scalars"] == ["validation/dice_scan/lv"]
    assert events.Scalars("validation/dice_scan/lv")[0].value == 0.75


def test_tensorboard_that_is_not_installed_is_an_error_with_the_remedy(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"pip install 'medsize\[tensorboard\]'"):
        Records(tmp_path / "metrics.jsonl", tensorboard=tmp_path / "tb", keep_bytes=0)


def test_records_are_required_up_to_the_checkpoint_and_no_further(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    require_records(path, 0)
    path.write_text('{"kind": "epoch"}\n{"kind": "epo')
    require_records(path, len('{"kind": "epoch"}\n'))
    with pytest.raises(InputError, match=r"line 2: not a record"):
        require_records(path, path.stat().st_size)
    with pytest.raises(InputError, match=r"shorter than it was at the checkpoint(.|\n)*at least 900 bytes"):
        require_records(path, 900)


@pytest.mark.parametrize("content", [b"[3]\n", b"{}\n", b"\xff\0\n", b"[" * 5000 + b"\n", b'{"kind": ' + b"9" * 9999])
def test_what_is_no_record_is_named_by_its_line(tmp_path: Path, content: bytes):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"metrics.jsonl, line 1: not a record"):
        require_records(path, len(content))


def test_records_that_are_gone_are_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"metrics.jsonl: no such file"):
        require_records(tmp_path / "metrics.jsonl", 10)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_the_usual_message():
    records = Records(Path("/dev/full"), tensorboard=None, keep_bytes=0)
    for act in (lambda: records.add(1, kind="epoch"), records.close):
        with pytest.raises(InputError, match=r"cannot write /dev/full(.|\n)*No space left(.|\n)*free some space"):
            act()
