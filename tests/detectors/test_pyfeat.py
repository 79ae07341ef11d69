"""py-feat's own code end to end, on networks of random weights in place of the downloaded ones."""

import hashlib
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np
import pytest
import skimage.data

from tag_plugin.detectors.base import DetectorError
from tag_plugin.detectors.regions import region_boxes
from tag_plugin.detectors.registry import detector

pytestmark = pytest.mark.skipif(
    find_spec("feat") is None, reason="the extra pyfeat is not installed"
)


def images(count=2):
    picture = skimage.data.astronaut()
    return [np.ascontiguousarray(picture[:448, n * 20 : n * 20 + 448]) for n in range(count)]


@pytest.fixture(scope="module", autouse=True)
def gradients_as_before():
    """py-feat, called without our adapter, turns gradients off for the whole process."""
    import torch

    before = torch.is_grad_enabled()
    yield
    torch.set_grad_enabled(before)


@pytest.fixture(scope="module")
def resources(tmp_path_factory):
    from tests.detectors.pyfeat_weights import hub_cache

    folder = tmp_path_factory.mktemp("resources")
    hub_cache(folder)
    return folder


def replace_hub(patch, folder):
    """Its networks come from `folder`; the hub itself is out of reach."""
    patch.setattr("feat.utils.io.get_resource_path", lambda: str(folder))
    patch.setattr(
        "feat.face_detectors.Retinaface.Retinaface_test.get_resource_path",
        lambda: str(folder),
        raising=False,
    )
    patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture(scope="module")
def opened(resources):
    import torch

    with pytest.MonkeyPatch.context() as patch:
        replace_hub(patch, resources)
        with torch.enable_grad(), detector("pyfeat", device="cpu", batch_size=2) as ready:
            ready.gradients_after_opening = torch.is_grad_enabled()
            yield ready


@pytest.fixture(scope="module")
def found(opened):
    return opened.detect_batch(images())


def test_it_measures_the_aus_that_blendshapes_cannot(opened, found):
    assert {6, 9, 11, 14, 23, 25} <= opened.supported
    assert opened.supported.isdisjoint({22, 27})  # not in its network
    for face in found:
        assert face.supported <= opened.supported
        assert {each.au for each in face.detections} == face.supported


def test_a_batch_gives_what_single_images_give(opened, found):
    for image, together in zip(images(), found, strict=True):
        alone = opened.detect(image)
        assert alone.supported == together.supported
        for one, other in zip(alone.detections, together.detections, strict=True):
            assert one.au == other.au
            assert one.probability == pytest.approx(other.probability, abs=0.0011)
            assert one.box.as_tuple() == pytest.approx(other.box.as_tuple(), abs=1)


def test_probabilities_and_boxes_are_those_of_py_feat(opened, found, resources, monkeypatch):
    import feat
    import torch

    replace_hub(monkeypatch, resources)
    reference = feat.Detectorv2(device="cpu", identity_model=None)
    image = images(1)[0]
    border = 112
    wide = np.empty((672, 672, 3), np.uint8)
    wide[:] = np.rint(image.mean(axis=(0, 1))).astype(np.uint8)
    wide[border:-border, border:-border] = image
    fex = reference.detect(
        torch.from_numpy(wide).permute(2, 0, 1)[None], data_type="tensor", progress_bar=False
    )
    best = fex.assign(area=fex["FaceRectWidth"] * fex["FaceRectHeight"])
    best = best.sort_values(["area", "FaceRectX", "FaceRectY"]).iloc[-1]
    assert {each.au: each.probability for each in found[0].detections} == {
        each.au: pytest.approx(best[f"AU{each.au:02d}"], abs=0.002) for each in found[0].detections
    }
    across = np.array([best[f"mesh_x_{n}"] for n in range(478)])
    down = np.array([best[f"mesh_y_{n}"] for n in range(478)])
    expected = region_boxes((np.stack([across, down], axis=1) - border) / 448)
    for each in found[0].detections:
        assert each.box.as_tuple() == pytest.approx(expected[each.au].as_tuple(), abs=8)


def test_no_face_is_none(tmp_path, resources, monkeypatch):
    from tests.detectors.pyfeat_weights import blind_cache

    blind_cache(tmp_path, resources)
    replace_hub(monkeypatch, tmp_path)
    with detector("pyfeat", device="cpu") as blind:
        assert blind.detect_batch(images(1)) == [None]


def test_gradients_stay_on_for_the_training_beside_it(opened):
    import torch

    assert opened.gradients_after_opening
    with torch.enable_grad():
        opened.detect_batch(images(1))
        assert torch.is_grad_enabled()


def test_the_info_pins_the_network(opened, resources):
    (weights,) = resources.glob("models--py-feat--face*/snapshots/*/*.safetensors")
    assert opened.info.model_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert opened.info.version == f"{version('py-feat')}+face_multitask_v28"


def test_without_its_networks_the_next_step_is_named(tmp_path, monkeypatch):
    replace_hub(monkeypatch, tmp_path)
    with pytest.raises(DetectorError, match=r"cannot be downloaded .*feat/resources"):
        detector("pyfeat")


def test_a_pickle_is_not_read(tmp_path):
    (tmp_path / "old.pt").write_bytes(b"")
    with pytest.raises(DetectorError, match=r"old\.pt: no \.safetensors file"):
        detector("pyfeat", weights=tmp_path / "old.pt")
