"""Near duplicates: the fast search finds what comparing everything with everything finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tag_plugin.data.rows import FrameInfo, write_rows
from tag_plugin.pipeline.duplicates import find_duplicates, nearest
from tests.pipeline.detected_rows import prepared_row

HASH = st.integers(0, 2**64 - 1)


def as_array(values):
    return np.array(values, dtype=np.uint64)


def brute_force(first, second, distance):
    best = []
    for one in first:
        bits = [(one ^ other).bit_count() for other in second if one and other]
        best.append(min((bit for bit in bits if bit <= distance), default=64))
    return best


@settings(deadline=None, max_examples=60)
@given(st.lists(HASH, max_size=20), st.data(), st.integers(0, 8))
def test_the_bands_miss_nothing(second, data, distance):
    """Half of the hashes are another one with a few bits turned."""
    near = [
        value ^ sum(1 << bit for bit in data.draw(st.sets(st.integers(0, 63), max_size=10)))
        for value in second
    ]
    first = near + data.draw(st.lists(HASH, max_size=10))
    places, bits = nearest(as_array(first), as_array(second), distance)
    assert bits.tolist() == brute_force(first, second, distance)
    for one, place, bit in zip(first, places.tolist(), bits.tolist(), strict=True):
        assert bit == 64 or (one ^ second[place]).bit_count() == bit


def test_a_hundred_thousand_equal_pictures_are_no_trouble():
    equal = np.full(100_000, 77, dtype=np.uint64)
    _, bits = nearest(equal[:50], equal, 4)
    assert (bits == 0).all()


def test_no_hash_is_equal_to_nothing():
    _, bits = nearest(as_array([0, 5]), as_array([0, 5]), 4)
    assert bits.tolist() == [64, 0]


def write(path, hashes):
    frames = [
        FrameInfo(side=448, how="whole", phash=f"{value:016x}") if value else None
        for value in hashes
    ]
    rows = [
        prepared_row(0, path.stem).model_copy(update={"id": f"{path.stem}{n}", "frame": frame})
        for n, frame in enumerate(frames)
    ]
    write_rows(path, rows)
    return path


A, B, C = 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210, 0x0F0F_3C3C_5A5A_9999


@pytest.mark.parametrize(
    ("train", "dev", "test", "expected"),
    [
        ([A, B], [], [A], [("train0", "test0", 0)]),
        ([A ^ 0b11], [A], [], [("train0", "dev0", 2)]),
        ([A], [A ^ 1], [A], [("dev0", "test0", 1), ("train0", "test0", 0)]),
        ([A ^ 0b11111], [], [A], []),  # five bits: another picture
        ([A, A, 0], [], [B, 0, C], []),  # twice in train is no leak; no hash is no duplicate
        ([], [], [], []),
    ],
)
def test_a_duplicate_belongs_to_the_split_that_goes_before(tmp_path, train, dev, test, expected):
    parts = {"train": train, "dev": dev, "test": test}
    files = {split: write(tmp_path / f"{split}.jsonl", hashes) for split, hashes in parts.items()}
    found = find_duplicates(files)
    assert [(each.id, each.of, each.distance) for each in found] == expected
