"""What a stage loses is said where somebody looks: loudly, with the first causes, in few lines."""

from pathlib import Path

import pytest

from tag_plugin.cli.options import print_summary
from tag_plugin.pipeline.manifest import Manifest


def summary(rows, dropped, counts=None):
    return {
        "inputs": rows + sum(dropped.values()),
        "rows": rows,
        "counts": counts or {},
        "dropped": {
            reason: {"count": count, "ids": [f"a{n}: it is so" for n in range(min(count, 20))]}
            for reason, count in dropped.items()
        },
    }


@pytest.mark.parametrize(
    ("train", "told"),
    [
        (summary(70, {"too dark": 30}), None),
        (summary(69, {"too dark": 31}), "31 of 100 are lost (31 %): too dark 31 (first: a0: it is"),
        (summary(0, {"too dark": 5}), "5 of 5 are lost (100 %)"),
        (summary(10, {}, {"no face": 4, "face": 6}), "4 of 10 are lost (40 %): no face 4"),
        (summary(0, {}), None),
        (summary(1, {"b": 1, "a": 290_000}), "a 290000 (first: a0: it is so); b 1"),
    ],
)
def test_a_loss_of_more_than_three_tenths_is_loud(capsys, train, told):
    print_summary(Manifest(Path("x.json"), {}, {"train": train, "dev": summary(9, {})}), "go on")
    printed = capsys.readouterr()
    assert "go on" in printed.out
    assert len(printed.out.splitlines()) == 3
    if told is None:
        assert "WARNING" not in printed.err
    else:
        assert told in printed.err
        assert len(printed.err.splitlines()) == 1
