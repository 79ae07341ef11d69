"""Two runs whose answers say which pair and which run they are of, so that a script can tell."""

from pathlib import Path

from PIL import Image

from tag_plugin.facs.boxes import Box, BoxFrame
from tag_plugin.scoring.record import RECORD, JudgedSample
from tag_plugin.scoring.score import ScoredCompletion
from tag_plugin.trace.claims import Claim
from tag_plugin.trace.parse import ParsedCompletion
from tests.report.scripted import write_lines


def sample(number: int, run: str, image: Path, **changes) -> JudgedSample:
    """Sample `number` of run `run`."""
    made = {
        "id": f"s{number:03d}",
        "task": "tag_synth",
        "dataset": "synth",
        "image": str(image),
        "label_set": "synth",
        "gold": "anger",
        "style": "grounded",
        "frame": BoxFrame.RELATIVE,
        "completion": f"pair {number} run {run}",
        "verdict": ScoredCompletion(
            ParsedCompletion("", (Claim(4, Box(100, 100, 500, 400)),), "anger", "anger", (), False),
            format=0.0,
            answer=1.0,
            grounding=None,
        ),
        "detections": None,
        "thresholds": {"on": 0.5, "grey": 0.3},
    }
    return JudgedSample.model_validate(made | changes)


def write_two_runs(folder: Path, count: int, identical: int = 0) -> tuple[Path, Path]:
    """Samples files of the runs A and B; the last `identical` pairs say the same."""
    image = folder / "face.png"
    Image.new("RGB", (448, 448), (120, 130, 140)).save(image)
    paths = []
    for run in "AB":
        samples = [sample(number, run, image) for number in range(count)]
        for number in range(count, count + identical):
            samples.append(sample(number, run, image, completion="the same"))
        lines = [{RECORD: each.model_dump(mode="json")} for each in samples]
        paths.append(write_lines(folder / f"{run}_samples_tag_synth.jsonl", lines))
    return paths[0], paths[1]
