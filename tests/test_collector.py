"""The garbage collector is off while heavy modules load, and then as it was."""

import contextlib
import gc

import pytest

import tfp_flows as tff
from tfp_flows import collector


@pytest.mark.parametrize("enabled", [True, False])
def test_paused_leaves_the_collector_as_it_was(enabled):
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with collector.paused():
            assert not gc.isenabled()
        assert gc.isenabled() == enabled
        with contextlib.suppress(RuntimeError), collector.paused():
            raise RuntimeError
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


def test_submodules_load_without_collections(monkeypatch):
    seen = []
    monkeypatch.setattr(
        tff.importlib, "import_module", lambda name: seen.append((name, gc.isenabled()))
    )
    tff.__getattr__("vi")
    assert seen == [("tfp_flows.vi", False)]
