"""Several detectors as one: each AU by the members that measure it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from functools import cache
from hashlib import sha256
from statistics import fmean
from typing import Any, Self

from tag_plugin.data.rows import DetectorInfo, Row
from tag_plugin.detectors.base import Detector, DetectorError, ReadImage
from tag_plugin.detectors.registry import detector
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections, Thresholds


class Rule(StrEnum):
    """How the members' probabilities of one AU become one."""

    MEAN = "mean"
    VOTE = "vote"


class EnsembleDetector(Detector):
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
        names = [each for each in wanted if isinstance(each, str)]
        theirs = _split_options(options, names)
        self._members = [
            detector(each, **theirs[each]) if isinstance(each, str) else each for each in wanted
        ]
        if len(self._members) < 2:
            raise DetectorError(
                "an ensemble needs two members; next: --option members=mediapipe,yolo"
            )
        self._open = ExitStack()
        self.supported = frozenset[int]().union(*(each.supported for each in self._members))
        self.batch_size = max(each.batch_size for each in self._members)
        self.info = _joint_info(self._rule, [each.info for each in self._members])

    def detect_row(self, row: Row, read: ReadImage) -> Detections | None:
        """The joint detections of one row."""
        return self.detect_rows([row], [read])[0]

    def detect_rows(
        self, rows: Sequence[Row], reads: Sequence[ReadImage]
    ) -> list[Detections | None]:
        """The joint detections; each image is read once for all the members."""
        once = [cache(read) for read in reads]
        theirs = [member.detect_rows(rows, once) for member in self._members]
        thresholds = [member.info.thresholds for member in self._members]
        return [
            join(tuple(zip(faces, thresholds, strict=True)), self._rule)
            for faces in zip(*theirs, strict=True)
        ]

    def __enter__(self) -> Self:
        """Open the members."""
        for member in self._members:
            self._open.enter_context(member)
        return self

    def close(self) -> None:
        """Close the members."""
        self._open.close()


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
    ordered = sorted(face.detections, key=lambda detection: detection.probability)
    return {detection.au: detection for detection in ordered}


def _probability(seen: Sequence[tuple[float, Thresholds]], rule: Rule) -> float:
    if rule is Rule.MEAN:
        return round(fmean(probability for probability, _ in seen), 3)
    yes = sum(probability >= limits.on for probability, limits in seen)
    no = sum(probability < limits.grey for probability, limits in seen)
    if yes == no:
        middle = Thresholds()
        return round((middle.grey + middle.on) / 2, 3)
    return round(yes / (yes + no), 3)


def _mean_box(boxes: Sequence[Box]) -> Box:
    """Every box is at least a unit wide, so the mean is, and rounding alike keeps it so."""
    corners = zip(*(box.as_tuple() for box in boxes), strict=True)
    x1, y1, x2, y2 = (int(fmean(values) + 0.5) for values in corners)
    return Box(x1, y1, x2, y2)


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
    named = ", ".join(f"{member.name} {member.version}" for member in members)
    hashes = [member.model_sha256 or "" for member in members]
    return DetectorInfo(
        name="ensemble",
        version=f"{rule}({named})",
        model_sha256=sha256(" ".join(hashes).encode()).hexdigest() if any(hashes) else None,
    )
