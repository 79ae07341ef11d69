"""`tag-plugin tiny pretrain`: makes the base model, from nothing, with one command.

The base can see faces and point at their parts, as its large relatives can before anyone
fine-tunes them. It has never read a trace.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from rich.progress import TextColumn
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2TokenizerFast

from tag_plugin.data.console import bars
from tag_plugin.tiny.architecture import build_processor, new_model, tiny_config
from tag_plugin.tiny.optimizer import Stage
from tag_plugin.tiny.pretrain_boxes import learn_to_point
from tag_plugin.tiny.pretrain_vision import learn_to_see
from tag_plugin.tiny.texts import tokenizer_texts
from tag_plugin.tiny.tokenizer import build_tokenizer, special_ids

SEEING: Final = Stage(faces=64_000, batch=32, learning_rate=2e-3, warmup=100)
POINTING: Final = Stage(faces=16_000, batch=32, learning_rate=2e-3, warmup=25)
POINTED_FACES: Final = 6_000


def pretrain(
    out: Path,
    seed: int = 0,
    seeing: Stage = SEEING,
    pointing: Stage = POINTING,
    pointed_faces: int = POINTED_FACES,
) -> Path:
    """Train the base and write it to `out` as a float16 checkpoint; returns `out`.

    About an hour on two cores. The same seed gives the same faces, texts and initial weights; the
    last bits of the weights depend on the machine's arithmetic.
    """
    texts = list(tokenizer_texts())
    tokenizer = build_tokenizer(texts, texts)
    model = new_model(tiny_config(len(tokenizer), special_ids(tokenizer)), seed)
    cores = os.cpu_count() or 1
    with bars(TextColumn("{task.fields[note]}")) as progress:
        with _threads(max(cores - 1, 1)):  # one more process draws the faces
            learn_to_see(model, seeing, progress)
        with _threads(cores):
            learn_to_point(model, tokenizer, pointing, pointed_faces, progress)
    _save(model, tokenizer, out)
    return out


def _save(
    model: Qwen2_5_VLForConditionalGeneration, tokenizer: Qwen2TokenizerFast, out: Path
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    build_processor(tokenizer).save_pretrained(out)
    for slow in ("vocab.json", "merges.txt", "added_tokens.json"):
        (out / slow).unlink(missing_ok=True)  # tokenizer.json says it all
    model.generation_config.eos_token_id = special_ids(tokenizer)["<|im_end|>"]
    model.generation_config.pad_token_id = special_ids(tokenizer)["<|endoftext|>"]
    model.to(torch.float16).save_pretrained(out)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """So many threads compute; more of them than free cores would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
