/** What the page says about camera and microphone, and about an address or browser without them. */

/** @type {Readonly<Record<string, import("./describe.js").NoticeText>>} */
export const DEVICE_TEXTS = Object.freeze({
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
});
