"""A client for vpc-lattice that answers from a snapshot, by botocore's own Stubber.

The Stubber checks each answer against the model of the service, and that the calls come
with these arguments in this order.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]  # it has no types
from botocore.stub import Stubber  # type: ignore[import-untyped]  # it has no types

if TYPE_CHECKING:
    from collections.abc import Iterable

SNAPSHOT = Path(__file__).parents[2] / "fixtures" / "account" / "shop.json"
ACCOUNT = "111122223333"
_INSIDE = ("authPolicy", "accessLogSubscriptions", "listeners", "rules", "targets")
_TIMES = ("createdAt", "lastUpdatedAt")


def snapshot() -> dict[str, Any]:
    """Read the snapshot of an account."""
    read: dict[str, Any] = json.loads(SNAPSHOT.read_text("utf-8"))
    return read


def client(service: str = "vpc-lattice") -> Any:  # noqa: ANN401  # boto3's have no type
    """Make a client that reaches nothing."""
    return boto3.client(
        service,
        region_name="us-west-2",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="example",
    )


class Account:
    """A client with the answers that a snapshot needs, one item a page."""

    def __init__(self, said: dict[str, Any]) -> None:
        """Queue the answers to the calls that read all of it."""
        self.client = client()
        self.stubber = Stubber(self.client)
        self._model = self.client.meta.service_model
        self._queue(said)
        self.stubber.activate()

    def _queue(self, said: dict[str, Any]) -> None:
        own = said["account"]
        networks, services = said["serviceNetworks"], said["services"]
        self._list("ListServiceNetworks", networks)
        for each in networks:
            if own in each["arn"]:
                self._get(
                    "GetServiceNetwork", each, serviceNetworkIdentifier=each["id"]
                )
                self._about(each)
        self._list("ListServices", services)
        for each in services:
            self._service(each)
        self._list("ListTargetGroups", said["targetGroups"])
        for each in said["targetGroups"]:
            name = {"targetGroupIdentifier": each["id"]}
            self._get("GetTargetGroup", each, **name)
            self._list("ListTargets", each["targets"], **name)
        links = said["serviceNetworkServiceAssociations"]
        operation = "ListServiceNetworkServiceAssociations"
        for side, all_of_it in (("serviceNetwork", networks), ("service", services)):
            for each in all_of_it:
                mine = [link for link in links if link[f"{side}Arn"] == each["arn"]]
                self._list(operation, mine, **{f"{side}Identifier": each["arn"]})
        for each in networks:
            mine = [
                link
                for link in said["serviceNetworkVpcAssociations"]
                if link["serviceNetworkArn"] == each["arn"]
            ]
            name = {"serviceNetworkIdentifier": each["arn"]}
            self._list("ListServiceNetworkVpcAssociations", mine, **name)

    def _service(self, each: dict[str, Any]) -> None:
        name = {"serviceIdentifier": each["id"]}
        self._get("GetService", each, **name)
        self._list("ListListeners", each["listeners"], **name)
        for listener in each["listeners"]:
            names = {**name, "listenerIdentifier": listener["id"]}
            self._get("GetListener", listener, **names)
            self._list("ListRules", listener["rules"], **names)
            for rule in listener["rules"]:
                self._get("GetRule", rule, **names, ruleIdentifier=rule["id"])
        self._about(each)

    def _about(self, each: dict[str, Any]) -> None:
        self._get("GetAuthPolicy", each["authPolicy"], resourceIdentifier=each["arn"])
        self._list(
            "ListAccessLogSubscriptions",
            each["accessLogSubscriptions"],
            resourceIdentifier=each["id"],
        )

    def _get(self, operation: str, said: dict[str, Any], **expected: str) -> None:
        answer = {key: _in_time(key, said[key]) for key in said if key not in _INSIDE}
        self.stubber.add_response(_snake(operation), answer, expected)

    def _list(
        self, operation: str, said: Iterable[dict[str, Any]], **expected: str
    ) -> None:
        """Answer with the members that the model has for a list, one item a page."""
        output = self._model.operation_model(operation).output_shape
        members = output.members["items"].member.members
        items = [
            {key: _in_time(key, each[key]) for key in each if key in members}
            for each in said
        ]
        pages = [[each] for each in items] or [[]]
        for number, page in enumerate(pages, start=1):
            more = {} if number == len(pages) else {"nextToken": f"page-{number}"}
            token = {} if number == 1 else {"nextToken": f"page-{number - 1}"}
            self.stubber.add_response(
                _snake(operation), {"items": page, **more}, {**expected, **token}
            )


class Session:
    """What is needed of a session: clients by name."""

    def __init__(self, **clients: Any) -> None:  # noqa: ANN401  # boto3's have no type
        """Take the clients."""
        self._clients = clients

    def client(self, name: str) -> Any:  # noqa: ANN401  # boto3's have no type
        """Return a client."""
        return self._clients[name.replace("-", "_")]


def _in_time(key: str, value: object) -> object:
    return datetime.fromisoformat(str(value)) if key in _TIMES else value


def _snake(operation: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in operation)[1:]
