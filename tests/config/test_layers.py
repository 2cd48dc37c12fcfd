from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from medsize.config.layers import (
    PATH_KEYS,
    Layer,
    config_file,
    layer_from_assignment,
    layer_from_file,
    layer_from_option,
    presets,
)
from medsize.config.run import RunConfig
from medsize.errors import InputError


def path_keys(model: type[BaseModel], above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for name, field in model.model_fields.items():
        for part in leaves(field.annotation):
            if part is Path:
                found.add((*above, name))
            elif isinstance(part, type) and issubclass(part, BaseModel):
                found |= path_keys(part, (*above, name))
    return found


def leaves(annotation: object) -> list[object]:
    if get_origin(annotation) in (Union, UnionType):
        return [leaf for part in get_args(annotation) for leaf in leaves(part)]
    if hasattr(annotation, "__metadata__"):
        return leaves(get_args(annotation)[0])
    return [annotation]


def test_path_keys_are_every_path_of_the_configuration():
    assert path_keys(RunConfig) == PATH_KEYS


def test_the_upper_layer_wins_and_the_rest_stays():
    lower = Layer({"training": {"epochs": 200, "seed": 1}, "x": 1})
    assert Layer({"training": {"epochs": 5}}).over(lower).values == {"training": {"epochs": 5, "seed": 1}, "x": 1}


def test_another_variant_replaces_the_mapping_below():
    lower = Layer({"network": {"name": "mobilenetv2_deeplabv3plus", "output_stride": 8}})
    assert Layer({"network": {"name": "unet"}}).over(lower).values == {"network": {"name": "unet"}}


def test_the_same_variant_is_merged():
    lower = Layer({"network": {"name": "unet", "std": 1.0}})
    upper = Layer({"network": {"name": "unet", "mean": 0.0}})
    assert upper.over(lower).values == {"network": {"name": "unet", "std": 1.0, "mean": 0.0}}


def test_null_removes_a_term_below():
    lower = Layer({"objective": {"size_target": {"weight": 1}}})
    assert Layer({"objective": {"size_target": None}}).over(lower).values == {"objective": {"size_target": None}}


def test_a_file_lies_over_the_preset_it_extends_and_remembers_its_lines(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text("extends: acdc\n\ntraining:\n  epochs: 7\n")
    layer = layer_from_file(file)
    assert layer.values["training"]["epochs"] == 7
    assert layer.values["training"]["batch_size"] == 12
    assert layer.origin(("training", "epochs")) == "mine.yaml, line 4"
    assert layer.origin(("training", "batch_size")).startswith("acdc.yaml, line ")
    assert layer.origin(("evaluation", "overlays")) is None


def test_a_file_may_extend_a_file_beside_it(tmp_path: Path):
    (tmp_path / "base.yaml").write_text("training: {epochs: 3}\nobjective: {size_target: {}}\n")
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\n")
    assert layer_from_file(tmp_path / "mine.yaml").values["training"] == {"epochs": 3}


def test_relative_paths_in_a_file_are_relative_to_the_file(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("network: {name: unet, weights: w.safetensors}\n")
    weights = layer_from_file(tmp_path / "mine.yaml").values["network"]["weights"]
    assert weights == str(tmp_path.resolve() / "w.safetensors")


def test_relative_paths_of_options_are_relative_to_the_working_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layer = layer_from_option("--data-root", ("data", "source", "root"), Path("acdc"))
    assert layer.values["data"]["source"]["root"] == str(tmp_path.resolve() / "acdc")
    assert layer.origin(("data", "source", "root")) == "--data-root"


def test_an_empty_file_below_extends_is_the_preset(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("extends: acdc\n")
    assert (
        layer_from_file(tmp_path / "mine.yaml").values == layer_from_file(config_file("acdc", beside=tmp_path)).values
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: [1, 2\n", "line 2: not valid YAML"),
        ("- a\n- b\n", "does not describe a run"),
        ("", "does not describe a run"),
        ("training: {epochs: 3}\ntraining: {epochs: 4}\n", "'training' is given twice"),
        ("extends: mine.yaml\n", "extends itself"),
        ("extends: acdcc\n", "did you mean 'acdc'?"),
        ("extends: ../configs/acdc\n", "not a preset"),
        ("extends: gone.yaml\n", "no such configuration file"),
        ("a: \t- b", "not valid YAML"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, text: str, message: str):
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        layer_from_file(file)
    assert message in str(caught.value)


def test_a_file_that_is_not_text_says_so(tmp_path: Path):
    (tmp_path / "mine.yaml").write_bytes(b"\x89PNG\x00\x01")
    with pytest.raises(InputError, match="is no text"):
        layer_from_file(tmp_path / "mine.yaml")


def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path):
    for value in ("~no_such_person/x", "a\0b", "x" * 5000):
        with pytest.raises(InputError, match=r"data\.source\.root: no path that a file can have"):
            layer_from_option("--data-root", ("data", "source", "root"), value)
        with pytest.raises(InputError, match="no path that a file can have"):
            config_file(f"{value}.yaml", beside=tmp_path)


def test_a_file_of_another_system_is_read(tmp_path: Path):
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        (tmp_path / "mine.yaml").write_bytes("note: größer\r\nx: {y: 1}\r\n".encode(encoding))
        assert layer_from_file(tmp_path / "mine.yaml").values == {"note": "größer", "x": {"y": 1}}


@pytest.mark.parametrize("text", [".".join(["a"] * 99) + "=1", "training.epochs", "=3", "training..epochs=3", "a=[1"])
def test_an_assignment_that_is_none_says_so(text: str):
    with pytest.raises(InputError, match="--set"):
        layer_from_assignment(text)


def test_an_assignment_reads_its_value_as_yaml():
    assert layer_from_assignment("objective.sparse_crf={weight: 20, sigma: 0.05}").values == {
        "objective": {"sparse_crf": {"weight": 20, "sigma": 0.05}}
    }


def test_presets_are_the_shipped_files():
    medical = {
        "acdc",
        "acdc_cpu",
        "acdc_cpu_paper",
        "acdc_barrier",
        "acdc_full",
        "acdc_mean_size",
        "phantom",
    }
    medical |= {"acdc_all", "acdc_clicks", "acdc_volumes", "acdc_scribbles", "hippocampus"}
    photos = {"voc", "voc_wr38", "voc_vit", "voc_clicks", "voc_scribbles", "coco", "coco_vit", "ecssd"}
    assert medical | photos <= set(presets())


def test_a_configuration_of_another_system_is_read(tmp_path: Path):
    (tmp_path / "my.yaml").write_bytes("\ufeffdata: {structures: [größe]}\r\n".encode("utf-8"))
    assert layer_from_file(tmp_path / "my.yaml").values == {"data": {"structures": ["größe"]}}


def test_a_number_that_no_computer_takes_is_named_by_its_line(tmp_path: Path):
    (tmp_path / "my.yaml").write_text("training:\n  epochs: " + "9" * 5000)
    with pytest.raises(InputError, match=r"my.yaml, line 2: not valid YAML\n +found: +a number of 5,000 digits"):
        layer_from_file(tmp_path / "my.yaml")
    with pytest.raises(
        InputError, match=r"--set training.epochs=9+…: the value is no YAML(.|\n)*5,000 digits"
    ) as caught:
        layer_from_assignment("training.epochs=" + "9" * 5000)
    assert len(str(caught.value)) < 300
