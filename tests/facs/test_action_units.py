import pytest

from tag_plugin.facs.action_units import ACTION_UNITS, action_unit


def test_the_table_holds_the_twenty_units_in_ascending_order():
    expected = [1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 22, 23, 24, 25, 26, 27]
    assert list(ACTION_UNITS) == expected


def test_names_are_unique():
    assert len({unit.name for unit in ACTION_UNITS.values()}) == len(ACTION_UNITS)


def test_an_unknown_unit_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="AU3 is not a known Action Unit; known: 1, 2, 4"):
        action_unit(3)
