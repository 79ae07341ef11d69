"""Rollouts as gallery entries, and how often each AU was claimed as training went on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import BoxFrame, box_from_values
from tag_plugin.facs.detections import Detections
from tag_plugin.facs.emotions import LabelSet
from tag_plugin.report.gallery.cards import Answer, Face, Gallery, Group, Place, Said
from tag_plugin.scoring.matching import Target, pair
from tag_plugin.scoring.score import DEFAULT_JUDGE, Reference

_SHOWN: Final = 48
_BINS: Final = 12

Rollout = Mapping[str, Any]

GROUPS: Final = (
    Group("best", "Best", f"the {_SHOWN} completions with the highest total reward", "high"),
    Group("worst", "Worst", f"the {_SHOWN} completions with the lowest total reward", "low"),
    Group("unparsable", "Unparsable", "no single clear answer could be read"),
    Group("last", "Last step", "what the policy writes at the end of the record"),
)


@dataclass(frozen=True, slots=True)
class Drift:
    """Share of completions that claim an AU: one row an AU, one column a range of steps.

    `reference` is the share of the same faces on which the detector saw the AU, None when the
    rollouts do not say.
    """

    ranges: Sequence[str]
    rows: Sequence[tuple[int, str, Sequence[float], float | None]]


def gallery(rollouts: Sequence[Rollout], name: str, directory: Path = Path()) -> Gallery:
    """Every recorded completion; the best and the worst are groups.

    A relative path of a picture is looked for in the working directory, then in the run's
    directory and in those above it: a recipe names its data from where the training was started.
    """
    totals = [_total(rollout) for rollout in rollouts]
    order = sorted(range(len(rollouts)), key=lambda index: totals[index])
    worst, best = set(order[:_SHOWN]), set(order[-_SHOWN:])
    last = max((rollout["step"] for rollout in rollouts), default=0)
    answers = []
    for index, rollout in enumerate(rollouts):
        held = {"best"} if index in best else set()
        held |= {"worst"} if index in worst else set()
        held |= {"unparsable"} if _is_tag(rollout) and rollout["answer"] is None else set()
        held |= {"last"} if rollout["step"] == last else set()
        answers.append(_answer(rollout, totals[index], frozenset(held)))
    faces = [_face(rollout, directory.resolve()) for rollout in rollouts]
    return Gallery(faces, {name: answers}, GROUPS, "total reward", "best")


def drift(rollouts: Sequence[Rollout]) -> Drift | None:
    """AU frequencies over the steps; None without TAG rollouts."""
    judged = [rollout for rollout in rollouts if _is_tag(rollout)]
    steps = sorted({rollout["step"] for rollout in judged})
    if not steps:
        return None
    size = -(-len(steps) // _BINS)
    bins = [steps[start : start + size] for start in range(0, len(steps), size)]
    counts = [_claimed([r for r in judged if r["step"] in set(group)]) for group in bins]
    expected = _expected(judged)
    rows = [
        (au, ACTION_UNITS[au].name, [share.get(au, 0.0) for share in counts], expected.get(au))
        for au in ACTION_UNITS
        if any(au in share for share in counts) or au in expected
    ]
    names = [str(g[0]) if g[0] == g[-1] else f"{g[0]}–{g[-1]}" for g in bins]
    return Drift(names, rows)


def _claimed(rollouts: Sequence[Rollout]) -> dict[int, float]:
    counts = Counter(au for r in rollouts for au in {box["au"] for box in r["boxes"]} if au)
    return {au: count / len(rollouts) for au, count in counts.items()}


def _expected(rollouts: Sequence[Rollout]) -> dict[int, float]:
    places = [found for r in rollouts if (found := _targets(r)) is not None]
    counts = Counter(au for found in places for au in {target.au for target in found})
    return {au: count / len(places) for au, count in counts.items()}


def _face(rollout: Rollout, directory: Path) -> Face:
    images = rollout.get("images") or [""]
    targets = _targets(rollout)
    places = None if targets is None else tuple(Place(t.au, t.box.as_tuple()) for t in targets)
    gold = str(rollout.get("solution") or "") if _is_tag(rollout) else ""
    task = rollout.get("dataset") or ""
    image = _found(Path(str(images[0])), directory)
    return Face(rollout["prompt_id"], image, gold, places, task, rollout["step"])


def _found(image: Path, directory: Path) -> Path:
    bases = (Path.cwd(), directory, *directory.parents)
    try:
        return next((base / image for base in bases if (base / image).is_file()), image)
    except OSError:  # a name that is too long for a file
        return image


def _answer(rollout: Rollout, total: float, groups: frozenset[str]) -> Answer:
    parts = {**rollout["rewards"], "total": total, "advantage": rollout.get("advantage")}
    return Answer(
        rollout["answer"] if _is_tag(rollout) else "",
        rollout["text"],
        _said(rollout),
        tuple(rollout.get("defects", ())),
        parts,
        total,
        groups,
    )


def _said(rollout: Rollout) -> tuple[Said, ...]:
    boxes = [(each["au"], box_from_values(each["box"])) for each in rollout.get("boxes", ())]
    claims = [(au, box) if au else None for au, box in boxes]
    matches = pair(claims, _targets(rollout) or (), DEFAULT_JUDGE.iou_threshold)
    overlap = {match.claim: match.iou for match in matches}
    return tuple(
        Said(au, box.as_tuple(), overlap.get(index)) for index, (au, box) in enumerate(boxes)
    )


def _targets(rollout: Rollout) -> tuple[Target, ...] | None:
    """What was to be found, by the judge's own rule."""
    known = rollout.get("reference")
    if known is None:
        return None
    reference = Reference(None, LabelSet("none", ()), Detections.model_validate(known))
    targets = reference.targets(DEFAULT_JUDGE, BoxFrame.RELATIVE)
    return targets.present if targets else None


def _is_tag(rollout: Rollout) -> bool:
    return "answer" in rollout


def _total(rollout: Rollout) -> float:
    if "total" in rollout:
        return float(rollout["total"])
    return float(sum(value for value in rollout["rewards"].values() if value is not None))
