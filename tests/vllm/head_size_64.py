"""The tiny model with heads of 64 in place of 48, which vLLM's attention is built for.

The same function of the same inputs: what is added is zero, and what depends on a size is rescaled.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

OLD, NEW, HEADS = 48, 64, 4
_HIDDEN: Final = (OLD * HEADS, NEW * HEADS)
_SHARE: Final = OLD / NEW


def heads(rows: Tensor) -> Tensor:
    """(heads * 48, ...) -> (heads * 64, ...): a pair that rotates together stays a pair."""
    pairs = rows.unflatten(0, (-1, 2, OLD // 2))
    wide = pairs.new_zeros(*pairs.shape[:2], NEW // 2, *pairs.shape[3:])
    wide[:, :, : OLD // 2] = pairs
    return wide.flatten(0, 2)


def hidden(rows: Tensor) -> Tensor:
    """(192, ...) -> (256, ...)."""
    return torch.cat((rows, rows.new_zeros(_HIDDEN[1] - _HIDDEN[0], *rows.shape[1:])))


def columns(change: Callable[[Tensor], Tensor], weight: Tensor) -> Tensor:
    return change(weight.T).T


CHANGES: Final[dict[str, Callable[[Tensor], Tensor]]] = {
    "embed_tokens.weight": lambda w: columns(hidden, w),
    "layernorm.weight": lambda w: hidden(w) * _SHARE**0.5,  # the mean goes over more
    "model.norm.weight": lambda w: hidden(w) * _SHARE**0.5,
    "q_proj.weight": lambda w: (
        columns(hidden, heads(w)) * _SHARE**-0.5
    ),  # as is the product's scale
    "q_proj.bias": lambda w: heads(w) * _SHARE**-0.5,
    "k_proj.weight": lambda w: columns(hidden, heads(w)),
    "k_proj.bias": heads,
    "v_proj.weight": lambda w: columns(hidden, heads(w)),
    "v_proj.bias": heads,
    "o_proj.weight": lambda w: columns(heads, hidden(w)),
    "gate_proj.weight": lambda w: columns(hidden, w),
    "up_proj.weight": lambda w: columns(hidden, w),
    "down_proj.weight": hidden,
    "merger.mlp.2.weight": hidden,
    "merger.mlp.2.bias": hidden,
}
"""End of a weight's name -> what becomes of it; the vision tower's blocks stay as they are."""


def rewrite(model: Path, out: Path) -> Path:
    """Writes the model into `out`, with everything that lies beside its weights."""
    shutil.copytree(model, out)
    weights = load_file(out / "model.safetensors")
    save_file(
        {name: _changed(name, weight).contiguous() for name, weight in weights.items()},
        out / "model.safetensors",
        metadata={"format": "pt"},
    )
    config = json.loads((out / "config.json").read_text())
    text = config["text_config"]
    text["hidden_size"] = config["vision_config"]["out_hidden_size"] = _HIDDEN[1]
    text["rms_norm_eps"] *= _SHARE
    text["rope_theta"] **= 1 / _SHARE
    text["rope_scaling"]["mrope_section"] = [8, 8, 16]
    (out / "config.json").write_text(json.dumps(config, indent=2))
    return out


def _changed(name: str, weight: Tensor) -> Tensor:
    if name.startswith("visual.blocks"):
        return weight
    return next((change(weight) for end, change in CHANGES.items() if name.endswith(end)), weight)
