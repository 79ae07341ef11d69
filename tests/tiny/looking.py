"""Does a model look? Its loss with the right pictures against its loss with swapped ones.

A falling training loss proves nothing: a model can learn the texts and ignore the picture. One
that looks is much worse off when every face gets its neighbour's picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor

from tag_plugin.data.synthetic.render import Picture
from tag_plugin.tiny.pretrain import UNLEARNT, chat_ids


@dataclass(frozen=True, slots=True)
class Sample:
    """A face frame, the question about it and the right answer."""

    picture: Picture
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Looking:
    """Mean cross-entropy of the answers, with the right and with swapped pictures."""

    right: float
    swapped: float


def looking(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: Qwen2_5_VLProcessor,
    samples: Sequence[Sample],
) -> Looking:
    """How much the answers depend on the pictures; each sample gets its neighbour's when swapped.

    Raises:
        ValueError: fewer than two samples cannot be swapped.
    """
    if len(samples) < 2:
        raise ValueError(f"{len(samples)} sample cannot be swapped; give at least two")
    pictures = [sample.picture for sample in samples]
    swapped = [*pictures[1:], pictures[0]]
    return Looking(
        right=_loss(model, processor, samples, pictures),
        swapped=_loss(model, processor, samples, swapped),
    )


def _loss(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: Qwen2_5_VLProcessor,
    samples: Sequence[Sample],
    pictures: Sequence[Picture],
) -> float:
    seen = processor.image_processor(images=list(pictures), return_tensors="pt")
    merged = processor.image_processor.merge_size**2
    texts = [
        chat_ids(processor.tokenizer, sample.question, sample.answer, int(grid.prod()) // merged)
        for sample, grid in zip(samples, seen["image_grid_thw"], strict=True)
    ]
    ids = _padded([text[0] for text in texts], processor.tokenizer.pad_token_id)
    with torch.no_grad():
        out = model(
            input_ids=ids,
            attention_mask=_padded([torch.ones_like(text[0]) for text in texts], 0),
            labels=_padded([text[1] for text in texts], UNLEARNT),
            pixel_values=seen["pixel_values"],
            image_grid_thw=seen["image_grid_thw"],
        )
    return float(out.loss)


def _padded(sequences: list[Tensor], value: int) -> Tensor:
    return pad_sequence(sequences, batch_first=True, padding_value=value)
