/** Photos on their way to the server: made small enough to travel, never otherwise changed. */

/** The server works at this size at most, so more pixels only cost time. */
const LONG_SIDE = 2048;
const SMALL_ENOUGH_BYTES = 1_500_000;
const JPEG_QUALITY = 0.92;

/**
 * The size a picture is reduced to.
 *
 * @param {number} width
 * @param {number} height
 * @returns {[number, number]} pixels; never larger than the picture
 */
export function fitted(width, height) {
  const scale = Math.min(1, LONG_SIDE / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/**
 * Reduce a large photo to what the server uses. What this browser cannot read goes as it is: the server may know it,
 * or says what is wrong with it.
 *
 * @param {File} file
 * @returns {Promise<File>}
 */
export async function readyToSend(file) {
  if (file.size <= SMALL_ENOUGH_BYTES) return file;
  /** @type {ImageBitmap} */
  let picture;
  try {
    picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return file;
  }
  try {
    const [width, height] = fitted(picture.width, picture.height);
    return await toJpeg(picture, width, height, file.name);
  } finally {
    picture.close();
  }
}

/**
 * The picture a video shows now.
 *
 * @param {HTMLVideoElement} video
 * @returns {Promise<File>}
 */
export function snap(video) {
  return toJpeg(video, video.videoWidth, video.videoHeight, `camera-${Date.now()}.jpg`);
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
