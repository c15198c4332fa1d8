/**
 * The server's HTTP interface, as functions.
 *
 * @typedef {object} Avatar
 * @property {string} id
 * @property {string} name
 * @property {"builtin" | "uploaded"} kind
 * @property {string} preview address of a JPEG
 * @property {number} width pixels of the portrait
 * @property {number} height
 * @property {readonly string[]} [warnings] of a new upload: sentences on what is wrong with its photos
 * @property {string | null} [consent] what is stated of whose face it is
 *
 * @typedef {object} ServerConfig
 * @property {string} version
 * @property {number} max_upload_bytes of all photos of one upload together
 * @property {number} max_photos
 * @property {RTCIceServer[]} ice_servers with TURN servers only for those who may call
 * @property {{width: number, height: number, fps: number, label?: string}} picture `label`: where its label is, if there is one
 * @property {boolean} token_required
 * @property {"off" | "offered" | "required"} live_check whether people may be, or have to be, checked before their camera
 * @property {{room_members: number}} limits `room_members`: people in one room, 0 where there are none
 */

import { authorization } from "./access-token.js";

/** A request that failed: `code` is the server's stable code for it, or `server_unreachable`. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status, 0 when there was no answer
   * @param {string} code
   * @param {string} detail one sentence for people
   * @param {number | null} retryAfterS when the server said to come back
   */
  constructor(status, code, detail, retryAfterS = null) {
    super(detail || code);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.retryAfterS = retryAfterS;
  }
}

/**
 * Seconds to wait according to a Retry-After header: a number or a date (RFC 9110, 10.2.3).
 *
 * @param {string | null} header
 * @param {number} nowMs
 * @returns {number | null}
 */
export function retryAfterSeconds(header, nowMs) {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, (date - nowMs) / 1000);
}

/**
 * Make the error for a failed answer, from problem+json where there is some.
 *
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
async function errorFrom(response) {
  /** @type {Record<string, unknown>} */
  let problem = {};
  try {
    problem = /** @type {Record<string, unknown>} */ (await response.json()) ?? {};
  } catch {
    // Not JSON: a proxy's page, say. The status is all there is.
  }
  const code = typeof problem.code === "string" ? problem.code : response.status === 413 ? "too_many_bytes" : "error";
  const detail = typeof problem.detail === "string" ? problem.detail : `The server answered ${response.status}.`;
  const retryAfterS = retryAfterSeconds(response.headers.get("Retry-After"), Date.now());
  return new ApiError(response.status, code, detail, retryAfterS);
}

/**
 * `fetch` that throws ApiError for every answer but a success.
 *
 * @param {string} url
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function request(url, init = {}) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "server_unreachable", "The server does not answer.");
  }
  if (!response.ok) throw await errorFrom(response);
  return response;
}

/** @returns {Promise<ServerConfig>} */
export async function getConfig() {
  return (await request("/api/config", { headers: authorization() })).json();
}

/**
 * @param {string} id of a room
 * @returns {Promise<{names: string[], most: number}>} who is in it, "" for those without a name, and how many may be
 */
export async function getRoom(id) {
  return (await request(`/api/rooms/${encodeURIComponent(id)}`, { headers: authorization() })).json();
}

/** @returns {Promise<Avatar[]>} the faces that come with the server */
export async function listAvatars() {
  return (await (await request("/api/avatars", { headers: authorization() })).json()).avatars;
}

/**
 * @param {string} id
 * @returns {Promise<Avatar>}
 */
export async function getAvatar(id) {
  return (await request(`/api/avatars/${encodeURIComponent(id)}`)).json();
}

/**
 * Make a face from one or several photos of the same person.
 *
 * @param {readonly Blob[]} photos
 * @param {string} name may be empty
 * @param {string} consent whose face it is: `self`, `permitted`, `nobody`, or `live`
 * @param {string | null} [check] of `live`: the check before the camera, of the same photos
 * @returns {Promise<Avatar>}
 */
export async function createAvatar(photos, name, consent, check = null) {
  const form = photoForm(photos);
  if (name) form.append("name", name);
  form.append("consent", consent);
  if (check !== null) form.append("check", check);
  return (await request("/api/avatars", { method: "POST", body: form, headers: authorization() })).json();
}

/** @param {readonly Blob[]} photos */
function photoForm(photos) {
  const form = new FormData();
  photos.forEach((photo, index) => {
    form.append("photos", photo, photo instanceof File ? photo.name : `photo-${index + 1}.jpg`);
  });
  return form;
}

/**
 * How far a check before the camera is.
 *
 * @typedef {object} LiveCheck
 * @property {string} id
 * @property {"look" | "gesture" | "passed" | "refused"} phase
 * @property {string | null} gesture what is asked for
 * @property {string} hint what keeps the face from being looked at
 * @property {string} reason of `refused`
 * @property {number} done gestures that were done
 * @property {number} needed gestures that have to be done
 * @property {number} seconds_left of what is asked now
 */

/**
 * Begin to check that whoever is before the camera is the person in photos.
 *
 * @param {readonly Blob[]} photos
 * @param {AbortSignal} signal
 * @returns {Promise<LiveCheck>}
 */
export async function beginLiveCheck(photos, signal) {
  const init = { method: "POST", body: photoForm(photos), headers: authorization(), signal };
  return (await request("/api/live-checks", init)).json();
}

/**
 * Show a check a picture of the camera.
 *
 * @param {string} id
 * @param {Blob} picture
 * @param {AbortSignal} signal
 * @returns {Promise<LiveCheck>}
 */
export async function showLiveCheck(id, picture, signal) {
  const headers = { "Content-Type": picture.type };
  const address = `/api/live-checks/${encodeURIComponent(id)}/pictures`;
  return (await request(address, { method: "POST", body: picture, headers, signal })).json();
}

/** @param {string} id */
export async function endLiveCheck(id) {
  await request(`/api/live-checks/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/**
 * Send a picture that is to be behind the avatar.
 *
 * @param {Blob} picture
 * @returns {Promise<string>} what a call asks for it by
 */
export async function uploadBackground(picture) {
  const headers = { "Content-Type": picture.type, ...authorization() };
  return (await (await request("/api/backgrounds", { method: "POST", body: picture, headers })).json()).id;
}

/** @param {string} id */
export async function deleteAvatar(id) {
  await request(`/api/avatars/${encodeURIComponent(id)}`, { method: "DELETE" });
}
