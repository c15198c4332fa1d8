/** What the page says while somebody is checked before the camera. */

/** What is asked for; left and right are the person's own, and the shown picture is mirrored. */
export const GESTURES = /** @type {Readonly<Record<string, string>>} */ ({
  turn_left: "Turn your head to the left",
  turn_right: "Turn your head to the right",
  close_eyes: "Close both eyes for a second",
  open_mouth: "Open your mouth wide for a second",
});

export const ARROWS = /** @type {Readonly<Record<string, string>>} */ ({ turn_left: "←", turn_right: "→" });

export const HINTS = /** @type {Readonly<Record<string, string>>} */ ({
  no_face: "Come before the camera, with light from the front",
  several_faces: "Only you may be in the picture",
  too_far: "Come nearer",
  cut_off: "Come to the middle of the picture",
  look_ahead: "Look into the camera, mouth closed",
  hold_still: "Look into the camera and hold still",
  comparing: "Look into the camera and hold still",
});

/** Why a check did not succeed. */
export const REASONS = /** @type {Readonly<Record<string, import("./describe.js").NoticeText>>} */ ({
  not_seen: {
    title: "Your face could not be seen well",
    text: "Look straight into the camera, alone in the picture, with light from the front.",
  },
  not_alike: {
    title: "You do not look like the photo",
    text: "Is it you in the first photo? Glasses, hats and dim light make it harder: try without, or with another photo.",
  },
  drawn: {
    title: "The camera shows an avatar",
    text: "Choose the camera that sees you yourself, not a virtual one.",
  },
  not_done: {
    title: "That was not what was asked for",
    text: "Do what the page says when it says so, and nothing else. You have a few seconds each time.",
  },
});
