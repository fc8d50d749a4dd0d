"""Settings that every test of this suite shares."""

import asyncio
import importlib
import threading
from collections.abc import Iterator

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


# Threads that others keep: Trio its idle ones for ten seconds, to use them again,
# grpc.aio the one that polls for as long as anything of it is alive, and pycares the
# one that ends its resolvers.
KEPT_THREADS = ("Trio thread", "_poll_wrapper", "_run_safe_shutdown_loop")
# Seconds that a thread which was told to end may take; nobody waits that long else.
PATIENCE = 10


@pytest.fixture(autouse=True)
def left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Hold that a test leaves no thread, and no task on a loop that was closed.

    A test that leaves one on purpose clears the list.
    """
    before = set(threading.enumerate())
    left: list[str] = []
    close = asyncio.BaseEventLoop.close

    def close_and_look(loop: asyncio.BaseEventLoop) -> None:
        left.extend(map(repr, asyncio.all_tasks(loop)))
        close(loop)

    monkeypatch.setattr(asyncio.BaseEventLoop, "close", close_and_look)
    yield left
    for thread in set(threading.enumerate()) - before:
        if not any(kept in thread.name for kept in KEPT_THREADS):
            while thread.ident is None:  # about to start, and not to be joined yet
                threading.Event().wait(0.001)
            thread.join(PATIENCE)
            if thread.is_alive():
                left.append(repr(thread))
    assert left == []


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
