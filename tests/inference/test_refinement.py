import numpy as np
import pytest
import torch

from medsize.inference.refinement import refine_batches

IMAGES = np.random.default_rng(0).random((5, 1, 4, 3), dtype=np.float32)
PROBABILITIES = torch.from_numpy(np.random.default_rng(1).dirichlet([1, 1], (5, 4, 3))).permute(0, 3, 1, 2).float()


class Recorder:
    """A refinement that swaps the two classes and notes what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[torch.Tensor, torch.Tensor | None]] = []

    def __call__(self, probs, image, *, domain):
        self.given.append((image.clone(), domain))
        return probs.flip(1)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_each_batch_meets_its_own_images(batch_size):
    refine = Recorder()
    batches = refine_batches(refine, PROBABILITIES.split(batch_size), IMAGES, np.ones((4, 3), np.bool_))
    torch.testing.assert_close(torch.cat(list(batches)), PROBABILITIES.flip(1))
    np.testing.assert_array_equal(torch.cat([image for image, _ in refine.given]), IMAGES)
    assert all(domain is None for _, domain in refine.given)


def test_padding_is_named_for_every_image_of_a_batch():
    refine, domain = Recorder(), np.arange(12).reshape(4, 3) > 3
    list(refine_batches(refine, PROBABILITIES.split(3), IMAGES, domain))
    for image, given in refine.given:
        np.testing.assert_array_equal(given, np.broadcast_to(domain, (len(image), 4, 3)))


def test_batches_are_asked_for_one_at_a_time():
    asked = []

    def batches():
        for number, batch in enumerate(PROBABILITIES.split(1)):
            asked.append(number)
            yield batch

    refined = refine_batches(Recorder(), batches(), IMAGES, np.ones((4, 3), np.bool_))
    next(refined)
    assert asked == [0]


def test_no_graph_is_kept():
    def through_a_parameter(probs, image, *, domain):
        return probs * torch.ones(1, requires_grad=True)

    refined = next(refine_batches(through_a_parameter, [PROBABILITIES], IMAGES, np.ones((4, 3), np.bool_)))
    assert not refined.requires_grad
