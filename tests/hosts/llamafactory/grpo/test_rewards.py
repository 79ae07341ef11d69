"""The wrappers give what the judge says, None where it says nothing, and survive a pickle."""

import pickle
from pathlib import Path

import pytest

from tag_plugin.data.rows import Row, dump_row
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.hosts.llamafactory.grpo.errors import GrpoError
from tag_plugin.hosts.llamafactory.grpo.rewards import parse_rewards
from tag_plugin.scoring.rewards import REWARDS
from tag_plugin.trace.render import render
from tests.hosts.llamafactory.grpo.grpo_data import REWARD_FILE, detected, own_reward
from tests.hosts.llamafactory.tag_data import row

FRAME = BoxFrame.ABSOLUTE
HAPPY, NEUTRAL = row(0), row(3)
GOLD = render(HAPPY.trace, FRAME)
SWAPPED = GOLD.replace("AU12", "AU15").replace("corner puller", "corner depressor")


def scores(name: str, text: str, known: Row | None, **args) -> float | None:
    (reward,) = parse_rewards([{"name": name, "args": args}], FRAME).functions
    line = dump_row(known) if known else ""
    (value,) = reward(prompts=[""], completions=[text], tag_row=[line], trainer_state=None)
    return value


@pytest.mark.parametrize("name", REWARDS)
def test_the_gold_trace_scores_one(name: str):
    assert scores(name, GOLD, detected(HAPPY)) == 1.0


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("answer", "<answer>sadness</answer>", 0.0),
        ("answer", "no answer", 0.0),
        ("answer", "<answer>happy</answer>", 1.0),
        ("format", "<answer>happiness</answer>", 0.0),
        ("format", GOLD + " and more", 0.0),
        ("au_grounding", "<answer>happiness</answer>", 0.0),
        ("au_grounding", SWAPPED, 0.0),
        ("au_grounding_class_blind", SWAPPED, 1.0),
        ("au_grounding_dual_iou", "", 0.0),
    ],
)
def test_wrong_completions(name: str, text: str, expected: float):
    assert scores(name, text, detected(HAPPY)) == expected


@pytest.mark.parametrize("name", REWARDS)
def test_other_data_gets_none(name: str):
    assert scores(name, GOLD, None) is None


@pytest.mark.parametrize("name", [name for name in REWARDS if name.startswith("au_")])
def test_grounding_without_detections_is_none_and_not_zero(name: str):
    assert scores(name, GOLD, HAPPY) is None


def test_the_frame_is_the_templates():
    relative = parse_rewards(["au_grounding"], BoxFrame.RELATIVE).functions[0]
    (value,) = relative(completions=[GOLD], tag_row=[dump_row(detected(HAPPY))])
    assert value is not None
    assert value < 0.5


def test_arguments_reach_the_judge():
    shifted = detected(HAPPY).model_copy(deep=True)
    text = GOLD.replace("[112,", "[150,")
    strict = scores("au_grounding", text, shifted, iou_threshold=0.9)
    lax = scores("au_grounding", text, shifted, iou_threshold=0.0)
    assert strict < lax < 1


def test_everything_pickles_and_has_a_name():
    rewards = parse_rewards([*REWARDS, own_reward("vowels", args={"letters": "xyz"})], FRAME)
    again = pickle.loads(pickle.dumps(rewards))  # noqa: S301  # our own bytes
    assert again == rewards
    assert [each.__name__ for each in again.functions] == [*REWARDS, "vowels"]
    assert again.functions[-1](completions=["xa"]) == [1 / 3]


def test_weights_default_to_the_methods_own():
    rewards = parse_rewards(None, FRAME)
    assert dict(zip(rewards.names, rewards.weights, strict=True)) == {
        "answer": 1.0,
        "au_grounding": 1.0,
        "format": 0.2,
    }
    assert parse_rewards([own_reward("short"), {"name": "format", "weight": 3}], FRAME).weights == (
        1.0,
        3.0,
    )


@pytest.mark.parametrize(
    ("entry", "frame", "said"),
    [
        ("smile", FRAME, "unknown reward 'smile'; next: one of answer, au_grounding"),
        ("groundin", FRAME, "unknown reward 'groundin'; did you mean 'au_grounding'"),
        ({"nme": "answer"}, FRAME, "name: Field required"),
        ({"name": "answer", "wieght": 2}, FRAME, "wieght: Extra inputs"),
        ({"name": "answer", "args": {"iou": 2}}, FRAME, r"answer: args.iou: Extra inputs"),
        ("answer", None, "answer reads TAG rows, which need a tag_ template"),
        ("nowhere.py:f", FRAME, "nowhere.py:f: no file"),
        (f"{REWARD_FILE}:vowles", FRAME, r"no function 'vowles'; it has .*names_the_number, "),
        (f"{REWARD_FILE}:NOT_A_FUNCTION", FRAME, "no function"),
        (f"{REWARD_FILE}:no_keywords", FRAME, r"no_keywords\(completions\) cannot be called"),
        (f"{REWARD_FILE}:needs_more", FRAME, "missing a required argument: 'ground_truth'"),
        (
            {"name": f"{REWARD_FILE}:vowels", "args": {"completions": []}},
            FRAME,
            "cannot be called|multiple values",
        ),
    ],
)
def test_an_entry_that_cannot_be_used(entry: object, frame: BoxFrame | None, said: str):
    with pytest.raises(GrpoError, match=said):
        parse_rewards([entry], frame)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("too_few", "too_few gave 1 values for 2 completions; next: one for each, None where"),
        ("one_number", r"one_number gave 1\.0 \(float\), not a list with a number for each"),
        ("words", r"words gave 'good' \(str\) for completion 0, not a finite number"),
        ("not_a_number", r"not_a_number gave nan \(float\) for completion 1, .* None means that"),
        ("raises", r"reward_file\.py:\d+: raises raised: ZeroDivisionError: division by zero"),
    ],
)
def test_a_function_that_gives_something_else(name: str, said: str):
    (reward,) = parse_rewards([own_reward(name)], None).functions
    with pytest.raises(GrpoError, match=said) as refused:
        reward(completions=["a", "b"], prompts=["", ""])
    assert "\n" not in str(refused.value)


def test_numbers_of_any_library_and_none_are_fine():
    (reward,) = parse_rewards([own_reward("any_number")], None).functions
    assert reward(completions=["a", "b", "c"]) == [0.5, None, 1.0]


@pytest.mark.parametrize("entries", [[], ["answer", "answer"]])
def test_each_name_once(entries: list[str]):
    with pytest.raises(GrpoError, match="each name once"):
        parse_rewards(entries, FRAME)


def test_a_file_that_does_not_run(tmp_path: Path):
    (tmp_path / "broken.py").write_text("import nothing_like_this")
    with pytest.raises(GrpoError, match="does not run: ModuleNotFoundError"):
        parse_rewards([f"{tmp_path}/broken.py:f"], None)
