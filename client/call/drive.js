/**
 * What moves the avatar, as pure rules of what is on.
 *
 * @typedef {import("../protocol/data-channel.js").Drive} Drive
 *
 * @typedef {object} MediaState the part of LocalMedia that the rules depend on
 * @property {boolean} cameraOn
 * @property {unknown} microphone null when there is none; a muted one is still there
 * @property {boolean} microphoneOn there is one, and it is not muted
 *
 * @typedef {"camera_on" | "camera_off" | "camera_lost" | "microphone_on" | "microphone_lost"} DeviceChange
 */

/**
 * What a call begins with: the camera where it is on, else the voice where it can be heard.
 *
 * @param {MediaState} media
 * @returns {Drive}
 */
export function initialDrive({ cameraOn, microphone }) {
  return !cameraOn && microphone !== null ? "voice" : "camera";
}

/**
 * One line for the lobby: what the chosen face will do in the call.
 *
 * @param {MediaState} media
 */
export function previewText({ cameraOn, microphone }) {
  if (cameraOn) return "It moves as you move.";
  return microphone === null ? "It moves as you move, or speaks as you speak." : "It speaks as you speak.";
}

/**
 * Why this cannot be chosen now; "" when it can.
 *
 * @param {Drive} drive
 * @param {MediaState} media
 */
export function unavailableReason(drive, { cameraOn, microphone }) {
  const noCamera = (drive === "camera" || drive === "both") && !cameraOn;
  const noMicrophone = drive !== "camera" && microphone === null;
  if (noCamera && noMicrophone) return "Turn the camera and the microphone on first.";
  if (noCamera) return "Turn the camera on first.";
  return noMicrophone ? "Turn the microphone on first." : "";
}

/**
 * The drive to suggest when a device has gone on or off, so that the face keeps moving. Nothing changes unless the user
 * accepts.
 *
 * @param {DeviceChange} change
 * @param {Drive} drive in force
 * @param {MediaState} media after the change
 * @returns {{code: string, drive: Drive, label: string} | null} `code` of views/texts, and the button's label
 */
export function suggestDrive(change, drive, { cameraOn, microphone, microphoneOn }) {
  const voiceHelps = change === "camera_off" || change === "camera_lost" || change === "microphone_on";
  if (drive === "camera" && !cameraOn && microphoneOn && voiceHelps)
    return { code: `${change}_use_voice`, drive: "voice", label: "Use my voice" };
  const cameraHelps = change === "camera_on" || (change === "microphone_lost" && microphone === null);
  if (drive === "voice" && cameraOn && cameraHelps)
    return { code: `${change}_use_camera`, drive: "camera", label: "Use my camera" };
  return null;
}
