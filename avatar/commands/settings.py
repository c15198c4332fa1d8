"""The settings in force: from flags, the environment and a file, each checked and known by where it comes from.

A flag goes before the environment, that before the file, that before the default: pydantic-settings reads and checks.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError, create_model
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from avatar.commands.declarations import PREFIX, Setting, declared_settings, sections, without_password
from avatar.commands.environment import old_names, own_variables, refuse_unknown
from avatar.commands.flags import given_flags
from avatar.commands.settings_file import SettingsFile, find_file, read_file
from avatar.config import ServerSettings
from avatar.config.declaration import Kind
from avatar.errors import SettingsError

DEFAULT: Final = "default"
LONGEST_TEXT: Final = 4096
ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
MOST_TEXTS: Final = 100
"""In one list."""


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What was read."""

    server: ServerSettings
    values: Mapping[str, Any]
    """Every setting's value by its name."""
    origins: Mapping[str, str]
    """Where each comes from: its flag, its variable, the file with the line, or `default`."""
    file: Path | None
    """The settings file; None: there is none."""
    notes: tuple[str, ...]
    """What to tell the user: the new names of old ones that were used."""


def read_settings(args: argparse.Namespace) -> ReadSettings:
    """Return the settings in force under a command line that `flags.add_flags` has parsed.

    Raises:
        SettingsError: an unknown setting, a value that cannot be, or a file that cannot be read; says where.
    """
    flags = given_flags(args)
    path = find_file(args.config)
    file = SettingsFile({}, {}) if path is None else read_file(path)
    variables = own_variables(os.environ)
    refuse_unknown(variables)
    old = {name: setting for name, setting in old_names().items() if name in variables}
    origins = {name: _origin(setting, flags, variables, file, path) for name, setting in declared_settings().items()}
    values = _checked(_model(variables, file), flags, origins)
    if origins["requests"] == DEFAULT:  # who asks for more from one address wants room for them
        values["requests"] = max(values["requests"], values["requests_per_address"])
    _check_together(values, origins)
    notes = [f"{name} is called {setting.variable} now; the old name still works." for name, setting in old.items()]
    return ReadSettings(_frozen(values), values, origins, path, (*notes, *_told_passwords(flags)))


def _model(variables: Mapping[str, str], file: SettingsFile) -> type[BaseSettings]:
    class Environment(EnvSettingsSource):
        """Settings of the environment; an old name counts where today's is not there."""

        def _load_env_vars(self) -> Mapping[str, str | None]:
            renamed = {s.variable: variables[name] for name, s in old_names().items() if name in variables}
            return {name.lower(): value for name, value in (renamed | dict(variables)).items()}

    class SettingsSources(BaseSettings):
        """All settings, from where `settings_customise_sources` says; flags are the constructor's arguments."""

        model_config = SettingsConfigDict(env_prefix=PREFIX, enable_decoding=False, validate_default=False)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - `Environment` in its place
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, Environment(settings_cls), InitSettingsSource(settings_cls, dict(file.values))

    fields: dict[str, Any] = {name: (_hint(setting), setting.default) for name, setting in declared_settings().items()}
    return create_model("Settings", __base__=SettingsSources, **fields)


