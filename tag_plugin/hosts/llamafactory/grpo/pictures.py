"""The pictures of a batch, as the host's mm_plugin makes them: each sample carries its own.

TRL cuts one tensor of all pictures into batches, which goes by counts that only some families have.
A sample's own tensors can be shuffled, cut and kept in a checkpoint like its ids, whatever its
family and however many pictures it has.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError

Pictures = Mapping[str, Tensor]
"""The tensors of one sample's pictures, each with one or more rows a picture; {} without any."""

_BY_PICTURE: Final = {"pixel_values", "image_grid_thw", "pixel_attention_mask", "image_sizes"}
"""What can be cut by picture; a family that needs more, such as a value a token, is refused."""

_PLACEHOLDER: Final = {"role": "user", "content": "<image>"}


def pictures_of(
    template: Any, processor: Any, images: Sequence[Any], prompt_ids: Sequence[int]
) -> Pictures:
    """The tensors of one sample's pictures.

    Raises:
        GrpoError: the family needs what cannot be cut by picture.
    """
    if not images:
        return {}
    inputs = template.mm_plugin.get_mm_inputs(
        [*images], [], [], [len(images)], [0], [0], [[*prompt_ids]], processor
    )
    unknown = sorted(set(inputs) - _BY_PICTURE)
    if unknown:
        raise GrpoError(
            f"this model family needs {unknown} beside its pictures, which stage: grpo cannot "
            "give it; next: SFT, or another family"
        )
    return dict(inputs)


def joined(samples: Iterable[Pictures]) -> dict[str, Tensor]:
    """One tensor a name, in the samples' order; nothing when no sample has a picture."""
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for pictures in samples:
        for name, value in pictures.items():
            parts[name].append(value)
    return {name: _stacked(values) for name, values in parts.items()}


def _stacked(values: Sequence[Tensor]) -> Tensor:
    """Pictures of fewer tiles are filled up with empty ones, as their processor does in a batch."""
    if len({value.shape[1:] for value in values}) == 1:
        return torch.cat([*values])
    tiles = max(value.shape[1] for value in values)
    after = [0, 0] * (values[0].ndim - 2)  # pad begins with the last dimension
    return torch.cat([pad(value, (*after, 0, tiles - value.shape[1])) for value in values])


@dataclass(frozen=True)
class BlankPicture:
    """Stands before a batch without pictures, so that each process runs the vision tower.

    Else one process would wait for ever for the others' share of its weights or gradients (ZeRO-3,
    FSDP, DDP). llamafactory/data/collator.py, MultiModalDataCollatorForSeq2Seq.__call__, does the
    same in SFT: tokens of a picture that nothing attends to.
    """

    ids: tuple[int, ...]
    pictures: Pictures
    pad_token_id: int

    def before(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Ids and mask, both [N, tokens], with the picture on the left of the first row."""
        width = (len(ids), len(self.ids))
        in_front = ids.new_full(width, self.pad_token_id)
        in_front[0] = ids.new_tensor(self.ids)
        return torch.cat([in_front, ids], dim=1), torch.cat([mask.new_zeros(width), mask], dim=1)


def blank_picture(template: Any, tokenizer: Any, processor: Any) -> BlankPicture | None:
    """The host's blank picture; None for a model that takes no pictures."""
    plugin = template.mm_plugin
    if plugin.image_token is None or processor is None:
        return None
    blank = [Image.new("RGB", (64, 64), (255, 255, 255))]
    (message,) = plugin.process_messages([dict(_PLACEHOLDER)], blank, [], [], processor)
    ids = tokenizer.encode(message["content"], add_special_tokens=False)
    ids, _ = plugin.process_token_ids(ids, None, blank, [], [], tokenizer, processor)
    pictures = pictures_of(template, processor, blank, ids)
    return BlankPicture(tuple(ids), pictures, tokenizer.pad_token_id)


def model_inputs(
    ids: Tensor, mask: Tensor, samples: Iterable[Pictures], blank: BlankPicture | None
) -> dict[str, Tensor]:
    """What a forward of these samples reads: ids, mask and the tensors of their pictures."""
    pictures: Pictures = joined(samples)
    if not pictures and blank is not None:
        ids, mask = blank.before(ids, mask)
        pictures = blank.pictures
    return {"input_ids": ids, "attention_mask": mask, **pictures}
