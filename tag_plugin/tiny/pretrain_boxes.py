"""Second stage of the base: the language model learns to point at facial parts.

The vision tower is frozen. Boxes are written in the pixels of the frame, as the large models of
this family do; no trace, Action Unit or emotion is ever read.
"""

from random import Random
from typing import Final

import torch
from rich.progress import Progress
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from transformers import Qwen2_5_VLForConditionalGeneration, Qwen2TokenizerFast

from tag_plugin.data.synthetic.sampling import sample_face
from tag_plugin.tiny.faces import PRETRAINING_SEED, face_batches, normalised
from tag_plugin.tiny.optimizer import Learner, Stage
from tag_plugin.tiny.pretrain_vision import rotary, vision_tokens
from tag_plugin.tiny.texts import PARTS, QUESTION, pointing_answer

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
