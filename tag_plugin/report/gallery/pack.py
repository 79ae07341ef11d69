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
from tag_plugin.report.gallery.cards import Answer, Face, Gallery
from tag_plugin.report.gallery.thumbnails import distinct, thumbnail_side, thumbnails
from tag_plugin.report.html.document import json_block
from tag_plugin.report.texts import claim_lines, excerpt

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
    for number, chunk in _chunks(list(progress(small, "thumbnails", len(pictures)))):
        yield json_block(f"faces-{number}", chunk)


def _index(gallery: Gallery, places: Sequence[int]) -> dict[str, Any]:
    labels = gallery.labels
    number: dict[str | None, int] = {label: index for index, label in enumerate(labels)}
    number[None] = UNPARSABLE
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
                "prediction": [number[a.prediction] if a else ABSENT for a in answers],
                "score": [_rounded(answer.score if answer else None) for answer in answers],
                "groups": [_group_bits(answer, gallery) for answer in answers],
                "claimed": [
                    au_bits(c.au for c in answer.claims) if answer else 0 for answer in answers
                ],
            }
            for name, answers in gallery.runs.items()
        ],
    }


def au_bits(aus: Any) -> int:  # noqa: ANN401  # an iterable of AU ids, None among them
    """A set of AUs as one number, a bit for each AU in the order of the table."""
    return sum(_BITS.get(au, 0) for au in set(aus))


def _group_bits(answer: Answer | None, gallery: Gallery) -> int:
    keys = answer.groups if answer else ()
    return sum(1 << index for index, group in enumerate(gallery.groups) if group.key in keys)


def _places(face: Face) -> list[list[Any]] | None:
    places = face.reference
    return None if places is None else [[each.au, each.box.as_tuple()] for each in places]


def _said(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    text, verdict = excerpt(answer.text), answer.verdict
    overlaps, defects = (verdict.overlaps, verdict.parsed.defects) if verdict else ({}, ())
    claims = [
        [
            claim.au,
            claim.box and claim.box.as_tuple(),
            line,
            _rounded(overlaps.get(number)),
            "; ".join(claim.defects),
        ]
        for number, (claim, line) in enumerate(
            zip(answer.claims, claim_lines(text, answer.claims), strict=True)
        )
    ]
    parts = {name: _rounded(value) for name, value in answer.parts.items()}
    return {"text": text, "claims": claims, "parts": parts, "defects": defects}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _chunks(values: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any]]]:
    for start in range(0, len(values), CHUNK):
        yield start // CHUNK, values[start : start + CHUNK]
