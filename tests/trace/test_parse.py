import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.facs.boxes import Box, BoxFrame, snap
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.trace.grammar import Defect, Inspection, Trace
from tag_plugin.trace.parse import parse
from tag_plugin.trace.render import render
from tests.strategies import TRACES

STEP = "Inspect brows → AU4 (brow lowerer): drawn together → <bbox>[412,240,588,330]</bbox>"
MOUTH = "Inspect lip corners → AU15 (lip corner depressor): down → <bbox>[10,20,300,400]</bbox>"
ANSWER = "<answer>sadness</answer>"


def completion(
    *steps,
    analysis="Global analysis: A tense face.",
    loop="Verification loop:",
    conclusion="Final conclusion: AU4 indicates a dominant emotion of sadness.",
    answer=ANSWER,
):
    lines = [analysis, loop, *(steps or (STEP,)), conclusion, answer]
    return "\n".join(line for line in lines if line)


@given(TRACES)
def test_parse_undoes_render(trace):
    parsed = parse(render(trace))
    assert parsed.defects == ()
    assert parsed.trace == trace


@given(TRACES)
def test_parse_undoes_render_in_pixels_up_to_the_pixel(trace):
    snapped = [snap(step.box, BoxFrame.ABSOLUTE) for step in trace.inspections]
    parsed = parse(render(trace, BoxFrame.ABSOLUTE), BoxFrame.ABSOLUTE)
    assert [claim.box for claim in parsed.claims] == snapped
    # Snapping may push two boxes of one AU over the duplicate threshold, nothing else.
    assert set(parsed.defects) <= {Defect.DUPLICATE_CLAIM}


@given(
    TRACES, st.sampled_from([each for each in BoxFrame if each.x_first is not BoxFrame.ABSOLUTE])
)
def test_parse_undoes_render_in_every_frame_that_rounds_nothing(trace, frame):
    parsed = parse(render(trace, frame), frame)
    assert parsed.defects == ()
    assert parsed.trace == trace


@pytest.mark.parametrize(
    ("box", "defect"),
    [
        ("[0.412,0.240,0.588,0.330]", None),
        ("[ 0.412, 0.24 ,0.5884, .33]", Defect.MALFORMED_BOX),
        ("[+0.412,0.240,0.588,0.330]", None),
        ("[0.412,0.240,0.588,0.330,0.5]", Defect.MALFORMED_BOX),
        ("[4.12e-1,0.240,0.588,0.330]", Defect.MALFORMED_BOX),
        ("[41.2%,24%,58.8%,33%]", Defect.MALFORMED_BOX),
        ("[0,412,0,240,0,588,0,330]", Defect.MALFORMED_BOX),  # decimal commas
        ("[0.4120000001,0.24,0.588,0.33]", Defect.MALFORMED_BOX),  # more digits than any number has
        ("[\u0660.412,0.24,0.588,0.33]", Defect.MALFORMED_BOX),
        ("[nan,0.24,0.588,0.33]", Defect.MALFORMED_BOX),
        ("[412,240,588,330]", Defect.OUT_OF_FRAME_BOX),
        ("[-0.001,0.24,0.588,0.33]", Defect.OUT_OF_FRAME_BOX),
        ("[0.412,0.240,0.588,1.001]", Defect.OUT_OF_FRAME_BOX),
        ("[0.588,0.240,0.412,0.330]", Defect.REVERSED_BOX),
        ("[0.412,0.2400,0.588,0.2404]", Defect.REVERSED_BOX),  # less than a thousandth high
    ],
)
def test_numbers_that_stand_for_fractions(box, defect):
    parsed = parse(completion(STEP.replace("[412,240,588,330]", box)), BoxFrame.FRACTION)
    assert parsed.defects == (() if defect is None else (defect,))


@given(st.text(max_size=400))
def test_no_string_makes_parse_raise(text):
    parsed = parse(text)
    assert parsed.well_formed == (not parsed.defects)


