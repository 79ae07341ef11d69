"""The judge against a slow, plain second one, on random faces and completions. Prints JSON.

    python benchmarks/judge_brute_force.py [--cases 60000]

Nothing of the scoring code is used for the expected values: boxes, overlaps, which AUs are asked
for, which claims count, and the pairing (by trying every one) are written out again here.
"""

import argparse
import json
import time
from itertools import permutations
from random import Random
from typing import Final, NamedTuple

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import GRIDS, Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.pipeline.rules import OBSERVATIONS
from tag_plugin.scoring.score import Reference, score_completion

AUS: Final = (4, 6, 12, 15, 25)
ASKED, JUDGED_CLAIMS = 6, 8
FLAWS: Final = ("", "", "", "", "no box", "reversed", "outside", "wrong name", "unknown", "denied")
LABELS: Final = ("anger", "happiness", "sadness")
_EXTENT: Final = {BoxFrame.RELATIVE: 1000, BoxFrame.ABSOLUTE: 448}

Corners = tuple[int, int, int, int]


class Said(NamedTuple):
    """One claim of a completion: an AU, a box in the model's frame, and what is wrong with it."""

    au: int
    box: Corners
    flaw: str


class Case(NamedTuple):
    """One face, one completion."""

    frame: BoxFrame
    seen: list[tuple[int, float, Corners]]
    supported: frozenset[int]
    label: str
    answer: str
    claims: list[Said]


def random_case(random: Random) -> Case:
    """A face with up to nine detections and a completion with up to ten claims."""
    frame = random.choice(GRIDS)
    places = {au: _random_box(random, 1000) for au in AUS}
    supported = frozenset(au for au in AUS if random.random() < 0.85)
    seen = [
        (au, random.choice((0.1, 0.35, 0.5, round(random.random(), 2))), _near(places[au], random))
        for au in random.choices(AUS, k=random.randint(0, 9))
        if au in supported
    ]
    claims = []
    for au in random.choices(AUS, k=random.randint(0, 10)):
        box = _written(_near(places[au], random), frame)
        claims.append(Said(au, box, random.choice(FLAWS)))
    label, answer = random.choices(LABELS, k=2)
    return Case(frame, seen, supported, label, answer, claims)


def completion(case: Case) -> str:
    """The claims of a case as a trace."""
    lines = ["Global analysis: The face is looked at.", "Verification loop:"]
    for said in case.claims:
        unit = ACTION_UNITS[said.au]
        number, name = (99, "no unit") if said.flaw == "unknown" else (said.au, unit.name)
        name = "jaw drop" if said.flaw == "wrong name" else name
        words = "it is not visible" if said.flaw == "denied" else OBSERVATIONS[said.au][0]
        x1, y1, x2, y2 = said.box
        if said.flaw == "reversed":
            x1, x2 = x2, x1
        if said.flaw == "outside":
            x2 = _EXTENT[case.frame] + 50
        box = "" if said.flaw == "no box" else f"<bbox>[{x1},{y1},{x2},{y2}]</bbox>"
        lines.append(f"Inspect {unit.region} → AU{number} ({name}): {words} → {box}")
    if not case.claims:
        lines.append("No activated action unit is visible.")
    lines.append(f"Final conclusion: The face indicates a dominant emotion of {case.answer}.")
    return "\n".join([*lines, f"<answer>{case.answer}</answer>"])


def expected(case: Case) -> tuple[float | None, float, tuple[set[int], set[int], set[int]]]:
    """G, the answer's part, and the AUs that are claimed and wanted, only claimed, only wanted."""
    on = sorted((d for d in case.seen if d[1] >= 0.5), key=lambda d: (-d[1], d[0]))
    wanted = [(au, _snapped(box, case.frame)) for au, _, box in on[:ASKED]]
    wanted_aus = {au for au, _ in wanted}
    unsure = {au for au, p, _ in case.seen if p >= 0.3} - wanted_aus
    left_out = (unsure | (set(ACTION_UNITS) - case.supported)) - wanted_aus
    judged = [
        (said, usable)
        for said, usable in zip(case.claims, _usable(case), strict=True)
        if said.flaw == "unknown" or said.au not in left_out
    ]
    judged = [
        each for each in judged if any(each[0] is said for said in case.claims[:JUDGED_CLAIMS])
    ]
    count = len(judged) + max(0, len(case.claims) - JUDGED_CLAIMS)
    good = [(said.au, _read(said.box, case.frame)) for said, usable in judged if usable]
    claimed_aus = {au for au, _ in good}
    units = (claimed_aus & wanted_aus, claimed_aus - wanted_aus, wanted_aus - claimed_aus)
    answered = float(case.answer == case.label)
    if not wanted:
        foreign = any(s.flaw != "unknown" and s.au not in case.supported for s in case.claims)
        return (None if count == 0 and foreign else float(count == 0)), answered, units
    total = sum(
        _best([b for a, b in good if a == au], [b for a, b in wanted if a == au])
        for au in wanted_aus
    )
    return 2 * total / (count + len(wanted)), answered, units


