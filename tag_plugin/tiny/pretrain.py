"""`tag-plugin tiny pretrain`: makes the base model, from nothing, with one command.

The base can see faces and point at their parts, as its large relatives can before anyone
fine-tunes them. It has never read a trace, an Action Unit or an emotion.

After the vision tower has learnt to see it is frozen, and the language model learns to point at
facial parts, in boxes of the pixels of the frame, as the large models of this family do.
"""

import os
from collections.abc import Iterator
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
from tag_plugin.data.synthetic.sampling import sample_face
from tag_plugin.tiny.architecture import build_processor, new_model, tiny_config
from tag_plugin.tiny.faces import PRETRAINING_SEED, face_batches, normalised
from tag_plugin.tiny.optimizer import Learner, Stage
from tag_plugin.tiny.pretrain_vision import learn_to_see, rotary, vision_tokens
from tag_plugin.tiny.texts import PARTS, QUESTION, pointing_answer, tokenizer_texts
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


POINTING_SEED: Final = PRETRAINING_SEED + 2
_PARTS_A_FACE: Final = 6
UNLEARNT: Final = -100
"""The label of an id that is not learnt."""


def learn_to_point(
    model: Qwen2_5_VLForConditionalGeneration,
    tokenizer: Qwen2TokenizerFast,
    stage: Stage,
    faces: int,
    progress: Progress,
) -> None:
    """Train the language model in place on `stage.faces` texts about `faces` different faces."""
    tokens = _image_tokens(model, faces, stage.batch, progress)
    learner = Learner(stage, matrices=[model.model.language_model], others=[])
    random = Random(POINTING_SEED)
    task = progress.add_task("learning to point", total=stage.faces, note="")
    for _ in range(stage.steps):
        chosen = [random.randrange(faces) for _ in range(stage.batch)]
        texts = [_pointing_text(tokenizer, index, random) for index in chosen]
        with torch.autocast("cpu", torch.bfloat16):
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
    tokenizer: Qwen2TokenizerFast, index: int, random: Random
) -> tuple[Tensor, Tensor]:
    parts = random.sample(list(PARTS), _PARTS_A_FACE)
    answer = pointing_answer(sample_face(POINTING_SEED, index), parts)
    return chat_ids(tokenizer, QUESTION, answer, 64)


def _image_tokens(
    model: Qwen2_5_VLForConditionalGeneration, faces: int, batch: int, progress: Progress
) -> Tensor:
    """The frozen tower's tokens of every face, computed once: (faces, 64, width)."""
    tower = model.model.visual
    positions = rotary(tower, 256)
    task = progress.add_task("looking at faces", total=faces, note="")
    tokens = []
    for seen in face_batches(POINTING_SEED, faces, batch, workers=1):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            tokens.append(vision_tokens(tower, normalised(seen.patches), *positions).float())
        progress.update(task, advance=len(seen.patches))
    return torch.cat(tokens)
