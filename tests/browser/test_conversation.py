"""Talking with the avatar on the page: a fake microphone says a sentence, hears the answer, and cuts it short."""

from __future__ import annotations

import math
from itertools import pairwise
from types import ModuleType
from typing import Any

from avatar.conversation.turns import RULES

WATCH = """
const call = avatarCall.call;
const seen = { captions: [], answered: [], interrupted: [], levels: [] };
globalThis.conversation = seen;
const context = new AudioContext();
const source = context.createMediaStreamSource(document.getElementById("avatar-video").srcObject);
const analyser = new AnalyserNode(context, { fftSize: 1024 });
source.connect(analyser);
const samples = new Float32Array(1024);
setInterval(() => {
  analyser.getFloatTimeDomainData(samples);
  const level = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
  seen.levels.push([performance.now(), level]);
  if (seen.levels.length > 6000) seen.levels.shift();
}, 20);
call.addEventListener("message", ({ detail }) => {
  if (detail.type === "caption") seen.captions.push([performance.now(), detail]);
  if (detail.type === "answered" || detail.type === "interrupted") seen[detail.type].push([performance.now(), detail]);
});
"""
"""Notes when things happen, and how loud what comes back is."""
QUIET = 0.003
"""Root mean square under which nothing is heard: -50 dB."""

SILENCE_MS, STOPS_MS = 400, 1500
"""Answers have no pause as long as the first, and would go on for longer than the second, on a machine that is quick.
One that is not hears all later, by what the first sound of an answer takes to be heard."""


def heard_after(browser: Any, from_ms: float) -> float:
    """Return how long after a moment of the page's clock something is clearly heard, 0 as long as nothing is."""
    levels = browser.run("return conversation.levels")
    return next((at_ms - from_ms for at_ms, level in levels if at_ms > from_ms and level > 10 * QUIET), 0.0)


def silent_after(browser: Any, from_ms: float) -> float:
    """Return how long after a moment of the page's clock the first `SILENCE_MS` without a sound begin."""
    levels = [(at_ms, level) for at_ms, level in browser.run("return conversation.levels") if at_ms >= from_ms]
    loud = [from_ms, *(at_ms for at_ms, level in levels if level >= QUIET), levels[-1][0]]
    return next((a - from_ms for a, b in pairwise(loud) if b - a >= SILENCE_MS), math.inf)


def choose_conversation(browser: Any) -> None:
    """Let the avatar talk by itself, and wait until it can."""
    browser.click("control-settings")
    browser.run("document.getElementById('drive-conversation').click()")
    browser.until(
        lambda: browser.run("return document.getElementById('drive').dataset.drive") == "conversation",
        "the voice to be loaded",
    )


def test_the_avatar_answers_aloud_with_captions_and_stops_when_it_is_talked_over(
    chromium: ModuleType, server: Any, speaking_microphone: Any
) -> None:
    with chromium.Chromium(speaking_microphone) as browser:
        browser.open(server.address)
        browser.join()
        assert not browser.by_id("captions").is_displayed()
        choose_conversation(browser)
        browser.until(lambda: "Say something" in browser.text("captions"), "the invitation")
        assert browser.by_id("captions").get_attribute("aria-live") == "polite"
        assert not browser.run("return document.getElementById('avatar-video').muted"), "the avatar is heard"
        browser.run(WATCH)

        browser.until(lambda: browser.run("return conversation.answered.length"), "an answer", 60)
        answered_ms, answered = browser.run("return conversation.answered[0]")
        assert answered["stage_ms"].keys() == {"decided", "text", "sound", "sent"}
        turn = f"return conversation.captions.filter(([, c]) => c.turn === {answered['turn']})"
        said = [caption for _, caption in browser.run(turn)]
        # The microphone speaks on while the conversation begins: the first turn may be the end of a sentence, and then
        # is as short as a turn can be.
        assert [one["speaker"] for one in said[:2]] == ["you", "avatar"]
        assert said[0]["seconds"] >= RULES.begin_s
        assert len(said[1]["text"]) > 10
        on_its_way_ms = browser.until(lambda: heard_after(browser, answered_ms), "the answer's sound")

        cut = "return conversation.interrupted.find(([, message]) => message.heard_ms > 0) ?? null"
        cut_ms, _ = browser.until(lambda: browser.run(cut), "the avatar to be cut short", 60)
        # What was on its way when it was cut short is still heard: the picture's delay, and the browser's buffer. Then
        # there is silence, until the avatar answers what it was cut short by.
        browser.until(lambda: silent_after(browser, cut_ms) < math.inf, "silence after the avatar was cut short")
        assert silent_after(browser, cut_ms) < STOPS_MS + on_its_way_ms

        browser.click("readout")
        browser.until(lambda: "Answer after you stop" in browser.text("figures"), "the times of the answer", 60)
        assert "first sound made" in browser.text("figures")
        assert browser.complaints() == []


def test_a_brain_that_cannot_be_reached_is_told_on_the_page(
    chromium: ModuleType, server_process: ModuleType, speaking_microphone: Any
) -> None:
    with (
        server_process.ServerProcess("--llm-url", "http://127.0.0.1:9/v1", "--llm-model", "small") as server,
        chromium.Chromium(speaking_microphone) as browser,
    ):
        browser.open(server.address)
        browser.join()
        choose_conversation(browser)
        browser.until(lambda: "127.0.0.1:9 cannot be reached" in browser.text("call-notice"), "the trouble", 60)
        assert "you spoke for" in browser.text("captions")
        assert browser.state() == "live"
        assert browser.complaints() == []
