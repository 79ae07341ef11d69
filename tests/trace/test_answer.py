"""How answers of other models are read: each completion with what a careful human would credit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tag_plugin.facs.emotions import LABEL_SETS
from tag_plugin.trace.answer import AnswerPolicy, is_cut_off, read_answer
from tag_plugin.trace.parse import parse

LABELS = LABEL_SETS["rafdb"]

CREDITED = [
    # a label and nothing else
    ("happy", "happiness"),
    ("Happiness.", "happiness"),
    ("**Sadness**", "sadness"),
    ('"anger"', "anger"),
    ("`neutral`", "neutral"),
    ("  Surprise!  ", "surprise"),
    ("(b) Fear", "fear"),
    ("2. disgust", "disgust"),
    ("a happy expression", "happiness"),
    ("Very angry", "anger"),
    # think / answer tags
    ("<think>The brows are raised.</think><answer>surprise</answer>", "surprise"),
    ("<think>\nhappy? No, sad.\n</think>\n\n<answer>\nsad\n</answer>", "sadness"),
    ("The corners drop.</think><answer>sadness</answer>", "sadness"),
    ("<answer>Happy</answer>", "happiness"),
    ("<answer>happiness", "happiness"),
    ("<answer>**Fear**</answer>", "fear"),
    ("<answer><emotion>anger</emotion></answer>", "anger"),
    ("<answer>The person is happy.</answer>", "happiness"),
    ("<reasoning>It may be anger.</reasoning><answer>neutral</answer>", "neutral"),
    ("<answer>fear</answer> <answer>afraid</answer>", "fear"),
    (r"The final answer is \boxed{disgust}.", "disgust"),
    (r"$\boxed{\text{Surprise}}$", "surprise"),
    # announced
    ("Answer: happy", "happiness"),
    ("answer - happy\nAnswer: happy", "happiness"),
    ("**Answer:** Happy", "happiness"),
    ("**Answer**: **Happy**", "happiness"),
    ("### Answer:\nSadness", "sadness"),
    ("Final Answer: Anger", "anger"),
    ("The final answer is: fear.", "fear"),
    ("The mouth is open. Therefore, the answer is surprise.", "surprise"),
    ("My prediction is disgust", "disgust"),
    ("Emotion: Neutral", "neutral"),
    ("Facial expression: happiness", "happiness"),
    ("The dominant emotion is sadness.", "sadness"),
    ("Predicted emotion: angry", "anger"),
    ("Expression: happy, because the lip corners are raised.", "happiness"),
    ("Answer: Happy (the person is smiling)", "happiness"),
    ("Answer: Surprise - raised brows and an open mouth", "surprise"),
    ("Emotion: fear\nAnswer: surprise", "surprise"),
    ("Reasoning: It could be fear or anger.\nAnswer: anger", "anger"),
    # JSON
    ('{"emotion": "happy"}', "happiness"),
    ('```json\n{"answer": "sadness", "confidence": 0.9}\n```', "sadness"),
    ("{'expression': 'Anger'}", "anger"),
    ('{"reasoning": "looks sad at first", "emotion": "neutral"}', "neutral"),
    ('{"facial_expression": "surprised", "au": [1, 2]}', "surprise"),
    ('{"emotion": "fear", "answer": "surprise"}', "surprise"),
    ('{"emotion": "happ', None),
    # a last line, a last sentence
    ("The brows are drawn together.\n\nAnger", "anger"),
    ("The person in the image appears to be happy.", "happiness"),
    ("The facial expression of the woman is one of surprise.", "surprise"),
    ("He looks very sad.", "sadness"),
    ("She shows a neutral expression.", "neutral"),
    ("The eyes are wide and the lips are stretched. This indicates fear.", "fear"),
    ("The face conveys a sense of disgust.", "disgust"),
    # Chinese
    ("高兴", "happiness"),
    ("答案\uff1a悲伤", "sadness"),
    ("答案:悲伤", "sadness"),
    ("这个人的表情是愤怒。", "anger"),
    ("<answer>惊讶</answer>", "surprise"),
    ("面部表情:厌恶", "disgust"),
    ("眉毛上扬\uff0c嘴巴张开。最终答案\uff1a惊讶", "surprise"),
]

NOT_CREDITED = [
    "",
    "   \n ",
    "I see a face.",
    # unknown, or not of this set
    "melancholy",
    "<answer>melancholy</answer>",
    "Answer: contempt",
    "Answer: smiling",
    "The person is smiling.",
    "happinessness",
    "unhappy",
    "The person is unhappy.",
    # several
    "happy and surprised",
    "Happiness, Surprise",
    "happy/surprised",
    "<answer>happy or sad</answer>",
    "<answer>happy</answer><answer>sad</answer>",
    "Answer: happy\nAnswer: sad",
    "Answer: happy, sad",
    "Answer: happiness and surprise",
    "Answer: a mix of fear and surprise",
    "Emotion: sadness (or perhaps anger)",
    "The person appears happy but also surprised.",
    "The face shows a mixture of fear and surprise.",
    "The person looks happy or surprised.",
    '{"emotion": ["happy", "sad"]}',
    '{"emotion": {"happy": 0.6, "sad": 0.4}}',
    '{"happy": 0.9, "sad": 0.1}',
    "surprise, fear, disgust, happiness, sadness, anger, neutral",
    "Answer: surprise, fear, disgust, happiness, sadness, anger, neutral",
    # negated
    "not happy",
    "Answer: not happy",
    "<answer>not sad</answer>",
    "The person is not happy.",
    "The person doesn't look angry.",
    "The answer is not anger",
    "There is no sign of sadness.",
    "This rules out fear.",
    "Anyone can see that this is anything but happiness.",
    "Neither the brows nor the mouth shows anger.",
    "这个人不是高兴。",
    "The opposite of this is anger.",
    "The person is far from happy.",
    # hedged, asked, taken back
    "Lowering the brows usually indicates anger.",
    "The next best alternative is fear.",
    "It could be anger.",
    "The person may be sad.",
    "Perhaps the expression is fear.",
    "I cannot tell whether the person is happy.",
    "Is the person happy?",
    "Answer: happy?",
    "Answer: happy. Wait, actually it is sad.",
    "Answer: happy, but I am not sure",
    "Emotion: unclear",
    "可能是高兴。",
    "这个人高兴吗\uff1f",
    # refusals
    "I'm sorry, but I can't identify emotions of people in images.",
    "I can't help with that. I cannot say whether she is angry.",
    "As an AI, I am unable to determine if the person is happy.",
    # reasoning is no answer; an open one even less
    "<think>The person is happy.</think>",
    "<think>The person is happy. <answer>happy</answer>",
    "<think>The lip corners rise, so this is happiness.",
    "If the brows were lowered, it would be anger. They are not.",
    "In anger, the brows are lowered. In fear, they are raised.",
    # an echo of the question
    "Answer with one of: surprise, fear, disgust, happiness, sadness, anger, neutral.",
    "<answer><emotion></answer>",
    "<answer></answer>",
    "Answer:",
    # the announcement is unreadable: nothing weaker is tried
    "The person is happy.\nAnswer: joyous delight",
    "<answer>unsure</answer>\nhappy",
    "AU12 + AU6",
    "[412,240,588,330]",
]


BOX = "<|begin_of_box|>{}<|end_of_box|>"
FAMILIES = {
    "GLM's box": (
        *(BOX, f"<answer>{BOX}</answer>", f"The brows are high. {BOX}", f"**Answer:** {BOX}"),
        *(f"<think>x</think>{BOX}", "<|begin_of_box|>{}", f"{BOX} because of AU12"),
    ),
    "thinking": (
        *("◁think▷Not happy, not sad.◁/think▷{}", "[THINK]It may be fear.[/THINK]{}"),
        *("<thought>anger?</thought>{}", "<seed:think>fear</seed:think>\n{}"),
        *("<|START_THINKING|>fear<|END_THINKING|>{}", "<unused94>thought fear<unused95>{}"),
        "<|channel|>analysis<|message|>fear?<|end|><|start|>assistant<|channel|>final<|message|>{}",
    ),
    "special tokens": (
        *("{}<|im_end|>", "{}<|endoftext|>", "{}</s>", "<s>{}</s>", "{}<eos>", "{}<end_of_turn>"),
        *("<|im_start|>assistant\n{}<|im_end|>", "{}<|eot_id|>", "{}<\uff5cend▁of▁sentence\uff5c>"),
        *("[/INST] {}", "Answer: {}<|im_end|>", "The person looks {}.<|im_end|>", "<pad><pad>{}"),
    ),
    "emoji": (
        *(
            "{} 😀",
            "😀 {}",
            "**Answer:** {} 😊",
            "<answer>{} 😢</answer>",
            "✅ {}",
            "{} ✔️",
            "👉 {}",
        ),
        *("The person looks {} 😊.", "The person looks {}. 😊", '{{"emotion": "{} 😀"}}', "{}👍🏽"),
        *("{}\u200b", "\ufeff{}"),
    ),
    "LaTeX": (
        *(
            r"\boxed{{{}}}",
            r"<answer>\boxed{{{}}}</answer>",
            r"\boxed{{\text{{{}}}",
            r"$\boxed{{\textbf{{{}}}}}$",
        ),
        *(r"\boxed{{\text{{{}}}}}", r"Answer: $\text{{{}}}$", r"\[ \boxed{{\mathrm{{{}}}}} \]"),
        *(r"\(\boxed{{{}}}\)", r"\boxed {{{}}}", r"**Answer:** \textbf{{{}}}", r"\boxed{{(B) {}}}"),
    ),
    "bullets": (
        *(
            "- {}",
            "* {}",
            "• {}",
            "– {}",
            "1. {}",
            "+ {}",
            "→ {}",
            "> {}",
            "Reasons.\n\n- {}",
            "·{}",
        ),
        *("Answer: - {}", "<answer>\n- {}\n</answer>", "## {}", "1) {}"),
    ),
    "options": (
        *(
            "(B) {}",
            "B) {}",
            "B. {}",
            "[B] {}",
            "B: {}",
            "Option B: {}",
            "Answer: (B) {}",
            "B - {}",
        ),
        *("Answer: B. {}", "Answer: B ({})", "The answer is (C) {}.", "<answer>D. {}</answer>"),
        *("Answer: 4 ({})", "**B. {}**", "(3) {}", "Answer: Option C: {}"),
    ),
    "marks around": (
        *(
            "**{}**",
            "*{}*",
            "***{}***",
            "__{}__",
            "_{}_",
            "`{}`",
            "<b>{}</b>",
            "<strong>{}</strong>",
        ),
        *(
            "**Answer**: *{}*",
            "“{}”",
            "‘{}’",
            "«{}»",
            "'{}'",
            '"{}."',
            "({})",
            "[{}]",
            "{}...",
            "{}…",
        ),
        *(
            "{}!",
            "{},",
            "{};",
            "{}\u3002",
            "\uff08{}\uff09",
            "【{}】",
            "「{}」",
            "『{}』",
            "《{}》",
        ),
        *(
            "Answer\uff1a{}\u3002",
            "答案\uff1a【{}】",
            "答案是{}",
            "<p>{}</p>",
            "```\n{}\n```",
            "~~~\n{}",
        ),
    ),
    "JSON": (
        *(
            '{{"emotion": "{}"}}',
            '<answer>{{"emotion": "{}"}}</answer>',
            '{{"final_answer": "{}"}}',
        ),
        *('```json\n{{"label": "{}"}}\n```', 'Answer: {{"emotion": "{}"}}', '{{"answer": ["{}"]}}'),
        *(
            '{{"predicted_emotion": "{}", "score": 0.9}}',
            "{{'class': '{}'}}",
            '{{"emotion":"{}",}}',
        ),
        *('Answer:\n```json\n{{"emotion": "{}"}}\n```', '{{"emotion": {{"label": "{}"}}}}'),
        '{{\n  "reason": "not sad, not angry",\n  "dominant_emotion": "{}"\n}}',
    ),
    "announced twice over": (
        *("<answer>Answer: {}</answer>", "<answer>Emotion: {}</answer>", "Answer: Emotion: {}"),
        *(r"\boxed{{Emotion: {}}}", "<answer>The emotion is {}.</answer>", "Final answer - {}"),
        *("<final_answer>{}</final_answer>", "Answer (one word): {}", "Final answer – {}"),
        *("ANSWER = {}", "answer -> {}", "Answer:{}", "1. Reasons.\n2. Answer: {}"),
    ),
}
UNCLEAR = {
    "two labels": (
        *("{} and fear", "{}, fear", "{}/fear", "{} fear", "<answer>{}, fear</answer>", "{}\nfear"),
        *(
            f"{BOX} <|begin_of_box|>fear<|end_of_box|>",
            r"\boxed{{{}}} \boxed{{fear}}",
            "{} 😀 fear",
        ),
        *(r"<answer>\boxed{{{}}} \boxed{{fear}}</answer>", '{{"emotion": "{}/fear"}}'),
        *('{{"emotion": ["{}", "fear"]}}', "Answer: {}\nAnswer: fear", "Answer: {} (or fear)"),
        *("<answer>{}</answer>\n<answer>fear</answer>", '[{{"label": "{}"}}, {{"label": "fear"}}]'),
        *("<answer>{}</answer> <|begin_of_box|>fear<|end_of_box|>", "{}<|im_end|>\nfear"),
        "Answer: The person looks like fear. Emotion: {}",
    ),
    "a list of options": (
        *(
            "- {}\n- fear",
            "1. {}\n2. fear",
            "(A) {}\n(B) fear",
            "A) {} B) fear",
            "fear\n{}",
            "• fear • {}",
        ),
        *(
            "* {}\n* fear\n* disgust",
            "Options: {}, fear",
            "☐ {}",
            "☐ fear\n☐ {}",
            "○ {}",
            "(A) {} (B) fear",
        ),
        *(
            "<answer>A. {} B. fear</answer>",
            "<answer>(A) fear, (B) {}</answer>",
            "fear | {}",
            "[fear, {}]",
        ),
    ),
    "negated": (
        *(
            "not {}",
            "- not {}",
            "Answer: not {}",
            "<answer>not {}</answer>",
            "not **{}**",
            "❌ {}",
            "{} ❌",
        ),
        *(
            f"not {BOX}",
            r"It is not \boxed{{{}}}",
            f"<answer>not {BOX}</answer>",
            "(A) not {}",
            "🚫 {}",
        ),
        *(
            '{{"emotion": "not {}"}}',
            "The answer isn't {}",
            "The person is never {}.",
            "✗ {}",
            "👎 {}",
        ),
        *(
            "Answer: (B) not {}",
            r"\boxed{{not {}}}",
            r"\boxed{{\text{{not }}{}}}",
            "no {}",
            "anything but {}",
        ),
        *(
            "<|im_start|>assistant\nnot {}<|im_end|>",
            "不{}",
            "答案\uff1a不是{}",
            "不是<answer>{}</answer>",
        ),
    ),
    "hedged": (
        *(
            "maybe {}",
            "Answer: maybe {}",
            "<answer>possibly {}</answer>",
            "perhaps {} 😊",
            "{} 🤔",
            "{}, maybe",
        ),
        *('{{"emotion": "maybe {}"}}', r"\boxed{{perhaps {}}}", "It could be {}.", "- might be {}"),
        *(
            "{} or something else",
            "Answer: {}, but I am unsure",
            "<|begin_of_box|>maybe {}<|end_of_box|>",
        ),
        *(
            "Answer: {}? Possibly.",
            "I am not sure it is {}.",
            "It may be {} 😀.",
            "The person would be {}.",
        ),
    ),
    "asked": (
        *(
            "{}?",
            "Is it {}?",
            "Answer: {}?",
            "<answer>{}?</answer>",
            "{} ❓",
            "**{}?**",
            "- {}?",
            "{}\uff1f",
        ),
        *(r"\boxed{{{}?}}", '{{"emotion": "{}?"}}', "<|begin_of_box|>{}?<|end_of_box|>", "(B) {}?"),
    ),
    "reasoning": (
        *(
            "◁think▷{}",
            "[THINK]{}",
            "<think>{}",
            "<|channel|>analysis<|message|>{}",
            "<think>{}</think>",
        ),
        *("◁think▷{}◁/think▷", "<thinking>Answer: {}</thinking>", "<|START_THINKING|>{}"),
    ),
}


def in_families(families):
    forms = [(name, form) for name, forms in families.items() for form in forms]
    return pytest.mark.parametrize(("family", "form"), forms)


@in_families(FAMILIES)
def test_a_label_is_credited_whatever_marks_a_model_puts_around_it(family, form):
    for word, label in (("happy", "happiness"), ("Sadness", "sadness"), ("NEUTRAL", "neutral")):
        assert read_answer(form.format(word), LABELS).label == label


@in_families(UNCLEAR)
def test_no_form_of_an_unclear_answer_is_credited(family, form):
    for word in ("happy", "Sadness", "NEUTRAL"):
        assert read_answer(form.format(word), LABELS).label is None


@pytest.mark.parametrize(("text", "label"), CREDITED)
def test_a_single_clear_answer_is_credited(text, label):
    assert read_answer(text, LABELS).label == label


@pytest.mark.parametrize("text", NOT_CREDITED)
def test_nothing_is_credited_that_a_careful_human_would_not_credit(text):
    assert read_answer(text, LABELS).label is None


def test_the_classes_of_the_benchmark_decide():
    assert read_answer("Answer: contempt", LABEL_SETS["ferplus"]).label == "contempt"
    assert read_answer("答案:轻蔑", LABEL_SETS["ferplus"]).label == "contempt"


@pytest.mark.parametrize("label", LABELS.labels)
@pytest.mark.parametrize(
    "form",
    ["{}", "<answer>{}</answer>", "Answer: {}", '{{"emotion": "{}"}}', "The expression is {}."],
)
def test_every_label_is_read_in_every_form_and_its_negation_in_none(label, form):
    assert read_answer(form.format(label), LABELS).label == label
    assert read_answer(form.format(f"not {label}"), LABELS).label is None


def test_what_was_read_is_kept_for_people():
    assert read_answer("Answer: happy, because of AU12", LABELS).text == "happy, because of AU12"
    assert read_answer("no idea", LABELS).text is None


@given(st.text(max_size=300))
def test_no_text_makes_it_raise(text):
    found = read_answer(text, LABELS)
    assert found.label in (None, *LABELS.labels)
    is_cut_off(text)


@given(
    st.lists(
        st.sampled_from(
            [
                "<answer>",
                "</answer>",
                "<think>",
                "</think>",
                "happy",
                "sad",
                "Answer:",
                "not",
                "or",
                "\n",
                "{",
                '"emotion":',
                '"',
                "is",
            ]
        ),
        max_size=12,
    ).map(" ".join)
)
def test_two_emotions_with_one_announcement_are_never_credited_by_chance(text):
    found = read_answer(text, LABELS)
    if found.label is not None:
        assert {"happiness": "happy", "sadness": "sad"}[found.label] in text


@pytest.mark.parametrize("count", [1, 20_000])
def test_long_texts_are_no_trouble(count):
    for piece in ("is a ", "Answer: ", "<answer>", "happy ", "<think>", "((", "a an very "):
        read_answer(piece * count, LABELS)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("<think>The brows", True),
        ("word " * 50, True),
        ("word " * 50 + "end.", False),
        ("happy", False),
        ("<think>The brows</think> happy", False),
        ("", False),
    ],
)
def test_a_completion_that_stops_in_the_middle_is_seen(text, cut):
    assert is_cut_off(text) is cut


def test_the_contract_stays_what_it_was():
    for text in ("Answer: happy", "happy", '{"emotion": "happy"}'):
        assert parse(text, labels=LABELS).answer is None
        careful = parse(text, labels=LABELS, answers=AnswerPolicy.CAREFUL)
        assert (careful.answer, careful.defects, careful.claims) == ("happiness", (), ())
    assert parse("<answer>happy</answer>", labels=LABELS).answer == "happiness"
