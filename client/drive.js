/**
 * What moves the avatar, as pure rules of what is on.
 *
 * @typedef {"camera" | "voice" | "both" | "conversation"} Drive
 *
 * @typedef {object} MediaState what the rules look at; a LocalMedia is one
 * @property {boolean} cameraOn
 * @property {unknown} microphone null when there is none; a muted one is still there
 * @property {boolean} microphoneOn there is one, and it is not muted
 *
 * @typedef {"camera_on" | "camera_off" | "camera_lost" | "microphone_on" | "microphone_lost"} Turn
 */

/**
 * What a call begins with: the camera where it is on, else the voice where it can be heard.
 *
 * @param {MediaState} media
 * @returns {Drive}
 */
export function firstDrive({ cameraOn, microphone }) {
  return !cameraOn && microphone !== null ? "voice" : "camera";
}

/**
 * The lobby's line: what the chosen face will do in the call.
 *
 * @param {MediaState} media
 */
export function promise({ cameraOn, microphone }) {
  if (cameraOn) return "It moves as you move.";
  return microphone === null ? "It moves as you move, or speaks as you speak." : "It speaks as you speak.";
}

/**
 * Why this cannot be chosen now; "" when it can.
 *
 * @param {Drive} drive
 * @param {MediaState} media
 */
export function whyNot(drive, { cameraOn, microphone }) {
  const noCamera = (drive === "camera" || drive === "both") && !cameraOn;
  const noMicrophone = drive !== "camera" && microphone === null;
  if (noCamera && noMicrophone) return "Turn the camera and the microphone on first.";
  if (noCamera) return "Turn the camera on first.";
  return noMicrophone ? "Turn the microphone on first." : "";
}

/**
 * What to offer when a device has gone on or off, so that the face is not left without what moves it. Nothing changes
 * unless the user takes the offer.
 *
 * @param {Turn} turn
 * @param {Drive} drive that holds
 * @param {MediaState} media after the turn
 * @returns {{code: string, drive: Drive, label: string} | null} `code` of messages.js, and the words of the button
 */
export function offerAfter(turn, drive, { cameraOn, microphone, microphoneOn }) {
  if (drive === "camera" && !cameraOn && microphoneOn && ["camera_off", "camera_lost", "microphone_on"].includes(turn))
    return { code: `${turn}_use_voice`, drive: "voice", label: "Use my voice" };
  if (drive === "voice" && cameraOn && (turn === "camera_on" || (turn === "microphone_lost" && microphone === null)))
    return { code: `${turn}_use_camera`, drive: "camera", label: "Use my camera" };
  return null;
}
