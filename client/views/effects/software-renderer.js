/** Whether this browser draws pages without a graphics processor, as WebGL tells. */

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/**
 * @param {string} name of WebGL's renderer
 */
export function isSoftwareRenderer(name) {
  return SOFTWARE.test(name);
}

/** @returns {boolean} true as well where there is no WebGL at all */
export function drawsInSoftware() {
  // A browser that knows that its WebGL would be slow gives none to whoever asks so.
  const gl = document.createElement("canvas").getContext("webgl", { failIfMajorPerformanceCaveat: true });
  if (!gl) return true;
  const names = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return isSoftwareRenderer(name);
}
