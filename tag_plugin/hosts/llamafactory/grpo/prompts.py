"""The model's inputs of a batch, from the host's template instead of a chat template."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import BatchFeature

from tag_plugin.hosts.llamafactory.grpo.pictures import (
    BlankPicture,
    Pictures,
    blank_picture,
    pictures_of,
)

Sample = Mapping[str, Any]


@dataclass(frozen=True)
class PromptEncoder:
    """Builds the inputs of N samples: ids padded on the left, pictures by the host's mm_plugin."""

    template: Any
    tokenizer: Any
    processor: Any

    def ids(self, samples: Sequence[Sample]) -> tuple[torch.Tensor, torch.Tensor]:
        """The prompts' ids and their mask, both [N, longest]."""
        longest = max(len(sample["prompt_ids"]) for sample in samples)
        shape = (len(samples), longest)
        ids = torch.full(shape, self.tokenizer.pad_token_id, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, sample in enumerate(samples):
            start = longest - len(sample["prompt_ids"])
            ids[row, start:] = torch.tensor(sample["prompt_ids"])
            mask[row, start:] = 1
        return ids, mask

    def pictures(self, samples: Sequence[Sample]) -> list[Pictures]:
        """Of each sample; completions of one group share a prompt, and so one value."""
        keys = [(tuple(sample["images"]), tuple(sample["prompt_ids"])) for sample in samples]
        made = {key: pictures_of(self.template, self.processor, *key) for key in {*keys}}
        return [made[key] for key in keys]

    def blank(self) -> BlankPicture | None:
        """What stands in for the pictures of a batch that has none."""
        return blank_picture(self.template, self.tokenizer, self.processor)


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
