"""Time of the judge against the length of a completion, for many kinds of text. Prints JSON.

Each piece of text is repeated alone and inside a good trace, up to 1,000, 10,000, 100,000 and a
million characters, and read by both policies of answers. Give names of classes to measure only
those: `judge_length.py newline "alone: <bbox>"`.
"""

import itertools
import json
import sys
import time
from collections.abc import Iterator

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.scoring.score import JudgeConfig, Reference, score_completion
from tag_plugin.trace.answer import AnswerPolicy

LENGTHS = (1_000, 10_000, 100_000, 1_000_000)
SECONDS_ALLOWED = 1.5
GROWTH_ALLOWED = 12.0
MORE_TRIES = 8

WHITE_SPACE = {
    "space": " ",
    "newline": "\n",
    "carriage return": "\r",
    "CRLF": "\r\n",
    "tab": "\t",
    "vertical tab": "\v",
    "form feed": "\f",
    "file separator": "\x1c",
    "next line": "\x85",
    "no-break space": "\u00a0",
    "en quad": "\u2000",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "ideographic space": "\u3000",
    "space and newline": " \n",
    "newline and dash": "\n-",
}
TOKENS = (
    *("Global analysis:", "Verification loop:", "Final conclusion:", "Inspect ", "→", "->", "AU4"),
    *("AU", "AU4 ", "(brow lowerer)", "(", ")", ":", ";", ",", ".", "!", "?", "\u3002", "\uff1a"),
    *("<bbox>", "</bbox>", "<bbox>[", "<bbox>[1", "<bbox>[1,2,3,4]</bbox>", "[", "]", "{", "}"),
    *("<answer>", "</answer>", "<answer></answer>", "<answer>sad</answer>", "<answer> x", "</"),
    *("<think>", "</think>", "<", ">", "<a", "<b>", "</b>", "< ", "0", "9", "1.", "1,", "-1", "+"),
    *(" + AU4", " indicates a dominant emotion of ", "No activated action unit", "is visible.\n"),
    *("{,", '"answer":[,', '"answer":{', '"answer":"', '"emotion":', "'emotion':'x',", '"', "'"),
    *(
        "\\boxed{",
        "\\boxed{}",
        "\\boxed{{}",
        "\\text{",
        "\\",
        "$",
        "*",
        "_",
        "`",
        "#",
        "**a",
        "__ ",
    ),
    *("-", "•", "- ", "\n- happy", "A) ", "(B) happy\n", "1. sad\n", "😀", "happy 😀 ", "❌", "x"),
    *("<|", "<|x|>", "<|im_end|>", "<|begin_of_box|>", "◁think▷", "◁/think▷", "[THINK]", "</s>"),
)
WORDS = (
    *("Answer: ", "Answer: happy\n", "answer is ", "is", "isis ", "The final answer", "final\n"),
    *("final ", "so, the ", "the ", "Emotion: ", "emotion", "happy", "happy ", "happy\n", "sad. "),
    *("happiness, ", "not ", "not happy. ", "or ", "maybe ", "a ", "an very ", "very ", "feeling "),
    *("looks ", "is a ", "appears to be ", "facial expression ", "expression", "because ", "n't "),
    *(
        "答案是",
        "高兴",
        "表情",
        "不",
        "是高兴。",
        "no ",
        "no sign of ",
        "not clearly ",
        "un",
        "visible ",
    ),
    *("not activated ", "Answer:\n\n", "Emotion: sad. ", "Is it happy? ", "AU4 is not there "),
)
IN_AN_ANALYSIS = (
    *(
        "AU12 and ",
        "AU1, 2 + ",
        "action units 1 ",
        "brow lowerer ",
        "no AU4 ",
        "rather than happy ",
    ),
    *("the face is a b neutral ", "face looks a ", "but sad ", "without a doubt "),
)
MIXED = {
    "label then spaces": ("happy", " "),
    "spaces in a unit": ("Inspect b → AU4", " "),
    "spaces in a name": ("Inspect b → AU4 (", " "),
    "sentence then newlines": ("The person looks sad.", "\n"),
    "open tag then text": ("<answer>", "sad and "),
    "key then spaces": ('"answer"', " "),
    "verb then links": ("The person is", " a very"),
}
CLOSED = "\nAnswer: sad"


