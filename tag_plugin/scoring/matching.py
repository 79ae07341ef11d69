"""Pairing claimed boxes with detected ones, one to one within the same Action Unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.optimize import linear_sum_assignment

from tag_plugin.facs.boxes import Box, StoredBox, iou
from tag_plugin.facs.detections import KnownUnit, Probability

_TIE_BREAK = 1e-6  # among pairings of equal value, the one with the larger IoU


@dataclass(frozen=True, slots=True)
class Target:
    """One box to be found: AU id, box and the weight of finding it."""

    au: KnownUnit
    box: StoredBox
    weight: Annotated[float, Field(ge=0, le=1)] = 1.0


@dataclass(frozen=True, slots=True)
class Match:
    """Number of a claim, number of a target, their IoU and the credit `weight * phi(iou)`."""

    claim: Annotated[int, Field(ge=0)]
    target: Annotated[int, Field(ge=0)]
    iou: Probability
    credit: Probability


def phi(overlap: float, threshold: float, full: float = 1.0) -> float:
    """Credit for an IoU: 0 up to the threshold, then linear up to 1 at `full`.

    >>> phi(0.3, 0.3), phi(1.0, 0.3), phi(0.6, 0.3, full=0.5)
    (0.0, 1.0, 1.0)
    """
    return min(1.0, max(0.0, (overlap - threshold) / (full - threshold)))


def pair(
    claims: Sequence[tuple[int, Box] | None],
    targets: Sequence[Target],
    threshold: float,
    full: float = 1.0,
    *,
    class_blind: bool = False,
) -> tuple[Match, ...]:
    """The one-to-one pairing with the largest total credit.

    Args:
        claims: (AU id, box) of each claim; None for a claim that cannot be right.
        targets: the detections to be found.
        threshold: IoU below which a pair earns nothing (it is still reported).
        full: IoU from which on a pair earns everything.
        class_blind: pair regardless of the AU id.
    """
    groups: dict[int, tuple[list[int], list[int]]] = {}
    for index, claim in enumerate(claims):
        if claim is not None:
            groups.setdefault(0 if class_blind else claim[0], ([], []))[0].append(index)
    for index, target in enumerate(targets):
        groups.setdefault(0 if class_blind else target.au, ([], []))[1].append(index)
    matches: list[Match] = []
    for rows, columns in groups.values():
        candidates = [
            [_match(claims, targets, r, c, threshold, full) for c in columns] for r in rows
        ]
        matches.extend(_best(candidates))
    return tuple(sorted(matches, key=lambda match: match.claim))


def _match(
    claims: Sequence[tuple[int, Box] | None],
    targets: Sequence[Target],
    claim_index: int,
    target_index: int,
    threshold: float,
    full: float,
) -> Match:
    claim, target = claims[claim_index], targets[target_index]
    overlap = iou(claim[1], target.box) if claim is not None else 0.0
    return Match(claim_index, target_index, overlap, target.weight * phi(overlap, threshold, full))


def _best(candidates: list[list[Match]]) -> list[Match]:
    if not candidates or not candidates[0]:
        return []
    if len(candidates) == len(candidates[0]) == 1:
        return candidates[0]
    value = np.array([[m.credit + _TIE_BREAK * m.iou for m in row] for row in candidates])
    rows, columns = linear_sum_assignment(value, maximize=True)
    return [candidates[row][column] for row, column in zip(rows, columns, strict=True)]
