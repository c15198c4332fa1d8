/** The faces one can choose from: the built-in ones, and those uploaded from this browser. */

import { loadFaceIds, loadPreference, saveFaceIds, savePreference } from "../preferences.js";
import { ApiError, createAvatar, deleteAvatar, getAvatar, listAvatars } from "../protocol/http-api.js";

/** @typedef {import("../protocol/http-api.js").Avatar} Avatar */

/** Events: "change" (the list), "select" (the chosen face). */
export class FaceGallery extends EventTarget {
  /** @type {Avatar[]} */
  builtin = [];
  /** @type {Avatar[]} */
  uploaded = [];
  /** @type {string | null} */
  #selected = null;

  /** @returns {Avatar[]} */
  get all() {
    return [...this.uploaded, ...this.builtin];
  }

  /** @returns {Avatar | null} */
  get selected() {
    return this.find(this.#selected);
  }

  /**
   * @param {string | null} id
   * @returns {Avatar | null}
   */
  find(id) {
    return this.all.find((avatar) => avatar.id === id) ?? null;
  }

  /**
   * Fetch the list.
   *
   * @returns {Promise<number>} how many of the stored faces the server no longer has
   */
  async load() {
    const ids = loadFaceIds();
    const [builtin, ...uploaded] = await Promise.all([listAvatars(), ...ids.map(getIfPresent)]);
    this.builtin = builtin.filter((avatar) => avatar.kind === "builtin");
    this.uploaded = uploaded.filter((avatar) => avatar !== null);
    const lost = ids.length - this.uploaded.length;
    if (lost > 0) this.#save();
    const last = this.find(loadPreference("face")) ?? this.builtin[0] ?? this.uploaded[0] ?? null;
    this.#selected = last?.id ?? null;
    this.#changed();
    this.dispatchEvent(new Event("select"));
    return lost;
  }

  /** @param {string} id */
  select(id) {
    if (id === this.#selected || !this.find(id)) return;
    this.#selected = id;
    savePreference("face", id);
    this.dispatchEvent(new Event("select"));
  }

  /**
   * Make a new face and choose it.
   *
   * @param {readonly Blob[]} photos
   * @param {string} name
   * @param {string} consent whose face it is
   * @param {string | null} [check] of `live`: the check before the camera
   * @returns {Promise<Avatar>}
   */
  async add(photos, name, consent, check = null) {
    const avatar = await createAvatar(photos, name, consent, check);
    this.uploaded = [avatar, ...this.uploaded.filter((other) => other.id !== avatar.id)];
    this.#save();
    this.#changed();
    this.select(avatar.id);
    return avatar;
  }

  /**
   * Delete an uploaded face, on the server and here.
   *
   * @param {string} id
   */
  async remove(id) {
    try {
      await deleteAvatar(id);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    }
    this.forget(id);
  }

  /**
   * Remove a face from the list that the server no longer has.
   *
   * @param {string} id
   */
  forget(id) {
    this.uploaded = this.uploaded.filter((avatar) => avatar.id !== id);
    this.#save();
    this.#changed();
    const next = this.all[0];
    if (this.#selected === id && next) this.select(next.id);
  }

  #save() {
    saveFaceIds(this.uploaded.map((avatar) => avatar.id));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * @param {string} id
 * @returns {Promise<Avatar | null>} null when the server does not have it
 */
async function getIfPresent(id) {
  try {
    return await getAvatar(id);
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 422)) return null;
    throw error;
  }
}
