/**
 * Every sentence the page can say about something that went wrong or changed: what happened, and what to do next.
 *
 * @typedef {object} Message
 * @property {string} title what happened, in a few words
 * @property {string} text why, and what to do next
 */

/** @type {Readonly<Record<string, Message>>} */
const MESSAGES = {
  // Camera and microphone
  camera_denied: {
    title: "The camera is blocked",
    text: "Allow the camera for this page in the address bar, then turn it on again. You can also join without it.",
  },
  microphone_denied: {
    title: "The microphone is blocked",
    text: "Allow the microphone for this page in the address bar, then turn it on again. You can also join without it.",
  },
  devices_denied: {
    title: "Camera and microphone are blocked",
    text: "Allow them for this page in the address bar, then join again. You can also join without them.",
  },
  devices_missing: {
    title: "No camera and no microphone found",
    text: "Plug them in, or join without: the face then breathes and blinks by itself.",
  },
  camera_missing: {
    title: "No camera found",
    text: "Plug one in, or join without it: your voice then moves the lips.",
  },
  microphone_missing: {
    title: "No microphone found",
    text: "Plug one in, or join without sound.",
  },
  camera_busy: {
    title: "The camera is in use",
    text: "Another program or tab holds it. Close that one, then turn the camera on again.",
  },
  microphone_busy: {
    title: "The microphone is in use",
    text: "Another program holds it. Close that one, then unmute again.",
  },
  camera_lost: {
    title: "The camera stopped",
    text: "It was unplugged or taken by another program. The face rests until you turn a camera on again.",
  },
  microphone_lost: {
    title: "The microphone stopped",
    text: "It was unplugged or taken by another program. Choose another one in the settings.",
  },
  unknown_host: {
    title: "The server does not go by the name in this address",
    text:
      "Use its IP address, or start it with --allow-host NAME. Camera and microphone need HTTPS besides, which takes any " +
      "name: avatar serve --tls-cert cert.pem --tls-key key.pem.",
  },
  insecure_context: {
    title: "This address cannot use the camera",
    text:
      "Browsers give the camera only to localhost or to HTTPS. Open the page on the machine that serves it, or start the " +
      "server with HTTPS: avatar serve --tls-cert cert.pem --tls-key key.pem",
  },
  no_webrtc: {
    title: "This browser cannot make calls",
    text: "It has no WebRTC. Use a current Chrome, Edge, Firefox or Safari.",
  },

  // Photos
  no_face: {
    title: "No face found in the photo",
    text: "Use a photo that shows one face from the front, well lit and not covered.",
  },
  several_faces: {
    title: "More than one face in the photo",
    text: "Crop it so that only one person is seen, or choose another photo.",
  },
  face_too_small: {
    title: "The face is too small",
    text: "Move closer or crop the photo: the face should be at least 96 pixels wide.",
  },
  face_turned: {
    title: "The face is turned too far",
    text: "Use a photo in which the person looks towards the camera.",
  },
  not_an_image: {
    title: "That file is not a photo",
    text: "Use a JPEG, PNG or WebP picture.",
  },
  truncated_image: {
    title: "The photo is damaged",
    text: "The file ends too early. Copy it again from where it came from, or choose another one.",
  },
  animated_image: {
    title: "That is an animation",
    text: "Use a still photo.",
  },
  too_many_bytes: {
    title: "Too large to upload",
    text: "Use fewer or smaller photos.",
  },
  too_many_pixels: {
    title: "The photo has too many pixels",
    text: "Save it smaller, or choose another one.",
  },
  image_too_small: {
    title: "The photo is too small",
    text: "Use a larger one: the face should be at least 96 pixels wide.",
  },
  too_many_photos: {
    title: "Too many photos",
    text: "Remove some: the best few are enough.",
  },
  request_timeout: {
    title: "The upload took too long",
    text: "Your connection was too slow or broke off. Try again, or with fewer photos.",
  },
  model_missing: {
    title: "The server is not fully set up",
    text: "It lacks a model file. Whoever runs it can fetch it with: avatar models pull",
  },
  unauthorized: {
    title: "This server asks for an access token",
    text: "Enter the token you were given. Whoever runs the server knows it.",
  },
  bad_size: {
    title: "The server does not send that size",
    text: "Width and height are even numbers from 128 to 1280 by 720 pixels. Change them in the page's address.",
  },
  unknown_avatar: {
    title: "The server no longer has this face",
    text: "Uploaded faces live in the server's memory only. Add the photo again, or choose another face.",
  },

  // The call
  face_lost: {
    title: "No face before the camera",
    text: "Come back into view, or turn towards the light. The face rests meanwhile.",
  },
  server_full: {
    title: "All places are taken",
    text: "You join by yourself as soon as one is free.",
  },
  connection_lost: {
    title: "Connection lost",
    text: "Reconnecting by itself. Nothing for you to do.",
  },
  server_unreachable: {
    title: "The server does not answer",
    text: "Check that it runs and that you are online. The page keeps trying.",
  },
  media_blocked: {
    title: "The call cannot get through",
    text: "The server answers, but video does not reach it. A firewall may block UDP, or a TURN server is needed between you.",
  },
  bad_offer: {
    title: "The server could not take the call",
    text: "What your browser asks for is not what this server gives. Update the browser, or try another.",
  },
  no_common_codec: {
    title: "No format in common",
    text: "Your browser and the server found no common way to send video or sound. Update the browser, or try another.",
  },
  bad_message: {
    title: "The server did not understand",
    text: "The page may be older than the server. Reload it.",
  },
  calibration_needs_camera: {
    title: "The camera is off",
    text: "Turn it on first: the resting face is taken from it.",
  },
  calibration_in_voice: {
    title: "Your voice moves the avatar",
    text: "The resting face is taken from the camera. Choose Camera or Both in the settings first.",
  },
  calibration_in_conversation: {
    title: "The avatar moves by itself",
    text: "The resting face is taken from the camera. Choose Camera or Both in the settings first.",
  },
  no_voice: {
    title: "The avatar has no voice on this server",
    text: "Whoever runs it installs one with: pip install 'avatar[voice]' (or: sudo apt-get install espeak-ng). Then choose Conversation again.",
  },
  no_answer: {
    title: "The avatar did not know what to say",
    text: "It listens: say it again, or something else.",
  },
  unspeakable: {
    title: "The avatar cannot say this aloud",
    text: "Its voice has no sound for this answer, as for another language or a lone emoji. Read it in the picture.",
  },
  not_connected: {
    title: "Not connected yet",
    text: "Wait until the call is live, then try again.",
  },
  faces_forgotten: {
    title: "Some of your faces are gone",
    text: "The server keeps uploaded faces only in memory and has dropped them since. Add the photo again.",
  },
  calibration_failed: {
    title: "Resting face not set",
    text: "No face was seen. Look at the camera and try again.",
  },

  // What moves the avatar
  voice_moves: {
    title: "It speaks as you speak",
    text: "Your voice moves the lips, and the rest lives by itself. The settings can change that.",
  },
  voice_muted: {
    title: "You are muted",
    text: "Unmute, and the avatar speaks as you speak.",
  },
  nothing_moves: {
    title: "Nothing moves the face yet",
    text: "Camera and microphone are off, so it breathes and blinks by itself. Turn one of them on below.",
  },
  camera_off_use_voice: {
    title: "The camera is off",
    text: "The face rests until it is on again. Your voice can move the lips instead.",
  },
  camera_lost_use_voice: {
    title: "The camera stopped",
    text: "It was unplugged or taken by another program. Your voice can move the lips instead.",
  },
  microphone_on_use_voice: {
    title: "The microphone is on",
    text: "The camera is off and the face rests. Your voice can move the lips.",
  },
  camera_on_use_camera: {
    title: "The camera is on",
    text: "Your voice moves the avatar. Your face can do it instead.",
  },
  microphone_lost_use_camera: {
    title: "The microphone stopped",
    text: "It was unplugged or taken by another program. Your face can move the avatar instead.",
  },

  // How a call can end
  ended_left: { title: "You left the call", text: "" },
  ended_idle: {
    title: "The call ended",
    text: "Neither camera nor microphone had sent anything for a while.",
  },
  ended_time: {
    title: "The call ended",
    text: "It reached the longest time the server allows.",
  },
  ended_server: {
    title: "The server ended the call",
    text: "It is stopping or restarting. Join again in a moment.",
  },
  ended_route: {
    title: "The call cannot get through",
    text: "Your browser reached the server, but nothing came back. A firewall may block UDP, or a TURN server is needed between you.",
  },
  ended_encryption: {
    title: "The call could not be encrypted",
    text: "Your browser and the server found no common way. Update the browser, or ask whoever runs the server: its log says why.",
  },
  ended_failed: {
    title: "The call ended",
    text: "Something failed on the server. Join again; if it happens twice, its log says why.",
  },
  error: { title: "Something went wrong", text: "Try again." },
};

