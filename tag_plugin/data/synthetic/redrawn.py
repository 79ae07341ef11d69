"""The same face drawn again with one AU less, or one more, and every other pixel as it was.

Whatever a model then says otherwise, it says because of the pixels of that AU. An AU can be changed
in a face where the drawing differs in the AU's region only, no other AU changes for the exact
detector, and the published prototypes say clearly which emotion the face shows before and after.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple

import numpy as np

from tag_plugin.data.synthetic.face import SYNTH_AUS, SyntheticFace
from tag_plugin.data.synthetic.face_id import Edit, FaceId
from tag_plugin.data.synthetic.regions import detections
from tag_plugin.data.synthetic.render import Picture, render
from tag_plugin.data.synthetic.sampling import can_act_together, sample_face
from tag_plugin.facs.boxes import Box, to_pixels
from tag_plugin.facs.detections import Detections, Thresholds
from tag_plugin.facs.emotions import label_set
from tag_plugin.facs.prototypes import prototype_similarity

RIM: Final = 20
"""Pixels around the AU's box (before and after) that belong to its region: the box is drawn around
the middle of what moves, not around all of it."""
_INTENSITY: Final = 0.8
"""Of an AU that is added."""
_CLEARLY: Final = 0.05
"""By how much (in cosine) an emotion must fit the AUs of a face better than every other."""


def drawn_face(face_id: FaceId) -> SyntheticFace:
    """The face that an id names, with the change that it names.

    The emotion of a changed face is the one that the prototypes say; where they say none clearly,
    that of the face as it was.
    """
    face = sample_face(face_id.seed, face_id.index)
    if face_id.edit is None:
        return face
    changed = _changed(face, face_id.edit)
    return replace(changed, emotion=clear_emotion(detections(changed)) or face.emotion)


def redrawn_ids(face_id: FaceId) -> list[FaceId]:
    """The face itself, then with one AU less and with one more, as far as that can be done.

    An AU that changes the emotion is preferred: most do not. Empty where neither can be done, or
    where the prototypes do not clearly say the emotion of the face.
    """
    face = sample_face(face_id.seed, face_id.index)
    seen = detections(face)
    if clear_emotion(seen) != face.emotion:
        return []
    changed, picture = list[FaceId](), render(face)
    for added in (False, True):
        possible = list(_possible_edits(face, seen, added))
        possible.sort(key=lambda each: each.face.emotion == face.emotion)
        edits = (each.edit for each in possible if _only_its_region(picture, each))
        changed += [replace(face_id, edit=edit) for edit in islice(edits, 1)]
    return [face_id, *changed] if changed else []


def clear_emotion(seen: Detections) -> str | None:
    """The emotion whose prototype fits the AUs that are on clearly best; None: no such one."""
    similarity = {e: prototype_similarity(_on(seen), e) for e in label_set("synth").labels}
    best, second = sorted(similarity, key=similarity.__getitem__, reverse=True)[:2]
    return best if similarity[best] - similarity[second] >= _CLEARLY else None


def _changed(face: SyntheticFace, edit: Edit) -> SyntheticFace:
    acting = {au: value for au, value in face.intensities.items() if au != edit.au}
    return replace(face, intensities=acting | ({edit.au: _INTENSITY} if edit.added else {}))


class _Possible(NamedTuple):
    """A change, the changed face, and the AU's boxes before and after."""

    edit: Edit
    face: SyntheticFace
    boxes: tuple[Box, Box]


def _possible_edits(face: SyntheticFace, seen: Detections, added: bool) -> Iterator[_Possible]:
    """In an order drawn by the face, those after which only this AU is told otherwise."""
    on = _on(seen)
    for au in np.random.default_rng([face.seed, face.index, added]).permutation(SYNTH_AUS).tolist():
        other = _changed(face, Edit(au, added))
        if (au in on) == added or not can_act_together(other.intensities):
            continue
        after = detections(other)
        pairs = zip(seen.detections, after.detections, strict=True)
        told = {
            one.au: (one.box, two.box) for one, two in pairs if one.probability != two.probability
        }
        emotion = clear_emotion(after)
        if set(told) == {au} and _on(after) == on ^ {au} and emotion is not None:
            yield _Possible(Edit(au, added), replace(other, emotion=emotion), told[au])


def _on(seen: Detections) -> set[int]:
    return {detection.au for detection in seen.on(Thresholds())}


def _only_its_region(picture: Picture, other: _Possible) -> bool:
    """Whether the changed face is drawn like `picture` everywhere but in the AU's region."""
    differs = (picture != render(other.face)).any(axis=2)
    for box in other.boxes:
        x1, y1, x2, y2 = region(box)
        differs[y1:y2, x1:x2] = False
    return not differs.any()


def region(box: Box) -> tuple[int, int, int, int]:
    """A box with its rim, in pixels x1, y1, x2, y2; the far side may lie beyond the frame."""
    x1, y1, x2, y2 = to_pixels(box)
    return max(x1 - RIM, 0), max(y1 - RIM, 0), x2 + RIM, y2 + RIM