@pytest.mark.parametrize(
    "text",
    [
        completion(),
        completion(STEP.replace("→", "->")),
        completion(STEP.replace("[412,240,588,330]", "[ 412.0, 240 ,588.4, 330 ]")),
        completion(STEP.replace("AU4", "AU 4")),
        f"<think>{completion()}</think>",
        completion().replace(ANSWER, f"</think>{ANSWER}"),
        completion().replace("\n", "\n\n"),
        completion(answer="<answer> Sad. </answer>"),
        completion(
            "No activated action unit is visible.",
            conclusion="Final conclusion: The face as a whole indicates"
            " a dominant emotion of sadness.",
        ),
        completion(
            "No activated action unit is visible.",
            conclusion="Final conclusion: No activated action unit indicates"
            " a dominant emotion of sadness.",  # as it was written before
        ),
    ],
)
def test_harmless_variations_are_well_formed(text):
    parsed = parse(text)
    assert parsed.defects == ()
    assert parsed.answer == "sadness"


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        (completion(analysis=""), Defect.MISSING_ANALYSIS),
        (completion(analysis="Global analysis:"), Defect.EMPTY_TEXT),
        (completion(loop=""), Defect.MISSING_LOOP),
        (completion(conclusion=""), Defect.MISSING_CONCLUSION),
        (completion(answer=""), Defect.MISSING_ANSWER),
        ("", Defect.MISSING_ANSWER),
        (completion(loop="Verification loop:\nVerification loop:"), Defect.MISPLACED_SECTION),
        (completion("", conclusion=""), Defect.EMPTY_LOOP),
        (completion("Brows look tense."), Defect.UNEXPECTED_TEXT),
        (f"Sure!\n{completion()}", Defect.UNEXPECTED_TEXT),
        (completion(STEP, "No activated action unit is visible."), Defect.CONTRADICTORY_LOOP),
        (completion("Inspect brows → AU4 (brow lowerer): drawn"), Defect.AU_WITHOUT_BOX),
        (completion("Inspect brows → <bbox>[1,2,3,4]</bbox>"), Defect.BOX_WITHOUT_AU),
        (completion(STEP + "<bbox>[1,2,3,4]</bbox>"), Defect.BOX_WITHOUT_AU),
        (completion(STEP.replace("330]", "]")), Defect.MALFORMED_BOX),
        (completion(STEP.replace("588", "5e8")), Defect.MALFORMED_BOX),
        (completion(STEP.replace("</bbox>", "")), Defect.MALFORMED_BOX),
        (completion(STEP.replace("412", "612")), Defect.REVERSED_BOX),
        (completion(STEP.replace("588", "1001")), Defect.OUT_OF_FRAME_BOX),
        (completion(STEP.replace("412", "-4")), Defect.OUT_OF_FRAME_BOX),
        (completion(STEP.replace("AU4", "AU99")), Defect.UNKNOWN_AU),
        (completion(STEP.replace("brow lowerer", "cheek raiser")), Defect.WRONG_AU_NAME),
        (completion(STEP.replace(" (brow lowerer)", "")), Defect.WRONG_AU_NAME),
        (completion(STEP.replace("drawn together", "not visible")), Defect.NEGATED_CLAIM),
        (completion(STEP.replace("drawn together", "")), Defect.EMPTY_TEXT),
        (completion(STEP.replace("drawn together", ".")), Defect.UNEXPECTED_TEXT),
        (completion(STEP.replace("brows", "left ear", 1)), Defect.WRONG_REGION),
        (completion(STEP.replace("brows", "chin", 1)), Defect.WRONG_REGION),
        (completion(STEP.replace("brows", "brows, nose and chin", 1)), Defect.WRONG_REGION),
        (completion(STEP.replace("drawn", "drawn " * 70)), Defect.LONG_TEXT),
        (completion(STEP.replace("brows", "brows " * 70, 1)), Defect.LONG_TEXT),
        (completion(analysis="Global analysis: " + "A face. " * 300), Defect.LONG_TEXT),
        (completion(STEP, MOUTH.replace("down", "Drawn together!")), Defect.REPEATED_OBSERVATION),
        (completion(STEP, MOUTH.replace("down", "drawn together 2")), Defect.REPEATED_OBSERVATION),
        *(
            (completion(analysis=f"Global analysis: {prose}"), Defect.UNCLAIMED_UNIT)
            for prose in (
                "AU12 is active.",
                "AU4 and AU15 are active.",
                "Action units 4, 15 and 17 act.",
                "The lip corner depressor is at work.",
                "Without a doubt AU17 acts.",
            )
        ),
        *(
            (completion(analysis=f"Global analysis: {prose}"), Defect.OTHER_ANSWER)
            for prose in (
                "The face shows anger.",
                "An angry look, without a doubt.",
                "The person looks happy, not sad.",
                "neutral, happiness, sadness, surprise, fear, disgust, anger",
                "Either sad, angry or afraid.",
                "The overall expression is neutral.",
                "It looks surprised but calm.",
            )
        ),
        (completion(STEP, STEP), Defect.DUPLICATE_CLAIM),
        (completion(conclusion="Final conclusion: sad."), Defect.UNREADABLE_CONCLUSION),
        (completion(STEP, MOUTH), Defect.CONCLUSION_MISMATCH),
        (completion(answer="<answer>anger</answer>"), Defect.CONCLUSION_MISMATCH),
        (completion(answer="<answer>melancholy</answer>"), Defect.UNKNOWN_LABEL),
        (completion(answer=f"{ANSWER}\n<answer>fear</answer>"), Defect.SEVERAL_ANSWERS),
        (completion(ANSWER, STEP), Defect.MISPLACED_ANSWER),
        *(
            (completion(answer=f"{ANSWER}{after}"), Defect.TEXT_AFTER_ANSWER)
            for after in (
                *(
                    " indeed",
                    ">",
                    " >",
                    " <x>",
                    " it may be fear <x>",
                    "<br>more</br>",
                    "</answer>",
                ),
                *(" " + "la " * 500 + ">", "<p>", " sadness</answer>", "\u2028more>", "\n<end>"),
            )
        ),
        (completion(answer=f"{ANSWER} <answer>fear</answer>"), Defect.SEVERAL_ANSWERS),
        (completion(answer=f"{ANSWER}\nno: <answer>fear</answer>"), Defect.SEVERAL_ANSWERS),
        (completion(answer=f"{ANSWER}\nno: <answer>fear</answer>"), Defect.TEXT_AFTER_ANSWER),
        (completion(answer=f"{ANSWER} or <answer>sadness</answer>"), Defect.TEXT_AFTER_ANSWER),
        (completion(STEP.replace("412", "\u0664\u0661\u0662")), Defect.MALFORMED_BOX),
        (completion(STEP.replace("412", "\uff14\uff11\uff12")), Defect.MALFORMED_BOX),
        (completion(STEP.replace("AU4", "AU\u0664")), Defect.BOX_WITHOUT_AU),
        (
            completion(
                conclusion="Final conclusion: AU\u0664 indicates a dominant emotion of sad."
            ),
            Defect.UNREADABLE_CONCLUSION,
        ),
        (completion(answer=f"{ANSWER}\n{STEP}"), Defect.BOX_AFTER_ANSWER),
        (completion(answer=f"{ANSWER} <bbox>[1,2,3,4]</bbox>"), Defect.BOX_AFTER_ANSWER),
        (completion(analysis="Global analysis: x <bbox>[1,2,3,4]</bbox>"), Defect.MISPLACED_BOX),
        (completion(answer="<answer>sad"), Defect.TRUNCATED),
        ("Global analysis: A tense face.\nVerification loop:\n" + STEP[:60], Defect.TRUNCATED),
    ],
)
def test_each_defect_is_found(text, defect):
    assert defect in parse(text).defects


