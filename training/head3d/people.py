"""The built-in people. None of them exists: each is a handful of numbers, and the same numbers draw the same face."""

from __future__ import annotations

from training.head3d.backdrop import BackdropLook
from training.head3d.brows import BrowLook
from training.head3d.cloth import ClothLook
from training.head3d.eyes import IrisLook
from training.head3d.hair import HairLook
from training.head3d.light import Light
from training.head3d.portrait import Person
from training.head3d.skin import Complexion

_DAYLIGHT = (
    Light((-0.60, 0.50, 0.75), (1.50, 1.40, 1.28), 0.30),
    Light((0.80, 0.10, 0.60), (0.42, 0.47, 0.55), 0.40),
    Light((0.80, 0.45, -0.65), (1.30, 1.36, 1.50), 0.20),
)
_EVENING = (
    Light((-0.50, 0.55, 0.80), (1.45, 1.32, 1.15), 0.28),
    Light((0.80, 0.15, 0.60), (0.40, 0.42, 0.50), 0.40),
    Light((-0.85, 0.35, -0.60), (1.70, 1.25, 0.85), 0.20),
    Light((0.85, 0.40, -0.60), (0.90, 1.00, 1.25), 0.20),
)
_GARDEN = (
    Light((-0.45, 0.65, 0.75), (1.50, 1.42, 1.28), 0.35),
    Light((0.75, 0.15, 0.65), (0.44, 0.48, 0.46), 0.40),
    Light((0.70, 0.60, -0.60), (1.70, 1.60, 1.20), 0.22),
)


def _smile(left: float, right: float, *, squint: float, lids: float) -> dict[str, float]:
    """A closed, slight smile; ``lids`` lowers the lids a little, as in anyone at ease."""
    return {
        "mouthSmile_L": left,
        "mouthSmile_R": right,
        "eyeSquint_L": squint,
        "eyeSquint_R": squint,
        "eyeBlink_L": lids,
        "eyeBlink_R": lids,
    }


PEOPLE = (
    Person(
        id="mira",
        name="Mira",
        seed=4,
        identity={0: 1.4, 1: -0.6, 2: -0.5, 5: 0.4},
        expression=_smile(0.32, 0.30, squint=0.2, lids=0.05),
        complexion=Complexion(
            (216, 170, 146), (186, 98, 94), (208, 122, 108), freckles=0.55, blush_strength=0.35, scalp=(60, 36, 24)
        ),
        iris=IrisLook((150, 110, 60), (86, 104, 84), (30, 34, 34)),
        brow=BrowLook((84, 54, 36)),
        hair=HairLook("top_knot", (98, 56, 32), volume_cm=0.45, hairline_cm=-0.5, gloss=0.35),
        clothes=ClothLook("turtleneck", (58, 92, 96)),
        backdrop=BackdropLook("window", (104, 96, 88), (196, 186, 172)),
        turn_degrees=(-1.0, -3.0, 1.2),
        px_per_cm=28.0,
        lights=_DAYLIGHT,
        sky=(0.27, 0.29, 0.32),
    ),
    Person(
        id="kofi",
        name="Kofi",
        seed=11,
        identity={0: -0.5, 2: -1.5, 1: -0.3, 3: 0.5},
        expression=_smile(0.32, 0.34, squint=0.2, lids=0.08),
        complexion=Complexion(
            (122, 78, 56),
            (122, 68, 62),
            (132, 70, 52),
            blush_strength=0.25,
            oil=0.8,
            under_eye=0.25,
            stubble=0.30,
            stubble_colour=(26, 20, 18),
            scalp=(30, 22, 18),
        ),
        iris=IrisLook((74, 44, 24), (50, 30, 18), (16, 11, 9)),
        brow=BrowLook((22, 16, 14), thickness=1.15, arch_cm=-0.1, lash_length=0.8),
        hair=HairLook("afro", (26, 20, 18), length_cm=2.2, hairline_cm=-0.2, count=34000, gloss=0.5),
        stubble_hairs=9000,
        clothes=ClothLook("crew", (196, 152, 72)),
        backdrop=BackdropLook("evening", (26, 30, 40), (84, 70, 62)),
        turn_degrees=(-1.0, 2.5, -1.0),
        lights=_EVENING,
        sky=(0.26, 0.27, 0.31),
        exposure=1.25,
    ),
    Person(
        id="lin",
        name="Lin",
        seed=21,
        identity={0: 0.9, 1: 0.9, 4: -1.3, 5: 0.4, 2: -0.3},
        expression=_smile(0.30, 0.30, squint=0.15, lids=0.08),
        complexion=Complexion(
            (222, 178, 158), (194, 104, 98), (214, 134, 116), blush_strength=0.32, scalp=(28, 22, 22)
        ),
        iris=IrisLook((82, 52, 30), (54, 34, 22), (18, 13, 11)),
        brow=BrowLook((40, 30, 28), arch_cm=-0.15, thickness=0.9),
        hair=HairLook(
            "bob", (30, 24, 26), part_cm=-0.5, volume_cm=0.7, gloss=1.2, length_cm=20.0, hairline_cm=-0.4, fringe=True
        ),
        clothes=ClothLook("crew", (176, 186, 196), weave="jersey"),
        backdrop=BackdropLook("garden", (70, 84, 60), (150, 160, 120)),
        turn_degrees=(-0.5, 2.0, 1.5),
        px_per_cm=29.5,
        lights=_GARDEN,
        sky=(0.28, 0.31, 0.30),
    ),
    Person(
        id="tomas",
        name="Tomas",
        seed=33,
        identity={0: -0.7, 1: -1.1, 2: 0.7, 3: -0.4, 6: 0.5},
        expression=_smile(0.30, 0.28, squint=0.25, lids=0.06),
        complexion=Complexion(
            (208, 158, 132),
            (168, 94, 86),
            (198, 122, 104),
            blush_strength=0.30,
            oil=0.6,
            under_eye=0.45,
            stubble=0.34,
            stubble_colour=(70, 50, 40),
            scalp=(92, 68, 52),
            pores=0.8,
        ),
        iris=IrisLook((136, 120, 92), (88, 116, 138), (32, 42, 52)),
        brow=BrowLook((88, 64, 46), thickness=1.2, arch_cm=-0.25, height_cm=-0.1, lash_length=0.75),
        cap=ClothLook("beanie", (52, 62, 84)),
        stubble_hairs=16000,
        stubble_cm=0.28,
        clothes=ClothLook("turtleneck", (150, 142, 128)),
        backdrop=BackdropLook("studio", (62, 70, 78), (150, 152, 150)),
        turn_degrees=(-1.0, -2.5, -0.8),
        lights=_DAYLIGHT,
        sky=(0.27, 0.29, 0.32),
    ),
)
