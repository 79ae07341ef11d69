"""Faces drawn again with one AU less or more: do the claims and the answer follow the picture?

A post-hoc explainer answers first and names the AUs that go with its answer: its claims change
where its answer does, and nowhere else. So claims are looked at where the answer stays, as it
should, and a change counts for no more than the claims of the AUs that were left alone change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tag_plugin.data.synthetic.face_id import Edit, FaceId, edit_of, parse_face_id
from tag_plugin.scoring.estimates import Estimate, estimate, share_estimate
from tag_plugin.scoring.record import JudgedSample
from tag_plugin.scoring.statistics import RESAMPLES, SEED, Floats, resampled_sums

REDRAWN_METRICS: Final[Mapping[str, str]] = {
    "claim_vanished": "Removed AU no longer claimed",
    "claim_appeared": "Added AU newly claimed",
    "followed_same": "Claims that follow, answer unchanged",
    "followed_other": "Claims that follow, answer changed",
    "others_kept": "Other claims kept",
    "answer_moved": "Answer moved with the prototypes",
    "answer_kept": "Answer kept with the prototypes",
    "redrawn_score": "Follows the redrawn AU",
}
"""Name -> title of what is measured on faces that were drawn again; higher is better everywhere."""

_COLUMNS: Final = (
    *("claimed", "vanished", "unclaimed", "appeared", "pairs", "kept_others"),
    *("same_answer", "followed_same", "other_answer", "followed_other"),
    *("moving", "moved", "keeping", "kept"),
    *("removed", "removed_hits", "removed_chance", "added", "added_hits", "added_chance"),
)
"""What a face contributes, its two pairs together."""
_ONCE_A_FACE: Final = {"claim_vanished": "claimed", "claim_appeared": "unclaimed"}
"""Shares of trials of which a face has one, with the column of their number."""


@dataclass(frozen=True, slots=True)
class RedrawnPair:
    """A face and the same face with one AU less or more, as one model answered both."""

    face: JudgedSample
    redrawn: JudgedSample
    edit: Edit

    @property
    def claims(self) -> tuple[set[int], set[int]]:
        """The AUs that are claimed in the face, and in the redrawn one; defective claims aside."""
        first, second = (
            {claim.au for claim in each.claims if claim.usable and claim.au}
            for each in (self.face, self.redrawn)
        )
        return first, second


def redrawn_estimates(
    samples: Iterable[JudgedSample], resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Estimate]:
    """`REDRAWN_METRICS` with intervals by face; empty where no face was drawn again.

    Wilson's where a face is one trial of a share, else a bootstrap's.
    """
    pairs = redrawn_pairs(samples)
    if not pairs:
        return {}
    table = np.array([_of_face(of_face) for _, of_face in sorted(pairs.items())])
    sums = table.sum(axis=0)
    values, drawn = _values(sums), _values(resampled_sums(table, resamples, seed))
    found = {name: estimate(values[name], drawn[name]) for name in REDRAWN_METRICS}
    for name, trials in _ONCE_A_FACE.items():
        found[name] = share_estimate(values[name], sums[_COLUMNS.index(trials)])
    return {name: each for name, each in found.items() if each is not None}


def redrawn_pairs(samples: Iterable[JudgedSample]) -> dict[str, list[RedrawnPair]]:
    """Id of a face -> its pairs, where both were judged."""
    by_id = {sample.id: sample for sample in samples}
    pairs: dict[str, list[RedrawnPair]] = {}
    for name, sample in by_id.items():
        if (edit := edit_of(name)) is not None:
            redrawn = parse_face_id(name)
            face = str(FaceId(redrawn.seed, redrawn.index))
            if face in by_id:
                pairs.setdefault(face, []).append(RedrawnPair(by_id[face], sample, edit))
    return pairs


def _of_face(pairs: Sequence[RedrawnPair]) -> list[float]:
    """In the order of _COLUMNS."""
    sums = dict.fromkeys(_COLUMNS, 0.0)
    for pair in pairs:
        for name, value in {**_steps(pair), **_followed(pair)}.items():
            sums[name] += value
    return list(sums.values())


def _steps(pair: RedrawnPair) -> dict[str, float]:
    """What each metric but the score counts in one pair."""
    before, after = pair.claims
    au, one, two = pair.edit.au, pair.face, pair.redrawn
    asked, answered = ("unclaimed", "appeared") if pair.edit.added else ("claimed", "vanished")
    applies = (au in before) != pair.edit.added
    followed = applies and (au in after) == pair.edit.added
    others = (before | after) - {au}
    moves = one.gold != two.gold
    same = one.prediction == two.prediction
    return {
        asked: float(applies),
        answered: float(followed),
        "same_answer" if same else "other_answer": float(applies),
        "followed_same" if same else "followed_other": float(followed),
        "pairs": 1.0,
        "kept_others": len((before & after) - {au}) / len(others) if others else 1.0,
        "moving": float(moves),
        "moved": float(moves and not same and two.right),
        "keeping": float(not moves),
        "kept": float(not moves and same and two.prediction is not None),
    }


def _followed(pair: RedrawnPair) -> dict[str, float]:
    """Where the emotion stays: whether the claim followed, and how often any claim changes so."""
    if pair.face.gold != pair.redrawn.gold:
        return {}
    before, after = pair.claims
    changed = (after - before) if pair.edit.added else (before - after)
    if pair.face.prediction != pair.redrawn.prediction:
        changed = set()
    name = "added" if pair.edit.added else "removed"
    could = (_absent(pair.face) - before if pair.edit.added else before) - {pair.edit.au}
    return {
        name: 1.0,
        f"{name}_hits": float(pair.edit.au in changed),
        f"{name}_chance": len(changed & could) / len(could) if could else 0.0,
    }


def _absent(sample: JudgedSample) -> set[int]:
    """The AUs that the face does not show, surely."""
    seen, thresholds = sample.detections, sample.thresholds
    if seen is None:
        return set()
    return {each.au for each in seen.detections if each.probability < thresholds.grey}


def _values(sums: Floats) -> dict[str, Floats]:
    """Sums (..., k) of contributions -> every metric, (...); NaN where it does not apply."""
    of = {name: sums[..., number] for number, name in enumerate(_COLUMNS)}
    moved, kept = _ratio(of["moved"], of["moving"]), _ratio(of["kept"], of["keeping"])
    claims = [
        _ratio(of[f"{name}_hits"] - of[f"{name}_chance"], of[name]) for name in ("removed", "added")
    ]
    followed = np.clip(np.mean(claims, axis=0), 0, None) * np.clip(moved + kept - 1, 0, None)
    return {
        "claim_vanished": _ratio(of["vanished"], of["claimed"]),
        "claim_appeared": _ratio(of["appeared"], of["unclaimed"]),
        "followed_same": _ratio(of["followed_same"], of["same_answer"]),
        "followed_other": _ratio(of["followed_other"], of["other_answer"]),
        "others_kept": _ratio(of["kept_others"], of["pairs"]),
        "answer_moved": moved,
        "answer_kept": kept,
        "redrawn_score": np.sqrt(followed),
    }


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)
