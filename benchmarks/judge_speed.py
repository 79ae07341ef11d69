"""How many completions of real length the judge scores a second on one core. Prints JSON.

Each completion has five AU claims and about 700 characters, like the traces that the `rules`
writer makes; every text is different, so no cache can help.
"""

import json
import statistics
import time

from tag_plugin.facs.action_units import ACTION_UNITS
from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.scoring.score import Reference, score_completion
from tag_plugin.trace.render import render

COMPLETIONS = 2_000
ROUNDS = 7
CLAIMS = (1, 4, 15, 17, 25)


def samples(frame: BoxFrame) -> list[tuple[str, Reference]]:
    """Different faces with five AUs each, and a trace for each."""
    made = []
    for number in range(COMPLETIONS):
        shift = number % 97
        found = tuple(
            Detection(
                au=au, probability=0.9, box=Box(100 + shift, 20 * au, 500 + shift, 20 * au + 150)
            )
            for au in CLAIMS
        )
        detections = Detections(detections=found, supported=frozenset(ACTION_UNITS))
        trace = write_trace("sadness", detections, number)
        made.append((render(trace, frame), Reference("sadness", LABEL_SETS["rafdb"], detections)))
    return made


def main() -> None:
    """Measure and print."""
    frame = BoxFrame.ABSOLUTE
    made = samples(frame)
    rates = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for text, reference in made:
            score_completion(text, reference, frame)
        rates.append(COMPLETIONS / (time.process_time() - started))
    report = {
        "benchmark": "judge_speed",
        "completions": COMPLETIONS,
        "claims_each": len(CLAIMS),
        "characters_mean": round(statistics.mean(len(text) for text, _ in made)),
        "completions_per_cpu_second": {
            "min": round(min(rates)),
            "median": round(statistics.median(rates)),
            "max": round(max(rates)),
        },
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
