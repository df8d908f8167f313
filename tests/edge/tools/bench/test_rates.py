from edge.tools.bench.rates import highest


async def found(limit: float, base: float, maximum: float, halvings: int = 0) -> tuple[float, list[float]]:
    """Return the highest rate found of a system that sustains rates up to `limit`, and all rates tried."""
    tried: list[float] = []

    async def sustained(rate: float) -> bool:
        tried.append(rate)
        return rate <= limit

    return await highest(sustained, base, maximum, halvings), tried


async def test_rates_are_doubled_until_one_is_not_sustained() -> None:
    assert await found(700, base=100, maximum=10_000) == (400, [100, 200, 400, 800])


async def test_interval_above_the_last_good_rate_is_halved() -> None:
    assert await found(700, base=100, maximum=10_000, halvings=3) == (700, [100, 200, 400, 800, 600, 700, 750])


async def test_no_rate_is_above_the_maximum() -> None:
    assert await found(10_000, base=100, maximum=400, halvings=3) == (400, [100, 200, 400])


async def test_rate_is_zero_if_none_is_sustained() -> None:
    assert await found(0, base=100, maximum=400, halvings=2) == (0, [100, 50, 25])
