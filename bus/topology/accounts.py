"""Derive the server's accounts, users, exports and imports from the table of roles.

An account that exports a subject names the accounts that may import the subject; no other account has access. This
module knows no role by name, and writes no files.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bus.topology.roles import STREAMS, roles
from bus.topology.streams import ARCHIVE, EVENTS, MARKETS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bus.topology.roles import Role

# Requests with several answers: unless so configured, the server forgets the requester after the first answer.
_SEVERAL = ("$JS.API.CONSUMER.MSG.NEXT.", "$SRV.")
_BATCHES = tuple(f"$JS.API.DIRECT.GET.{stream}" for stream in (EVENTS, MARKETS, ARCHIVE))
# After this time without an answer the server forgets the request. With the default, the server would keep all reads
# of the last two minutes in memory. A pull is answered within one second, every other request sooner.
_FORGOTTEN = "10s"


def accounts(pods: Collection[str], public_keys: Mapping[str, str]) -> str:
    """Return the server's ``accounts`` block: an account per role, with one user identified by a public key."""
    everybody = roles(pods)
    blocks = "".join(_account(role, everybody, public_keys[role.name]) for role in everybody)
    return f"accounts {{\n{blocks}}}\n"


def _account(role: Role, everybody: Collection[Role], public_key: str) -> str:
    keeps = "    jetstream: enabled\n" if role.account == STREAMS else ""
    exports, imports = _exports(role.account, everybody), _imports(role, everybody)
    return (
        f"  {json.dumps(role.account)} {{\n{keeps}    users: [\n{_user(role, public_key)}    ]\n"
        f"{_list('exports', exports)}{_list('imports', imports)}  }}\n"
    )


def _user(role: Role, public_key: str) -> str:
    publish, subscribe = (
        "".join(f"\n          {json.dumps(subject)}" for subject in allowed)
        for allowed in (role.publish, role.subscribe)
    )
    return (
        f"      {{ # {role.name}\n        nkey: {json.dumps(public_key)}\n        permissions: {{\n"
        f"          publish: {{ allow: [{publish}\n          ] }}\n"
        f"          subscribe: {{ allow: [{subscribe}\n          ] }}\n        }}\n      }}\n"
    )


def _exports(account: str, everybody: Collection[Role]) -> Iterator[str]:
    """Yield the exports of *account*, with the names of the accounts that may import them."""
    for subject in dict.fromkeys(asked for role in everybody for asked in role.asks):
        askers = [role.account for role in everybody if subject in role.asks and role.account != account]
        if askers and account in _who_serves(subject, everybody):
            service = f"{{service: {json.dumps(subject)}, threshold: {_FORGOTTEN}"
            several = ", response_type: stream" if _has_several_answers(subject) else ""
            yield f"{service}{several}, accounts: {json.dumps(askers)}}}"
    for subject in (told for role in everybody if role.account == account for told in role.tells):
        if hearers := [role.account for role in everybody if subject in role.hears]:
            yield f"{{stream: {json.dumps(subject)}, accounts: {json.dumps(hearers)}}}"


def _imports(role: Role, everybody: Collection[Role]) -> Iterator[str]:
    """Yield the imports of *role* from other accounts."""
    for subject in role.asks:
        for account in _who_serves(subject, everybody):
            if account != role.account:
                yield f"{{service: {{account: {json.dumps(account)}, subject: {json.dumps(subject)}}}}}"
    for subject in role.hears:
        for teller in everybody:
            if subject in teller.tells:
                yield f"{{stream: {{account: {json.dumps(teller.account)}, subject: {json.dumps(subject)}}}}}"


def _who_serves(subject: str, everybody: Collection[Role]) -> list[str]:
    return [role.account for role in everybody if subject in role.serves] or [STREAMS]


def _has_several_answers(subject: str) -> bool:
    return subject.startswith(_SEVERAL) or subject in _BATCHES


def _list(name: str, entries: Iterator[str]) -> str:
    lines = "".join(f"      {entry}\n" for entry in entries)
    return f"    {name}: [\n{lines}    ]\n" if lines else ""
