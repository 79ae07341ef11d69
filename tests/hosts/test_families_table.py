"""docs/families.md is made of what the hosts and our tables hold."""

from importlib.util import find_spec

import pytest

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(
        not (find_spec("llamafactory") and find_spec("lmms_eval")), reason="needs both hosts"
    ),
]


def test_the_table_of_families_is_current():
    from tests.hosts import families_table

    said = "next: python -m tests.hosts.families_table"
    assert families_table.written() == families_table.FILE.read_text(encoding="utf-8"), said


def test_every_wrapper_of_the_table_is_tried_or_said_not_to_be():
    from tag_plugin.hosts.lmms_eval.checkpoints import ARCHITECTURES
    from tests.hosts import families_table
    from tests.hosts.lmms_eval.test_prompt_equality import TRIED

    wrappers = {each.wrapper for each in ARCHITECTURES.values()}
    assert wrappers == {wrapper for *_, wrapper, _ in TRIED} | set(families_table.NOT_RUN)