@pytest.mark.parametrize(
    ("answers", "labels", "expected"),
    [
        (["sadness"], "ferplus", "sadness"),
        (["contempt"], "ferplus", "contempt"),
        (["contempt"], "rafdb", None),  # not a class of this benchmark
        (["sad", "sadness"], "rafdb", "sadness"),  # the same answer twice is one answer
        (["sadness", "fear"], "rafdb", None),
        (["sadness", "?"], "rafdb", None),
        ([], "rafdb", None),
    ],
)
def test_an_answer_is_credited_only_when_it_is_single_and_clear(answers, labels, expected):
    text = completion(answer="\n".join(f"<answer>{answer}</answer>" for answer in answers))
    assert parse(text, labels=LABEL_SETS[labels]).answer == expected


@pytest.mark.parametrize("between", ["", " ", " or ", "\n", "\nno, ", "</think>", "<x>"])
def test_a_second_answer_counts_wherever_it_stands(between):
    assert parse(f"{ANSWER}{between}<answer>fear</answer>").answer is None
    assert parse(f"{ANSWER}{between}<answer>sad</answer>").answer == "sadness"


@pytest.mark.parametrize(
    "prose",
    [
        "The person is not happy to be seen.",
        "The man seems happy to talk, surprisingly calm in the upper face.",
        "There is no sign of fear, anger or disgust.",
        "A sad face, rather than an angry one.",
        "Sadness, with a hint of fear.",
        "The rest of the face is neutral; the brows are in a neutral position.",
        "I'm afraid that the light is poor.",
        "Unlike surprise or fear, the eyes are not widened.",
        "AU4 is active while AU12 is absent.",
        "A brow lowerer without a lip corner puller.",
        "The lips part and the jaw drops a little.",
        "AU3 does not exist.",
        "The face could be mistaken for an angry one.",
        "Angry eyes and a happy smile do not go together.",
    ],
)
def test_ordinary_prose_is_well_formed(prose):
    assert parse(completion(analysis=f"Global analysis: {prose}")).defects == ()


