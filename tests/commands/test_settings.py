"""Settings from flags, the environment and a file: which goes before which, and what is said of the wrong ones."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from avatar.commands.declarations import declared_settings, sections
from avatar.commands.main import main, parser
from avatar.commands.settings import ReadSettings, read_settings
from avatar.config import ENGINES, TIERS, TTS_ENGINES, ServerSettings
from avatar.conversation.tts import VOICES
from avatar.errors import SettingsError
from avatar.generator import tiers
from avatar.generator.engines import choice


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, an empty home, and no variables of ours."""
    for name in [name for name in os.environ if name.upper().startswith("AVATAR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / "settings"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def read(*flags: str) -> ReadSettings:
    return read_settings(parser().parse_args(["serve", *flags]))


def refused(*flags: str) -> str:
    with pytest.raises(SettingsError) as error:
        read(*flags)
    return str(error.value)


def test_without_any_source_the_declared_defaults_are_in_force() -> None:
    assert read().server == ServerSettings()
    assert set(read().origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        (("--require-consent",), True),
        (("--require-consent", "live"), "live"),
        (("--require-consent", "false"), False),
        (("--no-require-consent",), False),
    ],
)
def test_consent_may_be_asked_for_or_a_check_before_the_camera(
    flags: tuple[str, ...], asked: bool | str, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("AVATAR_REQUIRE_CONSENT", "true")
    assert read().server.trust.require_consent is True
    assert read(*flags).server.trust.require_consent == asked
    monkeypatch.delenv("AVATAR_REQUIRE_CONSENT")
    for written in ("true", "false", '"live"'):
        (folder / "avatar.toml").write_text(f"[trust]\nrequire_consent = {written}\n")
        assert str(read().server.trust.require_consent).lower() == written.strip('"')
    assert "true, false or live" in refused("--require-consent", "perhaps")


def test_a_flag_goes_before_the_environment_that_before_the_file_that_before_the_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "avatar.toml").write_text('host = "::1"\nport = 1\n\n[limits]\nsessions = 1\nidle_s = 60\n')
    monkeypatch.setenv("AVATAR_PORT", "2")
    monkeypatch.setenv("AVATAR_SESSIONS", "2")
    found = read("--sessions", "3")
    assert (found.server.host, found.server.port) == ("::1", 2)
    assert (found.server.limits.sessions, found.server.limits.idle_s, found.server.limits.photos) == (3, 60.0, 8)
    asked = ("sessions", "port", "idle_s", "photos")
    assert [found.origins[name] for name in asked] == ["--sessions", "AVATAR_PORT", "avatar.toml, line 6", "default"]


def test_every_setting_can_be_said_by_each_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the template says is taken by a file, and the same values by the environment and by flags."""
    values = {setting.name: str(setting.default) for setting in declared_settings().values()}
    values |= {"size": "640x480", "tls_cert": "a", "tls_key": "b", "avatars": "c", "voice_network": "d"}
    values |= {"udp_ports": "40000-40100", "public_address": "203.0.113.7"}
    values |= {"llm_url": "http://a/v1", "stt_url": "https://b", "allow_hosts": "a,b", "allow_origins": "https://c"}
    values |= {
        "ice_servers": "stun:a",
        "workers": "2",
        "sessions_per_address": "2",
        "token_secret": "None",
        "verbose": "true",
        "guard_watching": "true",
        "overbook": "true",
        "loopback": "true",
        "echo_cancel": "true",
    }
    values |= {"require_consent": "true", "consent": "self", "consent_keys": "aa,bb", "key_folder": "e"}
    values |= {"label": "AI", "label_font": "f", "sign": "true", "sign_cert": "g", "sign_key": "h"}
    values |= {"audit_log": "i", "telemetry_url": "http://c:4318", "trusted_proxy": "10.0.0.0/8,127.0.0.1"}
    for name, value in values.items():
        monkeypatch.setenv(declared_settings()[name].variable, value)
    by_environment = read().server
    assert by_environment.allow_hosts == ("a", "b") and by_environment.picture.width == 640
    for name in values:
        monkeypatch.delenv(declared_settings()[name].variable)

    lines, flags = [], []
    for section in sections():
        lines.append(f"[{section}]" if section else "")
        for setting in declared_settings().values():
            if setting.section != section:
                continue
            value = getattr(by_environment, section) if section else by_environment
            parts = tuple(getattr(value, field) for field in setting.fields)
            shown = "x".join(map(str, parts)) if setting.declared.fills else parts[0]
            lines.append(f"{setting.name} = {_toml(shown)}")
            if setting.flag is not None and setting.type is bool:
                flags.append(setting.flag)
            elif setting.flag is not None:
                flags += [text for each in _list(shown) for text in (setting.flag, str(each))]
    (folder / "all.toml").write_text("\n".join(lines))
    by_file = read("--config", "all.toml").server
    assert by_file == by_environment

    by_flags = read(*flags).server
    by_flags = dataclasses.replace(
        by_flags,
        token="None",  # noqa: S106
        token_secret="None",  # noqa: S106
        picture=dataclasses.replace(by_flags.picture, watermark_key="None"),
        transport=dataclasses.replace(by_flags.transport, turn_credential="None", turn_secret="None"),  # noqa: S106
        conversation=dataclasses.replace(by_flags.conversation, llm_api_key="None", stt_api_key="None"),
    )
    assert by_flags == by_environment


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, tuple) else [value]


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def test_the_file_is_the_one_named_by_flag_or_environment_or_that_of_the_folder_or_the_users_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "home" / "settings" / "avatar" / "avatar.toml"
    own.parent.mkdir(parents=True)
    own.write_text("port = 4")
    assert read().server.port == 4
    (folder / "avatar.toml").write_text("port = 3")
    assert read().server.port == 3
    (folder / "two.toml").write_text("port = 2")
    monkeypatch.setenv("AVATAR_CONFIG", "two.toml")
    assert read().server.port == 2
    (folder / "one.toml").write_text("port = 1")
    assert read("--config", "one.toml").server.port == 1


def test_paths_in_a_file_count_from_its_folder_and_an_empty_text_says_nothing(folder: Path) -> None:
    (folder / "there").mkdir()
    (folder / "there" / "a.toml").write_text('avatars = "faces"\ntls_cert = ""\ntoken = ""')
    assert read("--config", "there/a.toml").server == ServerSettings(avatars=Path("there/faces"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limits]\nsesions = 3", "mine.toml, line 2: there is no setting sesions (did you mean sessions?)"),
        ("sessions = 3", "mine.toml, line 1: sessions belongs in the section [limits]"),
        ("[limits]\n\nport = 3", "mine.toml, line 3: port belongs above the first section"),
        ("[limit]\nsessions = 3", "mine.toml, line 1: there is no setting limit (did you mean limits?)"),
        ("[limits]\nsessions = 0", "mine.toml, line 2: sessions cannot be '0': it takes a whole number from 1 to 1000"),
        ("[limits]\nsessions = true", "line 2: sessions cannot be 'True'"),
        ("[limits]\nsessions = [3]", "it takes a whole number"),
        ("[limits]\nidle_s = nan", "it takes a number from 1 to 86_400"),
        ('[picture]\ntier = "lit"', "line 2: tier cannot be 'lit': it takes one of auto, geometry, lite, standard"),
        (
            '[conversation]\nllm_url = "http://me:pass@host/v1"',
            "line 2: llm_url holds a value that cannot be: it takes",
        ),
        ('[conversation]\nllm_url = "localhost"', "it takes a base URL such as"),
        ("limits = 3", "mine.toml, line 1: limits is a section: write [limits]"),
        ("\ufeffport = 1\nlimits.sessions = 0", "mine.toml, line 2: sessions cannot be '0'"),
        ('host = "a\\u0000b"', "it takes a text of one line"),
        ('avatars = "a\\nb"', "it takes a path"),
        ('[conversation]\nllm_api_key = "two\\nlines"', "llm_api_key holds a value that cannot be: it takes plain"),
        ("port = ", "mine.toml is no TOML"),
        ("port = 1\nport = 2", "mine.toml is no TOML"),
        ("#" * 200_000, "is larger than 100,000 bytes"),
        ("[transport]\nmin_bitrate_bps = 2_000_000", "must rise from the first to the last: min_bitrate_bps = 2000000"),
    ],
)
def test_a_file_that_cannot_be_is_refused_with_its_line(folder: Path, text: str, said: str) -> None:
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    assert said in refused("--config", "mine.toml")


def test_a_file_that_is_not_there_or_no_text_is_said(folder: Path) -> None:
    assert "gone.toml cannot be read: No such file" in refused("--config", "gone.toml")
    assert "cannot be read: Is a directory" in refused("--config", ".")
    assert "cannot be read: there is no such home folder" in refused("--config", "~nobody-of-this-name/avatar.toml")
    (folder / "mine.toml").write_bytes(b"host = '\xff'")
    assert "mine.toml is no TOML" in refused("--config", "mine.toml")


def test_an_unknown_variable_is_refused_with_the_nearest_known_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVATAR_SESIONS", "3")
    assert main(["serve"]) == 2
    said = capsys.readouterr().err
    assert "AVATAR_SESIONS (did you mean AVATAR_SESSIONS?)" in said and said.count("\n") == 1


def test_variables_for_other_uses_and_those_of_neighbouring_services_are_let_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    neighbours = {"AVATAR_SERVICE_HOST": "10.0.0.1", "AVATAR_SERVICE_PORT_HTTP": "8010", "AVATAR_NAME": "/web/avatar"}
    neighbours |= {"AVATAR_PORT": "tcp://10.0.0.1:8010", "AVATAR_PORT_8010_TCP_ADDR": "10.0.0.1"}
    for name, value in {**neighbours, "AVATAR_MODELS": "/models", "AVATAR_FUZZ": "3", "AVATAR_HOST": ""}.items():
        monkeypatch.setenv(name, value)
    assert read().server == ServerSettings()


def test_a_wrong_value_says_where_it_came_from_and_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_FPS", "fast")
    assert refused() == "AVATAR_FPS cannot be 'fast': it takes a whole number from 1 to 60."


def test_old_names_work_and_say_the_new_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVATAR_BRAIN_KEY", "one")
    monkeypatch.setenv("AVATAR_EARS_KEY", "two")
    monkeypatch.setenv("AVATAR_STT_API_KEY", "newer")
    old = ("--brain", "http://a/", "--brain-model", "b", "--ears", "http://c", "--ears-model", "d", "--voice", "espeak")
    found = read(*old)
    spoken = found.server.conversation
    assert (spoken.llm_url, spoken.llm_model, spoken.llm_api_key) == ("http://a", "b", "one")
    assert (spoken.stt_url, spoken.stt_model, spoken.stt_api_key, spoken.tts) == ("http://c", "d", "newer", "espeak")
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "avatar: --brain is called --llm-url now; the old name still works." and len(said) == 5
    assert found.notes[0] == "AVATAR_BRAIN_KEY is called AVATAR_LLM_API_KEY now; the old name still works."
    assert "--brain" not in parser().format_help()


def test_more_requests_from_one_address_make_room_for_them_unless_the_room_is_said() -> None:
    assert read("--requests-per-address", "500").server.limits.requests == 500
    assert read("--requests-per-address", "500", "--requests", "200").server.limits.requests == 200


def test_what_is_declared_is_what_there_is() -> None:
    assert ("auto", *VOICES) == TTS_ENGINES
    assert ("auto", *tiers.TIERS) == TIERS
    assert {"auto", *choice.ENGINES} == set(ENGINES)
    names = [(group, field.name) for name, group in sections().items() for field in dataclasses.fields(group)]
    filled = [(sections()[each.section], name) for each in declared_settings().values() for name in each.fields]
    assert {field for field in names if field[1] not in sections()} == set(filled)


@pytest.mark.parametrize("ports", ["40000", "40100-40000", "80-90", "40000-70000", "a-b"])
def test_what_is_no_range_of_ports_is_refused(folder: Path, ports: str) -> None:
    with pytest.raises(SettingsError, match="such as 40000-40100"):
        read("--udp-ports", ports)


def test_fewer_ports_than_calls_are_refused(folder: Path) -> None:
    with pytest.raises(SettingsError, match="3 ports are too few for 4 calls"):
        read("--udp-ports", "40000-40002")


@pytest.mark.parametrize("address", ["::", "avatar.example", "224.0.0.1", "fe80::1"])
def test_an_address_nobody_can_send_to_is_not_announced(folder: Path, address: str) -> None:
    with pytest.raises(SettingsError, match=r"such as 203\.0\.113\.7"):
        read("--public-address", address)
