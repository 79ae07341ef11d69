from types import ModuleType, SimpleNamespace

import pytest
from llamafactory.data import converter, loader
from llamafactory.train import tuner

from tag_plugin import _autoload
from tag_plugin.hosts import llamafactory as adapter
from tag_plugin.hosts.llamafactory.patches import HostChangedError, patch_loader, patch_tuner

pytestmark = pytest.mark.host


def test_the_host_is_armed():
    mine = [name for name in _autoload.ADAPTERS if name.startswith("llamafactory.")]
    assert {_autoload.OUTCOMES[name] for name in mine} == {_autoload.ARMED}


@pytest.mark.parametrize(
    ("register", "module", "symbols"),
    [
        (adapter.register_converters, converter, ["DATASET_CONVERTERS"]),
        (adapter.register_loader, loader, ["get_dataset", "_load_single_dataset"]),
        (adapter.register_tuner, tuner, ["ReporterCallback", "export_model"]),
    ],
)
def test_registering_twice_changes_nothing(register, module: ModuleType, symbols: list[str]):
    before = {name: getattr(module, name) for name in symbols}
    register(module)
    assert {name: getattr(module, name) for name in symbols} == before


@pytest.mark.parametrize(
    ("get_dataset", "said"),
    [
        (None, "get_dataset is gone"),
        (lambda data_args: None, r"get_dataset takes \(data_args\), not \(template, "),
    ],
)
def test_a_changed_host_is_refused_with_the_tested_range(get_dataset, said: str):
    changed = SimpleNamespace(**vars(loader))
    changed.get_dataset = get_dataset
    with pytest.raises(HostChangedError, match=said + r".*tested: >=0\.9\.5"):
        patch_loader(changed)


def test_a_changed_tuner_is_refused():
    with pytest.raises(HostChangedError, match="export_model is gone"):
        patch_tuner(SimpleNamespace(**{**vars(tuner), "export_model": None, "__name__": "tuner"}))
