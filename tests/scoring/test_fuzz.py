"""Arbitrary and mutated completions. `make fuzz` runs this with 100,000 examples of each kind."""

import json
import os
import time

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.scoring.rewards import REWARDS
from tag_plugin.scoring.score import (
    DEFAULT_JUDGE,
    JudgeConfig,
    Reference,
    ScoredCompletion,
    score_completion,
)
from tag_plugin.trace.answer import AnswerPolicy
from tag_plugin.trace.render import render
from tests.scoring.test_hacks import HONEST, REFERENCE
from tests.strategies import TRACES

VERDICT = TypeAdapter(ScoredCompletion)
FUZZ = settings(
    max_examples=int(os.environ.get("TAG_FUZZ_EXAMPLES", "500")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

WORDS = st.sampled_from(
    [
        *("Global analysis:", "Verification loop:", "Final conclusion:", "Inspect ", "→", "->"),
        *("AU4", "AU 12", "AU99", "AU", "(brow lowerer)", ": ", "not visible", "\n", " + ", "."),
        *("<bbox>", "</bbox>", "[", "]", ",", "-1", "0", "412", "1000", "1e9", "0.5", "nan"),
        *("<answer>", "</answer>", "sadness", "happy", "<think>", "</think>", "indicates"),
        *("left ear", "brows", "no sign of fear", "happy to ", "brow lowerer", "AU1, 2 and 4"),
        *("a dominant emotion of ", "No activated action unit is visible.", "\u2028", "\x00", "😀"),
    ]
)
COMPLETIONS = st.lists(WORDS | st.text(max_size=12), max_size=40).map("".join)
FRAMES = st.sampled_from(BoxFrame)


def judge_soundly(text, frame):
    scored = score_completion(text, REFERENCE, frame)
    for part in [reward.read(scored, DEFAULT_JUDGE) for reward in REWARDS.values()]:
        assert part is None or 0 <= part <= 1
    assert VERDICT.validate_python(json.loads(json.dumps(VERDICT.dump_python(scored)))) == scored
    without = score_completion(text, Reference(None, LABEL_SETS["rafdb"]), frame)
    assert (without.answer, without.grounding) == (None, None)


@FUZZ
@given(COMPLETIONS, FRAMES)
def test_arbitrary_completions_are_judged_soundly(text, frame):
    judge_soundly(text, frame)


@st.composite
def mutated(draw):
    """A good completion with a few cuts, insertions, swaps and repetitions."""
    text = draw(st.just(HONEST) | TRACES.map(render))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 60)))
        piece = draw(st.sampled_from(["", text[start:end] * 2]) | WORDS)
        text = text[:start] + piece + text[end:]
    return text


@FUZZ
@given(mutated(), FRAMES)
def test_mutated_completions_are_judged_soundly(text, frame):
    judge_soundly(text, frame)


PIECES = st.lists(
    WORDS
    | st.sampled_from([" ", "\r", "\t", "\n", "\u00a0", "\x85", "_", "*", "-", ";", ".", '"', "\\"])
    | st.sampled_from(
        ['"answer":', "{", "[,", "Answer: ", "the final ", "is ", "\\boxed{", "❌", "x"]
    ),
    min_size=1,
    max_size=5,
).map("".join)
STARTS = st.sampled_from(
    [
        "",
        HONEST,
        "Global analysis: ",
        "The person looks sad.",
        "Inspect b → AU4",
        '"answer"',
        "happy",
    ]
)
SHORT, LONG = 2_000, 32_000
NOISE = 0.02
"""Seconds within which processor times are not told apart."""


def least_seconds(text, policy, allowed):
    """The least processor time of a few tries; one that was fast enough ends them."""
    taken = []
    while len(taken) < 4 and (not taken or min(taken) > allowed):
        began = time.process_time()
        score_completion(text, REFERENCE, BoxFrame.RELATIVE, JudgeConfig(answers=policy))
        taken.append(time.process_time() - began)
    return min(taken)


@settings(FUZZ, max_examples=FUZZ.max_examples // 10)
@given(STARTS, PIECES, st.sampled_from(["", "x", "\nAnswer: sad"]), st.sampled_from(AnswerPolicy))
@example("The person looks sad.", "\n", "", AnswerPolicy.CAREFUL)
@example("", '"answer":[,', "", AnswerPolicy.CAREFUL)
@example("happy", " ", "x", AnswerPolicy.CAREFUL)
@example("Inspect b → AU4", " ", "x", AnswerPolicy.CONTRACT)
@example("Global analysis: ", "AU1, 2 and ", "", AnswerPolicy.CONTRACT)
@example("Global analysis: ", "the face is a very ", "happy", AnswerPolicy.CONTRACT)
def test_time_grows_no_faster_than_the_text(start, piece, end, policy):
    """A text 16 times as long may take 32 times as long; quadratic reading takes 256 times."""
    texts = [start + (piece * (size // len(piece))) + end for size in (SHORT, LONG)]
    short = least_seconds(texts[0], policy, 0)
    allowed = 2 * LONG / SHORT * max(short, NOISE / 16)
    assert least_seconds(texts[1], policy, allowed) <= allowed
