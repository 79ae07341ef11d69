"""`tag-plugin tiny pretrain`: makes the base model, from nothing, with one command.

The base can see faces and point at their parts, as its large relatives can before anyone
fine-tunes them. It has never been told of a trace, an Action Unit or an emotion.

After the vision tower has learnt to see it is frozen, and the language model learns to point at
facial parts, in boxes of the pixels of the frame, as the large models of this family do.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

import torch
from rich.progress import Progress, TextColumn
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2TokenizerFast

from tag_plugin.data.console import bars
from tag_plugin.tiny.architecture import build_processor, new_model, tiny_config
from tag_plugin.tiny.bf16 import cpu_has_bf16
from tag_plugin.tiny.faces import (
    PRETRAINING_SEED,
    Components,
    DrawnFaces,
    FaceBatch,
    Faces,
    face_batches,
    normalised,
)
from tag_plugin.tiny.optimizer import Learner, Stage
from tag_plugin.tiny.photographs import PhotographedFaces
from tag_plugin.tiny.pretrain_vision import learn_to_see, rotary, vision_tokens
from tag_plugin.tiny.shipped import SHIPPED
from tag_plugin.tiny.texts import PARTS, QUESTION, pointing_answer, tokenizer_texts
from tag_plugin.tiny.tokenizer import build_tokenizer, special_ids

SEEING: Final = Stage(faces=64_000, batch=32, learning_rate=2e-3, warmup=100)
POINTING: Final = Stage(faces=16_000, batch=32, learning_rate=2e-3, warmup=25)
POINTED_FACES: Final = 6_000


def pretrain(
    out: Path,
    seed: int = 0,
    rows: Path | None = None,
    seeing: Stage = SEEING,
    pointing: Stage = POINTING,
    pointed_faces: int = POINTED_FACES,
) -> Path:
    """Train the base and write it to `out`, where any host can load it; returns `out`.

    The same seed gives the same faces, texts and initial weights; the last bits of the weights
    depend on the machine's arithmetic.

    Args:
        out: the checkpoint's folder.
        seed: of the weights.
        rows: DATA_DIR/<dataset> with photographs that `detect` has seen; drawn faces when None.
        seeing: how long and how fast the vision tower learns.
        pointing: how long and how fast the language model learns.
        pointed_faces: how many different faces it points at.

    Raises:
        DetectorError: no rows or no meshes in `rows`; the message says the next command.
    """
    faces = DrawnFaces(PRETRAINING_SEED) if rows is None else PhotographedFaces(rows, seed)
    components = Components.of(faces)
    texts = list(tokenizer_texts())
    tokenizer = build_tokenizer(texts, texts)
    model = new_model(tiny_config(len(tokenizer), special_ids(tokenizer)), seed)
    with bars(TextColumn("{task.fields[note]}")) as progress, _threads(os.cpu_count() or 1):
        learn_to_see(model, faces, components, seeing, progress)
        seen = face_batches(faces, components, pointed_faces, pointing.batch, workers=1)
        tokens = image_tokens(model, seen, progress)
        learn_to_point(model, tokenizer, faces, tokens, pointing, progress)
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
    packaged = out.resolve() == SHIPPED.resolve()  # where it has to be small
    model.to(torch.float16 if packaged else torch.float32).save_pretrained(out)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """So many threads compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_PARTS_A_FACE: Final = 6
UNLEARNT: Final = -100
"""The label of an id that is not learnt."""


def learn_to_point(
    model: Qwen2_5_VLForConditionalGeneration,
    tokenizer: Qwen2TokenizerFast,
    faces: Faces,
    tokens: Tensor,
    stage: Stage,
    progress: Progress,
) -> None:
    """Train the language model in place on `stage.faces` texts about the faces of these tokens."""
    learner = Learner(stage, matrices=[model.model.language_model], others=[])
    random = Random(PRETRAINING_SEED)
    task = progress.add_task("learning to point", total=stage.faces, note="")
    for _ in range(stage.steps):
        chosen = [random.randrange(len(tokens)) for _ in range(stage.batch)]
        texts = [_pointing_text(tokenizer, faces, index, random) for index in chosen]
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
            loss = text_loss(model, texts, tokens[chosen])
        running = learner.step(loss)
        progress.update(task, advance=stage.batch, note=f"loss {running:.4f}")


def chat_ids(
    tokenizer: Qwen2TokenizerFast, question: str, answer: str, image_tokens: int
) -> tuple[Tensor, Tensor]:
    """A picture, a question and its answer as ids, and the ids to learn (-100 elsewhere)."""
    content = [{"type": "image"}, {"type": "text", "text": question}]
    question_text = tokenizer.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    pictured = question_text.replace("<|image_pad|>", "<|image_pad|>" * image_tokens)
    before = tokenizer(pictured).input_ids
    after = tokenizer(f"{answer}<|im_end|>\n").input_ids
    return torch.tensor(before + after), torch.tensor([UNLEARNT] * len(before) + after)


def text_loss(
    model: Qwen2_5_VLForConditionalGeneration,
    texts: list[tuple[Tensor, Tensor]],
    image_tokens: Tensor,
) -> Tensor:
    """Mean cross-entropy of the learnt ids, given the pictures' tokens (n, t, width)."""
    ids = pad_sequence([text[0] for text in texts], True, model.config.text_config.pad_token_id)
    learnt = pad_sequence([text[1] for text in texts], True, UNLEARNT)
    embedded = model.get_input_embeddings()(ids)
    pictures = (ids == model.config.image_token_id)[..., None]
    embedded = embedded.masked_scatter(pictures, image_tokens.to(embedded.dtype))
    side = round((image_tokens.shape[1]) ** 0.5) * model.model.visual.spatial_merge_size
    positions, _ = model.model.get_rope_index(ids, torch.tensor([[1, side, side]] * len(ids)))
    hidden = model.model.language_model(
        inputs_embeds=embedded, position_ids=positions, use_cache=False
    ).last_hidden_state
    targets = learnt[:, 1:]
    scores = model.lm_head(hidden[:, :-1][targets != UNLEARNT])
    return functional.cross_entropy(scores.float(), targets[targets != UNLEARNT])


def _pointing_text(
    tokenizer: Qwen2TokenizerFast, faces: Faces, index: int, random: Random
) -> tuple[Tensor, Tensor]:
    parts = random.sample(list(PARTS), _PARTS_A_FACE)
    answer = pointing_answer(parts, faces.boxes(index, [PARTS[part] for part in parts]))
    return chat_ids(tokenizer, QUESTION, answer, 64)


def image_tokens(
    model: Qwen2_5_VLForConditionalGeneration, batches: Iterable[FaceBatch], progress: Progress
) -> Tensor:
    """The frozen tower's tokens of every face: (faces, 64, width)."""
    tower = model.model.visual
    positions = rotary(tower, 256)
    task = progress.add_task("looking at faces", total=None, note="")
    tokens = []
    for batch in batches:
        with torch.no_grad():
            tokens.append(vision_tokens(tower, normalised(batch.patches), *positions))
        progress.update(task, advance=len(batch.patches))
    return torch.cat(tokens)
