"""Replies for a face with AU4 and AU12, written by hand."""

from tag_plugin.asking.request import Reply
from tag_plugin.data.rows import Row
from tag_plugin.facs.boxes import Box
from tag_plugin.facs.detections import Detection, Detections

ROW = Row(
    id="a",
    dataset="d",
    split="train",
    image="a.jpg",
    label="anger",
    label_set="ferplus",
    detections=Detections(
        detections=(
            Detection(au=4, probability=0.9, box=Box(100, 200, 300, 400)),
            Detection(au=12, probability=0.8, box=Box(500, 600, 700, 800)),
            Detection(au=25, probability=0.4, box=Box(500, 700, 700, 800)),  # undecided
        ),
        supported=frozenset({1, 4, 12, 25}),
    ),
)
AU4 = "Inspect brows → AU4 (brow lowerer): the brows are lowered"
AU12 = "Inspect lip corners → AU12 (lip corner puller): the lip corners rise"
AU25 = "Inspect lips → AU25 (lips part): the lips are apart"
AU1 = "Inspect inner brows → AU1 (inner brow raiser): the inner brows rise"
BOX4, BOX12 = "<bbox>[100,200,300,400]</bbox>", "<bbox>[500,600,700,800]</bbox>"


def written(*lines, units="AU4 + AU12 indicate", label="anger"):
    return "\n".join(
        (
            "Global analysis: The whole face takes part.",
            "Verification loop:",
            *lines,
            f"Final conclusion: {units} a dominant emotion of {label}.",
            f"<answer>{label}</answer>",
        )
    )


def reply(text, finish="stop"):
    return Reply(text, finish, 1000, 100)
