"""The model's inputs of a batch, from the host's template instead of a chat template."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from transformers import BatchFeature

from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError

_PASSED_ON: Final = {"pixel_values", "image_grid_thw", "pixel_attention_mask", "image_sizes"}
"""What TRL 0.24 hands to the policy and the reference; a family that needs more is refused."""

Sample = Mapping[str, Any]


@dataclass(frozen=True)
class PromptEncoder:
    """Builds the inputs of N samples: ids padded on the left, pictures by the host's mm_plugin."""

    template: Any
    processor: Any
    pad_token_id: int

    def __call__(self, samples: Sequence[Sample]) -> BatchFeature:
        """`input_ids`, `attention_mask` [N, longest] and the pictures' tensors.

        Completions of one group share a prompt: each picture is processed once.
        """
        keys = [(tuple(sample["images"]), tuple(sample["prompt_ids"])) for sample in samples]
        distinct = [*dict.fromkeys(keys)]
        shares = self._pictures([samples[keys.index(key)] for key in distinct])
        order = [distinct.index(key) for key in keys]
        pictures = {name: torch.cat([parts[i] for i in order]) for name, parts in shares.items()}
        return BatchFeature(self._ids(samples) | pictures)

    def _ids(self, samples: Sequence[Sample]) -> dict[str, torch.Tensor]:
        longest = max(len(sample["prompt_ids"]) for sample in samples)
        ids = torch.full((len(samples), longest), self.pad_token_id, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, sample in enumerate(samples):
            start = longest - len(sample["prompt_ids"])
            ids[row, start:] = torch.tensor(sample["prompt_ids"])
            mask[row, start:] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def _pictures(self, samples: Sequence[Sample]) -> dict[str, list[torch.Tensor]]:
        """Each tensor cut into the samples' shares."""
        counts = [len(sample["images"]) for sample in samples]
        if not any(counts):
            return {}
        inputs = self.template.mm_plugin.get_mm_inputs(
            [image for sample in samples for image in sample["images"]],
            [],
            [],
            counts,
            [0] * len(samples),
            [0] * len(samples),
            [list(sample["prompt_ids"]) for sample in samples],
            self.processor,
        )
        unknown = set(inputs) - _PASSED_ON
        if unknown:
            raise GrpoError(
                f"TRL does not pass {sorted(unknown)} on: this model family cannot train"
            )
        grid = inputs.get("image_grid_thw")
        return {
            name: list(torch.split(value, _shares(name, value, counts, grid)))
            for name, value in inputs.items()
        }


def _shares(
    name: str, value: torch.Tensor, counts: list[int], grid: torch.Tensor | None
) -> list[int]:
    """How many rows of a tensor belong to each sample."""
    if grid is not None and name == "pixel_values":
        return [int(each.sum()) for each in torch.split(grid.prod(-1), counts)]
    if grid is None and (set(counts) != {1} or len(value) != len(counts)):
        raise GrpoError(
            f"{name} has {len(value)} parts for {sum(counts)} pictures of {len(counts)} samples: "
            "this model family trains with one picture of one tile a sample"
        )
    return counts


@dataclass(frozen=True)
class PreparedInputs:
    """Stands where TRL calls its processor, and answers with inputs that are already made."""

    inputs: BatchFeature

    def __call__(self, *_: object, **__: object) -> BatchFeature:
        """A fresh copy: TRL moves the values of what it gets."""
        return BatchFeature(dict(self.inputs))


def collapsed_text(text: str, image_token: str | None) -> str:
    """The prompt as vLLM wants it: one image token a picture, which vLLM expands itself."""
    return re.sub(f"(?:{re.escape(image_token)})+", image_token, text) if image_token else text


def forbidden_ids(model_config: Any, plugin: Any, tokenizer: Any) -> list[int]:
    """Ids that must never be sampled: as part of a prompt they stand for pixels or sound."""
    names = re.compile(r"(image|video|audio|vision)\w*_token_(id|index)")
    ids = {
        value
        for key, value in model_config.to_dict().items()
        if names.fullmatch(key) and isinstance(value, int)
    }
    tokens = (plugin.image_token, plugin.video_token, plugin.audio_token)
    ids |= {tokenizer.convert_tokens_to_ids(token) for token in tokens if token}
    return sorted(each for each in ids if each != tokenizer.eos_token_id and each is not None)
