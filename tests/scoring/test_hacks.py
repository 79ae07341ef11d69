"""Every known way to get credit without looking must score far below an honest answer."""

import time

import pytest
from hack_table import drawn, line, share, table
from hacks.faces import Train, faces
from hacks.policies import BLIND, COUNTED, POLICIES, SILENT, WORDS_ONLY

from tag_plugin.facs.action_units import ACTION_UNITS, action_unit
from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.scoring.rewards import DEFAULT_WEIGHTS, REWARDS, weighted_sum
from tag_plugin.scoring.score import DEFAULT_JUDGE, JudgeConfig, Reference, score_completion
from tag_plugin.trace.grammar import Inspection, Trace
from tag_plugin.trace.render import conclusion, render

FRAME = BoxFrame.RELATIVE
TRUE_BOXES = {
    1: Box(330, 250, 670, 350),
    4: Box(300, 260, 700, 370),
    15: Box(350, 690, 650, 800),
    17: Box(400, 800, 600, 920),
}
OTHER_BOX = Box(300, 400, 700, 520)
FULL_FACE = Box(0, 0, 1000, 1000)
REFERENCE = Reference(
    "sadness",
    LABEL_SETS["rafdb"],
    Detections(
        detections=tuple(Detection(au=au, probability=0.9, box=b) for au, b in TRUE_BOXES.items()),
        supported=frozenset(ACTION_UNITS) - {6, 9},
    ),
)


