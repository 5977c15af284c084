"""What do the tests of certificates share? A CA, and a folder that it has filled."""

from pathlib import Path

import pytest
import trustme

from tests.rig.pairs import issue


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def store(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two domains, one wildcard below a tenant."""
    folder = tmp_path_factory.mktemp("store")
    issue(ca, folder / "main", "example.com", "*.example.com")
    issue(ca, folder / "alice", "*.alice.example.com")
    issue(ca, folder / "other", "other.org")
    return folder