def steps(apart: bool) -> Iterator[str]:
    """Lines of the loop: one AU in ever new places, or in boxes that nearly repeat."""
    for number in itertools.count():
        x, y = (number * 7 % 970, number // 139 * 9 % 970) if apart else (number % 300, 100)
        size = 5 if apart else 600
        box = f"[{x},{y},{x + size},{y + size}]"
        yield f"Inspect b → AU4 (brow lowerer): drawn {number} → <bbox>{box}</bbox>\n"


def numbered(template: str) -> Iterator[str]:
    """Lines that are all different."""
    return (template.format(number) for number in itertools.count())


def repeated(piece: str) -> Iterator[str]:
    """The same piece for ever."""
    return itertools.repeat(piece)


def filled(pieces: Iterator[str], length: int) -> str:
    """Pieces up to exactly this many characters."""
    made, size = [], 0
    while size < length:
        made.append(next(pieces))
        size += len(made[-1])
    return "".join(made)[:length]


GOOD = (
    "Global analysis: A tense face.\nVerification loop:\n"
    "Inspect brows → AU4 (brow lowerer): drawn {} together → <bbox>[412,240,588,330]</bbox>\n"
    "Final conclusion: AU4 indicates a dominant emotion of sadness.\n<answer>sadness</answer>"
)
LINES = (
    "{}\n",
    "AU{}\n",
    "happy {}\n",
    "Answer: happy, {}\n",
    "Answer: it is {} happy\n",
    "<{}>\n",
)


def texts(length: int) -> Iterator[tuple[str, str]]:
    """(class, completion) of about this length."""
    before, after = GOOD.split("{}")
    named = {**WHITE_SPACE, **{piece.strip() or piece: piece for piece in (*TOKENS, *WORDS)}}
    for name, piece in named.items():
        text = filled(repeated(piece), length)
        yield f"alone: {name}", text
        yield f"in a trace: {name}", before + text + after
    for piece in (*WORDS, *IN_AN_ANALYSIS):
        text = filled(repeated(piece), length)
        yield f"in an analysis: {piece.strip()}", f"Global analysis: {text}{after}"
    for name, (start, piece) in MIXED.items():
        text = filled(repeated(piece), length)
        yield f"mixed: {name}", f"{start}{text}x → <bbox>[1,2,3,4]</bbox>{CLOSED}"
    for line in LINES:
        yield f"all different: {line.strip()}", filled(numbered(line), length)
    for apart in (True, False):
        head = "Global analysis: x\nVerification loop:\n"
        yield f"claims apart: {apart}", head + filled(steps(apart), length)


def reference() -> Reference:
    """A sad face with every AU."""
    shown = tuple(
        Detection(au=au, probability=0.9, box=Box(100, 20 * au, 500, 20 * au + 150))
        for au in ACTION_UNITS
    )
    found = Detections(detections=shown, supported=frozenset(ACTION_UNITS))
    return Reference("sadness", LABEL_SETS["rafdb"], found)


def seconds(text: str, policy: AnswerPolicy, face: Reference, tries: int) -> float:
    """The least processor time of so many tries."""
    config, best = JudgeConfig(answers=policy), float("inf")
    for _ in range(tries):
        started = time.process_time()
        score_completion(text, face, BoxFrame.RELATIVE, config)
        best = min(best, time.process_time() - started)
    return best


def measured(wanted: list[str]) -> dict[str, dict[str, list[float]]]:
    """Class -> policy -> seconds at each length."""
    table: dict[str, dict[str, list[float]]] = {}
    face = reference()
    for group in zip(*(texts(length) for length in LENGTHS), strict=True):
        name = group[0][0]
        if not wanted or any(part in name for part in wanted):
            completions = [text for _, text in group]
            table[name] = {p.value: side_by_side(completions, p, face) for p in AnswerPolicy}
    return table


def side_by_side(completions: list[str], policy: AnswerPolicy, face: Reference) -> list[float]:
    """Seconds at each length; the last two, which are compared, are taken in one go.

    The processor's clock changes within seconds, so that a pair that grew too fast is taken again,
    and the pair that grew least is kept: what is not linear grows too fast in every one.
    """
    *short, before, last = completions
    times = [seconds(text, policy, face, 3) for text in short]
    best = [1.0, float("inf")]
    for _ in range(MORE_TRIES):
        pair = [seconds(before, policy, face, 2), seconds(last, policy, face, 1)]
        best = min(best, pair, key=lambda taken: taken[1] / taken[0])
        if best[1] <= GROWTH_ALLOWED * best[0]:
            break
    return [round(taken, 5) for taken in (*times, *best)]


def main() -> None:
    """Measure and print."""
    table = measured(sys.argv[1:])
    rows = [(name, policy, times) for name, row in table.items() for policy, times in row.items()]
    # Below a twentieth of a second the processor's clock and caches are what is measured.
    growths = [(t[-1] / max(t[-2], 0.005), name, policy) for name, policy, t in rows]
    longest = [(t[-1], name, policy) for name, policy, t in rows]
    report = {
        "benchmark": "judge_length",
        "classes": len(table),
        "characters": LENGTHS,
        "longest_seconds": sorted(longest, reverse=True)[:5],
        "largest_growth_from_100k_to_1m": sorted(growths, reverse=True)[:5],
        "too_slow": [row for row in longest if row[0] > SECONDS_ALLOWED],
        "grows_too_fast": [row for row in growths if row[0] > GROWTH_ALLOWED],
        "seconds": table,
    }
    print(json.dumps(report, indent=None if sys.argv[1:] else 1, ensure_ascii=False))


if __name__ == "__main__":
    main()
