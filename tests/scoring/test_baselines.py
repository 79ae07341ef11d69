"""The baselines that never look: mean boxes by hand, the best claims by trying all of them."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.scoring.baseline_fit import TrainFaces
from tag_plugin.scoring.baselines import Baselines
from tag_plugin.scoring.matching import Target
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig, Reference, score_completion
from tag_plugin.trace.grammar import Inspection, Trace
from tag_plugin.trace.render import render
from tests.scoring.samples import LABELS
from tests.strategies import boxes

AUS = (4, 12, 25)
FACES = st.lists(
    st.tuples(
        st.sampled_from(("fear", "anger")),
        st.dictionaries(st.sampled_from(AUS), st.tuples(boxes(), st.sampled_from((0.1, 0.4, 0.9)))),
    ),
    min_size=1,
    max_size=5,
)


def reference(label, seen):
    found = tuple(Detection(au=au, probability=p, box=box) for au, (box, p) in seen.items())
    return Reference(label, LABELS, Detections(detections=found, supported=frozenset((*AUS, 1))))


def fitted(faces, config=DEFAULT_JUDGE):
    train = TrainFaces(LABELS, config)
    for label, seen in faces:
        train.add(reference(label, seen))
    return train.fitted()


def by_the_judge(units, baselines, face):
    """G of a written trace that claims these AUs at their mean boxes."""
    mean = baselines.boxes(BoxFrame.RELATIVE)
    steps = [
        Inspection(region=unit.region, au=unit.id, observation=unit.name, box=mean[unit.id])
        for unit in map(action_unit, units)
    ]
    trace = Trace(global_analysis="A face.", inspections=tuple(steps), answer="fear")
    text = render(trace, BoxFrame.RELATIVE)
    return score_completion(text, reference(*face), BoxFrame.RELATIVE).grounding


@given(FACES)
@example([("fear", {4: (Box(0, 476, 1, 477), 0.9)}), ("fear", {4: (Box(0, 987, 1, 988), 0.9)})])
@settings(max_examples=40, deadline=None)
def test_the_best_claims_are_the_best_and_get_what_the_judge_gives(faces):
    found = fitted(faces)
    placed = {target.au for target in found.template}
    sets = [units for n in range(len(placed) + 1) for units in combinations(sorted(placed), n)]

    def mean(units, chosen=faces):
        return np.mean([by_the_judge(units, found, face) for face in chosen])

    for label, units in found.by_answer.items():
        of_label = [face for face in faces if face[0] == label]
        single = max(mean(each, of_label) for each in sets if len(each) < 2)
        assert mean(units, of_label) >= single - 1e-9, "greedy begins with the best single AU"
    if placed:
        singles = [mean(each) for each in sets if len(each) == 1]
        assert found.constant
        assert mean(found.constant) >= max(singles) - 1e-9


def test_the_template_is_the_mean_box_of_the_faces_that_show_the_unit():
    seen = [{12: (Box(100, 100, 300, 300), 0.9)}, {12: (Box(120, 120, 320, 321), 0.6)}]
    unsure = {12: (Box(0, 0, 1000, 1000), 0.4), 4: (Box(0, 0, 9, 9), 0.1)}
    found = fitted([("fear", each) for each in (*seen, unsure)])
    assert found.template == (Target(12, Box(110, 110, 310, 311)),)
    assert (found.constant, found.by_answer) == ((12,), {"fear": (12,)})


def test_which_units_are_asked_for_decides():
    face = ("fear", {12: (Box(1, 1, 9, 9), 0.7), 4: (Box(1, 1, 9, 9), 0.9)})
    cautious = JudgeConfig.model_validate({"thresholds": {"on": 0.8}})
    assert fitted([face], cautious).constant == (4,)
    assert fitted([face], JudgeConfig(top_k=1)).constant == (4,)


def test_faces_that_show_nothing_have_no_claim():
    found = fitted([("fear", {}), ("anger", {})])
    assert found == Baselines(template=(), constant=(), by_answer={"fear": (), "anger": ()})


@pytest.mark.parametrize(
    "broken",
    [
        {"constant": [4]},
        {"constant": [12, 12]},
        {"by_answer": {"fear": [99]}},
        {"template": [{"au": 12, "box": [1, 1, 0, 0]}]},
    ],
)
def test_baselines_that_contradict_themselves_are_refused(broken):
    good = {"template": [{"au": 12, "box": [1, 1, 9, 9]}], "constant": [12], "by_answer": {}}
    assert Baselines.model_validate(good)
    with pytest.raises(ValidationError):
        Baselines.model_validate(good | broken)
