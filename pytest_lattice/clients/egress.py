"""Which hosts are the network's own, and the refusal of all others.

Every door that code under test walks through by itself asks here; what it does with a
host that is not the network's depends on whether it is strict.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_lattice.clients.hosts import unmapped
from pytest_lattice.errors import HIDE, ConfigurationError, EgressError, LatticeError
from pytest_lattice.routing.resolve import host_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lattice.model.configuration import Configuration

__tracebackhide__ = HIDE

# AWS: vpc-lattice/latest/ug/service-custom-domain-name: the form of generated names
_GENERATED = re.compile(r"[^:]+\.vpc-lattice-svcs\.[a-z0-9-]+\.on\.aws", re.ASCII)
# AWS: vpc-lattice/latest/ug/security-groups: link-local addresses that lead to Lattice
_RANGES = (ip_network("169.254.171.0/24"), ip_network("fd00:ec2:80::/64"))
#: How many names a refusal shows.
_NAMES_SHOWN = 8


class Egress:
    """Tells the hosts of a network from others.

    Args:
        configuration: gives what is declared now.
        strict: whether other hosts are refused.
    """

    def __init__(
        self, configuration: Callable[[], Configuration], *, strict: bool
    ) -> None:
        """Know no name yet."""
        self._current = configuration
        self._seen: Configuration | None = None
        self._names: Mapping[str, str] = {}
        self.strict = strict

    @property
    def names(self) -> Mapping[str, str]:
        """The names of all services in lower case, with the generated name of each."""
        configuration = self._latest()
        if configuration is not None and configuration is not self._seen:
            self._names = _names_of(configuration)
            self._seen = configuration
        return self._names

    def knows(self, host: str) -> bool:
        """Tell whether a service has this name."""
        return self.generated_name(host) is not None

    def generated_name(self, host: str) -> str | None:
        """Return the generated name of the service that has this name, if any has."""
        names = self.names
        return names.get(host) or names.get(host_name(host))

    def servers(self) -> frozenset[str]:
        """Return the hosts of the targets that are servers of the user's."""
        configuration = self._latest()
        groups = configuration.target_groups if configuration is not None else ()
        apps = [each.app for group in groups for each in group.registered]
        urls = (urlsplit(app) for app in apps if isinstance(app, str) and "://" in app)
        return frozenset(each.hostname or "" for each in urls)

    def refuse(self, host: str) -> None:
        """Refuse a host that is not the network's, where other hosts are refused.

        Raises:
            EgressError: it is strict.
        """
        if self.strict:
            error = EgressError(
                f"host `{host}` is none of the service network, the only one to call"
            )
            error.add_note(self.advice(host))
            raise error

    def advice(self, host: str) -> str:
        """Tell which names there are, or the one that was probably meant."""
        host = host_name(host)
        names = sorted(self.names)
        if (full := self._full_name(host)) is not None:
            return f"what leaves the process needs the full name, `{full}`"
        if close := get_close_matches(host, names, n=1):
            return f"did you mean `{close[0]}`?"
        if not names:
            return "it has no service yet"
        more = ", …" if names[_NAMES_SHOWN:] else ""
        return f"its names: {', '.join(f'`{n}`' for n in names[:_NAMES_SHOWN])}{more}"

    def _latest(self) -> Configuration | None:
        try:
            return self._current()
        except LatticeError:  # closed: what is called by its names shall hear that
            return self._seen

    def _full_name(self, host: str) -> str | None:
        if self._seen is None or "." in host or ":" in host:
            return None
        try:
            return self._seen.service(host).dns_name
        except ConfigurationError:
            return None


def _names_of(configuration: Configuration) -> dict[str, str]:
    names: dict[str, str] = {}
    for service in configuration.services:
        names[service.dns_name.lower()] = service.dns_name
        if service.custom_domain_name:
            names[service.custom_domain_name.lower()] = service.dns_name
    return names


@lru_cache(maxsize=4096)
def is_lattice(host: str) -> bool:
    """Tell whether a host is Lattice's by its form, whoever has it.

    Such a host never leaves the process: AWS answers for it, if anybody does.

    Args:
        host: a name of the form that services get, or an address of those that lead
            to Lattice.
    """
    name = host_name(host)
    if _GENERATED.fullmatch(name):
        return True
    return _in_ranges(host) or _in_ranges(name)


def _in_ranges(text: str) -> bool:
    try:
        # A zone belongs to no address of Lattice.
        address = ip_address(text.strip("[]"))
    except ValueError:
        return False
    return any(unmapped(address) in each for each in _RANGES)
