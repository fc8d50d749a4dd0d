"""The fourteen Lattice types: their properties, as CloudFormation checks them.

Lengths and defaults are CloudFormation's, which are narrower than the API's.
AWS: AWSCloudFormation/latest/TemplateReference/AWS_VpcLattice
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lattice.errors import HIDE
from pytest_lattice.loaders.cloudformation.properties import (
    Document,
    Each,
    Identifier,
    Members,
    String,
    Tags,
    Truth,
    Whole,
    Word,
)
from pytest_lattice.loaders.cloudformation.text import Text, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lattice.loaders.cloudformation.text import Node
    from pytest_lattice.model.source import SourceLocation

__tracebackhide__ = HIDE

_SERVICE = Identifier("service", ("svc",))
_NETWORK = Identifier("service network", ("sn",))
_LISTENER = Identifier("listener", ("listener",))
_GROUP = Identifier("target group", ("tg",))
_VPC = Identifier("VPC", ("vpc",))
_CONFIGURATION = Identifier("resource configuration", ("rcfg",))
_LOGGED = Identifier("service or service network", ("sn", "svc", "rcfg"))
# The model holds names to their alphabet, with words of its own.
_NAME = String(1, 255)
_PORT = Whole(1, 65535)
_AUTH_TYPE = Word(("NONE", "AWS_IAM"))
_TAGS = Tags()
_FREE = String(free=True)
_DNS_ENTRY = Members({"DomainName": _FREE, "HostedZoneId": _FREE})
_FAMILY = Word(("IPV4", "IPV6", "DUALSTACK"))


@dataclass(frozen=True, slots=True)
class _Target:
    """A target: what is not known of its id yet is left out."""

    def read(self, value: Node, what: str, place: SourceLocation) -> dict[str, Node]:
        """Read a target; it may be bound by what its id refers to."""
        form = Members({"Id": String(1, 2048, free=True), "Port": _PORT}, ("Id",))
        read = form.read(value, what, place)
        given = value["Id"]
        if isinstance(given, Text):
            read["names"] = given.names
            if given.remedy:
                if not given.names:
                    read["names"] = (plain(given),)
                del read["id"]
        return read


_WEIGHTED = Members(
    {"TargetGroupIdentifier": _GROUP, "Weight": Whole(0, 999)},
    ("TargetGroupIdentifier",),
)
_ACTION = Members(
    {
        "Forward": Members({"TargetGroups": Each(_WEIGHTED, 1, 10)}, ("TargetGroups",)),
        "FixedResponse": Members({"StatusCode": Whole(100, 599)}, ("StatusCode",)),
    },
    one=True,
)
_VALUE = String(1, 128)
_HEADER_NAME = String(1, 40)
# AWS: aws-cloudformation/cloudformation-coverage-roadmap: the API takes any method
_METHOD = Word(
    ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE"),
    {
        "PATCH": "CloudFormation refuses it, though the API takes it: match the path "
        "only, or let the target tell methods apart"
    },
)
# AWS: AWSCloudFormation/latest/TemplateReference: CaseSensitive is false where it is
# left out, while the API has true for paths
_CASE = {"caseSensitive": False}
_HEADER = Members(
    {
        "Name": _HEADER_NAME,
        "Match": Members(
            {"Exact": _VALUE, "Prefix": _VALUE, "Contains": _VALUE}, one=True
        ),
        "CaseSensitive": Truth(),
    },
    ("Match", "Name"),
    defaults=_CASE,
)
_PATH = Members(
    {
        "Match": Members({"Exact": _VALUE, "Prefix": _VALUE}, one=True),
        "CaseSensitive": Truth(),
    },
    ("Match",),
    defaults=_CASE,
)
_MATCH = Members(
    {
        "HttpMatch": Members(
            {
                "Method": _METHOD,
                "PathMatch": _PATH,
                "HeaderMatches": Each(_HEADER, 0, 5),
            }
        )
    },
    ("HttpMatch",),
)
_CHECK = Members(
    {
        "Enabled": Truth(),
        "HealthCheckIntervalSeconds": Whole(5, 300),
        "HealthCheckTimeoutSeconds": Whole(1, 120),
        "HealthyThresholdCount": Whole(2, 10),
        "Matcher": Members({"HttpCode": String(3, 2000)}, ("HttpCode",)),
        "Path": String(0, 2048),
        "Port": _PORT,
        "Protocol": Word(("HTTP", "HTTPS")),
        "ProtocolVersion": Word(("HTTP1", "HTTP2")),
        "UnhealthyThresholdCount": Whole(2, 10),
    }
)
_CONFIG = Members(
    {
        "HealthCheck": _CHECK,
        "IpAddressType": Word(("IPV4", "IPV6")),
        "LambdaEventStructureVersion": Word(("V1", "V2")),
        "Port": _PORT,
        "Protocol": Word(("HTTP", "HTTPS", "TCP")),
        "ProtocolVersion": Word(("HTTP1", "HTTP2", "GRPC")),
        "VpcIdentifier": _VPC,
    }
)

TYPES: Mapping[str, Members] = {
    "AWS::VpcLattice::ServiceNetwork": Members(
        {
            "Name": _NAME,
            "AuthType": _AUTH_TYPE,
            "SharingConfig": Members({"enabled": Truth()}, ("enabled",)),
            "Tags": _TAGS,
        },
        defaults={"authType": "NONE"},
    ),
    "AWS::VpcLattice::Service": Members(
        {
            "Name": _NAME,
            "AuthType": _AUTH_TYPE,
            "CertificateArn": String(free=True),
            "CustomDomainName": String(3, 255),
            "DnsEntry": _DNS_ENTRY,
            "IdleTimeoutSeconds": Whole(60, 600),
            "Tags": _TAGS,
        },
        defaults={"authType": "NONE"},
    ),
    "AWS::VpcLattice::Listener": Members(
        {
            "Protocol": Word(("HTTP", "HTTPS", "TLS_PASSTHROUGH")),
            "DefaultAction": _ACTION,
            "Name": _NAME,
            "Port": _PORT,
            "ServiceIdentifier": _SERVICE,
            "Tags": _TAGS,
        },
        ("DefaultAction", "Protocol", "ServiceIdentifier"),
    ),
    "AWS::VpcLattice::Rule": Members(
        {
            "Action": _ACTION,
            "Match": _MATCH,
            "Priority": Whole(1, 2000),
            "Name": _NAME,
            "ListenerIdentifier": _LISTENER,
            "ServiceIdentifier": _SERVICE,
            "Tags": _TAGS,
        },
        ("Action", "Match", "Priority", "ListenerIdentifier", "ServiceIdentifier"),
    ),
    "AWS::VpcLattice::TargetGroup": Members(
        {
            "Type": Word(("IP", "LAMBDA", "INSTANCE", "ALB")),
            "Name": _NAME,
            "Config": _CONFIG,
            "Targets": Each(_Target(), 0, 100),
            "Tags": _TAGS,
        },
        ("Type",),
        notes={
            name: f"it belongs below `Config`: Config: {{{name}: …}}"
            for name in _CONFIG.forms
        },
    ),
    "AWS::VpcLattice::AuthPolicy": Members(
        {"ResourceIdentifier": _LOGGED, "Policy": Document(36864)},
        ("ResourceIdentifier", "Policy"),
    ),
    "AWS::VpcLattice::ResourcePolicy": Members(
        {"ResourceArn": _LOGGED, "Policy": Document(10000)}, ("ResourceArn", "Policy")
    ),
    "AWS::VpcLattice::AccessLogSubscription": Members(
        {
            "DestinationArn": String(20, 2048),
            "ResourceIdentifier": _LOGGED,
            "ServiceNetworkLogType": Word(("SERVICE", "RESOURCE")),
            "Tags": _TAGS,
        },
        ("DestinationArn", "ResourceIdentifier"),
    ),
    "AWS::VpcLattice::ServiceNetworkServiceAssociation": Members(
        {
            "DnsEntry": _DNS_ENTRY,
            "ServiceIdentifier": _SERVICE,
            "ServiceNetworkIdentifier": _NETWORK,
            "Tags": _TAGS,
        },
        ("ServiceIdentifier", "ServiceNetworkIdentifier"),
    ),
    "AWS::VpcLattice::ServiceNetworkVpcAssociation": Members(
        {
            "ServiceNetworkIdentifier": _NETWORK,
            "VpcIdentifier": _VPC,
            "SecurityGroupIds": Each(_FREE),
            "PrivateDnsEnabled": Truth(),
            "DnsOptions": Members(
                {
                    "PrivateDnsPreference": Word(
                        (
                            "VERIFIED_DOMAINS_ONLY",
                            "ALL_DOMAINS",
                            "VERIFIED_DOMAINS_AND_SPECIFIED_DOMAINS",
                            "SPECIFIED_DOMAINS_ONLY",
                        )
                    ),
                    "PrivateDnsSpecifiedDomains": Each(String(1, 255), 1, 10),
                }
            ),
            "Tags": _TAGS,
        },
        ("ServiceNetworkIdentifier", "VpcIdentifier"),
    ),
    "AWS::VpcLattice::ServiceNetworkResourceAssociation": Members(
        {
            "ResourceConfigurationId": _CONFIGURATION,
            "ServiceNetworkId": _NETWORK,
            "PrivateDnsEnabled": Truth(),
            "Tags": _TAGS,
        },
        ("ResourceConfigurationId", "ServiceNetworkId"),
    ),
    "AWS::VpcLattice::ResourceConfiguration": Members(
        {
            "Name": String(3, 40),
            "ResourceConfigurationType": Word(
                ("GROUP", "CHILD", "SINGLE", "ARN", "CIDR")
            ),
            "ProtocolType": Word(("TCP",)),
            "PortRanges": Each(String(1, 11, r"[0-9]{1,5}(-[0-9]{1,5})?")),
            "ResourceGatewayId": _FREE,
            "ResourceConfigurationGroupId": _FREE,
            "ResourceConfigurationDefinition": Members(
                {
                    "IpResource": _FREE,
                    "ArnResource": _FREE,
                    "DnsResource": Members(
                        {"DomainName": _FREE, "IpAddressType": _FAMILY},
                        ("DomainName", "IpAddressType"),
                    ),
                    "CidrResource": Members(
                        {"CidrRanges": Each(_FREE, 1, 10)}, ("CidrRanges",)
                    ),
                },
                one=True,
            ),
            "AllowAssociationToSharableServiceNetwork": Truth(),
            "ResourceConfigurationAuthType": _AUTH_TYPE,
            "CustomDomainName": _FREE,
            "GroupDomain": _FREE,
            "DomainVerificationId": _FREE,
            "Tags": _TAGS,
        },
        ("Name", "ResourceConfigurationType"),
    ),
    "AWS::VpcLattice::ResourceGateway": Members(
        {
            "Name": String(3, 40),
            "VpcIdentifier": _VPC,
            "SubnetIds": Each(_FREE),
            "SecurityGroupIds": Each(_FREE),
            "IpAddressType": _FAMILY,
            "Ipv4AddressesPerEni": Whole(1, 62),
            "ResourceConfigDnsResolution": Word(("IN_VPC", "PUBLIC")),
            "Tags": _TAGS,
        },
        ("Name", "VpcIdentifier", "SubnetIds"),
    ),
    "AWS::VpcLattice::DomainVerification": Members(
        {"DomainName": String(3, 255), "Tags": _TAGS}, ("DomainName",)
    ),
}
