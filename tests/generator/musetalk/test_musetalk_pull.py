"""`avatar models pull musetalk`: three models of others, on the user's word, checked, and nothing of a pickle run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("diffusers", reason="MuseTalk's networks need the extra `musetalk`")

import torch
from safetensors import safe_open

from avatar.commands.main import main
from avatar.errors import ModelError
from avatar.generator.musetalk import checkpoints, tier
from avatar.generator.musetalk.checkpoints import convert_unet

pytestmark = pytest.mark.slow
PUBLISHED = "TMElyralab/MuseTalk/resolve/main/musetalkV15"


def copied(hub: tuple[Path, str], into: Path) -> Path:
    for file in ("unet.pth", "musetalk.json"):
        (into / file).write_bytes((hub[0] / PUBLISHED / file).read_bytes())
    return into


def test_licences_come_before_the_download_and_checksums_after_it(
    hub: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", hub[1])
    assert main(["models", "pull", "musetalk"]) == 1, "nobody has accepted the licences"
    assert not list(tmp_path.rglob("*.*")) and main(["models", "verify", "musetalk"]) == 1
    assert main(["models", "pull", "musetalk", "--accept-licence"]) == 0
    said = capsys.readouterr()
    assert "Apache-2.0" in said.out and said.out.count("sha256") == 7 and "--accept-licence" in said.err
    assert not list(tmp_path.rglob("*.pth")), "it is kept as safetensors"
    assert len(list(tmp_path.rglob("checksums.json"))) == 3
    with safe_open(tmp_path / "musetalk/unet/diffusion_pytorch_model.safetensors", framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118 - no mapping
    assert main(["models", "verify", "musetalk"]) == 0 and main(["models", "list"]) == 0
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert main(["models", "pull", "musetalk"]) == 0, "what is here needs no hub"


def test_without_a_connection_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert main(["models", "pull", "musetalk", "--accept-licence"]) == 1
    assert "Connect to the internet" in capsys.readouterr().err


def test_nothing_but_weights_is_read_from_the_checkpoint(hub: tuple[Path, str], tmp_path: Path) -> None:
    folder = copied(hub, tmp_path)
    torch.save({"weights": Path("of a class that is no tensor")}, folder / "unet.pth")
    with pytest.raises(ModelError, match="nothing in it was run"):
        convert_unet(folder, tmp_path / "unet")
    assert not (tmp_path / "unet").exists()


def test_a_truncated_checkpoint_is_refused(hub: tuple[Path, str], tmp_path: Path) -> None:
    path = copied(hub, tmp_path) / "unet.pth"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ModelError, match="damaged"):
        convert_unet(tmp_path, tmp_path / "unet")


def test_a_checkpoint_larger_than_any_is_not_opened(
    hub: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LARGEST_BYTES", 1000)
    with pytest.raises(ModelError, match="more than any of musetalk's"):
        convert_unet(copied(hub, tmp_path), tmp_path / "unet")


def test_another_networks_weights_are_refused(hub: tuple[Path, str], tmp_path: Path) -> None:
    folder = copied(hub, tmp_path)
    state = torch.load(folder / "unet.pth", weights_only=True)
    bias = state.pop("conv_in.bias")
    for changed, says in (
        (state, "lacks conv_in.bias"),
        ({**state, "conv_in.bias": torch.zeros(3)}, "conv_in.bias as torch.float32 of"),
        ({**state, "conv_in.bias": torch.full_like(bias, float("nan"))}, "not a number in conv_in.bias"),
        ({**state, "conv_in.bias": bias, "other": bias}, "beside what belongs there, other"),
        ([bias], "another file"),
    ):
        torch.save(changed, folder / "unet.pth")
        with pytest.raises(ModelError, match=says):
            convert_unet(folder, tmp_path / "unet")


@pytest.mark.parametrize(("text", "says"), [("{", "damaged"), ("[1]", "no network's"), ('{"act_fn": 3}', "no U-Net")])
def test_a_configuration_that_is_none_is_refused(hub: tuple[Path, str], tmp_path: Path, text: str, says: str) -> None:
    (copied(hub, tmp_path) / "musetalk.json").write_text(text)
    with pytest.raises(ModelError, match=says):
        convert_unet(tmp_path, tmp_path / "unet")


def test_networks_that_do_not_fit_each_other_are_refused(musetalk: Path) -> None:
    config = musetalk / "musetalk/whisper/config.json"
    whole = config.read_text()
    config.write_text(json.dumps({**json.loads(whole), "d_model": 32}))
    try:
        with pytest.raises(ModelError, match=r"Whisper's weights in .* cannot be loaded"):
            tier.load_musetalk("torch")
    finally:
        config.write_text(whole)


def test_damaged_weights_say_what_to_do(musetalk: Path) -> None:
    path = musetalk / "musetalk/vae/diffusion_pytorch_model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:2000])
    try:
        with pytest.raises(ModelError, match="remove the folder and run avatar models pull musetalk"):
            tier.load_musetalk("torch")
    finally:
        path.write_bytes(whole)


def test_without_weights_or_on_another_engine_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="avatar models pull musetalk"):
        tier.load_musetalk("auto")
    with pytest.raises(ModelError, match="not on openvino"):
        tier.load_musetalk("openvino")


def test_without_its_packages_it_names_the_extra(musetalk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tier, "PACKAGES", ("torch", "no_such_package"))
    with pytest.raises(ModelError, match=r"needs no_such_package: pip install 'avatar\[musetalk\]'"):
        tier.load_musetalk("auto")
