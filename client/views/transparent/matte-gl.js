/** Puts the two halves of a picture together on the graphics processor: colours left, matte right (docs/protocol.md). */

const VERTEX = `
attribute vec2 corner;
varying vec2 at;
void main() {
  at = vec2(corner.x, -corner.y) * 0.5 + 0.5;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

/**
 * `share` is how much of the picture the colours take: half, or all where there is no matte. Reading stops half a pixel
 * before the seam, where the other half would be mixed in. What an encoder leaves of nearly nothing is nothing.
 */
const FRAGMENT = `
precision mediump float;
uniform sampler2D picture;
uniform float share;
uniform float half_pixel;
uniform vec2 limits;
varying vec2 at;
void main() {
  vec2 place = vec2(clamp(at.x * share, half_pixel, share - half_pixel), at.y);
  vec3 colour = texture2D(picture, place).rgb;
  float alpha = 1.0;
  if (share < 0.75)
    alpha = clamp((texture2D(picture, place + vec2(0.5, 0.0)).g - limits.x) / (limits.y - limits.x), 0.0, 1.0);
  gl_FragColor = vec4(min(colour, vec3(alpha)), alpha);
}`;

export class MatteGl {
  /** @type {WebGLProgram} */
  #program;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {readonly [number, number]} limits shares below and above which the matte is none and all
   * @throws {Error} where there is no WebGL, or it does not do this
   */
  constructor(canvas, limits) {
    this.canvas = canvas;
    const gl = canvas.getContext("webgl", { alpha: true, premultipliedAlpha: true, antialias: false, depth: false });
    if (!gl) throw new Error("This browser has no WebGL.");
    this.gl = gl;
    this.#program = link(gl);
    gl.useProgram(this.#program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(this.#program, "corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.uniform2fv(this.#place("limits"), limits);
  }

  /**
   * @param {HTMLVideoElement} video
   * @param {boolean} matte whether its right half is one
   */
  draw(video, matte) {
    const { gl, canvas } = this;
    const share = matte ? 0.5 : 1;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, video);
    gl.uniform1f(this.#place("share"), share);
    gl.uniform1f(this.#place("half_pixel"), 0.5 / video.videoWidth);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  clear() {
    this.gl.clear(this.gl.COLOR_BUFFER_BIT);
  }

  /** Whether it can still draw: a graphics processor may be lost, and does not come back to this canvas by itself. */
  get lost() {
    return this.gl.isContextLost();
  }

  /** @param {string} name */
  #place(name) {
    return this.gl.getUniformLocation(this.#program, name);
  }
}

/** @param {WebGLRenderingContext} gl */
function link(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of /** @type {const} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
    const shader = gl.createShader(kind);
    if (!shader) throw new Error("WebGL gives no shader.");
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS))
    throw new Error(`WebGL refuses the shader: ${gl.getProgramInfoLog(program)}`);
  return program;
}
