"""Target groups, and what stands behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.terraform.attributes import Attributes, known
from pytest_lattice.loaders.terraform.document import UNKNOWN, block
from pytest_lattice.loaders.terraform.links import GROUP, expression_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_lattice.loaders.assembly import Part
    from pytest_lattice.loaders.terraform.document import Document, Instance
    from pytest_lattice.loaders.terraform.links import Links

__tracebackhide__ = HIDE

ATTACHMENT = "aws_vpclattice_target_group_attachment"
# What registers targets by itself, and the attribute that says where.
_REGISTRARS = {
    "aws_ecs_service": ("vpc_lattice_configurations", "target_group_arn"),
    "aws_autoscaling_group": ("traffic_source", "identifier"),
    "aws_autoscaling_traffic_source_attachment": ("traffic_source", "identifier"),
}
_CHECK = {
    "enabled": ("enabled", True),
    "health_check_interval_seconds": ("healthCheckIntervalSeconds", 30),
    "health_check_timeout_seconds": ("healthCheckTimeoutSeconds", 5),
    "healthy_threshold_count": ("healthyThresholdCount", 5),
    "unhealthy_threshold_count": ("unhealthyThresholdCount", 2),
    "path": ("path", "/"),
    "port": ("port", None),
    "protocol": ("protocol", None),
    "protocol_version": ("protocolVersion", "HTTP1"),
}


class Groups:
    """Makes the target groups of a document."""

    def __init__(self, document: Document, links: Links) -> None:
        """Take a document, and sort its targets by group."""
        self._document = document
        self._links = links
        self._read = Attributes(links)
        self._by_name = {
            each.get(name): each
            for each in document.instances.values()
            if each.mode == "managed" and each.type != ATTACHMENT
            for name in ("id", "arn")
            if isinstance(each.get(name), str)
        }
        self._registered = self._targets()

    def part(self, instance: Instance) -> Part:
        """Make a target group with its targets."""
        kind = self._read.needed(instance, "type", "INSTANCE")
        config = instance.block("config") or {}
        if config is UNKNOWN:
            raise self._links.unknown(instance, "config", "…")
        targets, names = self._registered.get(instance.address, ([], []))
        values = {
            "name": self._links.name(instance),
            "type": kind,
            "config": self._config(instance, kind, config),
            "targets": targets,
        }
        return self._read.part("target group", instance, values, tuple(names))

    def _config(
        self, instance: Instance, kind: str, config: Mapping[str, Any]
    ) -> dict[str, Any]:
        if kind == "LAMBDA":
            # The provider has defaults for all types, also where they mean nothing.
            version = config.get("lambda_event_structure_version")
            return {"lambdaEventStructureVersion": known(version)}
        protocol = known(config.get("protocol"))
        values = {
            "protocol": protocol,
            "port": self._port(instance, config),
            "ipAddressType": known(config.get("ip_address_type")),
            "vpcIdentifier": self._read.vpc_name(instance, "config[0].vpc_identifier"),
        }
        if protocol != "TCP":
            values["protocolVersion"] = known(config.get("protocol_version"))
        check = block(config, "health_check")
        if check and check is not UNKNOWN and kind != "ALB":
            values["healthCheck"] = _health_check(check)
        return values

    def _port(self, instance: Instance, config: Mapping[str, Any]) -> int | None:
        port = config.get("port")
        if port is UNKNOWN and expression_at(instance, "config[0].port"):
            raise self._links.unknown(instance, "config[0].port", "80")
        number: int | None = known(port)
        return number

    def _targets(self) -> dict[str, tuple[list[dict[str, Any]], list[str]]]:
        """Sort targets, and names of what registers them, by group."""
        found: dict[str, tuple[list[dict[str, Any]], list[str]]] = {}
        for instance in self._document.instances.values():
            if instance.type == ATTACHMENT:
                group = self._links.follow(
                    instance, "target_group_identifier", frozenset({GROUP})
                )
                if group is not None and not isinstance(group, str):
                    target = self._target(instance)
                    found.setdefault(group.address, ([], []))[0].append(target)
            elif instance.type in _REGISTRARS:
                for address in self._registers_with(instance):
                    found.setdefault(address, ([], []))[1].append(instance.address)
        return found

    def _target(self, instance: Instance) -> dict[str, Any]:
        target = instance.block("target") or {}
        meant = self._meant(instance)
        names = [instance.address]
        if meant is not None:
            names += [meant.address]
            function = meant.get("function_name")
            names += [function] if isinstance(function, str) else []
        own = known(target.get("id"))
        if own is None and meant is not None and "function_name" in meant.values:
            own = self._links.attribute(meant, "arn")
        return {
            "id": own or "",
            "port": known(target.get("port")) or None,
            "names": tuple(names),
        }

    def _meant(self, instance: Instance) -> Instance | None:
        """Find the function, instance or load balancer behind a target."""
        target = instance.block("target") or {}
        value = target.get("id")
        if isinstance(value, str):
            return self._by_name.get(value)
        expression = expression_at(instance, "target[0].id")
        found = self._links.referred(instance, expression).instances
        only = [each for each, _ in found.values()]
        return only[0] if len(only) == 1 else None

    def _registers_with(self, instance: Instance) -> Iterator[str]:
        name, attribute = _REGISTRARS[instance.type]
        blocks = instance.get(name)
        for position in range(len(blocks) if isinstance(blocks, list) else 0):
            path = f"{name}[{position}]"
            if blocks[position].get("type", "vpc-lattice") != "vpc-lattice":
                continue
            group = self._links.perhaps(
                instance, f"{path}.{attribute}", frozenset({GROUP})
            )
            if group is not None and not isinstance(group, str):
                yield group.address


def _health_check(check: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, (member, default) in _CHECK.items():
        value = check.get(name)
        values[member] = default if value is UNKNOWN or value is None else value
    matcher = block(check, "matcher")
    code = "200" if not matcher else matcher.get("value") or "200"
    return {**values, "matcher": {"httpCode": code}}
