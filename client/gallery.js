/** The faces one can choose from: the built-in ones, and those uploaded from this browser. */

import { ApiError, createAvatar, deleteAvatar, getAvatar, listAvatars } from "./api.js";
import { recall, recallFaces, remember, rememberFaces } from "./memory.js";

/** @typedef {import("./api.js").Avatar} Avatar */

/** Events: "change" (the list), "select" (the chosen face). */
export class Gallery extends EventTarget {
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
   * @returns {Promise<number>} how many remembered faces the server no longer has
   */
  async load() {
    const ids = recallFaces();
    const [builtin, ...uploaded] = await Promise.all([listAvatars(), ...ids.map(getIfKept)]);
    this.builtin = builtin.filter((avatar) => avatar.kind === "builtin");
    this.uploaded = uploaded.filter((avatar) => avatar !== null);
    const forgotten = ids.length - this.uploaded.length;
    if (forgotten > 0) this.#save();
    const last = this.find(recall("face")) ?? this.builtin[0] ?? this.uploaded[0] ?? null;
    this.#selected = last?.id ?? null;
    this.#changed();
    this.dispatchEvent(new Event("select"));
    return forgotten;
  }

  /** @param {string} id */
  select(id) {
    if (id === this.#selected || !this.find(id)) return;
    this.#selected = id;
    remember("face", id);
    this.dispatchEvent(new Event("select"));
  }

  /**
   * Make a new face and choose it.
   *
   * @param {readonly Blob[]} photos
   * @param {string} name
   * @returns {Promise<Avatar>}
   */
  async add(photos, name) {
    const avatar = await createAvatar(photos, name);
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
   * Take a face off the list that the server does not have any more.
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
    rememberFaces(this.uploaded.map((avatar) => avatar.id));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * @param {string} id
 * @returns {Promise<Avatar | null>} null when the server does not have it
 */
async function getIfKept(id) {
  try {
    return await getAvatar(id);
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 422)) return null;
    throw error;
  }
}