def _told_passwords(flags: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning for each password that stands on the command line."""
    for name, setting in declared_settings().items():
        if setting.declared.holds_password and any(without_password(text) != text for text in flags.get(name, ())):
            yield (
                f"every user of this machine can read the password in {setting.flag}: put it into the environment "
                f"({setting.variable}) or into the settings file."
            )


def _checked(model: type[BaseSettings], flags: Mapping[str, Any], origins: Mapping[str, str]) -> dict[str, Any]:
    try:
        return dict(model(**flags))
    except ValidationError as error:
        wrong = error.errors()[0]
    setting = declared_settings()[str(wrong["loc"][0])]
    origin = origins[setting.name]
    subject = origin if origin.startswith(("--", PREFIX)) else f"{origin}: {setting.name}"
    given = str(wrong["input"])
    secret = setting.declared.secret or "@" in given or "?" in given  # passwords and keys that stand in a URL, too
    said = "holds a value that cannot be" if secret else f"cannot be {given[:100]!r}"
    raise SettingsError(f"{subject} {said}: it takes {setting.takes}.")


def _origin(
    setting: Setting, flags: Mapping[str, Any], variables: Mapping[str, str], file: SettingsFile, path: Path | None
) -> str:
    if setting.name in flags:
        return str(setting.flag)
    for variable in (setting.variable, setting.declared.variable_formerly):
        if variable in variables:
            return variable
    if setting.name in file.values:
        line = file.lines.get(setting.name)
        return f"{path}, line {line}" if line else str(path)
    return DEFAULT


def _hint(setting: Setting) -> Any:
    """Return the type of a setting as pydantic checks it."""
    declared = setting.declared
    text = StringConstraints(min_length=1, max_length=LONGEST_TEXT, pattern=ONE_LINE)
    one: Any = Annotated[str, text]
    if declared.kind is not None:
        one = Annotated[Any, BeforeValidator(_parsed_by(declared.kind))]
    if setting.type is tuple:
        return Annotated[tuple[one, ...], Field(max_length=MOST_TEXTS), BeforeValidator(_list_of)]
    if declared.kind is not None:
        return one
    if declared.choices:
        return Literal[declared.choices]
    if setting.type in (int, float):
        bounds = Field(
            ge=declared.at_least, le=declared.at_most, allow_inf_nan=False if setting.type is float else None
        )
        return Annotated[setting.type, bounds, BeforeValidator(_no_bool)]
    if setting.type is Path:
        return Annotated[Annotated[str, text], AfterValidator(_path)]
    return bool if setting.type is bool else Annotated[str, text]


def _parsed_by(kind: Kind) -> Callable[[Any], Any]:
    def parsed(value: Any) -> Any:
        if kind.also_bool and isinstance(value, bool):
            return value
        if not isinstance(value, str) or len(value) > LONGEST_TEXT:
            raise ValueError(value)
        return kind.parse(value)

    return parsed


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(value)
    return value


def _list_of(value: Any) -> Any:
    """Split an environment variable's list at its commas; anything but a text stays as it is."""
    return [text.strip() for text in value.split(",") if text.strip()] if isinstance(value, str) else value


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:  # ~name of nobody
        raise ValueError(text) from error


def _check_together(values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
    """Raise SettingsError for values that contradict each other."""
    if (values["tls_cert"] is None) != (values["tls_key"] is None):
        raise SettingsError("HTTPS needs both --tls-cert and --tls-key (or tls_cert and tls_key in the settings file).")
    if (values["sign_cert"] is None) != (values["sign_key"] is None):
        raise SettingsError("Signing with a certificate of your own needs both --sign-cert and --sign-key.")
    if values["voice_encoder"] is not None and values["voice_network"] is None:
        raise SettingsError(
            f"{origins['voice_encoder']}: an encoder belongs to weights of your own: name them with --voice-network."
        )
    ports = values["udp_ports"]
    if ports is not None and len(ports) < values["sessions"]:
        raise SettingsError(
            f"{origins['udp_ports']}: {len(ports)} ports are too few for {values['sessions']} calls at once "
            "(--sessions): each takes one."
        )
    if values["background"].kind == "transparent":
        raise SettingsError(
            f"{origins['background']}: no call, movie or camera carries transparency: it is for programs "
            "(docs/sdk.md). Choose keep, blur, a colour or a picture."
        )
    rates = [f"{name}_bitrate_bps" for name in ("min", "start", "max")]
    if sorted(rates, key=values.__getitem__) != rates:
        said = ", ".join(f"{name} = {values[name]} ({origins[name]})" for name in rates)
        raise SettingsError(f"The bit rates must rise from the first to the last: {said}.")


def _frozen(values: Mapping[str, Any]) -> ServerSettings:
    """Return the values in the dataclasses that the code is handed."""
    filled: dict[str, dict[str, Any]] = {section: {} for section in sections()}
    for name, setting in declared_settings().items():
        parts = values[name] if setting.declared.fills else (values[name],)
        filled[setting.section] |= zip(setting.fields, parts, strict=True)
    groups = {name: group(**filled[name]) for name, group in sections().items() if name}
    return ServerSettings(**filled[""], **groups)
