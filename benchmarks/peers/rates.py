"""Work per second, and the word for work that a library cannot do."""

import time


def per_second(run, amount, seconds):
    """The rate of `run`, which does `amount` of work, over at least `seconds`."""
    count, started = 0, time.perf_counter()
    while count == 0 or time.perf_counter() - started < seconds:
        run()
        count += 1
    return count * amount / (time.perf_counter() - started)


def or_cannot(name, run, amount, seconds, error):
    """The rate, as `{name: rate}`, or `{name: None, "cannot": ...}` after an `error`.

    `error` is the one exception by which the library says that it has no such method;
    any other one is a failure of the benchmark.
    """
    try:
        run()
    except error as e:
        return {name: None, "cannot": f"{name}: {type(e).__name__}"}
    return {name: per_second(run, amount, seconds)}


def of_ten_seconds(rate, compile_seconds):
    """The rate of a run of ten seconds, of which compilation takes a part."""
    return rate * (1.0 - compile_seconds / 10.0)
