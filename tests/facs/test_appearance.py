"""Sentences in `descriptions.csv` are our own, written in the manner of people and of VLMs."""

import csv
from pathlib import Path
from statistics import fmean

import pytest

from tag_plugin.facs.action_units import ACTION_UNITS, action_unit
from tag_plugin.facs.appearance import APPEARANCES, speaks_of
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.places import is_place_of
from tag_plugin.pipeline.rules import OBSERVATIONS
from tag_plugin.trace.grammar import Inspection, Trace
from tag_plugin.trace.parse import parse
from tag_plugin.trace.render import render

with (Path(__file__).with_name("descriptions.csv")).open(encoding="utf-8", newline="") as lines:
    DESCRIPTIONS = [(int(row["au"]), row) for row in csv.DictReader(lines)]


def test_every_unit_has_its_words_and_places():
    assert APPEARANCES.keys() == ACTION_UNITS.keys() == {au for au, _ in DESCRIPTIONS}
    for au, unit in ACTION_UNITS.items():
        assert is_place_of(au, unit.region)
        assert all(speaks_of(au, sentence, unit.region) for sentence in OBSERVATIONS[au])


def test_honest_sentences_are_spoken_of_their_unit_and_seldom_of_another():
    right = [speaks_of(au, row["observation"], row["region"]) for au, row in DESCRIPTIONS]
    caught = [
        not speaks_of(other, row["observation"], action_unit(other).region)
        for au, row in DESCRIPTIONS
        for other in ACTION_UNITS
        if other != au
    ]
    assert fmean(right) >= 0.97
    assert fmean(caught) >= 0.8


@pytest.mark.parametrize("start", range(0, len(DESCRIPTIONS), 6))
def test_honest_prose_is_well_formed(start):
    group = DESCRIPTIONS[start::17][:6]
    steps = tuple(
        Inspection(
            region=row["region"],
            au=au,
            observation=row["observation"],
            box=Box(100 * n, 100, 100 * n + 90, 400),
        )
        for n, (au, row) in enumerate(group)
    )
    analysis = f"Overall, {group[0][1]['observation']}, which fits the rest of the face."
    trace = Trace(global_analysis=analysis, inspections=steps, answer="fear")
    assert parse(render(trace)).trace == trace


@pytest.mark.parametrize(
    ("au", "region"),
    [(12, "left ear"), (4, "chin"), (17, "brows"), (12, "brows and mouth"), (6, "face"), (25, "x")],
)
def test_a_place_on_another_part_of_the_face_is_none(au, region):
    assert not is_place_of(au, region)
