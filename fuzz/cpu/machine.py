"""What a run depends on besides the image and the world, of that which a configuration brings."""

from functools import lru_cache

from fuzz.model.target import HILO_DISTANCE, LOAD_DELAY
from fuzz.qemu.models import model
from fuzz.unicorn.models import MODELS
from fuzz.wires.hazards import HILO_DISTANCE as WATCHED_DISTANCE
from fuzz.wires.hazards import LOAD_DELAY as WATCHED_DELAY
from fuzz.wires.ordering import has_sync
from jit.config import Config, ancestry


@lru_cache(maxsize=1 << 13)
def machine(config: Config) -> str:
    """The CPU of each engine, and the rules of the ISA that tripwires hold a run to.

    What an instruction does is no question of the ISA: a word of two ISAs is the same row of the MIPS table on both, but for release 6, and an
    instruction that one of them lacks trips a wire on its image.
    """
    facts = (
        "mips32r6" in ancestry(config.isa),
        config.cpu in LOAD_DELAY,
        config.cpu in HILO_DISTANCE,
        config.isa in WATCHED_DELAY,
        config.isa in WATCHED_DISTANCE,
        has_sync(config),
        config.cpu_64,
        config.width,
        config.big_endian,
        config.marked,
        "blind" in config.options,
    )
    return f"{MODELS[config.cpu].name} {model(config).cpu} {facts}"
