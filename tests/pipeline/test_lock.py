"""Two runs that would make the same parts: the second is refused in one line."""

import pytest

from tag_plugin.pipeline.lock import locked
from tag_plugin.pipeline.outcomes import StageError
from tag_plugin.pipeline.parts import Share


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("1/1", "1/1", False),
        ("1/1", "2/4", False),
        ("2/4", "1/1", False),
        ("2/4", "2/4", False),
        ("1/2", "3/4", False),  # part 2 belongs to both
        ("1/2", "2/3", False),
        ("1/2", "2/2", True),
        ("1/2", "4/4", True),
        ("3/4", "4/4", True),
    ],
)
def test_shares_with_a_part_in_common_exclude_each_other(tmp_path, first, second, together):
    with locked(tmp_path, "built", Share.parse(first)):
        if together:
            with locked(tmp_path, "built", Share.parse(second)):
                pass
        else:
            refused = pytest.raises(StageError, match=r"built is being made by another run; next:")
            with refused, locked(tmp_path, "built", Share.parse(second)):
                raise AssertionError("both run")
    with locked(tmp_path, "built", Share.parse(second)):
        pass
    assert list(tmp_path.iterdir()) == []


def test_stages_do_not_exclude_each_other(tmp_path):
    with locked(tmp_path, "built", Share()), locked(tmp_path, "detected", Share()):
        pass


def test_the_lock_of_a_killed_run_is_none_and_goes(tmp_path):
    for name in ("built-1-of-1.lock", "built-2-of-4.lock"):
        (tmp_path / name).touch()
    with locked(tmp_path, "built", Share()):
        pass
    assert list(tmp_path.iterdir()) == []
