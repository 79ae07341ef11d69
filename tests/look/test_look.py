"""`tag-plugin look` on pictures, with a scripted server and with a model that knows nothing."""

import json
import re

import pytest
from PIL import Image
from skimage.data import astronaut
from typer.testing import CliRunner

from tag_plugin.cli import app
from tag_plugin.data.checkpoint_record import CheckpointRecord, write_checkpoint_record
from tag_plugin.facs.boxes import BoxFrame
from tag_plugin.facs.emotions import label_set
from tag_plugin.look.models import LookError, question_of
from tag_plugin.tiny import write_base
from tag_plugin.trace.parse import ANY_EMOTION
from tag_plugin.trace.prompt import grounded_prompt, label_only_prompt, prompt_hash
from tests.asking.loopback import Loopback, says

LABELS = label_set("basic7")


def record(folder, prompt):
    folder.mkdir(parents=True, exist_ok=True)
    known = {"template": "tag_qwen2_vl", "box_frame": BoxFrame.RELATIVE}
    write_checkpoint_record(folder, CheckpointRecord(**known, prompt_hash=prompt_hash(prompt)))
    return folder


def look(*words):
    return CliRunner().invoke(app, ["look", *map(str, words)])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """The astronaut; three of her in one picture; a picture without a face."""
    folder = tmp_path_factory.mktemp("pictures")
    face = Image.fromarray(astronaut())
    face.save(folder / "astronaut.png")
    scene = Image.new("RGB", (1500, 600), (90, 110, 130))
    for left, size in ((10, 480), (510, 560), (1080, 400)):
        scene.paste(face.resize((size, size)), (left, 20))
    scene.save(folder / "three.jpg", quality=95)
    Image.new("RGB", (640, 480), (10, 90, 10)).save(folder / "wall.png")
    return folder


@pytest.fixture(scope="module")
def looked(pictures, tmp_path_factory):
    """One look at all of them, through a server that says a smile is where her mouth is."""
    out, folder = tmp_path_factory.mktemp("out") / "look", tmp_path_factory.mktemp("m") / "model"
    record(folder, grounded_prompt(ANY_EMOTION, BoxFrame.RELATIVE))
    smile = (
        "Global analysis: <b>A smile</b>.\nVerification loop:\n"
        "Inspect lip corners → AU12 (lip corner puller): the lip corners are pulled up → "
        "<bbox>[300,520,650,700]</bbox>\n"
        "Inspect brows → AU4 (brow lowerer): the brows are pulled down → "
        "<bbox>[200,100,800,300]</bbox>\n"
        "Final conclusion: AU12 indicates a dominant emotion of happiness.\n"
        "<answer>happiness</answer>"
    )
    with Loopback(lambda heard: says(smile)) as server:
        result = look(pictures, "--model", folder, "--endpoint", server.url, "--out", out)
        asked = server.asked
    return result, out, asked


def test_each_face_of_each_photograph_is_asked_about_and_checked(looked):
    result, out, asked = looked
    found = json.loads((out / "look.json").read_text())
    names = [face["name"] for face in found["faces"]]
    assert names == ["astronaut", "three-face1", "three-face2", "three-face3"]
    assert len(asked) == 4
    for face in found["faces"]:
        smile, brows = face["checked"]["claims"]
        assert (smile["au"], smile["standing"]) == (12, "confirmed"), smile
        assert (brows["au"], brows["standing"]) == (4, "contradicted"), brows
        assert Image.open(out / face["file"]).size == (448, 448)
        assert Image.open(out / f"{face['name']}.png").width > 448
    assert "confirmed" in result.output


def test_a_photograph_without_a_face_is_named_and_the_others_go_on(looked, pictures):
    result, out, _ = looked
    assert result.exit_code == 1
    (line,) = json.loads((out / "look.json").read_text())["left_out"]
    assert line.startswith(f"{pictures / 'wall.png'}: no face")


def test_the_question_is_that_of_training_and_the_picture_comes_first(looked):
    system, message = looked[2][0].content["messages"]
    assert system == {"role": "system", "content": "You are a helpful assistant."}
    picture, text = message["content"]
    assert picture["type"] == "image_url"
    assert text["text"] == grounded_prompt(LABELS, BoxFrame.RELATIVE)


def test_the_page_is_one_file_that_runs_nothing_of_what_a_model_wrote(looked):
    page = (looked[1] / "look.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;A smile" in page and "<b>A smile" not in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)
    assert page.count('class="looked"') == 4
    assert "do not decide anything about anybody" in " ".join(page.split())


@pytest.mark.host
def test_nothing_that_a_model_without_training_writes_is_confirmed(pictures, tmp_path):
    base = write_base(tmp_path / "base")
    words = ("--model", base, "--template", "tag_qwen2_5_vl", "--out", tmp_path / "o")
    result = look(pictures / "astronaut.png", *words)
    assert result.exit_code == 0, result.output
    (face,) = json.loads((tmp_path / "o/look.json").read_text())["faces"]
    assert face["checked"]["text"]
    assert "confirmed" not in {claim["standing"] for claim in face["checked"]["claims"]}


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (None, "has no tag_plugin.json, .*next: --template"),
        (label_only_prompt(ANY_EMOTION), "trained on labels alone"),
    ],
)
def test_a_model_that_cannot_be_asked_is_refused(tmp_path, prompt, message):
    folder = tmp_path if prompt is None else record(tmp_path, prompt)
    with pytest.raises(LookError, match=message):
        question_of(folder, None, LABELS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", "nowhere"), "nowhere is no folder; next: --model"),
        ((), "--model is missing; next:"),
        (("--model", "nowhere", "--detector", "synthetic"), "is no folder"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(pictures, tmp_path, words, message):
    result = look(pictures / "wall.png", *words, "--out", tmp_path / "o")
    assert message in str(result.exception)