/** The words a server may give as the reason of its goodbye, and ours for them. */
const REASONS = /** @type {Readonly<Record<string, string>>} */ ({
  left: "ended_left",
  idle: "ended_idle",
  no_route: "ended_route",
  dtls_failed: "ended_encryption",
  certificate: "ended_encryption",
  time_limit: "ended_time",
  server_stopping: "ended_server",
  failed: "ended_failed",
});

/**
 * What to say for a code; a code nobody knows is said in the server's own words. Where the server tells which of
 * several photos it means ("Photo 2: ..."), so do we.
 *
 * @param {string} code
 * @param {string} [detail] the server's own sentence
 * @returns {Message}
 */
export function describe(code, detail = "") {
  const known = MESSAGES[code];
  const which = /^Photo \d+/.exec(detail);
  if (known) return which ? { title: `${which[0]}: ${lowerFirst(known.title)}`, text: known.text } : known;
  return { title: MESSAGES.error?.title ?? "", text: detail || (MESSAGES.error?.text ?? "") };
}

/**
 * What to say when the server says goodbye.
 *
 * @param {string} reason
 * @param {string} [detail]
 * @returns {Message}
 */
export function describeEnd(reason, detail = "") {
  const code = REASONS[reason];
  if (code) return describe(code);
  return { title: describe("ended_failed").title, text: detail || describe("ended_failed").text };
}

/** @param {string} text */
function lowerFirst(text) {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** @returns {string[]} every code this page has words for */
export function knownCodes() {
  return Object.keys(MESSAGES);
}
