"""Settings that every test of this suite shares."""

import importlib

import pytest
from hypothesis import settings

pytest_plugins = ["pytester"]

# In-process pytester takes back what an inner run added to `sys.modules`. Extension
# modules cannot be loaded a second time in one process (cryptography then fails with
# "curve must be an EllipticCurve instance"), so they are loaded once, out here.
PRELOADED = (
    "cryptography.hazmat.primitives.asymmetric.ec",
    "google.protobuf.message",
    "grpc",
    "httpx",
    "trustme",
)
for name in PRELOADED:
    importlib.import_module(name)

# How long one example takes says something about the machine, not about the code.
settings.register_profile("lattice", deadline=None)
settings.load_profile("lattice")


@pytest.fixture
def pytester(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """Give a pytester whose inner runs are not warned about pytest-asyncio's default.

    pytest-asyncio asks every project to choose a loop scope. Inner runs have no
    configuration of their own, so they get the answer of pyproject.toml.
    """
    monkeypatch.setenv(
        "PYTEST_ADDOPTS", "-o asyncio_default_fixture_loop_scope=function"
    )
    return pytester
