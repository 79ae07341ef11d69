"""Rollouts as gallery entries, and how often each AU was claimed as training went on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.report.gallery.cards import Answer, Face, Gallery, Group, held
from tag_plugin.report.grpo.logs import Rollout
from tag_plugin.scoring.score import ScoredCompletion

_SHOWN: Final = 48
_BINS: Final = 12

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
    order = sorted(range(len(rollouts)), key=lambda index: rollouts[index].total)
    worst, best = set(order[:_SHOWN]), set(order[-_SHOWN:])
    last = max((rollout.step for rollout in rollouts), default=0)
    answers = []
    for index, rollout in enumerate(rollouts):
        verdict = rollout.verdict
        groups = {
            "best": index in best,
            "worst": index in worst,
            "unparsable": verdict is not None and verdict.parsed.answer is None,
            "last": rollout.step == last,
        }
        parts = {**rollout.rewards, "total": rollout.total, "advantage": rollout.advantage}
        answers.append(Answer(rollout.text, verdict, parts, rollout.total, held(groups)))
    faces = [_face(rollout, directory.resolve()) for rollout in rollouts]
    return Gallery(faces, {name: answers}, GROUPS, "total reward", "best")


def drift(rollouts: Sequence[Rollout]) -> Drift | None:
    """AU frequencies over the steps; None without TAG rollouts."""
    judged = [(rollout.step, verdict) for rollout in rollouts if (verdict := rollout.verdict)]
    steps = sorted({step for step, _ in judged})
    if not steps:
        return None
    size = -(-len(steps) // _BINS)
    bins = [steps[start : start + size] for start in range(0, len(steps), size)]
    counts = [_shares([_claimed(v) for step, v in judged if step in set(group)]) for group in bins]
    expected = _shares(
        [{each.au for each in v.targets} for _, v in judged if v.targets is not None]
    )
    rows = [
        (au, ACTION_UNITS[au].name, [share.get(au, 0.0) for share in counts], expected.get(au))
        for au in ACTION_UNITS
        if any(au in share for share in counts) or au in expected
    ]
    return Drift([str(g[0]) if g[0] == g[-1] else f"{g[0]}–{g[-1]}" for g in bins], rows)


def _claimed(verdict: ScoredCompletion) -> set[int]:
    return {claim.au for claim in verdict.parsed.claims if claim.au and claim.box}


def _shares(sets: Sequence[set[int]]) -> dict[int, float]:
    counts = Counter(au for units in sets for au in units)
    return {au: count / len(sets) for au, count in counts.items()}


def _face(rollout: Rollout, directory: Path) -> Face:
    verdict, images = rollout.verdict, rollout.images or [""]
    gold, targets = (rollout.solution or "", verdict.targets) if verdict else ("", None)
    image = _found(Path(images[0]), directory)
    return Face(rollout.prompt_id, image, gold, targets, rollout.dataset or "", rollout.step)


def _found(image: Path, directory: Path) -> Path:
    bases = (Path.cwd(), directory, *directory.parents)
    try:
        return next((base / image for base in bases if (base / image).is_file()), image)
    except OSError:  # a name that is too long for a file
        return image
