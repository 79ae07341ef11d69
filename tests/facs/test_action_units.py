import pytest

from tag_plugin.facs.action_units import (
    ACTION_UNITS,
    NEARLY_SHARED_BOXES,
    action_unit,
    nearly_share_a_box,
)


def test_the_table_holds_the_twenty_units_in_ascending_order():
    expected = [1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 22, 23, 24, 25, 26, 27]
    assert list(ACTION_UNITS) == expected


def test_names_are_unique():
    assert len({unit.name for unit in ACTION_UNITS.values()}) == len(ACTION_UNITS)


def test_an_unknown_unit_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="AU3 is not a known Action Unit; known: 1, 2, 4"):
        action_unit(3)


def test_shared_boxes_are_pairs_of_known_units_that_overlap_by_half():
    for pair, overlap in NEARLY_SHARED_BOXES.items():
        assert len(pair) == 2
        assert pair <= set(ACTION_UNITS)
        assert 0.5 <= overlap <= 1


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        (20, 24, True),  # the whole mouth
        (24, 20, True),
        (15, 27, True),
        (12, 26, True),
        (10, 12, True),
        (12, 15, False),  # the corners by name; the regions follow different muscles
        (26, 27, False),
        (1, 17, False),
        (12, 12, False),  # the same AU
    ],
)
def test_which_boxes_are_shared(first, second, shared):
    assert nearly_share_a_box(first, second) is shared