def test_words_do_not_decide_whether_a_claim_is_right():
    lines = [STEP.replace("brows", "left ear", 1), STEP.replace("drawn", "drawn " * 70)]
    for line in (*lines, STEP.replace("drawn together", "up")):
        claims = parse(completion(MOUTH.replace("down", "up"), line)).claims
        assert [claim.usable for claim in claims] == [True, True]
    assert not parse(completion(STEP.replace("drawn together", "not visible"))).claims[0].usable


def test_more_claims_than_are_judged_are_a_defect():
    text = completion(STEP, MOUTH)
    assert Defect.SURPLUS_CLAIMS in parse(text, most_claims=1).defects
    assert Defect.SURPLUS_CLAIMS not in parse(text, most_claims=2).defects


def place(number):
    return STEP.replace("[412,240,588,330]", f"[{number},{number},{number + 9},{number + 9}]")


@pytest.mark.parametrize(("places", "duplicates"), [(5, 0), (20, 0), (21, 1), (40, 20)])
def test_more_places_of_one_unit_than_a_face_has_are_repetition(places, duplicates):
    claims = parse(completion(*(place(20 * number) for number in range(places)))).claims
    assert len(claims) == places
    assert sum(Defect.DUPLICATE_CLAIM in claim.defects for claim in claims) == duplicates


def test_a_bare_answer_is_read_although_the_trace_is_missing():
    assert parse(ANSWER).answer == "sadness"


def test_a_broken_line_still_counts_as_a_claim():
    broken = completion("AU4 here", "<bbox>", STEP.replace("412", "x"))
    assert len(parse(broken).claims) == 3
    assert not any(claim.usable for claim in parse(broken).claims)


@pytest.mark.parametrize(
    "fields",
    [
        {"observation": "up → down"},
        {"observation": "two\nlines"},
        {"observation": "not visible"},
        {"region": "<b>brows</b>"},
        {"region": ""},
        {"region": "left ear"},
        {"observation": "drawn " * 100},
        {"observation": "..."},
        {"au": 3},
        {"box": [5, 5, 1, 9]},
    ],
)
def test_a_trace_that_would_break_the_grammar_cannot_be_made(fields):
    good = {"region": "brows", "au": 4, "observation": "drawn together", "box": [1, 2, 30, 40]}
    with pytest.raises(ValueError, match="validation error"):
        Inspection(**(good | fields))


def test_a_trace_refuses_the_same_claim_twice_and_an_unknown_answer():
    step = Inspection(region="brows", au=4, observation="low", box=Box(1, 2, 30, 40))
    with pytest.raises(ValueError, match="claimed twice"):
        Trace(global_analysis="x", inspections=(step, step), answer="anger")
    other = Inspection(region="mouth", au=26, observation="low", box=Box(1, 2, 30, 40))
    with pytest.raises(ValueError, match="said of another AU"):
        Trace(global_analysis="x", inspections=(step, other), answer="anger")
    with pytest.raises(ValueError, match="an AU that is not inspected"):
        Trace(global_analysis="AU12 acts.", inspections=(step,), answer="anger")
    with pytest.raises(ValueError, match="names another answer than anger"):
        Trace(global_analysis="A happy face.", inspections=(step,), answer="anger")
    with pytest.raises(ValueError, match="unknown emotion"):
        Trace(global_analysis="x", inspections=(), answer="melancholy")


@pytest.mark.parametrize("count", [1, 100_000])
def test_long_numbers_are_no_trouble(count):
    parse(completion(conclusion=f"Final conclusion: AU{'9' * count} indicates x."))
    parse(completion(STEP.replace("412", "9" * count)))
    parse(completion(STEP.replace("AU4", "AU" + "9" * count)))
