"""The rules writer says only what the detector saw."""

import pytest

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.trace.parse import parse
from tag_plugin.trace.render import render

SEEDS = range(20)


def seen(*action_units):
    found = tuple(Detection(au=au, probability=0.9, box=Box(9, 9, 99, 99)) for au in action_units)
    return Detections(detections=found, supported=frozenset(ACTION_UNITS))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("au", ACTION_UNITS)
def test_an_au_on_one_side_is_said_to_be_there_only(au, side):
    found = Detection(au=au, probability=0.9, box=Box(9, 9, 99, 99), side=side)
    one_sided = Detections(detections=(found,), supported=frozenset(ACTION_UNITS))
    for seed in SEEDS:
        trace = write_trace("contempt", one_sided, seed)
        assert trace.inspections[0].observation.endswith(f", on the person's {side} side only")
        assert parse(render(trace)).trace == trace


@pytest.mark.parametrize(
    ("label", "action_units", "said"),
    [
        ("neutral", (), ("at rest", "calm and relaxed")),
        ("happiness", (), ("stands out", "no single feature does")),  # a detector may be blind
        ("neutral", (22,), ("as a whole",)),  # nothing carries an expression
        ("anger", (4,), ("upper face", "eyes and brows")),
        ("happiness", (12,), ("lower face", "nose and mouth")),
        ("surprise", (1, 26), ("both the upper and the lower", "from the brows to the mouth")),
    ],
)
def test_the_analysis_tells_where_something_was_seen(label, action_units, said):
    analyses = {write_trace(label, seen(*action_units), seed).global_analysis for seed in SEEDS}
    assert len(analyses) == 2
    for analysis in analyses:
        assert any(words in analysis for words in said)
