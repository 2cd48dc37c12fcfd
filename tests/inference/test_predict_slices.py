import numpy as np
import pytest
import torch
from torch import nn

from medsize.inference.predict_slices import most_probable, predict_labels, predict_probabilities
from tests.agreement import assert_same_but_for_ties

ON_CPU = {"device": torch.device("cpu"), "precision": torch.float32}


class Recorder(nn.Module):
    """A pointwise network with dropout that notes what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 1)
        self.dropout = nn.Dropout(0.5)
        self.batches: list[torch.Size] = []

    def forward(self, image):
        self.batches.append(image.shape)
        self.dtype = self.conv(image).dtype
        return self.dropout(self.conv(image))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Recorder()


@pytest.fixture
def images():
    return np.random.default_rng(0).random((7, 1, 5, 4), dtype=np.float32)


def test_probabilities_are_the_softmax_of_the_logits_in_evaluation_mode(network, images):
    rows = np.array([4, 0, 6])
    batches = list(predict_probabilities(network, images, rows, batch_size=2, **ON_CPU))
    expected = network.conv(torch.from_numpy(images[rows])).softmax(1)
    torch.testing.assert_close(torch.cat(batches), expected)


def test_slices_come_in_batches_of_at_most_the_size_asked_for(network, images):
    list(predict_probabilities(network, images, np.arange(7), batch_size=3, **ON_CPU))
    assert [shape[0] for shape in network.batches] == [3, 3, 1]


@pytest.mark.parametrize("mode", [True, False])
def test_the_network_is_given_back_in_its_mode(network, images, mode):
    network.train(mode)
    predict_labels(network, images, batch_size=4, **ON_CPU)
    assert network.training is mode


def test_the_mode_is_given_back_when_nobody_reads_to_the_end(network, images):
    network.train()
    batches = predict_probabilities(network, images, np.arange(7), batch_size=3, **ON_CPU)
    next(batches)
    batches.close()
    assert network.training


def test_no_graph_is_kept_and_gradients_still_work_after(network, images):
    probabilities = next(predict_probabilities(network, images, np.arange(2), batch_size=2, **ON_CPU))
    assert not probabilities.requires_grad
    network(torch.from_numpy(images)).sum().backward()
    assert network.conv.weight.grad is not None


def test_labels_are_the_most_probable_classes_of_all_slices(network, images):
    labels = predict_labels(network, images, batch_size=3, **ON_CPU)
    assert labels.dtype == np.uint8
    assert_same_but_for_ties(labels, network.conv(torch.from_numpy(images)).argmax(1))


def test_labels_of_chosen_rows_come_in_their_order(network, images):
    everything = predict_labels(network, images, batch_size=7, **ON_CPU)
    some = predict_labels(network, images, np.array([5, 1]), batch_size=7, **ON_CPU)
    assert_same_but_for_ties(some, everything[[5, 1]])


def test_no_slices_have_no_labels(network, images):
    assert predict_labels(network, images[:0], batch_size=3, **ON_CPU).shape == (0, 5, 4)


def test_bfloat16_is_used_inside_and_probabilities_are_float32(network, images):
    batches = predict_probabilities(
        network, images, np.arange(7), device=torch.device("cpu"), precision=torch.bfloat16, batch_size=7
    )
    probabilities = next(batches)
    assert network.dtype == torch.bfloat16
    assert probabilities.dtype == torch.float32
    torch.testing.assert_close(probabilities.sum(1), torch.ones(7, 5, 4))


def test_a_memory_map_is_read_batch_by_batch(network, images, tmp_path):
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        predict_labels(network, mapped, batch_size=2, **ON_CPU), predict_labels(network, images, batch_size=2, **ON_CPU)
    )


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_the_most_probable_class_is_the_argmax_and_the_first_of_equals(dim):
    probabilities = torch.from_numpy(np.random.default_rng(0).integers(0, 3, (5, 6, 4)) / 2)
    labels = most_probable(probabilities, dim=dim)
    assert labels.dtype == torch.uint8
    np.testing.assert_array_equal(labels, np.argmax(probabilities.numpy(), dim))
