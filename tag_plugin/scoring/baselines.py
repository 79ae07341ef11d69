"""What a model could say that never looks: fitted on the train split, told nothing of a test face.

Three answers stand beside G: silence, the best constant claim (a fixed set of AUs, each at its mean
box), and the best set of AUs for the label that the model itself answers. The mean boxes are also
the template from which box skill is measured.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box, BoxFrame, snap
from tag_plugin.facs.detections import KnownUnit
from tag_plugin.facs.frozen import Frozen
from tag_plugin.scoring.matching import Target, pair
from tag_plugin.scoring.score import DEFAULT_JUDGE, grounding_of

_MOST_LABELS: Final = 64
UnitSet = Annotated[tuple[KnownUnit, ...], Field(max_length=len(ACTION_UNITS))]


class Baselines(Frozen):
    """Mean box of each AU of the train split, and the sets of AUs that earn most on it.

    `template` holds an AU once, with its mean box; `constant` are the AUs of the best constant
    claim, `by_answer` those of the best claim for each label.

    Raises:
        ValidationError: an AU twice, or one without a box.
    """

    template: Annotated[tuple[Target, ...], Field(max_length=len(ACTION_UNITS))]
    constant: UnitSet
    by_answer: Annotated[Mapping[str, UnitSet], Field(max_length=_MOST_LABELS)]

    @model_validator(mode="after")
    def _placed_once(self) -> Self:
        placed = tuple(target.au for target in self.template)
        for units in (placed, self.constant, *self.by_answer.values()):
            if len(set(units)) < len(units) or not set(units) <= set(placed):
                raise ValueError(f"AUs {[*units]}: one of them twice, or without a box")
        return self

    @cached_property
    def _boxes(self) -> Mapping[BoxFrame, Mapping[int, Box]]:
        return {f: {each.au: snap(each.box, f) for each in self.template} for f in BoxFrame}

    def boxes(self, frame: BoxFrame) -> Mapping[int, Box]:
        """AU -> its mean box, as it survives being written in this frame."""
        return self._boxes[frame]

    def grounding(
        self,
        units: Iterable[int],
        targets: tuple[Target, ...],
        absent: Collection[int],
        frame: BoxFrame,
    ) -> float:
        """G of claiming these AUs at their mean boxes, as the judge gives it.

        Claims of AUs that are neither to be found nor `absent` are left out, as those of a model.
        """
        boxes, judged = self.boxes(frame), {target.au for target in targets}.union(absent)
        claims = [(au, boxes[au]) for au in units if au in judged]
        matches = pair(claims, targets, DEFAULT_JUDGE.iou_threshold)
        return grounding_of(len(claims), targets, matches)
