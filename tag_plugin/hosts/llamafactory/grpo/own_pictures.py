"""TRL's GRPOTrainer, of samples that carry their own pictures.

trl/trainer/grpo_trainer.py takes pixels by counts of pictures (image_grid_thw) or one row a sample,
and loses track where a family has neither or a batch has samples without a picture.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from torch import Tensor, cat
from trl import GRPOTrainer

from tag_plugin.hosts.llamafactory.grpo.pictures import BlankPicture, Pictures, model_inputs

PICTURES: Final = "pictures"
"""What a batch holds beside TRL's own tensors: the `Pictures` of each sample."""


class OwnPictures(GRPOTrainer):  # type: ignore[misc]  # the hosts ship no types
    """Each forward reads the pictures of its own samples, or a blank one where it must."""

    pictures: Sequence[Pictures] = ()
    """Of the samples that are read next."""

    blank_picture: BlankPicture | None = None
    """For a batch without pictures, where other processes may have some."""

    def show(self, samples: Sequence[Pictures]) -> None:
        """Reads these pictures next, on the model's device; what samples share is moved once."""
        moved = {
            key: self._prepare_input(each) for key, each in {id(e): e for e in samples}.items()
        }
        self.pictures = [moved[id(each)] for each in samples]

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """TRL's, of one batch of a generation."""
        self.pictures = inputs[PICTURES]
        return super().compute_loss(model, inputs, *args, **kwargs)

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        **_: Any,
    ) -> tuple[Tensor, Tensor | None]:
        size = batch_size or len(input_ids)
        parts = []
        for start in range(0, len(input_ids), size):
            rows = slice(start, start + size)
            ids, mask, pictures = self._read(input_ids[rows], attention_mask[rows], rows)
            looking = partial(model, **pictures)
            parts.append(
                super()._get_per_token_logps_and_entropies(
                    looking, ids, mask, logits_to_keep, compute_entropy=compute_entropy
                )
            )
        logps, entropies = zip(*parts, strict=True)
        return cat(logps), cat(entropies) if compute_entropy else None

    def _get_last_hidden_state(
        self, model: Any, input_ids: Tensor, attention_mask: Tensor, logits_to_keep: int, *_: Any
    ) -> Any:
        """For liger's loss, which takes the states rather than the probabilities."""
        ids, mask, pictures = self._read(input_ids, attention_mask, slice(None))
        return super()._get_last_hidden_state(model, ids, mask, logits_to_keep, **pictures)

    def _read(
        self, ids: Tensor, mask: Tensor, rows: slice
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        inputs = model_inputs(ids, mask, self.pictures[rows], self.blank_picture)
        moved = self._prepare_input(inputs)  # the blank picture's
        return moved.pop("input_ids"), moved.pop("attention_mask"), moved
