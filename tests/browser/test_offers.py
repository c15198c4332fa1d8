"""Chromium takes the answers to offers that are unusual and right, and pictures come."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

SECTIONS = [["video", "recvonly"], ["audio", "recvonly"], ["data", ""]]
CALL = """
const [policy, sections, changes, done] = arguments;
(async () => {
  const connection = new RTCPeerConnection({bundlePolicy: policy});
  for (const [kind, direction] of sections) {
    if (kind === "data") connection.createDataChannel("avatar");
    else connection.addTransceiver(kind, {direction});
  }
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== "complete") await new Promise((next) => setTimeout(next, 20));
  let sdp = connection.localDescription.sdp;
  for (const [from, to] of changes) sdp = sdp.replace(new RegExp(from, "g"), to);
  const face = (await (await fetch("/api/avatars")).json()).avatars[0].id;
  const response = await fetch(`/whip?avatar=${face}&drive=voice&width=256&height=256`, {
    method: "POST", headers: {"Content-Type": "application/sdp"}, body: sdp,
  });
  if (response.status !== 201) throw new Error(await response.text());
  await connection.setRemoteDescription({type: "answer", sdp: await response.text()});
  const wanted = sections.some(([kind, direction]) => kind === "video" && direction !== "inactive");
  for (;;) {
    const reports = [...(await connection.getStats()).values()];
    const frames = reports.find((report) => report.type === "inbound-rtp" && report.kind === "video")?.framesDecoded;
    if (connection.connectionState === "connected" && (!wanted || frames > 0)) break;
    await new Promise((next) => setTimeout(next, 50));
  }
  const kept = connection.getTransceivers().map((one) => one.currentDirection);
  await fetch(response.headers.get("Location"), {method: "DELETE"});
  connection.close();
  return {sdp, kept};
})().then(done, (error) => done({error: String(error)}));
"""
RESTART = """
const done = arguments[0];
(async () => {
  const connection = new RTCPeerConnection();
  connection.addTransceiver("video", {direction: "recvonly"});
  connection.addTransceiver("audio", {direction: "recvonly"});
  const describe = async () => {
    await connection.setLocalDescription();
    while (connection.iceGatheringState !== "complete") await new Promise((next) => setTimeout(next, 20));
    return connection.localDescription.sdp;
  };
  const seen = async () => {
    const reports = await connection.getStats(), all = [...reports.values()];
    const pair = reports.get(all.find((report) => report.type === "transport")?.selectedCandidatePairId);
    const port = (id) => reports.get(id)?.port;
    const frames = all.find((report) => report.type === "inbound-rtp" && report.kind === "video")?.framesDecoded ?? 0;
    return {frames, ours: port(pair?.localCandidateId), theirs: port(pair?.remoteCandidateId)};
  };
  const until = async (good) => {
    for (;;) {
      const now = await seen();
      if (good(now)) return now;
      await new Promise((next) => setTimeout(next, 50));
    }
  };
  const face = (await (await fetch("/api/avatars")).json()).avatars[0].id;
  const call = await fetch(`/whip?avatar=${face}&drive=voice&width=256&height=256`, {
    method: "POST", headers: {"Content-Type": "application/sdp"}, body: await describe(),
  });
  if (call.status !== 201) throw new Error(await call.text());
  const answer = await call.text(), location = call.headers.get("Location");
  await connection.setRemoteDescription({type: "answer", sdp: answer});
  const before = await until((now) => now.frames > 2 && now.theirs);

  connection.restartIce();
  const kept = (await describe()).split("\\r\\n").filter((line) => /^a=(ice-ufrag|ice-pwd|candidate|mid):/.test(line));
  const patch = await fetch(location, {
    method: "PATCH", headers: {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": "*"},
    body: kept.join("\\r\\n") + "\\r\\n",
  });
  if (patch.status !== 200) throw new Error(`${patch.status} ${await patch.text()}`);
  const told = (await patch.text()).split("\\r\\n");
  const value = (name) => told.find((line) => line.startsWith(`a=${name}:`));
  const ours = told.filter((line) => line.startsWith("a=candidate:"));
  const sdp = answer.split("\\r\\n").filter((line) => !/^a=(candidate:|end-of-candidates)/.test(line)).map((line) => {
    if (line.startsWith("a=ice-ufrag:")) return [value("ice-ufrag"), ...ours].join("\\r\\n");
    return line.startsWith("a=ice-pwd:") ? value("ice-pwd") : line;
  }).join("\\r\\n");
  await connection.setRemoteDescription({type: "answer", sdp});
  const after = await until((now) => now.theirs !== before.theirs && now.frames > before.frames + 10);
  const tags = [call.headers.get("ETag"), patch.headers.get("ETag")];
  const late = await fetch(location, {
    method: "PATCH", headers: {"Content-Type": "application/trickle-ice-sdpfrag", "If-Match": tags[0]},
    body: "a=end-of-candidates",
  });
  const state = connection.connectionState;
  await fetch(location, {method: "DELETE"});
  connection.close();
  return {before, after, tags, state, late: late.status};
})().then(done, (error) => done({error: String(error)}));
"""
SIMULCAST = """
const done = arguments[0];
(async () => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, {width: 640, height: 480});
  const pen = canvas.getContext("2d");
  setInterval(() => pen.fillRect(Math.random() * 600, Math.random() * 400, 40, 40), 50);
  const connection = new RTCPeerConnection();
  const [camera] = canvas.captureStream(15).getTracks();
  const sendEncodings = [{rid: "h"}, {rid: "m", scaleResolutionDownBy: 2}, {rid: "l", scaleResolutionDownBy: 4}];
  connection.addTransceiver(camera, {direction: "sendrecv", sendEncodings});
  await connection.setLocalDescription();
  while (connection.iceGatheringState !== "complete") await new Promise((next) => setTimeout(next, 20));
  const face = (await (await fetch("/api/avatars")).json()).avatars[0].id;
  const response = await fetch(`/whip?avatar=${face}&mode=echo&width=256&height=256`, {
    method: "POST", headers: {"Content-Type": "application/sdp"}, body: connection.localDescription.sdp,
  });
  if (response.status !== 201) throw new Error(await response.text());
  const sdp = await response.text();
  await connection.setRemoteDescription({type: "answer", sdp});
  for (;;) {
    const reports = [...(await connection.getStats()).values()];
    const seen = reports.find((report) => report.type === "inbound-rtp")?.framesDecoded;
    const sent = reports.filter((report) => report.type === "outbound-rtp" && report.framesSent > 0);
    if (seen > 20) {
      await fetch(response.headers.get("Location"), {method: "DELETE"});
      connection.close();
      return {offer: connection.localDescription.sdp, sdp, sent: sent.map((report) => report.rid ?? "")};
    }
    await new Promise((next) => setTimeout(next, 50));
  }
})().then(done, (error) => done({error: String(error)}));
"""


@pytest.fixture(scope="module")
def browser(chromium: ModuleType, server: Any) -> Iterator[Any]:
    with chromium.Chromium(None, allow=False) as made:
        made.open(server.address)
        made.driver.set_script_timeout(60)
        yield made


def call(browser: Any, sections: list[list[str]], *, policy: str = "balanced", changes: list[list[str]]) -> Any:
    answer = browser.driver.execute_async_script(CALL, policy, sections, changes)
    assert "error" not in answer, answer["error"]
    return answer


def test_names_of_the_local_network_and_an_end_of_candidates(browser: Any) -> None:
    answer = call(browser, SECTIONS, changes=[["a=mid:", "a=end-of-candidates\r\na=mid:"]])
    assert ".local " in answer["sdp"], "without permission for the camera, addresses are hidden"
    assert "127.0.0.1 " not in answer["sdp"].replace("IN IP4 127.0.0.1 ", "")


def test_no_address_at_all(browser: Any) -> None:
    assert "a=candidate" not in call(browser, SECTIONS, changes=[["a=candidate:.*\r\n", ""]])["sdp"]


@pytest.mark.parametrize("policy", ["balanced", "max-bundle"])
def test_an_inactive_section_that_leads_the_bundle(browser: Any, policy: str) -> None:
    answer = call(browser, [["video", "inactive"], *SECTIONS], policy=policy, changes=[])
    assert answer["kept"] == ["inactive", "recvonly", "recvonly"]


def test_one_section_without_name_and_bundle(browser: Any) -> None:
    changes = [["a=group:BUNDLE.*\r\n", ""], ["a=mid:.*\r\n", ""]]
    assert "a=mid" not in call(browser, SECTIONS[:1], changes=changes)["sdp"]


def test_sound_alone(browser: Any) -> None:
    assert call(browser, SECTIONS[1:], changes=[])["kept"] == ["recvonly"]


def test_a_camera_in_several_sizes_is_sent_in_the_one_that_the_answer_takes(browser: Any) -> None:
    answer = browser.driver.execute_async_script(SIMULCAST)
    assert "error" not in answer, answer["error"]
    assert "a=simulcast:send h;m;l" in answer["offer"]
    assert "a=simulcast:recv h" in answer["sdp"]
    assert len(answer["sent"]) == 1, "the browser encodes no more"


def test_ice_begins_anew_and_the_call_goes_on_over_other_addresses(browser: Any) -> None:
    found = browser.driver.execute_async_script(RESTART)
    assert "error" not in found, found
    assert found["state"] == "connected" and found["after"]["ours"] != found["before"]["ours"]
    assert found["tags"][0] != found["tags"][1] and found["late"] == 412
