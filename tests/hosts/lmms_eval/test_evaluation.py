"""The garbage collector is left as it was found, whatever happens in between."""

import gc

import pytest

from tag_plugin.hosts.lmms_eval.evaluation import no_collections, settled_heap

pytestmark = pytest.mark.host


@pytest.fixture(autouse=True)
def collecting():
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_collecting_is_off_inside_and_as_before_afterwards(enabled, fails):
    if not enabled:
        gc.disable()
    try:
        with no_collections():
            assert not gc.isenabled()
            if fails:
                raise ValueError("inside")
    except ValueError:
        assert fails
    assert gc.isenabled() is enabled


@pytest.mark.parametrize("fails", [True, False])
def test_what_was_there_is_searched_again_afterwards(fails):
    try:
        with settled_heap():
            assert gc.get_freeze_count() > 0
            assert gc.isenabled()  # what comes later is still collected
            if fails:
                raise ValueError("inside")
    except ValueError:
        assert fails
    assert gc.get_freeze_count() == 0
