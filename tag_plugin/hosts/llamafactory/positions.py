"""GLM-4V of transformers 4.57 cannot read the positions that the host prepares for it.

llamafactory/data/collator.py, MultiModalDataCollatorForSeq2Seq.__call__, puts a fourth row, made
for packing, before the three of `get_rope_index`; Glm4vTextRotaryEmbedding takes three.
"""

import functools
from collections.abc import Callable
from typing import Any

from tag_plugin.hosts.versions import is_transformers_5


def three_rows(collate: Any) -> Callable[..., Any]:
    """The host's collator, with the positions that the model reads."""

    @functools.wraps(collate)
    def call(self: Any, features: Any) -> Any:
        batch = collate(self, features)
        config = getattr(self.model, "config", None)
        if str(getattr(config, "model_type", "")).startswith("glm4v") and not is_transformers_5():
            batch["position_ids"] = batch["position_ids"][-3:]
        return batch

    return call
