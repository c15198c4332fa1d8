/** What the page says about photos, uploads and the faces made from them. */

/** @type {Readonly<Record<string, import("./describe.js").NoticeText>>} */
export const PHOTO_TEXTS = Object.freeze({
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
    title: "That file cannot be read as a photo",
    text: "Use a JPEG, PNG or WebP picture. A phone's HEIC photo is saved as JPEG first (iPhone: Settings, Camera, Formats, Most Compatible).",
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
    text: "Enter the token you were given: none was sent, or it is not (any more) good. Whoever runs the server has one.",
  },
  insufficient_scope: {
    title: "Your token does not allow this",
    text: "Ask whoever runs the server for one that does.",
  },
  bad_size: {
    title: "The server does not send that size",
    text: "Width and height are even numbers from 128 to 1280 by 720 or 1024 by 1024 pixels. Change them in the page's address.",
  },
  consent_required: {
    title: "Say whose face it is",
    text: "This server takes a face only when it is said to be yours, its person's who has agreed, or nobody's.",
  },
  other_person: {
    title: "The photos are of different people",
    text: "Leave those out that do not show the person in the first one.",
  },
  not_checked: {
    title: "The check is too long ago",
    text: "Make the face again: the camera checks once more.",
  },
  unknown_check: {
    title: "The check has ended",
    text: "No picture came for a while. Try it again.",
  },
  likeness_failed: {
    title: "The check failed in the server",
    text: "Try it again in a moment.",
  },
  unknown_avatar: {
    title: "The server no longer has this face",
    text: "The server keeps uploaded faces for a while only. Add the photo again, or choose another face.",
  },
});