def shifted(box, by=12):
    return Box(box.x1 + by, box.y1 + by // 2, box.x2 + by, box.y2 + by // 2)


def trace(boxes, observation="it shows clearly", answer="sadness"):
    steps = tuple(
        Inspection(
            region=action_unit(au).region,
            au=au,
            observation=f"{observation}: {action_unit(au).name}",
            box=box,
        )
        for au, box in boxes.items()
    )
    return render(Trace(global_analysis="A sad face.", inspections=steps, answer=answer), FRAME)


def negated(text):
    return text.replace("it shows clearly", "it is not visible")


def reversed_boxes(text):
    for box in map(shifted, TRUE_BOXES.values()):
        right = f"[{box.x1},{box.y1},{box.x2},{box.y2}]"
        text = text.replace(right, f"[{box.x2},{box.y2},{box.x1},{box.y1}]")
    return text


def repeated(times):
    text = trace({4: TRUE_BOXES[4]})
    line = text.splitlines()[2]
    return text.replace(line, "\n".join([line] * times))


def every_unit(box_of):
    return trace({au: box_of(au) for au in ACTION_UNITS})


HONEST = trace({au: shifted(box) for au, box in TRUE_BOXES.items()})
TEMPLATE = trace({12: Box(300, 600, 700, 750), 25: Box(350, 620, 650, 740)})
PERMUTED = dict(
    zip(TRUE_BOXES, [*list(TRUE_BOXES.values())[2:], *TRUE_BOXES.values()], strict=False)
)

# hack, completion, the most that its grounding may be, the most that its total may be
HACKS = [
    ("all AUs listed, right boxes", every_unit(lambda au: TRUE_BOXES.get(au, OTHER_BOX)), 0.4, 1.4),
    ("all AUs listed, full-face boxes", every_unit(lambda _: FULL_FACE), 0.0, 1.1),
    ("one right box only", trace({4: TRUE_BOXES[4]}), 0.4, 1.6),
    ("the same box ten times", repeated(10), 0.2, 1.2),
    ("full-face boxes", trace(dict.fromkeys(TRUE_BOXES, FULL_FACE)), 0.0, 1.3),
    ("AU names permuted", trace(PERMUTED), 0.0, 1.3),
    ("a fixed template", TEMPLATE, 0.0, 1.3),
    ("negated mentions", negated(HONEST), 0.0, 1.1),
    ("reversed boxes", reversed_boxes(HONEST), 0.0, 1.1),
    ("nothing visible", trace({}), 0.0, 1.3),
    ("several answers", f"{HONEST}\n<answer>fear</answer><answer>anger</answer>", 0.95, 0.95),
    (
        "an answer inside the loop",
        HONEST.replace("loop:\n", "loop:\n<answer>sadness</answer>\n").rpartition("\n")[0],
        0.95,
        0.95,
    ),
    ("truncated in the second box", HONEST[: HONEST.index("AU4 (") + 40], 0.4, 0.4),
    ("truncated before the answer", HONEST[: HONEST.index("Final")], 0.95, 0.95),
    ("100 kB of one claim", repeated(1_250), 0.01, 1.1),
    ("100 kB of noise", "AU4 <bbox>[1,2,3,4]</bbox> " * 4_000, 0.0, 0.0),
    ("the prose names AUs without a loop", "AU1 AU4 AU15 AU17 <answer>sadness</answer>", 0.0, 1.0),
    ("only an answer", "<answer>sadness</answer>", 0.0, 1.0),
    ("an empty completion", "", 0.0, 0.0),
]


def judge(text, config=DEFAULT_JUDGE):
    scored = score_completion(text, REFERENCE, FRAME, config)
    parts = [REWARDS[name].read(scored, config) for name in DEFAULT_WEIGHTS]
    return scored, weighted_sum(parts, [*DEFAULT_WEIGHTS.values()])


def test_the_honest_answer_scores_high():
    scored, total = judge(HONEST)
    assert (scored.format, scored.answer) == (1.0, 1.0)
    assert scored.grounding > 0.7
    assert total > 1.9


@pytest.mark.parametrize(
    ("text", "most_grounding", "most_total"),
    [hack[1:] for hack in HACKS],
    ids=[hack[0] for hack in HACKS],
)
def test_a_hack_scores_below_the_honest_answer(text, most_grounding, most_total):
    _, honest_total = judge(HONEST)
    scored, total = judge(text)
    assert scored.grounding <= most_grounding
    assert total <= most_total < honest_total


@pytest.mark.parametrize("text", [hack[1] for hack in HACKS], ids=[hack[0] for hack in HACKS])
def test_no_hack_pays_where_good_boxes_earn_everything(text):
    config = JudgeConfig(full_iou=0.5)
    honest, honest_total = judge(HONEST, config)
    assert honest.grounding == 1.0
    assert judge(text, config)[1] <= honest_total - 0.2


def test_hacks_rank_by_how_much_of_the_face_they_show():
    order = [
        HONEST,
        trace({au: shifted(TRUE_BOXES[au]) for au in (1, 4, 15)}),
        trace({au: shifted(TRUE_BOXES[au]) for au in (1, 4)}),
        trace({4: shifted(TRUE_BOXES[4])}),
        repeated(10),
        trace(PERMUTED),
    ]
    groundings = [judge(text)[0].grounding for text in order]
    assert groundings == sorted(groundings, reverse=True)
    assert len(set(groundings)) == len(groundings)


def test_claims_of_unsupported_units_neither_help_nor_harm():
    with_cheeks = trace({au: shifted(b) for au, b in TRUE_BOXES.items()} | {6: OTHER_BOX})
    assert judge(with_cheeks)[0].grounding == judge(HONEST)[0].grounding


def test_a_flood_of_unsupported_units_costs():
    flood = HONEST.splitlines()
    spam = [
        f"Inspect cheeks → AU6 (cheek raiser): up → <bbox>[{x},10,{x + 9},90]</bbox>"
        for x in range(0, 900, 10)
    ]
    assert judge("\n".join(flood[:2] + spam + flood[2:]))[0].grounding == 0.0


def test_a_hundred_kilobytes_are_judged_in_a_moment():
    started = time.process_time()
    for text in (repeated(1_250), "<answer>" * 12_000, "→" * 50_000, "(" * 100_000):
        judge(text)
    assert time.process_time() - started < 5


def test_the_conclusion_of_every_unit_is_one_sentence():
    assert conclusion([1, 4, 4], "anger") == "AU1 + AU4 indicate a dominant emotion of anger."


# The same with faces drawn at random: the table of `benchmarks/hack_table.py`, in small.


@pytest.fixture(scope="module")
def lines():
    return table(drawn("train", 80), drawn("test", 24))


def test_sixty_policies_are_measured(lines):
    assert len(lines) > 60


COSTS = POLICIES.keys() - WORDS_ONLY - COUNTED - {"right AUs, mean boxes"}


@pytest.mark.parametrize("name", sorted(COSTS))
def test_a_policy_costs(lines, name):
    assert share(lines, name) < 0.97


@pytest.mark.parametrize("name", sorted(WORDS_ONLY))
def test_what_costs_nothing_is_a_share_that_moves(lines, name):
    assert lines["honest"]["spoken_of_rate"] == 1.0
    assert lines[name]["spoken_of_rate"] < 0.75


@pytest.mark.parametrize("name", sorted(COUNTED))
def test_what_nobody_can_tell_is_counted(lines, name):
    assert lines["honest"]["unsupported_claims"] == 0
    assert lines[name]["unsupported_claims"] > 0


def test_neither_blindness_nor_silence_pays():
    train, seen = Train.of(drawn("train", 120)), faces(drawn("test", 100))
    blind = {name: [policy(face, train) for face in seen] for name, policy in BLIND.items()}
    silent = [POLICIES[SILENT](face, train) for face in seen]
    totals = {name: line(seen, texts)["total"] for name, texts in blind.items()}
    honest = line(seen, [str(face.honest) for face in seen])["total"]
    assert max(totals.values()) < 0.65 * honest
    assert line(seen, silent)["total"] < 0.88 * honest
