"""Galleries as data blocks, claims found again in the text, thumbnails."""

import json
import re
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tag_plugin.facs.boxes import Box
from tag_plugin.report.gallery.cards import Answer, Face, Gallery, Group
from tag_plugin.report.gallery.pack import ABSENT, CHUNK, UNPARSABLE, au_bits, pack
from tag_plugin.report.gallery.thumbnails import thumbnails
from tag_plugin.report.texts import claim_lines
from tag_plugin.scoring.matching import Target
from tag_plugin.scoring.score import ScoredCompletion
from tag_plugin.trace.claims import Claim
from tag_plugin.trace.parse import ParsedCompletion

BLOCK = re.compile(r'<script type="application/json" id="([^"]+)">(.*)</script>', re.DOTALL)
BOX = Box(1, 2, 30, 40)


def answer(text, *claims, label=None, **changes):
    parsed = ParsedCompletion("", claims, label, label, (), False)
    return Answer(text, ScoredCompletion(parsed, 1.0, 1.0, None), **changes)


def blocks(gallery):
    return {m[1]: json.loads(m[2]) for m in (BLOCK.fullmatch(str(b)) for b in pack(gallery))}


def face(number, **changes):
    made = {"id": f"f{number}", "image": Path("none.jpg"), "gold": "anger", "reference": None}
    return Face(**(made | changes))


def test_columns_and_chunks_hold_every_sample_in_order():
    count = CHUNK + 3
    faces = [face(n, gold="fear" if n % 2 else "anger") for n in range(count)]
    answers = [answer(f"text {n}", label="fear", score=n / 7) for n in range(count)]
    made = blocks(Gallery(faces, {"a": answers, "b": [None] * count}, (), "G"))
    index = made["gallery"]
    assert index["id"] == [f"f{n}" for n in range(count)]
    assert [index["labels"][g] for g in index["gold"]] == [each.gold for each in faces]
    assert index["runs"][1]["prediction"] == [ABSENT] * count
    texts = [said["text"] for n in range(2) for said in made[f"said-0-{n}"]]
    assert texts == [f"text {n}" for n in range(count)]
    assert made["said-1-1"] == [None] * 3
    assert index["face"] == [0] * count  # one picture, once
    assert made["faces-0"] == [None]


def test_groups_and_aus_are_bits():
    groups = (Group("x", "X", ""), Group("y", "Y", "", "low"))
    said = answer("", Claim(4, BOX), Claim(), groups=frozenset({"y"}))
    known = face(0, reference=(Target(12, BOX),))
    index = blocks(Gallery([known], {"a": [said]}, groups, "G"))["gallery"]
    (run,) = index["runs"]
    assert run["groups"] == [0b10]
    assert run["prediction"] == [UNPARSABLE]
    assert (run["claimed"], index["present"]) == ([au_bits([4])], [au_bits([12])])
    assert au_bits([4]) & au_bits([12]) == 0


def test_runs_of_different_length_are_refused():
    with pytest.raises(ValueError, match="1 answers, 2 faces"):
        Gallery([face(0), face(1)], {"a": [None]}, (), "G")


TEXT = """Global analysis: AU4 is mentioned here.
Verification loop:
Inspect brows → AU4 (brow lowerer): pulled down → <bbox>[1,2,3,4]</bbox>
Inspect chin → AU17 (chin raiser): pushed up → nowhere
AU9 <bbox>[1,2,3,4]</bbox> <bbox>[5,6,7,8]</bbox>
<answer>anger</answer>"""


@pytest.mark.parametrize(
    ("claims", "lines"),
    [
        ([Claim(4, BOX, observation="pulled down")], [2]),
        ([Claim(17, observation="pushed up")], [3]),
        (
            [Claim(4, BOX, observation="pulled down"), Claim(17, observation="pushed up")],
            [2, 3],
        ),
        ([Claim(4, BOX, observation="nothing like it")], [None]),
        ([Claim(17, observation="pushed up"), Claim(None, BOX)], [3, 4]),
    ],
)
def test_claims_are_found_again_in_the_text(claims, lines):
    assert claim_lines(TEXT, claims) == lines


def test_thumbnails_are_small_squares_and_a_bad_picture_is_none(tmp_path):
    Image.new("RGB", (448, 448), (200, 30, 30)).save(tmp_path / "a.jpg")
    Image.new("L", (48, 48), 90).save(tmp_path / "b.png")
    (tmp_path / "c.jpg").write_text("no picture")
    names = ("a.jpg", "b.png", "c.jpg", "missing.jpg")
    first, second, *bad = thumbnails([tmp_path / name for name in names], 64)
    assert bad == [None, None]
    picture = Image.open(BytesIO(b64decode(first)))
    assert (picture.format, picture.size) == ("WEBP", (64, 64))
    red, green, _ = picture.convert("RGB").getpixel((32, 32))
    assert red > 180 > 60 > green
    assert Image.open(BytesIO(b64decode(second))).size == (64, 64)
