"""py-feat's two networks with random weights, laid out as the Hugging Face hub's cache has them.

Nothing of py-feat is replaced but where it looks for files: its own download code finds these.
"""

import json
from dataclasses import asdict

import torch
from safetensors.torch import save_file

SMALL = {
    "backbone": "convnextv2_atto",
    "n_au": 20,
    "n_emotion": 7,
    "n_blendshape": 52,
    "mesh_normalized": True,
    "afg_channels": 64,
    "mefl_channels": 64,
    "use_head_v3": True,
    "drop_mefl": True,
    "emotion_use_au_prob": True,
    "pretrained": False,
}
"""The shipped network's shape, on the smallest backbone."""


FACE_FINDER = "py-feat/retinaface_r34"


def hub_cache(root):
    """Write both networks; the face finder sees faces everywhere."""
    _place(root, FACE_FINDER, "model.safetensors", *_face_finder(sees_faces=True))
    _place(root, "py-feat/face_multitask_v2", "face_multitask_v28.safetensors", *_multitask())


def blind_cache(root, seeing):
    """The networks of a cache that `hub_cache` wrote, but for a face finder that sees none."""
    _place(root, FACE_FINDER, "model.safetensors", *_face_finder(sees_faces=False))
    for folder in seeing.glob("models--py-feat--face_multitask*"):
        (root / folder.name).symlink_to(folder)


def _face_finder(sees_faces):
    from feat.face_detectors.Retinaface.Retinaface_model import RetinaFace

    torch.manual_seed(0)
    net = RetinaFace()
    for number, layer in enumerate(net.ClassHead._convs):
        face = 3.0 if sees_faces and number == 2 else -3.0  # the largest anchors
        torch.nn.init.normal_(layer.weight, std=1e-5)  # no two places score alike
        layer.bias.data = torch.tensor([0.0, -3.0, 0.0, face])  # (no face, face) of two sizes
    for layer in net.BboxHead._convs:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return net.state_dict(), None


def _multitask():
    from feat.multitask.model_v2 import MEGraphAUv2, ModelV2Config

    torch.manual_seed(0)
    config = ModelV2Config(**SMALL)
    net = MEGraphAUv2(config)
    last = [layer for layer in net.lmk.modules() if isinstance(layer, torch.nn.Linear)][-1]
    torch.nn.init.normal_(last.weight, std=0.001)
    last.bias.data = torch.rand(last.bias.shape) * 0.6 + 0.2  # points all over the chip
    return net.state_dict(), {"config": json.dumps(asdict(config))}


def _place(root, repo, name, weights, metadata):
    folder = root / f"models--{repo.replace('/', '--')}"
    revision = "0" * 40
    (folder / "snapshots" / revision).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(revision)
    numbers = {name: value.contiguous().clone() for name, value in weights.items()}
    save_file(numbers, folder / "snapshots" / revision / name, metadata=metadata)
