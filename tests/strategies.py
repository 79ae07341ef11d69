"""Hypothesis strategies for boxes, detections and traces."""

from hypothesis import strategies as st

from tag_plugin.facs.action_units import ACTION_UNITS, action_unit
from tag_plugin.facs.boxes import BOX_SCALE, Box
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.facs.emotions import EMOTIONS
from tag_plugin.trace.denial import denies_itself
from tag_plugin.trace.grammar import Inspection, Trace, same_claim, text_problem
from tag_plugin.trace.prose import Sentences, names_another, unclaimed_units


def _spans(smallest: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.integers(0, BOX_SCALE - smallest).flatmap(
        lambda low: st.tuples(st.just(low), st.integers(low + smallest, BOX_SCALE))
    )


def boxes(smallest: int = 1) -> st.SearchStrategy[Box]:
    """Valid boxes with sides of at least `smallest` thousandths of the frame."""
    return st.builds(lambda x, y: Box(x[0], y[0], x[1], y[1]), _spans(smallest), _spans(smallest))


ACTION_UNIT_IDS = st.sampled_from(sorted(ACTION_UNITS))

DETECTIONS = st.lists(
    st.builds(Detection, au=ACTION_UNIT_IDS, probability=st.floats(0, 1), box=boxes()),
    max_size=8,
    unique_by=lambda found: found.au,
).flatmap(
    lambda found: st.frozensets(ACTION_UNIT_IDS).map(
        lambda extra: Detections(
            detections=tuple(found), supported=extra | {each.au for each in found}
        )
    )
)

FREE_TEXT = (
    st.tuples(st.text(max_size=60), st.characters(categories=["L"]))
    .map(lambda parts: "".join(parts).strip())
    .filter(lambda text: text_problem(text) is None)
)

INSPECTIONS = ACTION_UNIT_IDS.flatmap(
    lambda au: st.builds(
        Inspection,
        region=st.just(action_unit(au).region),
        au=st.just(au),
        observation=FREE_TEXT.filter(lambda text: not denies_itself(text)),
        box=boxes(),
    )
)


def _without_repetition(steps: list[Inspection]) -> tuple[Inspection, ...]:
    kept: list[Inspection] = []
    for step in steps:
        if not any(same_claim(step.au, step.box, other.au, other.box) for other in kept):
            kept.append(step)
    sentences = Sentences()
    return tuple(step for step in kept if not sentences.repeats(step.au, step.observation))


TRACES = st.builds(
    Trace,
    global_analysis=FREE_TEXT.filter(
        lambda text: not unclaimed_units(text, ()) and not names_another(text, "")
    ),
    inspections=st.lists(INSPECTIONS, max_size=6).map(_without_repetition),
    answer=st.sampled_from(EMOTIONS),
)
