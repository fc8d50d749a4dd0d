"""Access logs in files: one JSON object a line, as AWS delivers them."""

from __future__ import annotations

import gc
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lattice import (
    AccessLogSubscription,
    ConfigurationError,
    FixedResponse,
    Forward,
    LatticeNetwork,
    Listener,
    Service,
    ServiceAssociation,
    ServiceNetwork,
    TargetGroup,
)
from tests.clients.stub_target import Answer, StubTarget, StubTargets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def network() -> Iterator[LatticeNetwork]:
    """Two services in one service network."""
    with LatticeNetwork(plugins=[StubTargets()]) as network:
        network.add(
            *(
                Service(name, listeners=[Listener("HTTP", default=FixedResponse(404))])
                for name in ("shop", "other")
            ),
            ServiceNetwork("north", services=["shop", "other"], vpcs=["default"]),
        )
        yield network


def lines(path: Path) -> list[dict[str, Any]]:
    """Read a log file."""
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def paths(path: Path) -> list[str]:
    """List the request paths in a log file."""
    return [line["requestPath"] for line in lines(path)]


def test_file_has_an_object_a_line(network: LatticeNetwork, tmp_path: Path) -> None:
    """A line is the entry with AWS's keys in AWS's order, without blanks."""
    file = tmp_path / "shop.log"
    network.add(AccessLogSubscription("shop", destination=file))
    network.client("shop").get("/ü")

    text = file.read_text(encoding="utf-8")
    [entry] = network.access_log_of("shop")
    assert text == entry.to_json() + "\n"
    assert list(lines(file)[0].items()) == list(entry.to_dict().items())
    assert ": " not in text


def test_file_can_be_read_while_the_network_is_open(
    network: LatticeNetwork, tmp_path: Path
) -> None:
    """An entry is in the file as soon as its request is answered."""
    file = tmp_path / "shop.log"
    network.add(AccessLogSubscription("shop", destination=file))
    assert not file.exists()

    for n in range(3):
        network.client("shop").get(f"/{n}")
        assert paths(file) == [f"/{each}" for each in range(n + 1)]


def test_service_and_network_have_files_of_their_own(
    network: LatticeNetwork, tmp_path: Path
) -> None:
    """A request is written for its service and for the network that it came through."""
    network.add(
        AccessLogSubscription("shop", destination=tmp_path / "shop"),
        AccessLogSubscription("north", destination=tmp_path / "north"),
    )
    network.client("shop").get("/shop")
    network.client("other").get("/other")

    assert paths(tmp_path / "shop") == ["/shop"]
    assert paths(tmp_path / "north") == ["/shop", "/other"]
    assert lines(tmp_path / "shop") == lines(tmp_path / "north")[:1]


def test_each_subscription_of_a_file_gets_its_line(
    network: LatticeNetwork, tmp_path: Path
) -> None:
    """Two subscriptions may share a file; AWS delivers a copy for each."""
    file = tmp_path / "both"
    network.add(
        AccessLogSubscription("shop", destination=file),
        AccessLogSubscription("north", destination=file),
    )
    network.client("shop").get("/twice")
    network.client("other").get("/once")

    assert paths(file) == ["/twice", "/twice", "/once"]


def test_subscription_without_a_file_writes_none(
    network: LatticeNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries that are kept in memory leave nothing behind."""
    monkeypatch.chdir(tmp_path)
    network.add(AccessLogSubscription("shop"), AccessLogSubscription("north"))
    network.client("shop").get("/")

    assert list(tmp_path.iterdir()) == []


def test_file_begins_with_its_subscription(
    network: LatticeNetwork, tmp_path: Path
) -> None:
    """What happened before a subscription is not delivered later."""
    client = network.client("shop")
    client.get("/before")
    network.add(AccessLogSubscription("shop", destination=tmp_path / "log"))
    client.get("/after")

    assert paths(tmp_path / "log") == ["/after"]


def test_request_to_nobody_is_not_written(
    network: LatticeNetwork, tmp_path: Path
) -> None:
    """A request to a name that no service has belongs to no log."""
    network.add(AccessLogSubscription("north", destination=tmp_path / "log"))
    network.client().get("http://nobody.example.com/")

    assert not (tmp_path / "log").exists()


def test_folders_are_made(network: LatticeNetwork, tmp_path: Path) -> None:
    """A folder that is not there yet is made with the first entry."""
    file = tmp_path / "a" / "b" / "log"
    network.add(AccessLogSubscription("shop", destination=file))
    assert not (tmp_path / "a").exists()
    network.client("shop").get("/")

    assert paths(file) == ["/"]


def test_file_of_an_earlier_run_is_continued(
    network: LatticeNetwork, tmp_path: Path
) -> None:
    """Entries are appended, never written over others."""
    file = tmp_path / "log"
    file.write_text('{"requestPath": "/earlier"}\n', encoding="utf-8")
    network.add(AccessLogSubscription("shop", destination=file))
    network.client("shop").get("/")

    assert paths(file) == ["/earlier", "/"]


def test_file_is_closed_at_the_end(network: LatticeNetwork, tmp_path: Path) -> None:
    """After the network no file is open, which the warning filter would notice."""
    file = tmp_path / "log"
    network.add(AccessLogSubscription("shop", destination=file))
    network.client("shop").get("/")

    network.close()
    network.close()

    assert paths(file) == ["/"]
    file.unlink()


@pytest.mark.parametrize("dropped", [False, True])
def test_stream_that_is_open_at_the_end_is_written(
    network: LatticeNetwork, tmp_path: Path, *, dropped: bool
) -> None:
    """A response that was never closed is one that its client left, and is logged."""
    file = tmp_path / "log"
    network.add(
        TargetGroup("stubs", targets=[StubTarget(Answer((b"one", b"two")))]),
        Service("late", listeners=[Listener("HTTP", default=Forward("stubs"))]),
        ServiceAssociation("north", "late"),
        AccessLogSubscription("late", destination=file),
    )

    client = network.client("late")
    response = client.send(client.build_request("GET", "/"), stream=True)
    if dropped:
        del response
        gc.collect()
    assert not file.exists()
    network.close()

    [line] = lines(file)
    assert line["failureReason"] == "ClientConnectionClosed"
    assert line["responseCode"] == 200
    if not dropped:
        response.close()  # and is not told again
    assert len(network.exchanges) == len(lines(file)) == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [("folder", "Is a directory"), ("file/log", "File exists")],
)
def test_file_that_cannot_be_opened_is_told(
    network: LatticeNetwork, tmp_path: Path, path: str, reason: str
) -> None:
    """The request that would be the first in the file ends in a clear error."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    network.add(AccessLogSubscription("shop", destination=tmp_path / path))

    with pytest.raises(ConfigurationError) as caught:
        network.client("shop").get("/")

    assert str(caught.value) == (
        f"access log destination `{tmp_path / path}` cannot be opened: {reason}"
    )
    assert isinstance(caught.value.__cause__, OSError)


def test_threads_write_whole_lines(network: LatticeNetwork, tmp_path: Path) -> None:
    """Entries of requests that are made at once do not run into each other."""
    file = tmp_path / "log"
    network.add(AccessLogSubscription("shop", destination=file))

    with network.client("shop") as client, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: client.get(f"/{n}"), range(200)))

    assert sorted(paths(file)) == sorted(f"/{n}" for n in range(200))