def _usable(case: Case) -> list[bool]:
    """Whether each claim can be right: without a flaw, and not of a place that was claimed."""
    before: list[tuple[int, Corners]] = []
    found = []
    for said in case.claims:
        box = _read(said.box, case.frame)
        readable = said.flaw in ("", "wrong name", "denied")
        again = readable and any(au == said.au and _overlap(box, old) >= 0.5 for au, old in before)
        found.append(said.flaw == "" and not again)
        if found[-1]:
            before.append((said.au, box))
    return found


def _best(claims: list[Corners], wanted: list[Corners]) -> float:
    """The largest sum of phi over all one-to-one pairings, each of them tried."""
    few, many = sorted((claims, wanted), key=len)
    phis = [[max(0.0, (_overlap(a, b) - 0.3) / 0.7) for b in many] for a in few]
    orders = permutations(range(len(many)), len(few))
    return max(sum(row[place] for row, place in zip(phis, order, strict=True)) for order in orders)


def _overlap(a: Corners, b: Corners) -> float:
    cells = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = sum((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (a, b))
    return cells / (areas - cells)


def _random_box(random: Random, extent: int) -> Corners:
    x, y = random.randint(0, extent - 200), random.randint(0, extent - 200)
    return x, y, x + random.randint(60, 200), y + random.randint(60, 200)


def _near(box: Corners, random: Random) -> Corners:
    """The box, moved by up to a good part of its side."""
    right, down = (random.choice((0, 10, 40, 90)) * random.choice((-1, 1)) for _ in range(2))
    x = min(max(0, box[0] + right), 1000 - (box[2] - box[0]))
    y = min(max(0, box[1] + down), 1000 - (box[3] - box[1]))
    return x, y, x + box[2] - box[0], y + box[3] - box[1]


def _written(box: Corners, frame: BoxFrame) -> Corners:
    """As a model of this frame writes it: the nearest pixel, halves up."""
    if frame is BoxFrame.RELATIVE:
        return box
    x1, y1, x2, y2 = ((2 * 448 * value + 1000) // 2000 for value in box)
    return x1, y1, x2, y2


def _read(box: Corners, frame: BoxFrame) -> Corners:
    """Back on 0..1000, halves up."""
    if frame is BoxFrame.RELATIVE:
        return box
    x1, y1, x2, y2 = (int(value * 1000 / 448 + 0.5) for value in box)
    return x1, y1, x2, y2


def _snapped(box: Corners, frame: BoxFrame) -> Corners:
    return _read(_written(box, frame), frame)


def disagreement(case: Case) -> str | None:
    """Where the judge and the plain one differ, by more than rounding; None where they agree."""
    found = tuple(Detection(au=au, probability=p, box=Box(*box)) for au, p, box in case.seen)
    detections = Detections(detections=found, supported=case.supported)
    reference = Reference(case.label, LABEL_SETS["rafdb"], detections)
    scored = score_completion(completion(case), reference, case.frame)
    grounding, answered, units = expected(case)
    same = (
        scored.grounding is None
        if grounding is None
        else (scored.grounding is not None and abs(scored.grounding - grounding) < 1e-9)
    )
    units_same = scored.units is not None and tuple(map(set, scored.units)) == units
    if same and units_same and scored.answer == answered:
        return None
    return (
        f"{grounding, answered, units} but judged {scored.grounding, scored.answer, scored.units}"
    )


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=60_000)
    cases, random, started = parser.parse_args().cases, Random(0), time.monotonic()
    differing = [d for d in (disagreement(random_case(random)) for _ in range(cases)) if d]
    report = {
        "benchmark": "judge_brute_force",
        "cases": cases,
        "disagreements": len(differing),
        "first": differing[:3],
        "seconds": round(time.monotonic() - started),
    }
    print(json.dumps(report, indent=2))
    raise SystemExit(bool(differing))


if __name__ == "__main__":
    main()
