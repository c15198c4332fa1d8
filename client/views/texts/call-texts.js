/** What the page says about a call: problems, what moves the avatar, and why the call ended. */

/** @type {Readonly<Record<string, import("./describe.js").NoticeText>>} */
export const CALL_TEXTS = Object.freeze({
  // The call
  face_lost: {
    title: "No face before the camera",
    text: "Come back into view, or turn towards the light. The face rests meanwhile.",
  },
  recording_failed: {
    title: "The recording has ended",
    text: "This browser could not record the picture. The call goes on.",
  },
  gpu_memory_full: {
    title: "The picture is drawn more simply",
    text: "The memory of the server's GPU is full. The call goes on.",
  },
  background_too_small: {
    title: "The picture is too small",
    text: "Use one that is larger, and not so long and thin.",
  },
  unknown_background: {
    title: "The server has forgotten your picture",
    text: "Choose it once more: it is sent again.",
  },
  server_full: {
    title: "All places are taken",
    text: "You join by yourself as soon as one is free.",
  },
  replica_lost: {
    title: "A part of the server has gone",
    text: "Another one takes its place. You join by yourself in a moment.",
  },
  store_gone: {
    title: "The server cannot reach its faces",
    text: "Calls go on. Yours is made by itself as soon as they are there again.",
  },
  too_many_requests: {
    title: "Too many tries",
    text: "The server takes only so many from one place in a minute. You join by yourself in a moment.",
  },
  too_many_calls: {
    title: "You are in a call already",
    text: "You may have no more calls at once. Leave another one, and you join here by yourself.",
  },
  room_full: {
    title: "The room is full",
    text: "You come in by yourself as soon as somebody leaves.",
  },
  room_alone: {
    title: "Nobody else is here yet",
    text: "Send the others the link of this room.",
  },
  rooms_off: {
    title: "This server has no rooms",
    text: "Call alone, or ask whoever runs it to allow them: avatar serve --rooms 16.",
  },
  bad_room: {
    title: "This is no link of a room",
    text: "A part of it may be missing. Ask for it again, or start a room of your own.",
  },
  sound_blocked: {
    title: "The others are silent",
    text: "Your browser plays no sound before you ask for it.",
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
    text: "Your voice moves the lips, and the rest of the face moves by itself. The settings can change that.",
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
});
