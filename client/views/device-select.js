/** A list box of cameras or microphones, kept up to date with what is plugged in and what is in use. */

import { listDevices } from "../media/devices.js";
import { make } from "./dom.js";

export class DeviceSelect {
  /**
   * @param {HTMLSelectElement} select
   * @param {"camera" | "microphone"} kind
   * @param {import("../media/local-media.js").LocalMedia} media
   */
  constructor(select, kind, media) {
    this.select = select;
    this.kind = kind;
    this.media = media;
    select.addEventListener("change", () => void media.choose(kind, select.value));
    media.addEventListener("change", () => void this.refresh());
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.refresh());
    void this.refresh();
  }

  async refresh() {
    const devices = await listDevices(this.kind);
    const none = this.kind === "camera" ? "No camera yet" : "No microphone yet";
    const options = devices.length ? devices : [{ id: "", label: none }];
    const key = options.map(({ id, label }) => `${id}\n${label}`).join("\n");
    if (this.select.dataset.options !== key) {
      this.select.dataset.options = key;
      this.select.replaceChildren(
        ...options.map(({ id, label }) => {
          const option = make("option", "", label);
          option.value = id;
          return option;
        }),
      );
    }
    this.select.disabled = devices.length === 0 || this.media.busy;
    const id = this.media.deviceId(this.kind);
    if (options.some((option) => option.id === id)) this.select.value = id;
  }
}
