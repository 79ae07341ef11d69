"""What the metrics say of simulated models that look, look badly, or do not look. Prints JSON.

    python benchmarks/metric_policies.py [DATA/<dataset>] [--faces N]

Every policy answers alike: right on `ACCURACY` of the faces. What it says of AUs and boxes is
written as a trace and goes through the judge and the table of metrics, against the baselines that
are fitted on the detected train faces. Without a dataset the faces are drawn ones.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from tag_plugin.data.rows import Row, Split, read_rows
from tag_plugin.data.synthetic.prepare import FaceId
from tag_plugin.data.synthetic.sampling import sample_face, split_seed
from tag_plugin.detectors.synthetic import SyntheticDetector
from tag_plugin.facs.boxes import BOX_SCALE, Box, BoxFrame
from tag_plugin.facs.detections import Detection, Detections
from tag_plugin.pipeline.baselines import asked_of
from tag_plugin.pipeline.rules import write_trace
from tag_plugin.results.summary import Bootstrap, summarise
from tag_plugin.scoring.baseline_fit import TrainFaces
from tag_plugin.scoring.baselines import Baselines
from tag_plugin.scoring.estimates import Estimate
from tag_plugin.scoring.metrics import METRICS
from tag_plugin.scoring.record import AnsweredSample, JudgedSample
from tag_plugin.scoring.score import JudgeConfig
from tag_plugin.scoring.statistics import RESAMPLES
from tag_plugin.trace.render import render

ACCURACY: Final = 0.85
SHOWN: Final = (
    "accuracy",
    "au_kappa",
    "kappa_by_answer",
    "box_skill",
    "right_reason",
    "grounding",
    "silence_baseline",
    "constant_baseline",
    "by_answer_baseline",
    "au_precision",
    "au_recall",
    "au_f1",
    "matched_iou",
    "no_claim_rate",
)
HONEST: Final = "honest (recall .80, precision .79, IoU .79)"
WEAK: Final = "honest, weak (.58, .65, .71)"
RIGHT_UNITS: Final = "right AUs at recall .8, mean boxes"
BY_ANSWER: Final = "the answer's usual AUs, mean boxes"
BLIND: Final = (
    "nothing visible, always",
    "three most frequent AUs, mean boxes",
    "best constant claim",
    BY_ANSWER,
    "trace of a random train face",
)
"""Those that are told nothing of the face but, one of them, their own answer."""

Claims = Mapping[int, Box]
Policy = Callable[[Row, str, Random], Claims]


def present(row: Row) -> dict[int, Box]:
    """The AUs of a face that are to be found, with their boxes."""
    if row.detections is None:
        return {}
    asked = asked_of(row, row.asked)
    return {each.au: each.box for each in row.detections.on(asked.thresholds, asked.top_k)}


def policies(train: Sequence[Row], baselines: Baselines) -> dict[str, Policy]:
    """Name -> the AUs and boxes that it claims on a face, given its answer."""
    mean, counts = baselines.boxes(BoxFrame.RELATIVE), Counter(a for r in train for a in present(r))
    often, per_face = [au for au, _ in counts.most_common(3)], counts.total() / len(train)

    def looking(recall: float, precision: float, overlap: float) -> Policy:
        wrong = per_face * recall * (1 - precision) / precision

        def claims(row: Row, _: str, random: Random) -> Claims:
            seen = {au: box for au, box in present(row).items() if random.random() < recall}
            found = {au: moved(box, overlap, random) for au, box in seen.items()}
            absent = (
                sorted(
                    mean.keys() - {d.au for d in row.detections.detections if d.probability >= 0.3}
                )
                if row.detections
                else []
            )
            invented = [au for au in absent if random.random() < wrong / len(absent)]
            return found | {au: mean[au] for au in invented}

        return claims

    def placed(units: Sequence[int]) -> Claims:
        return {au: mean[au] for au in units if au in mean}

    def right_units(row: Row, _: str, random: Random) -> Claims:
        return placed([au for au in present(row) if random.random() < 0.8])

    return {
        HONEST: looking(0.80, 0.79, 0.79),
        WEAK: looking(0.58, 0.65, 0.71),
        RIGHT_UNITS: right_units,
        BLIND[0]: lambda row, answer, random: {},
        BLIND[1]: lambda row, answer, random: placed(often),
        BLIND[2]: lambda row, answer, random: placed(baselines.constant),
        BLIND[3]: lambda row, answer, random: placed(baselines.by_answer.get(answer, ())),
        BLIND[4]: lambda row, answer, random: present(random.choice(train)),
    }


def moved(box: Box, overlap: float, random: Random) -> Box:
    """The box shifted, so that its IoU with itself is about `overlap`, 0.15 more or less."""
    wanted = min(1.0, overlap + random.uniform(-0.15, 0.15))
    kept, share = 2 * wanted / (1 + wanted), random.random()
    right = (1 - kept**share) * (box.x2 - box.x1) * random.choice((-1, 1))
    down = (1 - kept ** (1 - share)) * (box.y2 - box.y1) * random.choice((-1, 1))
    x = round(np.clip(box.x1 + right, 0, BOX_SCALE - (box.x2 - box.x1)))
    y = round(np.clip(box.y1 + down, 0, BOX_SCALE - (box.y2 - box.y1)))
    return Box(x, y, x + box.x2 - box.x1, y + box.y2 - box.y1)


def fitted(train: Sequence[Row]) -> Baselines:
    """What never looks, fitted on these faces."""
    asked = asked_of(train[0], train[0].asked)
    faces = TrainFaces(train[0].reference.labels, JudgeConfig().asking(asked))
    for row in train:
        faces.add(row.reference)
    return faces.fitted()


def measured(
    train: Sequence[Row], test: Sequence[Row], resamples: int = RESAMPLES
) -> dict[str, dict[str, Estimate]]:
    """Policy -> its metrics on the test faces."""
    labels, baselines = test[0].reference.labels, fitted(train)
    found = {}
    for name, policy in policies(train, baselines).items():
        samples = []
        for row in test:
            said = answer(row, ACCURACY, Random(f"answers {row.id}"))
            samples.append(
                judged(row, text(row, said, policy(row, said, Random(f"{name} {row.id}"))))
            )
        summary = summarise(samples, labels, Bootstrap(resamples=resamples), baselines)
        found[name] = dict(summary.metrics)
    return found


def answer(row: Row, accuracy: float, random: Random) -> str:
    """The label on this share of the faces, else another one."""
    if random.random() < accuracy:
        return row.label
    return random.choice([label for label in row.reference.labels.labels if label != row.label])


def text(row: Row, said: str, claims: Claims) -> str:
    """A trace that claims these AUs and gives this answer."""
    seen = tuple(Detection(au=au, probability=0.9, box=box) for au, box in claims.items())
    detections = Detections(detections=seen, supported=frozenset(claims))
    trace = write_trace(said, detections, row.id, JudgeConfig(top_k=20))
    return render(trace, BoxFrame.RELATIVE)


def judged(row: Row, completion: str) -> JudgedSample:
    """What was said of one face, judged."""
    config = JudgeConfig().asking(asked_of(row, row.asked))
    return AnsweredSample(
        id=row.id,
        task="tag_policies",
        dataset=row.dataset,
        image=row.image,
        label_set=row.label_set,
        gold=row.label,
        style="grounded",
        frame=BoxFrame.RELATIVE,
        completion=completion,
        detections=row.detections,
        thresholds=config.thresholds,
    ).judged(config)


def drawn(split: Split, count: int) -> list[Row]:
    """Drawn faces with what the exact detector sees."""
    detector, made = SyntheticDetector(), []
    for index in range(count):
        face_id = FaceId(split_seed(0, split), index)
        row = Row(
            id=str(face_id),
            dataset="synth",
            split=split,
            image=f"{face_id}.jpg",
            label=sample_face(face_id.seed, face_id.index).emotion,
            label_set="synth",
            detector=detector.info,
        )
        made.append(row.model_copy(update={"detections": detector.detect_row(row, lambda: None)}))
    return made


def rows_of(dataset: Path, split: Split, count: int | None) -> list[Row]:
    """The first detected faces of a split, those without a face left out."""
    rows = read_rows(dataset / "detected" / f"{split}.jsonl")
    return list(islice((row for row in rows if row.detections is not None), count))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("--faces", type=int, default=1500)
    options = parser.parse_args()
    if options.dataset is None:
        train, test = drawn("train", options.faces), drawn("test", options.faces)
    else:
        train = rows_of(options.dataset, "train", None)
        test = rows_of(options.dataset, "test", options.faces)
    found = measured(train, test)
    table = Table(
        "policy",
        *(METRICS[name].title for name in SHOWN),
        title=f"{len(test)} test faces, {len(train)} train faces",
    )
    for name, metrics in found.items():
        table.add_row(
            name, *(f"{metrics[each].value:.3f}" if each in metrics else "-" for each in SHOWN)
        )
    Console(file=sys.stderr, width=240).print(table)
    numbers = {
        n: {m: [e.value, e.low, e.high] for m, e in ms.items() if m in SHOWN}
        for n, ms in found.items()
    }
    print(
        json.dumps(
            {"benchmark": "metric_policies", "faces": len(test), "policies": numbers}, indent=2
        )
    )


if __name__ == "__main__":
    main()
