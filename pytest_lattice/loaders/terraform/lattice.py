"""Resources of the AWS provider in the words of the Lattice API.

What the provider fills in or leaves out by itself is done here as it does it, so that a
loaded network has what ``terraform apply`` would send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lattice.errors import (
    HIDE,
    UnsupportedFeatureError,
    noted,
    notes_of,
    unknown,
)
from pytest_lattice.loaders.assembly import RESOURCE_LOGS
from pytest_lattice.loaders.reading import located
from pytest_lattice.loaders.terraform.attributes import Attributes, known
from pytest_lattice.loaders.terraform.document import UNKNOWN, block
from pytest_lattice.loaders.terraform.groups import ATTACHMENT, Groups
from pytest_lattice.loaders.terraform.links import (
    GROUP,
    LISTENER,
    NETWORK,
    SERVICE,
    VPCS,
    expression_at,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_lattice.loaders.assembly import Part
    from pytest_lattice.loaders.terraform.document import Document, Instance
    from pytest_lattice.loaders.terraform.links import Links
    from pytest_lattice.loaders.terraform.policies import Policies

__tracebackhide__ = HIDE

_PREFIX = "aws_vpclattice_"
RULE = "aws_vpclattice_listener_rule"
SERVICE_LINK = "aws_vpclattice_service_network_service_association"
VPC_LINK = "aws_vpclattice_service_network_vpc_association"
LOG = "aws_vpclattice_access_log_subscription"
POLICY = "aws_vpclattice_auth_policy"
_ENDPOINT = "aws_vpc_endpoint"
_HOLDERS = frozenset({SERVICE, NETWORK})
# No HTTP request passes through these.
_LEFT_OUT = (
    "aws_vpclattice_resource_gateway",
    "aws_vpclattice_resource_configuration",
    "aws_vpclattice_service_network_resource_association",
    "aws_vpclattice_domain_verification",
    "aws_vpclattice_resource_policy",
)
_COMMON = "arn id name region tags tags_all timeouts"
# https://registry.terraform.io/providers/hashicorp/aws/6.25.0/docs
_ATTRIBUTES = {
    NETWORK: "auth_type",
    SERVICE: "auth_type certificate_arn custom_domain_name status dns_entry",
    LISTENER: (
        "protocol port service_arn service_identifier default_action listener_id "
        "created_at last_updated_at"
    ),
    RULE: "listener_identifier service_identifier priority match action rule_id",
    GROUP: "type config status",
    ATTACHMENT: "target_group_identifier target",
    SERVICE_LINK: (
        "service_identifier service_network_identifier created_by "
        "custom_domain_name dns_entry status"
    ),
    VPC_LINK: (
        "service_network_identifier vpc_identifier security_group_ids created_by status"
    ),
    LOG: "destination_arn resource_identifier resource_arn service_network_log_type",
    POLICY: "resource_identifier policy state",
}


def parts_of(document: Document, links: Links, policies: Policies) -> Iterator[Part]:
    """Bring each resource of a document to the words of the API.

    Args:
        document: a plan or a state.
        links: of that document.
        policies: of that document.

    Raises:
        ConfigurationError: a value that is needed and known only after apply.
        UnsupportedFeatureError: a resource of Lattice that is not known here.
    """
    parts = _Parts(document, links, policies)
    for instance in document.instances.values():
        make = parts.makers.get((instance.mode, instance.type))
        if instance.mode == "data" and not links.is_first(instance):
            continue  # a data source reads what another resource here manages
        if make is not None:
            parts.check(instance)
            if instance.get("service_network_log_type") == RESOURCE_LOGS:
                parts.leave_out(instance)
            else:
                yield make(instance)
        elif instance.type == _ENDPOINT and instance.get("service_network_arn"):
            parts.leave_out(instance, "lets in whom here only an association does,")
        elif instance.mode == "managed" and instance.type.startswith(_PREFIX):
            parts.check_type(instance)


class _Parts:
    """Makes the parts of one document."""

    def __init__(self, document: Document, links: Links, policies: Policies) -> None:
        self._document = document
        self._links = links
        self._policies = policies
        self._notices = document.notices
        self._read = Attributes(links)
        self.makers: dict[tuple[str, str], Callable[[Instance], Part]] = {
            ("managed", NETWORK): self._network,
            ("managed", SERVICE): self._service,
            ("managed", LISTENER): self._listener,
            ("managed", RULE): self._rule,
            ("managed", GROUP): Groups(document, links).part,
            ("managed", SERVICE_LINK): self._service_link,
            ("managed", VPC_LINK): self._vpc_link,
            ("managed", LOG): self._log,
            ("managed", POLICY): self._policy,
            **{("managed", each): self._vpc for each in VPCS},
            ("data", "aws_vpc"): self._vpc,
            ("data", NETWORK): self._network,
            ("data", SERVICE): self._service,
            ("data", POLICY): self._policy,
        }

    # ---- what is known of a type ------------------------------------------------

    def check(self, instance: Instance) -> None:
        """Warn of attributes that a newer provider has and that are not known here."""
        if instance.mode == "data" or instance.type not in _ATTRIBUTES:
            return
        known = f"{_COMMON} {_ATTRIBUTES[instance.type]}".split()
        for name in instance.values:
            set_there = instance.values[name] not in (None, "", [], {})
            if (
                name not in known
                and set_there
                and not self._is_computed(instance, name)
            ):
                self._notices.once(
                    (instance.type, name),
                    f"attribute `{name}` of {instance.type} is not modeled, "
                    f"so it is left out ({instance.source})",
                )

    @staticmethod
    def _is_computed(instance: Instance, name: str) -> bool:
        return instance.values[name] is UNKNOWN and not expression_at(instance, name)

    def leave_out(
        self, instance: Instance, why: str = "carries no HTTP request"
    ) -> None:
        """Warn of a resource that has no part here."""
        self._notices.add(f"{instance.type} {why} and is left out ({instance.source})")

    def check_type(self, instance: Instance) -> None:
        """Leave out what has no part in HTTP traffic; refuse what is not known."""
        if instance.type in _LEFT_OUT:
            self.leave_out(instance)
        elif instance.type != ATTACHMENT:
            known = (*_ATTRIBUTES, *_LEFT_OUT)
            error = unknown("resource type of VPC Lattice", instance.type, known)
            unsupported = UnsupportedFeatureError(str(error))
            raise located(noted(unsupported, notes_of(error)), instance.source)

    # ---- parts ------------------------------------------------------------------

    def _network(self, instance: Instance) -> Part:
        values = {
            "name": self._links.name(instance),
            "authType": self._auth_type(instance),
        }
        return self._read.part("service network", instance, values)

    def _service(self, instance: Instance) -> Part:
        values = {
            "name": self._links.name(instance),
            "authType": self._auth_type(instance),
            "customDomainName": self._read.given(instance, "custom_domain_name"),
            # Nothing here reads what is in a certificate.
            "certificateArn": self._read.text(instance, "certificate_arn"),
        }
        return self._read.part("service", instance, values)

    def _auth_type(self, instance: Instance) -> str:
        # AWS: vpc-lattice/latest/APIReference/API_CreateService: default NONE
        found = self._read.given(instance, "auth_type") or "NONE"
        if (
            instance.mode == "data"
            and found == "AWS_IAM"
            and not self._policies.reads(instance)
        ):
            self._notices.add(
                f"{instance.type} `{instance.get('name')}` has an auth policy that "
                "nothing reads here, so it lets everybody in; read it with a data "
                f"source aws_vpclattice_auth_policy ({instance.source})",
            )
            return "NONE"
        return str(found)

    def _listener(self, instance: Instance) -> Part:
        name = "service_identifier"
        if instance.get(name) is None or (
            instance.get(name) is UNKNOWN and not expression_at(instance, name)
        ):
            name = "service_arn"
        values = {
            "name": self._read.given(instance, "name"),
            "protocol": self._read.needed(instance, "protocol", "HTTPS"),
            "port": self._read.given(instance, "port") or None,
            "serviceIdentifier": self._read.link(instance, name, SERVICE),
            "defaultAction": self._action(instance, "default_action"),
        }
        return self._read.part("listener", instance, values)

    def _rule(self, instance: Instance) -> Part:
        values = {
            "name": self._read.given(instance, "name"),
            "priority": self._read.needed(instance, "priority", "10"),
            "listenerIdentifier": self._read.link(
                instance, "listener_identifier", LISTENER
            ),
            "match": {"httpMatch": self._match(instance)},
            "action": self._action(instance, "action"),
        }
        return self._read.part("rule", instance, values)

    def _action(self, instance: Instance, name: str) -> dict[str, Any]:
        fixed = instance.block(name, "fixed_response")
        forward = instance.block(name, "forward")
        if UNKNOWN in (fixed, forward):
            raise self._links.unknown(instance, name, "…")
        if fixed is not None:
            path = f"{name}[0].fixed_response[0].status_code"
            code = fixed.get("status_code")
            if code is UNKNOWN:
                raise self._links.unknown(instance, path, "404")
            return {"fixedResponse": {"statusCode": code}}
        groups = (forward or {}).get("target_groups") or []
        path = f"{name}[0].forward[0].target_groups"
        if groups is UNKNOWN:
            raise self._links.unknown(instance, path, "…")
        weighted = [
            {
                "targetGroupIdentifier": self._read.link(
                    instance, f"{path}[{position}].target_group_identifier", GROUP
                ),
                "weight": self._weight(instance, f"{path}[{position}]", each),
            }
            for position, each in enumerate(groups)
        ]
        return {"forward": {"targetGroups": weighted}}

    def _weight(self, instance: Instance, path: str, group: Mapping[str, Any]) -> int:
        weight = group.get("weight")
        if weight is UNKNOWN:
            raise self._links.unknown(instance, f"{path}.weight", "90")
        if weight is None:
            return 100
        if weight == 0 and instance.changes:
            # The provider takes 0 for unset and does not send it.
            self._notices.add(
                f"`{path}.weight` is 0, which the provider does not send, so Lattice "
                "takes its default 100; use 1 of 999, or leave the target group out "
                f"({instance.source})",
            )
            return 100
        return int(weight)

    def _match(self, instance: Instance) -> dict[str, Any]:
        http = instance.block("match", "http_match")
        if http is UNKNOWN or (http and UNKNOWN in http.values()):
            raise self._links.unknown(instance, "match[0].http_match", "…")
        http = http or {}
        match: dict[str, Any] = {"method": http.get("method") or None}
        if (path := block(http, "path_match")) is not None:
            match["pathMatch"] = {
                "match": self._how(instance, path, ("exact", "prefix")),
                # The provider sends false where nothing is written.
                "caseSensitive": bool(path.get("case_sensitive")),
            }
        match["headerMatches"] = [
            {
                "name": header["name"],
                "match": self._how(instance, header, ("exact", "prefix", "contains")),
                "caseSensitive": bool(header.get("case_sensitive")),
            }
            for header in http.get("header_matches") or ()
        ]
        return match

    def _how(
        self, instance: Instance, values: Mapping[str, Any], names: tuple[str, ...]
    ) -> dict[str, Any]:
        match = block(values, "match")
        match = {} if match is None else match
        if match is UNKNOWN or UNKNOWN in (*match.values(), *values.values()):
            raise self._links.unknown(instance, "match[0].http_match", "…")
        return {name: match[name] for name in names if match.get(name)}

    def _service_link(self, instance: Instance) -> Part:
        values = {
            "serviceIdentifier": self._read.link(
                instance, "service_identifier", SERVICE
            ),
            "serviceNetworkIdentifier": self._read.link(
                instance, "service_network_identifier", NETWORK
            ),
        }
        return self._read.part("service association", instance, values)

    def _vpc_link(self, instance: Instance) -> Part:
        values = {
            "serviceNetworkIdentifier": self._read.link(
                instance, "service_network_identifier", NETWORK
            ),
            "vpcIdentifier": self._read.vpc_name(instance, "vpc_identifier"),
        }
        return self._read.part("VPC association", instance, values)

    def _log(self, instance: Instance) -> Part:
        values = {
            "resourceIdentifier": self._read.link(
                instance, "resource_identifier", *_HOLDERS
            ),
            "destinationArn": self._destination(instance),
        }
        return self._read.part("access log subscription", instance, values)

    def _destination(self, instance: Instance) -> str | None:
        """Return the destination; None, in memory, where nobody knows it yet."""
        found = self._links.perhaps(instance, "destination_arn")
        if found is None or isinstance(found, str):
            return found
        return self._links.attribute(found, "arn")

    def _policy(self, instance: Instance) -> Part:
        values = {
            "resourceIdentifier": self._read.link(
                instance, "resource_identifier", *_HOLDERS
            ),
            "policy": self._policies.needed(instance, "policy"),
        }
        return self._read.part("auth policy", instance, values)

    def _vpc(self, instance: Instance) -> Part:
        cidr = known(instance.get("cidr_block"))
        return self._read.part(
            "VPC", instance, {"name": instance.address, "cidr": cidr}
        )
