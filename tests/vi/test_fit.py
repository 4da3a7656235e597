"""`fit` with objectives, events and settings of one's own: checks, ends, interrupts."""

import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
import tf_keras

import tfp_flows as tff
from tfp_flows.training import Event


class Square(tff.vi.Objective):
    """The square of the mean of a normal: of little to trace."""

    def __init__(self, settings=()):
        self._settings = settings

    def __call__(self, step):
        loss = tf.reduce_sum(self.flow.loc**2)
        return loss, loss, 1.0

    def settings(self):
        return dict(self._settings)


class At(Event):
    """Does something after a step."""

    def __init__(self, step, action):
        self._step, self._action = step, action

    def steps_left(self, step):
        return 1

    def update(self, run):
        if run.step == self._step:
            self._action()


class Own(Event):
    """An event with methods of a test's."""

    def __init__(self, **methods):
        vars(self).update(methods)


def build():
    return tfp.distributions.MultivariateNormalDiag(tf.Variable([1.0, 2.0]), [1.0, 1.0])


def fit(flow=None, objective=None, **arguments):
    defaults = dict(num_steps=8, optimizer=keras.optimizers.SGD(0.1, momentum=0.5))
    defaults.update(seed=0, progress_bar=False, jit_compile=False)
    return tff.vi.fit(flow or build(), objective or Square(), **(defaults | arguments))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(flow="flow"), TypeError, "`flow` must be a tfd.Distribution.*'flow'"),
        (dict(objective=tf.square), TypeError, r"`objective` must be a tff\.vi\.Obj"),
        (dict(objective=Square), TypeError, r"`objective` must be a tff\.vi\.Obj"),
        (dict(events=tff.training.PlateauTest(9)), TypeError, "sequence of events"),
        (dict(events=[tff.training.PlateauTest]), TypeError, r"tff\.training\.Event"),
        (dict(events=[tff.training.PlateauTest(9)] * 2), ValueError, "several of class"),
        (
            dict(events=[tff.training.Monitor(progress_bar=False)]),
            ValueError,
            "makes the event Monitor itself; pass `checkpoint_dir`",
        ),
        (
            dict(settings=dict(seed=1)),
            ValueError,
            "'seed' of `settings` is one of the fit",
        ),
        (
            dict(objective=Square(dict(a=1)), settings=dict(a=1)),
            ValueError,
            "'a' of `settings` is one of the objective",
        ),
        (dict(settings=dict(a=object())), TypeError, "'a' of `settings` must be a plain"),
        (dict(settings=dict(a=np.nan)), TypeError, "'a' of `settings` must be a plain"),
        (dict(settings=["a"]), TypeError, "settings of `settings` must be a dict"),
        (dict(optimizer=keras.optimizers.Adam), TypeError, "`optimizer` must be a Keras"),
        (dict(optimizer=keras.optimizers.Adam(np.nan)), ValueError, "rate .* but is nan"),
        (dict(clip_norm=np.inf), ValueError, "`clip_norm` must be positive and finite"),
        (dict(clip_norm=1e39), ValueError, "`clip_norm` .*float32.*1e"),
        (dict(num_steps=2**31), ValueError, "`num_steps` must be at most 2147483647"),
        (dict(checkpoint_seconds=np.nan), ValueError, "`checkpoint_seconds` must be a"),
        (dict(trainable_variables=[tf.ones([])]), TypeError, "trains tf.Variables"),
        (dict(trainable_variables=[keras.Variable(1.0)]), TypeError, "pass the `value`"),
        (dict(trainable_variables=[tf.Variable(np.inf)]), ValueError, "is not finite"),
        (dict(events=[Own(steps_left=lambda _: 0)]), ValueError, r"Own\.steps_left\(0\)"),
        (dict(events=[Own(steps_left=lambda _: None)]), ValueError, "returned None"),
        *(
            (
                dict(events=[Own(rate=lambda r=r: r)]),
                ValueError,
                r"`Own\.rate\(\)` must be",
            )
            for r in (np.nan, np.inf, -0.1, 1.5, None)
        ),
        (dict(events=[Own(conclude=lambda _: None)]), TypeError, r"Own\.conclude must"),
        (
            dict(events=[Own(conclude=lambda fields: fields | dict(mine=1))]),
            TypeError,
            r"Own\.conclude returned 'mine', which no FitResult has",
        ),
    ],
)
def test_bad_arguments_are_said_in_one_line(arguments, error, message):
    with pytest.raises(error, match=message):
        fit(**arguments)


