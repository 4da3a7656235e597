"""The compiled loop of gradient steps, what it carries, and what happens between calls.

It knows variables, optimizers and callables, no flows: `tff.vi.fit` has it train them.
"""

from tfp_flows.training import optimizers
from tfp_flows.training.basis_updates import BasisUpdates
from tfp_flows.training.checkpoint import Checkpoint
from tfp_flows.training.chunks import XlaError, run_in_chunks, xla_errors
from tfp_flows.training.eigenbasis import EigenbasisAdam, num_parameters
from tfp_flows.training.event import Event
from tfp_flows.training.held_out import HeldOutTest
from tfp_flows.training.interrupt import Interrupt
from tfp_flows.training.loop import build_run_steps
from tfp_flows.training.members import num_batch_axes, take_members
from tfp_flows.training.monitor import Monitor
from tfp_flows.training.plateau import PlateauTest
from tfp_flows.training.replicas import num_replicas, replica_seed, shard, share
from tfp_flows.training.rise import RiseTest
from tfp_flows.training.run import Run, Traces, optimizer_slots
from tfp_flows.training.state import Best, Faults, TrainingState
from tfp_flows.training.tournament import Tournament
from tfp_flows.training.workers import Workers

__all__ = [
    "BasisUpdates",
    "Best",
    "Checkpoint",
    "EigenbasisAdam",
    "Event",
    "Faults",
    "HeldOutTest",
    "Interrupt",
    "Monitor",
    "PlateauTest",
    "RiseTest",
    "Run",
    "Tournament",
    "Traces",
    "TrainingState",
    "Workers",
    "XlaError",
    "build_run_steps",
    "num_batch_axes",
    "num_parameters",
    "num_replicas",
    "optimizer_slots",
    "optimizers",
    "replica_seed",
    "run_in_chunks",
    "shard",
    "share",
    "take_members",
    "xla_errors",
]
