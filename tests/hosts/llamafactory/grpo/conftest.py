from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def rl_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve rows of each kind; nobody writes into it."""
    from tests.hosts.llamafactory.grpo.grpo_data import write_rl_data

    return write_rl_data(tmp_path_factory.mktemp("rl"))
