"""What ways to earn reward without looking come to, beside an honest answer. Prints JSON.

`hack_table.py DATA/detected [--limit N] [--split test]`: rows of any dataset; what the blind
policies know comes from its train rows. Without a folder: faces as they are drawn for `synth`.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from hacks.faces import Face, Reply, Train, faces, step
from hacks.policies import BLIND, POLICIES, SILENT

from tag_plugin.data.rows import Row, read_rows
from tag_plugin.data.synthetic.regions import detections
from tag_plugin.data.synthetic.sampling import sample_face, split_seed
from tag_plugin.facs.appearance import speaks_of
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.scoring.rewards import DEFAULT_WEIGHTS, REWARDS, coherence, weighted_sum
from tag_plugin.scoring.score import DEFAULT_JUDGE, JUDGE_VERSION, score_completion

Line = Mapping[str, float | int | None]


def drawn(split: str, count: int) -> list[Row]:
    """Rows of drawings, without the pictures."""
    rows = []
    for index in range(count):
        face = sample_face(split_seed(0, split), index)
        rows.append(
            Row(
                id=f"{split}{index}",
                dataset="synth",
                split=split,  # type: ignore[arg-type]  # checked by `split_seed`
                image="none.png",
                label=face.emotion,
                label_set="synth",
                detections=detections(face),
            )
        )
    return rows


def judged(face: Face, text: str) -> list[float | None]:
    """Total, its parts, and claims: unsupported, spoken of in words of their AU, all."""
    scored = score_completion(text, face.row.reference, BoxFrame.RELATIVE)
    parts = [REWARDS[name].read(scored, DEFAULT_JUDGE) for name in DEFAULT_WEIGHTS]
    claims = [(claim.au, claim) for claim in scored.parsed.claims if claim.au]
    spoken = sum(speaks_of(au, claim.observation, claim.region) for au, claim in claims)
    total = float(weighted_sum(parts, [*DEFAULT_WEIGHTS.values()]))
    verdict = [scored.answer, scored.grounding, scored.format]
    return [total, *verdict, getattr(scored, "unsupported", 0), spoken, len(claims)]


def line(faces_seen: Sequence[Face], texts: Sequence[str]) -> Line:
    """The means over faces."""
    values = [judged(face, text) for face, text in zip(faces_seen, texts, strict=True)]
    columns = [
        [value for value in column if value is not None] for column in zip(*values, strict=True)
    ]
    total, answer, grounding, form, unsupported, spoken, claims = columns
    return {
        "total": round(fmean(total), 4),
        "answer": round(fmean(answer), 4),
        "grounding": round(fmean(grounding), 4) if grounding else None,
        "format": round(fmean(form), 4),
        "unsupported_claims": int(sum(unsupported)),
        "spoken_of_rate": round(sum(spoken) / sum(claims), 4) if sum(claims) else None,
        "grounding_applies": len(grounding),
    }


def table(train_rows: Sequence[Row], rows: Sequence[Row]) -> dict[str, Line]:
    """Policy -> its numbers; the honest one first."""
    train, seen = Train.of(train_rows), faces(rows)
    lines = {"honest": line(seen, [str(face.honest) for face in seen])}
    for name, policy in POLICIES.items():
        lines[name] = line(seen, [policy(face, train) for face in seen])
    return lines


def coherence_of(rows: Sequence[Row]) -> dict[str, float]:
    """The reward `coherence` of the right AUs, with the right label and with another face's."""
    seen = [face for face in faces(rows) if face.present]
    labels = [face.row.label for face in seen]
    Random(0).shuffle(labels)
    answers = {"gold": [face.row.label for face in seen], "shuffled": labels}
    return {
        name: round(fmean(map(_coherence, seen, of_each)), 3) for name, of_each in answers.items()
    }


def _coherence(face: Face, answer: str) -> float:
    steps = tuple(step(found.au, found.box, face.random) for found in face.present)
    text = str(Reply(steps, answer))
    return coherence(score_completion(text, face.row.reference, BoxFrame.RELATIVE)) or 0.0


def share(lines: Mapping[str, Line], name: str) -> float:
    """Of the honest total."""
    return float(lines[name]["total"] or 0) / float(lines["honest"]["total"] or 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--limit", type=int, default=1_000)
    args = parser.parse_args()
    if args.folder is None:
        train, rows = drawn("train", args.limit), drawn(args.split, args.limit)
    else:
        train = [*read_rows(args.folder / "train.jsonl")]
        rows = [*islice(read_rows(args.folder / f"{args.split}.jsonl"), args.limit)]
    lines = table(train, rows)
    blind = max(BLIND, key=lambda name: share(lines, name))
    report: dict[str, Any] = {
        "benchmark": "hack_table",
        "judge": JUDGE_VERSION,
        "weights": dict(DEFAULT_WEIGHTS),
        "policies": len(lines) - 1,
        "best_blind": [blind, round(share(lines, blind), 4)],
        "silence": round(share(lines, SILENT), 4),
        "coherence": coherence_of(rows),
        "lines": lines,
    }
    print(json.dumps(report, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
