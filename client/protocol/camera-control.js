/**
 * The control page's HTTP: what a virtual camera does, and a call's own messages to it.
 *
 * @typedef {object} CameraState
 * @property {string} face id of the face that is shown
 * @property {string} background
 * @property {boolean | null} muted null when there is no sound
 * @property {boolean} follows_face a camera or a clip moves the avatar
 * @property {string} sight
 * @property {number} fps
 * @property {number | null} latency_ms
 * @property {number | null} latency_ms_p95
 * @property {{number: number, text: string}[]} notes
 */

import { authorization } from "./access-token.js";
import { formatMessage } from "./data-channel.js";
import { request } from "./http-api.js";

/** @returns {Promise<CameraState>} */
export async function getCamera() {
  return (await request("/api/camera", { headers: authorization() })).json();
}

/**
 * @param {import("./data-channel.js").ClientMessage} message
 * @returns {Promise<void>} rejected with ApiError when it cannot be done
 */
export async function sendToCamera(message) {
  const headers = { "Content-Type": "application/json", ...authorization() };
  await request("/api/camera", { method: "POST", body: formatMessage(message), headers });
}
