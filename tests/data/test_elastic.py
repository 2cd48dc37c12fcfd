import math

import numpy as np
import pytest
import torch

from medsize.data.elastic import WAVES, Waves


def waves(count: int = 3, largest: float = 0.1) -> Waves:
    return Waves.of(
        torch.rand(4, count, WAVES, generator=torch.Generator().manual_seed(0), dtype=torch.float64), largest
    )


def points(count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    rows, columns = torch.rand(2, count, 50, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 64
    return rows, columns


def test_one_wave_is_the_curl_of_its_stream_function() -> None:
    amplitude, frequency, direction, phase = 0.07, 2.0, 0.8, 0.4
    one = Waves(*(torch.tensor([[value]], dtype=torch.float64) for value in (amplitude, frequency, direction, phase)))
    rows, columns = (at[:1] for at in points())
    wave_number = 2 * math.pi * frequency / 64

    def stream(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        across = math.cos(direction) * row + math.sin(direction) * column
        return amplitude * 64 / wave_number * np.cos(wave_number * across + phase)

    row, column, step = rows.numpy(), columns.numpy(), 1e-4
    down = (stream(row, column + step) - stream(row, column - step)) / (2 * step)
    right = -(stream(row + step, column) - stream(row - step, column)) / (2 * step)
    found = one.displace(rows, columns, 64)
    np.testing.assert_allclose(found[0] - rows, down, atol=1e-5)
    np.testing.assert_allclose(found[1] - columns, right, atol=1e-5)


def test_no_area_changes_anywhere() -> None:
    rows, columns = points()
    step = 1e-5
    (rr, cr), (rc, cc) = (
        [(after - before) / (2 * step) for after, before in zip(ahead, behind, strict=True)]
        for ahead, behind in (
            (waves().displace(rows + step, columns, 64), waves().displace(rows - step, columns, 64)),
            (waves().displace(rows, columns + step, 64), waves().displace(rows, columns - step, 64)),
        )
    )
    assert (rr - 1).abs().max() > 0.05  # it does deform
    torch.testing.assert_close(rr * cc - rc * cr, torch.ones_like(rr), atol=1e-6, rtol=0)


def test_the_way_back_leads_to_where_it_began() -> None:
    given = points()
    there = waves().displace(*given, 64)
    assert (there[0] - given[0]).abs().max() > 1
    torch.testing.assert_close(waves().displace(*there, 64, back=True), given)


def test_what_is_given_is_left_as_it_was() -> None:
    rows, columns = points()
    kept = rows.clone(), columns.clone()
    waves().displace(rows, columns, 64)
    assert torch.equal(rows, kept[0])
    assert torch.equal(columns, kept[1])


@pytest.mark.parametrize("largest", [0.02, 0.2])
def test_no_pixel_moves_farther_than_it_may(largest: float) -> None:
    many = waves(500, largest)
    rows, columns = points(500)
    down, right = many.displace(rows, columns, 64)
    moved = torch.hypot(down - rows, right - columns).amax(1)
    assert (moved <= many.reach() * 64 + 1e-9).all()
    assert many.reach().max() <= largest
    assert moved.max() > largest * 64 / 2


def test_each_image_has_its_own_waves() -> None:
    rows, columns = points()
    whole = waves().displace(rows, columns, 64)
    images = torch.tensor([2, 0])
    part = waves().of_images(images).displace(rows[images], columns[images], 64)
    torch.testing.assert_close(part, (whole[0][images], whole[1][images]))
