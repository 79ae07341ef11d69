"""The samples of all tasks and runs as one gallery, sorted into the kinds that people ask for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tag_plugin.report.evaluation.runs import Task
from tag_plugin.report.gallery.cards import Answer, Face, Gallery, Group, Place, Said
from tag_plugin.results.record import Judged

GROUNDED: Final = 0.5
"""From this G on, an answer counts as grounded in the gallery."""
CONFIDENT: Final = 0.5
"""From this AU-answer consistency on, a wrong answer counts as confidently argued."""

GROUPS: Final = (
    Group("right_grounded", "Right & grounded", f"right answer, G of {GROUNDED} or more"),
    Group("right_ungrounded", "Right & ungrounded", f"right answer, G below {GROUNDED}"),
    Group(
        "wrong_confident",
        "Wrong & confident",
        "wrong answer in a well-formed trace whose Action Units speak for it "
        f"(AU-answer consistency of {CONFIDENT} or more): convincing, and wrong",
    ),
    Group("wrong", "Wrong", "any other label than the right one"),
    Group("unparsable", "Unparsable", "no single clear answer could be read: counted as wrong"),
    Group("failed", "Failed requests", "the host got no answer: not judged, not counted"),
)


def gallery(tasks: Sequence[Task]) -> Gallery:
    """Every sample of every run; runs that share a name across tasks share a column."""
    faces: list[Face] = []
    columns: dict[str, list[Answer | None]] = {
        named.name: [] for task in tasks for named in task.runs
    }
    for task in tasks:
        by_run = {named.name: named.samples for named in task.runs}
        known = {s.id: s for samples in by_run.values() for s in samples.values()}
        for sample in known.values():
            faces.append(_face(sample, task.name))
            for name, column in columns.items():
                said = by_run.get(name, {}).get(sample.id)
                column.append(None if said is None else _answer(said))
    groups = [g for g in GROUPS if any(g.key in a.groups for c in columns.values() for a in c if a)]
    return Gallery(faces, columns, groups, "G")


def kinds(sample: Judged) -> frozenset[str]:
    """The keys of the groups that a sample belongs to."""
    if sample.failed is not None:
        return frozenset({"failed"})
    if sample.prediction is None:
        return frozenset({"unparsable"})
    grounding = sample.parts.get("grounding")
    if sample.right:
        if grounding is None:
            return frozenset()
        return frozenset({"right_grounded" if grounding >= GROUNDED else "right_ungrounded"})
    sure = (sample.consistency or 0) >= CONFIDENT and sample.parts.get("format") == 1
    return frozenset({"wrong", "wrong_confident"} if sure else {"wrong"})


def _face(sample: Judged, task: str) -> Face:
    places = sample.reference
    reference = None if places is None else tuple(Place(p.au, p.box.as_tuple()) for p in places)
    return Face(sample.id, Path(sample.image), sample.gold, reference, task)


def _answer(sample: Judged) -> Answer:
    parts = {"G": sample.parts.get("grounding"), "format": sample.parts.get("format")}
    parts["consistency"] = sample.consistency
    text = sample.completion if sample.failed is None else f"(failed: {sample.failed})"
    return Answer(
        sample.prediction,
        text,
        _claims(sample),
        sample.defects,
        parts,
        sample.parts.get("grounding"),
        kinds(sample),
    )


def _claims(sample: Judged) -> tuple[Said, ...]:
    overlaps = {(match.au, match.claim): match.iou for match in sample.matches}
    said = []
    for claim in sample.claims:
        # A second claim of the same AU and box is a duplicate, which has a defect and no pair.
        paired = None if claim.defects or claim.au is None or claim.box is None else claim.box
        overlap = overlaps.get((claim.au, paired)) if claim.au and paired else None
        box = None if claim.box is None else claim.box.as_tuple()
        problem = "; ".join(claim.defects)
        said.append(Said(claim.au, box, overlap, problem, claim.region, claim.observation))
    return tuple(said)
