from __future__ import annotations

import pytest

from service.providers.buckets import Piece, bucket_sizes, pieces


@pytest.mark.parametrize(
    ("largest", "sizes"),
    [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (8, (1, 2, 4, 8)), (9, (1, 2, 4, 8, 9))],
)
def test_buckets_end_with_the_largest_batch(largest: int, sizes: tuple[int, ...]) -> None:
    assert bucket_sizes(largest) == sizes


@pytest.mark.parametrize("largest", [1, 2, 3, 12, 32])
def test_pieces_cover_each_image_once_and_pad_less_than_half(largest: int) -> None:
    buckets = bucket_sizes(largest)
    for images in range(1, 2 * largest + 2):
        found = list(pieces(images, buckets))
        covered = [place for piece in found for place in range(piece.start, piece.end)]
        assert covered == list(range(images))
        assert all(piece.bucket in buckets for piece in found)
        assert all(piece.end - piece.start > piece.bucket // 2 for piece in found)


def test_a_batch_above_the_largest_bucket_runs_in_several() -> None:
    assert list(pieces(9, (1, 2, 4))) == [Piece(0, 4, 4), Piece(4, 8, 4), Piece(8, 9, 1)]
