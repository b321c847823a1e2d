"""The configurations that cases are judged on: some each time, all in the end."""

from collections import Counter

from fuzz.campaign.configurations import FEW, drawn, sampled
from jit.config import BASE_CONFIGS, all_configs


def test_all_have_their_turn_alike() -> None:
    seen = Counter(config for case in range(400) for config in sampled(1, case // 8, case % 8, BASE_CONFIGS))
    assert set(seen) == set(BASE_CONFIGS)
    # Each is there in half of the cases of one of two pairs of worlds.
    assert all(60 <= times <= 140 for times in seen.values()), seen


def test_both_widths_and_byte_orders_are_in_each_case() -> None:
    for case in range(20):
        chosen = sampled(1, 0, case, BASE_CONFIGS)
        assert len(chosen) < len(BASE_CONFIGS) // 3
        assert {config.width for config in chosen} == {32, 64}
        assert {config.big_endian for config in chosen} == {False, True}
        assert chosen == sampled(1, 0, case, BASE_CONFIGS)
    assert len({sampled(1, 0, case, BASE_CONFIGS) for case in range(20)}) > 15


def test_of_few_none_is_left_out() -> None:
    for count in range(1, FEW + 1):
        assert sampled(1, 0, 0, BASE_CONFIGS[:count]) == BASE_CONFIGS[:count]
    same_world = tuple(config for config in BASE_CONFIGS if config.width == 32 and config.big_endian)
    assert all(sampled(1, 0, case, same_world) for case in range(20))


def test_a_batch_draws_each_option() -> None:
    names = tuple(str(config) for config in all_configs() if config not in BASE_CONFIGS)
    options = {option for name in names for option in name.split("+")[1:]}
    for batch in range(5):
        chosen = drawn(1, batch, names)
        assert {option for name in chosen for option in name.split("+")[1:]} >= options
        assert any("+" not in name for name in chosen)
