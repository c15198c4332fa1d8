/** A call's signalling over HTTP, as WHIP (RFC 9725) whose answer also sends media. */

import { authorization } from "./access-token.js";
import { request } from "./http-api.js";

/** The longest wait for more candidates once there is one: a dead network interface must not hold up the others. */
const GATHER_AFTER_FIRST_MS = 1000;
/** The longest wait for any candidate at all. */
const GATHER_AT_MOST_MS = 4000;
const ASK_TIMEOUT_MS = 2000;

/**
 * Wait until the local description holds the ICE candidates worth sending.
 *
 * @param {RTCPeerConnection} peer with a local description set
 * @returns {Promise<void>}
 */
export function gatherCandidates(peer) {
  return new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") return resolve();
    let timer = setTimeout(done, GATHER_AT_MOST_MS);
    let first = true;
    function done() {
      clearTimeout(timer);
      peer.removeEventListener("icegatheringstatechange", check);
      peer.removeEventListener("icecandidate", found);
      resolve();
    }
    function check() {
      if (peer.iceGatheringState === "complete") done();
    }
    /** @param {RTCPeerConnectionIceEvent} event */
    function found(event) {
      if (!event.candidate || !first) return;
      first = false;
      clearTimeout(timer);
      timer = setTimeout(done, GATHER_AFTER_FIRST_MS);
    }
    peer.addEventListener("icegatheringstatechange", check);
    peer.addEventListener("icecandidate", found);
  });
}

/**
 * The address that an offer for this face goes to.
 *
 * @param {{avatar: string, drive: string, mode?: string | null, width?: number | null, height?: number | null,
 *   background?: string | null, room?: string | null, name?: string | null}} settings
 */
export function whipAddress({ avatar, drive, mode, width, height, background, room, name }) {
  const query = new URLSearchParams({ avatar, drive });
  if (mode) query.set("mode", mode);
  if (width && height) {
    query.set("width", String(width));
    query.set("height", String(height));
  }
  if (background) query.set("background", background);
  if (room) {
    query.set("room", room);
    if (name) query.set("name", name);
  }
  return `/whip?${query}`;
}

/**
 * Send the offer.
 *
 * @param {string} address from `whipAddress`
 * @param {string} sdp
 * @param {AbortSignal} signal
 * @returns {Promise<{answer: string, callUrl: string}>} the answer's SDP, and the address of the call
 */
export async function postOffer(address, sdp, signal) {
  const response = await request(address, {
    method: "POST",
    headers: { "Content-Type": "application/sdp", ...authorization() },
    body: sdp,
    signal,
  });
  const location = response.headers.get("Location");
  if (!location) throw new Error("The server's answer has no Location.");
  return { answer: await response.text(), callUrl: new URL(location, response.url).pathname };
}

/**
 * Ask the server whether a call goes on. No answer, or another one, says nothing: the line may be to blame.
 *
 * @param {string} callUrl from `postOffer`
 * @returns {Promise<boolean>} whether the server says that there is no such call any more
 */
export async function isCallGone(callUrl) {
  try {
    const { status } = await fetch(callUrl, { cache: "no-store", signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
    return status === 404;
  } catch {
    return false;
  }
}

/**
 * End a call on the server. Works while the page goes away; that the server does not know the call is fine too.
 *
 * @param {string} callUrl from `postOffer`
 */
export async function endCall(callUrl) {
  try {
    await fetch(callUrl, { method: "DELETE", keepalive: true });
  } catch {
    // Offline: the server drops a silent peer by itself.
  }
}
