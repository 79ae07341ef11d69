"""All faces of one look as one offline HTML file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tag_plugin.facs.action_units import action_unit
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Thresholds
from tag_plugin.look.run import Look, LookedFace, headline
from tag_plugin.look.standing import CheckedClaim, Standing
from tag_plugin.report.gallery.thumbnails import thumbnail
from tag_plugin.report.html.document import STYLES, TEMPLATES, write_page
from tag_plugin.report.texts import excerpt

PAGE: Final = "look.html"
_SIDE: Final = 448
_WORDS: Final = {
    Standing.CONFIRMED: "confirmed",
    Standing.CONTRADICTED: "contradicted",
    Standing.NOT_MEASURABLE: "unmeasurable",
}
"""Standing -> its class in look.css."""


def write_look_page(found: Look, out: Path) -> Path:
    """Write OUT/look.html; face frames are read from `out`, and are part of the page."""
    faces = _faces(found, out)
    context = {
        "heading": _heading(found),
        "model": found.model,
        "detector": f"{found.detector.name} {found.detector.version}",
        "label_set": found.label_set,
        "faces": faces,
        "left_out": found.left_out,
        "contents": [(face["key"], face["name"]) for face in faces] if len(faces) > 1 else [],
        "blocks": (),
    }
    write_page(out / PAGE, "look.html.j2", context, (*STYLES, "look.css"), ("theme.js", "look.js"))
    return out / PAGE


def faces_html(found: Look, out: Path, prefix: str) -> str:
    """The faces alone, to be put into another page; `prefix` tells several such parts apart."""
    template = TEMPLATES.get_template("faces.html.j2")
    return template.render(faces=_faces(found, out, prefix), left_out=found.left_out)


def _faces(found: Look, out: Path, prefix: str = "") -> list[dict[str, Any]]:
    return [_face(f"{prefix}{n}", face, found, out) for n, face in enumerate(found.faces)]


def _heading(found: Look) -> str:
    if len(found.faces) == 1:
        return f"{found.faces[0].name}: {found.faces[0].checked.answer or 'no clear answer'}"
    return f"{len(found.faces)} faces"


def _face(number: str, face: LookedFace, found: Look, out: Path) -> dict[str, Any]:
    thresholds = found.detector.thresholds
    claims = [_claim(f"f{number}-{place}", each) for place, each in enumerate(face.checked.claims)]
    return {
        "key": f"face-{number}",
        "name": face.name,
        "photograph": Path(face.photograph).name,
        "square": face.square,
        "picture": thumbnail(out / face.file, _SIDE),
        "headline": headline(face.checked),
        "answer": face.checked.answer,
        "claims": claims,
        "detected": list(_detected(number, face, thresholds, claims)),
        "overlooked": [
            (action_unit(each.au).code, action_unit(each.au).name, f"{each.probability:.2f}")
            for each in face.checked.overlooked
        ],
        "seen": face.detections is not None,
        "defects": face.checked.defects,
        "text": excerpt(face.checked.text),
    }


def _claim(key: str, claim: CheckedClaim) -> dict[str, Any]:
    unit = action_unit(claim.au) if claim.au else None
    return {
        "key": key,
        "au": claim.au,
        "unit": f"{unit.code} {unit.name}" if unit else "no AU",
        "region": claim.region,
        "observation": claim.observation,
        "standing": claim.standing,
        "style": _WORDS[claim.standing],
        "reason": claim.reason,
        "box": _rectangle(claim.box) if claim.box else None,
    }


def _detected(
    number: str, face: LookedFace, thresholds: Thresholds, claims: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The detector's own boxes; each lights up with the claims of its AU."""
    for each in face.detections.on(thresholds) if face.detections else ():
        keys = [claim["key"] for claim in claims if claim["au"] == each.au]
        yield {
            "key": " ".join([*keys, f"d{number}-{each.au}"]),
            "code": action_unit(each.au).code,
            "box": _rectangle(each.box),
        }


def _rectangle(box: Box) -> dict[str, int]:
    x1, y1, x2, y2 = box.as_tuple()
    return {"x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
