import pytest

from medsize.config.layers import Layer
from medsize.config.loading import validate
from medsize.config.run import RunConfig
from medsize.errors import InputErrors


@pytest.mark.parametrize("term", ["expand", "volumetric", "positional", "negative"])
def test_terms_that_must_be_told_what_each_slice_shows_refuse_the_tags_of_volumes(term: str) -> None:
    objective = {"size_target": {}, term: {}}
    with pytest.raises(InputErrors, match=rf"objective\.{term} must be told what each slice shows"):
        validate(Layer({"objective": objective, "supervision": {"level": "volume"}}))
    assert RunConfig.model_validate({"objective": objective}).supervision.level == "slice"


def test_a_term_about_seeds_refuses_to_have_none() -> None:
    supervision = {"seeds": {"kind": "none"}}
    with pytest.raises(InputErrors, match=r"supervision\.seeds\.kind is 'none'"):
        validate(Layer({"objective": {"partial_cross_entropy": {}}, "supervision": supervision}))
    assert RunConfig.model_validate({"objective": {"pseudo_cross_entropy": {}}, "supervision": supervision})
