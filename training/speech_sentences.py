"""Sentences to be spoken for training: built from everyday words, so that every sound of English meets every other."""

from __future__ import annotations

from typing import Final

import numpy as np


def _words(text: str) -> list[str]:
    return text.split()


NAMES: Final = _words(
    "Abby Beth Boris Brooke Carmen Clive Dana Derek Ethan Faith Felix Fiona George Grace Hugo Iris Jack Jude Karim "
    "Kevin Laura Leo Maria Martha Mohammed Muriel Nadia Nina Oliver Omar Pablo Peggy Philip Priya Quinn Ravi Rosa "
    "Ruth Sophie Stefan Thelma Tim Uma Victor Wendy Yusuf Zoe"
)
NOUNS: Final = _words(
    "answer apple arm baby bag ball band bath beach bell bird boat body book bottle bowl box breakfast bridge brother "
    "building business butter button cabin camera candle captain chair chapter chief church circle cloud coffee "
    "corner cousin cup daughter desk dinner doctor door dream driver earth elbow engine evening family farm father "
    "feather fence fever field film finger fire flavour flight flower foam fog food foot forest fruit future game "
    "garden ghost gift girl glove goat gold grape group guitar half hammer harbour hat heart hobby hole home hope "
    "horse hour house husband ice idea island jacket jewel job joke journey juice jump kettle key king kitchen knife "
    "ladder lake lamp leaf leg lemon letter life light lip love lunch map market match meal member memory message "
    "metal mile milk minute mirror month moon morning mother mountain mouse mouth movie music nail name neighbour "
    "night noise nose number nurse oak ocean office oil onion oven owl page paint pair paper park path peace pen "
    "people pepper phone photo piano picture piece pillow pilot pipe place plan plant plate pocket poem point pool "
    "potato price problem prune puzzle rabbit radio rain recipe reef ribbon rice ring river road roof room rope rose "
    "rubber rule sack sail school scissors shadow shape sheep shelf ship shirt shoe shop shoulder shovel sister sky "
    "sleeve smile smoke snow soap sofa song soup space spoon spring staff stamp star step stone storm story stove "
    "street sugar summer sunday table tape teacher team tooth temple thief thing thumb ticket tiger time toe tomb "
    "tongue tool towel tower town toy train treasure tree trip truth tube tunnel uncle umpire valley value van vase "
    "vegetable view village voice vote voyage wall watch water wave weather week wheel whisper window wing winter "
    "wolf woman wood wool word world yard year youth zebra zoo"
)
ADJECTIVES: Final = _words(
    "able ample amusing awful bad bare beautiful big bitter black blue bold brave brief bright broad broken brown "
    "calm cheap chilly clever close cold common cool curious damp dark deep different dim dry dull early easy empty "
    "even fair faithful famous far fat few final fine firm flat fluffy foolish foreign free fresh full funny gentle "
    "giant glad good grave green grey happy hard heavy helpful hollow huge humble important jolly joyful keen kind "
    "large late lazy lively lonely long loose loud lovely low lucky main mild modern muddy narrow near neat new nice "
    "noisy odd old open orange pale perfect plain pleasant polite poor popular pretty private proud pure purple quick "
    "quiet rapid rare raw ready red rich ripe rough round royal rude sad safe sharp shiny short shy silly simple slim "
    "slow small smooth soft solid sour steep stiff strange strong sudden sweet swift tall tame tender thick thin tidy "
    "tiny tough useful usual vague vast very vivid warm weak wet whole wide wild wise wonderful wooden yellow young"
)
VERBS: Final = _words(
    "asked became began believed bent boiled borrowed bought broke brought built buried burned called came carried "
    "caught changed chose cleaned climbed closed covered crossed dropped drove drew enjoyed faced felt filled "
    "finished fixed followed forgot forgave found gave grabbed grew heard helped hid hoped imagined improved jumped "
    "kept knew laughed left liked lived looked loved made measured met missed moved named needed noticed offered "
    "opened ordered painted paid passed phoned picked placed played pleased poured preferred proved pulled pushed put "
    "raised reached received rubbed saved saw sent served shaped shared shook showed smelled sold solved spoke "
    "stopped surprised swept tasted thought threw told took touched tried trimmed turned used viewed visited waited "
    "walked wanted washed watched welcomed whipped won wore worked wrapped wrote"
)
ADVERBS: Final = _words(
    "above again almost always away before below barely briefly closely deeply even forever fully happily here "
    "however maybe never nearly now often only perhaps possibly probably quickly quietly rapidly rarely simply slowly "
    "smoothly somewhere soon suddenly then there together tomorrow twice usually upstairs very well yesterday yet"
)
PLACES: Final = _words(
    "above across after along around at before behind below beside between by for from in inside near of off on over "
    "past through to toward under until up upon via with without"
)
OPENERS: Final = (
    "oh", "well", "hmm", "wow", "yes", "no", "okay", "please", "but why", "of course", "who knows", "my goodness",
    "to be fair", "you see", "at first", "if you wish", "from above", "believe me", "for now", "in the evening",
)  # fmt: skip


CONSONANTS: Final = "bpmfvbpmfvtdnsznlrkg"
"""Of syllables; those that lips make stand twice."""


def make_sentence(seed: int) -> str:
    """Return sentence number `seed`: grammatical, without much sense, with pauses where commas and stops stand."""
    rng = np.random.default_rng([seed, 41])

    def one(words: list[str] | tuple[str, ...]) -> str:
        return str(words[int(rng.integers(len(words)))])

    def thing() -> str:
        kind = rng.random()
        if kind < 0.2:
            return one(NAMES)
        lead = one(("the", "the", "a", "my", "your", "our", "this", "every", "some", "two", "five", "whose", "few"))
        plural = "s" if lead in ("two", "five", "few") else ""
        adjective = f" {one(ADJECTIVES)}" if kind < 0.75 else ""
        return f"{lead}{adjective} {one(NOUNS)}{plural}"

    def clause() -> str:
        words = [thing(), one(VERBS), thing()]
        if rng.random() < 0.5:
            words += [one(PLACES), thing()]
        if rng.random() < 0.4:
            words.insert(int(rng.integers(1, 3)), one(ADVERBS))
        return " ".join(words)

    shape = rng.random()
    if shape < 0.3:
        text = f"{one(OPENERS)}, {clause()}"
    elif shape < 0.5:
        text = f"{clause()}, {one(('and', 'but', 'or', 'so', 'because', 'while', 'if'))} {clause()}"
    elif shape < 0.65:
        text = f"{thing()}, {thing()}, and {thing()} {one(VERBS)} {one(ADVERBS)}"
    elif shape < 0.75:
        text = f"{one(OPENERS)}. {clause()}"
    else:
        text = clause()
    return text[0].upper() + text[1:] + one((".", ".", ".", "?", "!"))


def make_syllables(seed: int) -> str:
    """Return syllables without sense, number `seed`, that a voice of almost any language can read."""
    rng = np.random.default_rng([seed, 43])

    def word() -> str:
        syllables = (
            str(rng.choice(list(CONSONANTS))) + str(rng.choice(list("aeiou"))) for _ in range(rng.integers(1, 4))
        )
        return "".join(syllables) + (str(rng.choice(list("nmsrl"))) if rng.random() < 0.3 else "")

    words = [word() for _ in range(rng.integers(5, 11))]
    if rng.random() < 0.4:
        words[len(words) // 2] += ","
    return " ".join(words)
