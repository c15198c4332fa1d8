/** Cameras and microphones: listing and opening them, and a code for why one could not be opened. */

/** @typedef {"camera" | "microphone"} DeviceKind */

/** The camera as the page itself wants it. */
export const CAMERA_CONSTRAINTS = Object.freeze({ width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } });
const MICROPHONE_CONSTRAINTS = Object.freeze({ echoCancellation: true, noiseSuppression: true, autoGainControl: true });

/** A device that could not be opened; `code` is one of views/texts. */
export class DeviceError extends Error {
  /** @param {string} code */
  constructor(code) {
    super(code);
    this.name = "DeviceError";
    this.code = code;
  }
}

/**
 * The page's code for an error of getUserMedia.
 *
 * @param {DeviceKind} kind
 * @param {unknown} error
 */
export function problemCode(kind, error) {
  const name = error instanceof Error || (typeof error === "object" && error) ? /** @type {Error} */ (error).name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return `${kind}_denied`;
    case "NotFoundError":
    case "OverconstrainedError":
      return `${kind}_missing`;
    default:
      // NotReadableError, AbortError and the names of older browsers: the device is there but will not start.
      return `${kind}_busy`;
  }
}

/**
 * One code for several problems: the same with both devices is one problem, else the camera's comes first.
 *
 * @param {readonly string[]} problems
 * @returns {string | null}
 */
export function mainProblem(problems) {
  for (const what of ["denied", "missing"])
    if (problems.includes(`camera_${what}`) && problems.includes(`microphone_${what}`)) return `devices_${what}`;
  return problems[0] ?? null;
}

/** True where a page may use a camera at all: on localhost or over HTTPS. */
export function canUseDevices() {
  return globalThis.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
}

/**
 * Open one device.
 *
 * @param {DeviceKind} kind
 * @param {string} deviceId "" for the one the browser prefers
 * @returns {Promise<MediaStreamTrack>}
 * @throws {DeviceError}
 */
export async function openDevice(kind, deviceId = "") {
  if (!canUseDevices()) throw new DeviceError("insecure_context");
  const defaults = kind === "camera" ? CAMERA_CONSTRAINTS : MICROPHONE_CONSTRAINTS;
  const constraints = deviceId ? { ...defaults, deviceId: { exact: deviceId } } : { ...defaults };
  try {
    const stream = await navigator.mediaDevices.getUserMedia(
      kind === "camera" ? { video: constraints } : { audio: constraints },
    );
    const track = stream.getTracks()[0];
    if (!track) throw new DeviceError(`${kind}_missing`);
    return track;
  } catch (error) {
    if (error instanceof DeviceError) throw error;
    // The device chosen last time may be gone: any other one is better than none.
    if (deviceId && /** @type {Error} */ (error).name === "OverconstrainedError") return openDevice(kind);
    throw new DeviceError(problemCode(kind, error));
  }
}

/**
 * Open camera and microphone, with one permission prompt for both.
 *
 * @param {{camera: string, microphone: string}} deviceIds
 * @returns {Promise<{camera: MediaStreamTrack | null, microphone: MediaStreamTrack | null, problems: string[]}>}
 */
export async function openBoth(deviceIds) {
  if (!canUseDevices()) return { camera: null, microphone: null, problems: ["insecure_context"] };
  /** @param {object} defaults @param {string} id */
  const withId = (defaults, id) => (id ? { ...defaults, deviceId: { ideal: id } } : { ...defaults });
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: withId(CAMERA_CONSTRAINTS, deviceIds.camera),
      audio: withId(MICROPHONE_CONSTRAINTS, deviceIds.microphone),
    });
    return {
      camera: stream.getVideoTracks()[0] ?? null,
      microphone: stream.getAudioTracks()[0] ?? null,
      problems: [],
    };
  } catch {
    // One of the two cannot be opened. Try each alone, to learn which, and to have the other.
  }
  /** @type {{camera: MediaStreamTrack | null, microphone: MediaStreamTrack | null, problems: string[]}} */
  const result = { camera: null, microphone: null, problems: [] };
  for (const kind of /** @type {const} */ (["camera", "microphone"])) {
    try {
      result[kind] = await openDevice(kind, deviceIds[kind]);
    } catch (error) {
      result.problems.push(error instanceof DeviceError ? error.code : `${kind}_busy`);
    }
  }
  return result;
}

/**
 * @param {DeviceKind} kind
 * @returns {Promise<{id: string, label: string}[]>} with labels of our own while the browser hides them
 */
export async function listDevices(kind) {
  if (!canUseDevices()) return [];
  const wanted = kind === "camera" ? "videoinput" : "audioinput";
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === wanted && d.deviceId);
  const name = kind === "camera" ? "Camera" : "Microphone";
  return devices.map((d, index) => ({ id: d.deviceId, label: d.label || `${name} ${index + 1}` }));
}

/**
 * True when the user has allowed this device before, so that opening it shows no prompt.
 *
 * @param {DeviceKind} kind
 */
export async function isAllowed(kind) {
  try {
    const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (kind) });
    return status.state === "granted";
  } catch {
    return false; // Firefox knows no "camera" permission: then wait for the user's click.
  }
}
