"""The environment variables that say settings: which are ours, which nobody knows, and old names for new ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from avatar.commands.declarations import PREFIX, Setting, declared_settings
from avatar.commands.settings_file import nearest
from avatar.config import OTHER_VARIABLES
from avatar.errors import SettingsError

_MOST_NAMED: Final = 5
_SERVICE_LINK: Final = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?|NAME|ENV_\w+)"
)
_LINKED: Final = re.compile(r"(tcp|udp|sctp)://.*")


def own_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of this product's family by their names in capitals, without those that say nothing.

    Kubernetes and Docker tell a program of services beside it in variables; of one that is named `avatar` in some that
    look like settings, such as AVATAR_PORT=tcp://10.0.0.1:8010. Those are left out.
    """
    named = {name.upper(): value for name, value in environment.items() if value}
    return {
        name: value for name, value in named.items() if name.startswith(PREFIX) and not _is_service_link(name, value)
    }


def refuse_unknown(names: Iterable[str]) -> None:
    """Raise SettingsError when one of `names` is none of ours."""
    known = [setting.variable for setting in declared_settings().values()] + list(OTHER_VARIABLES)
    unknown = sorted(set(names) - set(known) - old_names().keys())
    if unknown:
        named = ", ".join(f"{name}{nearest(name, known)}" for name in unknown[:_MOST_NAMED])
        more = f" and {len(unknown) - _MOST_NAMED} more" if len(unknown) > _MOST_NAMED else ""
        raise SettingsError(f"No settings are named so in the environment: {named}{more}. All there are: avatar config")


def old_names() -> dict[str, Setting]:
    """Return the settings that have an old variable, by its name."""
    settings = declared_settings().values()
    return {setting.declared.variable_formerly: setting for setting in settings if setting.declared.variable_formerly}


def _is_service_link(name: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(name) is None:
        return False
    known = name in {setting.variable for setting in declared_settings().values()}
    return _LINKED.fullmatch(value) is not None if known else True
