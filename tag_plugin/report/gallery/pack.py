"""A gallery as data blocks: a light index for filtering, and chunks that are read when shown.

Blocks (ids):
    gallery     names, and one column a property: id, gold, task, face, step; and of each run
                prediction, score, groups, AUs
    places-K    the boxes to be found, of chunk K's faces
    said-R-K    completion, claims, parts and defects of run R on chunk K's faces
    faces-K     thumbnails of chunk K (of the distinct pictures)
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from markupsafe import Markup

from tag_plugin.data.console import progress
from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.report.excerpt import excerpt
from tag_plugin.report.gallery.cards import Answer, Face, Gallery
from tag_plugin.report.gallery.claim_lines import claim_lines
from tag_plugin.report.gallery.thumbnails import distinct, thumbnail_side, thumbnails
from tag_plugin.report.html.embedded import json_block

CHUNK: Final = 64
UNPARSABLE: Final = -1
ABSENT: Final = -2

_BITS: Final = {au: 1 << number for number, au in enumerate(ACTION_UNITS)}


def pack(gallery: Gallery) -> Iterator[Markup]:
    """The blocks of a gallery, one after the other."""
    pictures, places = distinct(face.image for face in gallery.faces)
    yield json_block("gallery", _index(gallery, places))
    for number, faces in _chunks(gallery.faces):
        yield json_block(f"places-{number}", [_places(face) for face in faces])
    for run, answers in enumerate(gallery.runs.values()):
        for number, part in _chunks(answers):
            yield json_block(f"said-{run}-{number}", [_said(answer) for answer in part])
    small = thumbnails(pictures, thumbnail_side(len(pictures)))
    shown = list(progress(small, "thumbnails", len(pictures)))
    for number, chunk in _chunks(shown):
        yield json_block(f"faces-{number}", chunk)


def _index(gallery: Gallery, places: Sequence[int]) -> dict[str, Any]:
    labels = gallery.labels
    number = {label: index for index, label in enumerate(labels)}
    tasks = sorted({face.task for face in gallery.faces})
    return {
        "chunk": CHUNK,
        "labels": labels,
        "tasks": tasks,
        "aus": {unit.id: unit.name for unit in ACTION_UNITS.values()},
        "groups": [[g.key, g.title, g.meaning, g.order] for g in gallery.groups],
        "scoreName": gallery.score_name,
        "start": gallery.start,
        "id": [face.id for face in gallery.faces],
        "gold": [number[face.gold] for face in gallery.faces],
        "task": [tasks.index(face.task) for face in gallery.faces],
        "face": list(places),
        "step": [face.step for face in gallery.faces],
        "present": [au_bits(place.au for place in face.reference or ()) for face in gallery.faces],
        "runs": [
            {
                "name": name,
                "prediction": [_prediction(answer, number) for answer in answers],
                "score": [_rounded(answer.score if answer else None) for answer in answers],
                "groups": [_group_bits(answer, gallery) for answer in answers],
                "claimed": [_claimed(answer) for answer in answers],
            }
            for name, answers in gallery.runs.items()
        ],
    }


def au_bits(aus: Any) -> int:  # noqa: ANN401  # an iterable of AU ids, None among them
    """A set of AUs as one number, a bit for each AU in the order of the table."""
    bits = 0
    for au in aus:
        bits |= _BITS.get(au, 0)
    return bits


def _prediction(answer: Answer | None, number: dict[str, int]) -> int:
    if answer is None:
        return ABSENT
    return UNPARSABLE if answer.prediction is None else number[answer.prediction]


def _group_bits(answer: Answer | None, gallery: Gallery) -> int:
    held = answer.groups if answer else frozenset()
    return sum(1 << index for index, group in enumerate(gallery.groups) if group.key in held)


def _claimed(answer: Answer | None) -> int:
    return au_bits(claim.au for claim in answer.claims) if answer else 0


def _places(face: Face) -> list[list[Any]] | None:
    if face.reference is None:
        return None
    return [[target.au, target.box.as_tuple()] for target in face.reference]


def _said(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    text, verdict = excerpt(answer.text), answer.verdict
    overlaps = verdict.overlaps if verdict else {}
    lines = claim_lines(text, answer.claims)
    claims = [
        [
            claim.au,
            claim.box and claim.box.as_tuple(),
            line,
            _rounded(overlaps.get(number)),
            "; ".join(claim.defects),
        ]
        for number, (claim, line) in enumerate(zip(answer.claims, lines, strict=True))
    ]
    parts = {name: _rounded(value) for name, value in answer.parts.items()}
    said: dict[str, Any] = {"text": text, "claims": claims, "parts": parts}
    return said | (
        {"defects": verdict.parsed.defects} if verdict and verdict.parsed.defects else {}
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _chunks(values: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
    for start in range(0, len(values), CHUNK):
        yield start // CHUNK, values[start : start + CHUNK]