@pytest.mark.parametrize("optimizers", [keras.optimizers, tf_keras.optimizers])
def test_optimizers_of_another_flow(optimizers):
    optimizer = optimizers.SGD(0.1, momentum=0.5)
    fit(optimizer=optimizer)
    with pytest.raises(ValueError, match=r"built for other variables|Unknown variable"):
        fit(optimizer=optimizer)


def test_no_tensorboard(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "tensorboard", None)
    with pytest.raises(ImportError, match="`tensorboard_dir` needs the package"):
        fit(tensorboard_dir=tmp_path)


def test_not_where_it_cannot_work():
    flow = build()
    with pytest.raises(RuntimeError, match=r"not inside a tf\.function or a tf\.Graph"):
        tf.function(lambda: fit(flow), autograph=False)()
    with tf.Graph().as_default(), pytest.raises(RuntimeError, match="call it eagerly"):
        fit(flow)
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    with strategy.scope(), pytest.raises(RuntimeError, match=r"outside of strategy\.sc"):
        fit(flow)
    with strategy.scope():
        mirrored = build()
    with pytest.raises(TypeError, match=r"tf\.Variables of one device"):
        fit(mirrored)
    with tf.GradientTape(persistent=True) as tape:
        with pytest.raises(RuntimeError, match=r"No gradient .* tape\.stop_recording"):
            fit(flow)
        with tape.stop_recording():
            assert fit(flow).num_steps_done == 8


def test_a_fit_may_stop_before_its_first_step():
    result = fit(events=[Own(has_stopped=lambda: True)])
    assert result.num_steps_done == 0
    assert result.stop_reason == "early_stopping"
    assert np.isnan(result.final_loss)
    assert "0 steps" in str(result)


def test_events_are_closed_when_one_cannot_start():
    closed = []

    class First(Own):
        pass

    def fail(run):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(
            events=[
                First(close=lambda: closed.append("first")),
                Own(start=fail, close=lambda: closed.append("second")),
            ]
        )
    assert closed == ["second", "first"]


def test_an_event_serves_one_fit_after_the_other():
    test = tff.training.PlateauTest(400)
    # The loss is 0 from the start: a plateau at each test.
    zeros = [tf.Variable([0.0, 0.0]) for _ in range(2)]
    flows = [tfp.distributions.MultivariateNormalDiag(v, [1.0, 1.0]) for v in zeros]
    lengths = [fit(flow, num_steps=400, events=[test]).num_steps_done for flow in flows]
    assert lengths[0] == lengths[1] < 400


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("own_handler", [False, True])
def test_an_interrupted_fit_goes_on_to_the_same_bits(own_handler, tmp_path):
    def handle(signum, frame):
        raise OSError(signum)

    undisturbed = fit(events=[At(0, None)])
    signum = signal.SIGTERM if own_handler else signal.SIGINT
    expected = OSError if own_handler else tff.vi.FitInterrupted
    previous = signal.signal(signal.SIGTERM, handle)
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    flow = build()
    try:
        with pytest.raises(expected) as caught:
            fit(
                flow,
                events=[At(3, lambda: signal.raise_signal(signum))],
                checkpoint_dir=tmp_path,
            )
        after = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
        assert after == handlers
    finally:
        signal.signal(signal.SIGTERM, previous)
    if not own_handler:
        assert isinstance(caught.value, KeyboardInterrupt)
        assert "after 3 of 8 steps. The same call goes on from" in str(caught.value)
        result = caught.value.result
        assert result.stop_reason == "interrupt"
        np.testing.assert_array_equal(result.loss, undisturbed.loss[:3])
    assert np.sum(flow.loc**2) == undisturbed.loss[3]
    resumed = fit(events=[At(0, None)], checkpoint_dir=tmp_path)
    np.testing.assert_array_equal(resumed.loss, undisturbed.loss)
    np.testing.assert_array_equal(resumed.flow.loc, undisturbed.flow.loc)


def test_a_checkpoint_of_another_structure_is_refused(tmp_path):
    fit(checkpoint_dir=tmp_path)
    others = {
        r"flow\.scale_diag \['1\.', '1\.'\] instead of \['1\.', '3\.'\]": build().copy(
            scale_diag=[1.0, 3.0]
        ),
        r"flow\.class 'MultivariateNormalDiag' instead of 'Independent'": (
            tfp.distributions.Independent(tfp.distributions.Normal(build().loc, 1.0), 1)
        ),
    }
    for message, flow in others.items():
        with pytest.raises(ValueError, match=message):
            fit(flow, checkpoint_dir=tmp_path)


def test_one_fit_at_a_time_has_a_checkpoint(tmp_path):
    def second():
        with pytest.raises(BlockingIOError, match="is being written already"):
            fit(checkpoint_dir=tmp_path)

    assert fit(events=[At(3, second)], checkpoint_dir=tmp_path).num_steps_done == 8
