"""The tiny model's tokenizer: digits one by one, and whole phrases of the trace in one token.

Short sequences are what makes training on a CPU quick. The model below is ordinary byte-level
BPE, so any text survives the round trip; on top of it the phrases that the prompt, the traces
and the pointing texts repeat are in the vocabulary as they stand.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Qwen2TokenizerFast

from tag_plugin.tiny.chat import CHAT_TEMPLATE

CONTROL_TOKENS: Final = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
"""Qwen2.5-VL's special tokens."""

WORD_TOKENS: Final = (
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
)
"""Qwen2.5-VL's added tokens that a decoder keeps."""

_PIECES: Final = Regex(
    r"\d|\n|\]</bbox>|(?:Inspect|Point to)(?= )|[^\d\n:→(),.\[\]]*[:→(),.\[\]]|[^\d\n:→(),.\[\]]+"
)
"""A digit, a line end, or a run of text up to and with the mark that ends it."""
_MERGES: Final = 256
_END, _PADDING = CONTROL_TOKENS[2], CONTROL_TOKENS[0]


def build_tokenizer(phrases: Iterable[str], texts: Sequence[str]) -> Qwen2TokenizerFast:
    """A tokenizer with BPE merges learnt from `texts` and every piece of `phrases` as one token."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = _pre_tokenizer()
    learner.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=256 + _MERGES,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    learnt = json.loads(learner.to_str())["model"]
    vocabulary: dict[str, int] = dict(learnt["vocab"])
    for piece in _pieces(phrases):
        vocabulary.setdefault(piece, len(vocabulary))
    return _as_qwen(vocabulary, [tuple(pair) for pair in learnt["merges"]])


def special_ids(tokenizer: Qwen2TokenizerFast) -> dict[str, int]:
    """Qwen's special tokens and their ids."""
    return {text: tokenizer.convert_tokens_to_ids(text) for text in CONTROL_TOKENS}


def _as_qwen(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Qwen2TokenizerFast:
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(text, special=True, normalized=False) for text in CONTROL_TOKENS]
    )
    tokenizer.add_tokens(
        [AddedToken(text, special=False, normalized=False) for text in WORD_TOKENS]
    )
    return Qwen2TokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=_END,
        pad_token=_PADDING,
        unk_token=None,
        bos_token=None,
        additional_special_tokens=list(CONTROL_TOKENS[1:]),
        chat_template=CHAT_TEMPLATE,
        model_max_length=4096,
    )


def _pre_tokenizer() -> Any:  # noqa: ANN401 - tokenizers has no types
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _pieces(phrases: Iterable[str]) -> list[str]:
    """The distinct pieces of some texts, most frequent first."""
    split = _pre_tokenizer().pre_tokenize_str
    counts = Counter(piece for text in phrases for piece, _ in split(text))
    return sorted(counts, key=lambda piece: (-counts[piece], piece))
