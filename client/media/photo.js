/** Photos before their upload: large ones are reduced, nothing else is changed. */

/** The server works at this size at most, so more pixels only cost time. */
const MAX_SIDE_PX = 2048;
const UNCHANGED_BELOW_BYTES = 1_500_000;
/** What the server reads; a browser may read more, such as a phone's own format. */
const SERVER_READS = new Set(["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"]);
const JPEG_QUALITY = 0.92;

/**
 * The size a picture is reduced to.
 *
 * @param {number} width
 * @param {number} height
 * @returns {[number, number]} pixels; never larger than the picture
 */
export function reducedSize(width, height) {
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/**
 * Whether a photo is sent as it is.
 *
 * @param {{ size: number, type: string }} file
 */
export function isSentAsItIs(file) {
  return file.size <= UNCHANGED_BELOW_BYTES && SERVER_READS.has(file.type);
}

/**
 * Reduce a large photo to the size that the server uses, and make a JPEG of one in a format that the server does not
 * read. A file that this browser cannot read is left as it is: the server may know the format, or says what is wrong
 * with it.
 *
 * @param {File} file
 * @returns {Promise<File>}
 */
export async function reduceForUpload(file) {
  if (isSentAsItIs(file)) return file;
  /** @type {ImageBitmap} */
  let picture;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file;
  }
  try {
    const [width, height] = reducedSize(picture.width, picture.height);
    return await toJpeg(picture, width, height, file.name);
  } finally {
    picture.close();
  }
}

/**
 * A picture as JPEG in a data: address, which a browser can keep: upright, and reduced.
 *
 * @param {Blob} file
 * @param {number} longestSide in pixels
 * @returns {Promise<string>}
 * @throws {Error} where this browser cannot read it
 */
export async function pictureToJpeg(file, longestSide) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  try {
    const scale = Math.min(1, longestSide / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser cannot draw pictures.");
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", JPEG_QUALITY);
  } finally {
    picture.close();
  }
}

/**
 * @param {string} address a data: address in base64
 * @returns {Blob}
 */
export function dataBlob(address) {
  const [head = "", data = ""] = address.split(",", 2);
  const type = /^data:([^;]+)/.exec(head)?.[1] ?? "";
  return new Blob([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))], { type });
}

/**
 * The picture a video shows now.
 *
 * @param {HTMLVideoElement} video
 * @returns {Promise<File>}
 */
export function captureFrame(video) {
  return toJpeg(video, video.videoWidth, video.videoHeight, `camera-${Date.now()}.jpg`);
}

/**
 * The same, no larger than asked for.
 *
 * @param {HTMLVideoElement} video
 * @param {number} longestSide in pixels
 * @returns {Promise<File>}
 */
export function captureSmallFrame(video, longestSide) {
  const scale = Math.min(1, longestSide / Math.max(video.videoWidth, video.videoHeight, 1));
  const [width, height] = [video.videoWidth, video.videoHeight].map((side) => Math.max(1, Math.round(side * scale)));
  return toJpeg(video, width ?? 1, height ?? 1, "camera.jpg");
}

/**
 * @param {CanvasImageSource} source
 * @param {number} width
 * @param {number} height
 * @param {string} name
 * @returns {Promise<File>}
 */
async function toJpeg(source, width, height, name) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser cannot draw pictures.");
  context.drawImage(source, 0, 0, width, height);
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
  if (!blob) throw new Error("The picture could not be stored.");
  return new File([blob], name.replace(/\.\w+$/, "") + ".jpg", { type: "image/jpeg" });
}
