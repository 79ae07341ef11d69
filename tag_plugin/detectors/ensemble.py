"""Several detectors as one: each AU by the members that measure it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from hashlib import sha256
from operator import attrgetter
from statistics import fmean
from typing import Any

from tag_plugin.data.rows import DetectorInfo, Row
from tag_plugin.detectors.base import Detector, DetectorError, JointDetector, ReadImage
from tag_plugin.detectors.registry import detector
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections, Thresholds


class Rule(StrEnum):
    """How the members' probabilities of one AU become one."""

    MEAN = "mean"
    VOTE = "vote"


class EnsembleDetector(JointDetector):
    """The members' detections of a face, joined.

    An AU is measured by every member that supports it on this face; a member that found no face
    says nothing. `mean` averages the probabilities. `vote` gives the share of the members that
    see the AU (by their own thresholds) among those that decided; a tie, or nobody who decided,
    is undecided: the middle of the grey band. A box is the mean of the boxes that members have.

        EnsembleDetector("mediapipe,yolo", **{"yolo.weights": "detectors/ferplus"})

    Args:
        members: detectors, or their names (in one text: joined by commas).
        rule: "mean" or "vote".
        options: `<member's name>.<option>` for each option of a member's factory.

    Raises:
        ValueError: an unknown rule or member, or an option of no member.
        DetectorError: fewer than two members, or one that cannot be opened.
    """

    def __init__(
        self,
        members: str | Sequence[str | Detector],
        rule: str = Rule.MEAN,
        **options: Any,  # noqa: ANN401 - passed on to the members' factories
    ) -> None:
        self._rule = Rule(rule)
        wanted = members.split(",") if isinstance(members, str) else list(members)
        theirs = _split_options(options, [each for each in wanted if isinstance(each, str)])
        self.members = [
            detector(each, **theirs[each]) if isinstance(each, str) else each for each in wanted
        ]
        if len(self.members) < 2:
            raise DetectorError(
                "an ensemble needs two members; next: --option members=mediapipe,yolo"
            )
        self.supported = frozenset[int]().union(*(each.supported for each in self.members))
        self.batch_size = max(each.batch_size for each in self.members)
        self.info = _joint_info(self._rule, [each.info for each in self.members])

    def detect_rows(
        self, rows: Sequence[Row], reads: Sequence[ReadImage]
    ) -> list[Detections | None]:
        """The joint detections; each image is read once for all the members."""
        once = [cache(read) for read in reads]
        theirs = [member.detect_rows(rows, once) for member in self.members]
        thresholds = [member.info.thresholds for member in self.members]
        return [
            join(tuple(zip(faces, thresholds, strict=True)), self._rule)
            for faces in zip(*theirs, strict=True)
        ]


def join(measured: Sequence[tuple[Detections | None, Thresholds]], rule: Rule) -> Detections | None:
    """One face as several detectors saw it, each with its thresholds; None: no face for any."""
    faces = [(face, thresholds) for face, thresholds in measured if face is not None]
    if not faces:
        return None
    seen: defaultdict[int, list[tuple[float, Thresholds]]] = defaultdict(list)
    boxes: defaultdict[int, list[Box]] = defaultdict(list)
    for face, thresholds in faces:
        best = strongest(face)
        for au in face.supported:
            seen[au].append((best[au].probability if au in best else 0.0, thresholds))
        for au, detection in best.items():
            boxes[au].append(detection.box)
    return Detections(
        detections=tuple(
            Detection(au=au, probability=_probability(seen[au], rule), box=_mean_box(boxes[au]))
            for au in sorted(boxes)
        ),
        supported=frozenset(seen),
    )


def strongest(face: Detections) -> Mapping[int, Detection]:
    """The most probable detection of each AU."""
    return {each.au: each for each in sorted(face.detections, key=attrgetter("probability"))}


def _probability(seen: Sequence[tuple[float, Thresholds]], rule: Rule) -> float:
    if rule is Rule.MEAN:
        return round(fmean(probability for probability, _ in seen), 3)
    yes = sum(probability >= limits.on for probability, limits in seen)
    no = sum(probability < limits.grey for probability, limits in seen)
    middle = (Thresholds().grey + Thresholds().on) / 2
    return round(middle if yes == no else yes / (yes + no), 3)


def _mean_box(boxes: Sequence[Box]) -> Box:
    """Every box is at least a unit wide, so the mean is, and rounding alike keeps it so."""
    corners = zip(*map(Box.as_tuple, boxes), strict=True)
    return Box(*(int(fmean(values) + 0.5) for values in corners))


def _split_options(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    theirs: dict[str, dict[str, Any]] = {name: {} for name in names}
    for key, value in options.items():
        name, dot, option = key.partition(".")
        if not dot or name not in theirs:
            raise ValueError(
                f"option {key!r} of the ensemble belongs to no member; members: "
                f"{', '.join(names)}; next: <member>.<option>=<value>"
            )
        theirs[name][option] = value
    return theirs


def _joint_info(rule: Rule, members: Sequence[DetectorInfo]) -> DetectorInfo:
    """The version names every member; the hash is that of the members' hashes, in their order."""
    hashes = [member.model_sha256 or "" for member in members]
    named = ", ".join(f"{member.name} {member.version}" for member in members)
    return DetectorInfo(
        name="ensemble",
        version=f"{rule}({named})",
        model_sha256=sha256(" ".join(hashes).encode()).hexdigest() if any(hashes) else None,
    )
