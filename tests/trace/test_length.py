"""The estimate beside what Qwen3's own tokenizer counts (151,669 tokens; Qwen2.5's is the same)."""

import pytest

from tag_plugin.trace.length import about_tokens

NEUTRAL = (
    "Global analysis: The whole face looks calm and relaxed.\n"
    "Verification loop:\n"
    "No activated action unit is visible.\n"
    "Final conclusion: The face as a whole indicates a dominant emotion of neutral.\n"
    "<answer>neutral</answer>"
)
WRITTEN = (
    "Global analysis: The furrowed forehead and tightly compressed lips suggest irritation; the "
    "person's gaze is fixed slightly off-centre, which amplifies the impression of suppressed "
    "hostility.\n"
    "Verification loop:\n"
    "Inspect mouth → AU24 (lip pressor): the vermilion border has virtually disappeared because "
    "the lips are squeezed together → <bbox>[312,640,688,731]</bbox>\n"
    "Final conclusion: AU24 indicates a dominant emotion of anger.\n"
    "<answer>anger</answer>"
)


@pytest.mark.parametrize(("text", "tokens"), [(NEUTRAL, 43), (WRITTEN, 104), ("", 0)])
def test_the_estimate_is_close(text: str, tokens: int):
    assert about_tokens(text) == pytest.approx(tokens, rel=0.1)
