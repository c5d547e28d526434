"""A training run: build, load, loop, save."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from model_export.common.errors import FixableError
from model_export.common.provenance import command_line, commit
from model_export.data.class_shares import class_shares
from model_export.data.loader import Batch, BatchPlan, batches
from model_export.data.nyuv2 import open_split
from model_export.data.photographs import Photographs
from model_export.data.transforms import Augmentation
from model_export.networks.build import build
from model_export.networks.layers import PerforatedConv2d
from model_export.networks.parser import DenseParser
from model_export.training import checkpoint
from model_export.training.config import PRESETS, TrainingConfig
from model_export.training.log import TrainingLog, plot
from model_export.training.loop import train
from model_export.training.saved import StoredNetwork, load_network

Validate = Callable[[DenseParser], dict[str, float]]


@dataclass(frozen=True)
class RunOptions:
    """Where a run lives and how it is watched.

    Attributes:
        folder: for checkpoint.pt, log.jsonl and progress.png.
        initial: a checkpoint whose averaged weights the network starts from.
        save_minutes: between checkpoints.
        validate_steps: between validations; 0: never.
        workers: processes that make batches.
        pseudo_labels: a folder of ID.png for the unlabelled images, as pseudo_labels.py writes it.
        photographs: a folder of images to learn from in place of NYUv2, where the run is not supervised.
    """

    folder: Path
    initial: Path | None = None
    save_minutes: float = 3.0
    validate_steps: int = 400
    workers: int = 1
    pseudo_labels: Path | None = None
    photographs: Path | None = None


def make_network(config: TrainingConfig, *, pretrained: bool = True) -> DenseParser:
    """The configured network, its MultiPool and batch norms set for this run."""
    options = dict(config.options)
    if config.network == "efficientnet_lite0":
        options.setdefault("pretrained", pretrained)
    network = build(config.network, **options)
    for pool in network.multipools():
        pool.mode = config.multipool
    network.freeze_statistics(encoder_only=not config.freeze_all_statistics)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def make_optimizer(network: DenseParser, config: TrainingConfig) -> torch.optim.Optimizer:
    """AdamW with the encoder slower, the gates faster, and no decay on vectors."""
    _freeze(network, config)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        trained = config.gated if ".gate." in name else not config.only_gates
        if not parameter.requires_grad or not trained:
            parameter.requires_grad_(False)
            continue
        rate = (
            config.gate_rate
            if ".gate." in name
            else config.encoder_rate
            if name.startswith("encoder.")
            else 1.0
        )
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate * config.learning_rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": lr, "initial_lr": lr, "weight_decay": wd} for (lr, wd), p in groups.items()]
    )


def _freeze(network: DenseParser, config: TrainingConfig) -> None:
    if config.frozen_stages:
        for module in (network.encoder.stem, *list(network.encoder.stages)[: config.frozen_stages]):
            for name, parameter in module.named_parameters():
                parameter.requires_grad_("gate." in name)
    if config.frozen_depthwise:
        for layer in network.encoder.modules():
            if isinstance(layer, PerforatedConv2d) and layer.groups > 1:
                layer.weight.requires_grad_(False)


def start(config: TrainingConfig, options: RunOptions) -> checkpoint.TrainingState:
    """A fresh or resumed run: options.folder/checkpoint.pt is taken up if it is there.

    Raises:
        FixableError: options.initial lacks weights that no new part explains.
    """
    network = fresh_network(config, options)
    state = checkpoint.TrainingState(
        network, make_optimizer(network, config), checkpoint.WeightAverage(network, config.average_decay)
    )
    if not config.supervised:
        assert options.initial is not None, "a run without targets learns from an initial network"
        state.teacher = load_network(options.initial).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    path = options.folder / "checkpoint.pt"
    if path.is_file():
        checkpoint.restore(checkpoint.read(path), state)
    return state


def fresh_network(config: TrainingConfig, options: RunOptions) -> DenseParser:
    """The run's network before its first step; the random generator is seeded for it."""
    torch.manual_seed(config.seed)
    network = make_network(config)
    if options.initial is not None:
        _take_over(network, StoredNetwork.read(options.initial).weights)
    return network


# Parts that a second stage may have anew: gates of another kind, and what follows a truncated encoder.
_NEW_PARTS = (".gate.", "reduce.", "context.first.")


def _take_over(network: DenseParser, weights: Mapping[str, Tensor]) -> None:
    """Copies the weights of equal name and shape; the others must belong to _NEW_PARTS."""
    own = network.state_dict()
    kept = [name for name in own if name not in weights or weights[name].shape != own[name].shape]
    lacking = [name for name in kept if not any(part in name for part in _NEW_PARTS)]
    if lacking:
        raise FixableError(f"the initial checkpoint does not fit this network: {', '.join(lacking[:5])}")
    network.load_state_dict({name: own[name] if name in kept else weights[name] for name in own})


def run(config: TrainingConfig, options: RunOptions, validate: Validate | None = None) -> Path:
    """Trains to the end; returns the checkpoint's path. Run again after an interruption, it goes on."""
    options.folder.mkdir(parents=True, exist_ok=True)
    state = start(config, options)
    state.adjustment = _adjustment(config)
    log = TrainingLog(options.folder)
    start_line = {"commit": commit(), "command": command_line(), "config": config.to_json()}
    log.write("start", step=state.step, time=time.time(), **start_line)
    path = options.folder / "checkpoint.pt"
    saved = time.monotonic()
    progress = tqdm(total=config.steps, initial=state.step, desc=config.network, unit="step")
    for terms in train(state, _batches(config, options, state.step), config):
        progress.update()
        progress.set_postfix(loss=f"{sum(terms.values()):.3f}")
        log.write("step", step=state.step, values={name: round(value, 5) for name, value in terms.items()})
        if time.monotonic() - saved > options.save_minutes * 60 or state.step == config.steps:
            checkpoint.save(path, state, config.to_json())
            saved = time.monotonic()
        if validate and _due(state.step, config.steps, options.validate_steps):
            log.write("validation", step=state.step, values=_validated(state, config, validate))
            plot(options.folder)
    progress.close()
    log.write("end", step=state.step, time=time.time())
    return path


def _due(step: int, steps: int, every: int) -> bool:
    return bool(every) and (step % every == 0 or step == steps)


def _validated(
    state: checkpoint.TrainingState, config: TrainingConfig, validate: Validate
) -> dict[str, float]:
    random = torch.get_rng_state()  # building a network draws from it too
    network = make_network(config, pretrained=False)
    network.load_state_dict(state.average.values)
    result = validate(network.eval())
    torch.set_rng_state(random)
    return result


def _adjustment(config: TrainingConfig) -> Tensor | None:
    if not config.class_balance:
        return None
    return config.class_balance * torch.from_numpy(class_shares(open_split("train"))).float().log()


def _batches(config: TrainingConfig, options: RunOptions, step: int) -> Iterator[Batch]:
    mine = Photographs(options.photographs) if options.photographs else None
    frame = Augmentation.frame if mine is None else 0
    plans = [
        BatchPlan(view.labelled, view.unlabelled, Augmentation(view.crop, view.scale, frame=frame))
        for view in config.views
    ]
    wanted = any(plan.unlabelled for plan in plans)
    unlabelled = open_split("train_unlabelled", labels=options.pseudo_labels) if wanted and not mine else mine
    return batches(
        mine or open_split("train"), unlabelled, plans, config.steps,
        seed=config.seed, start_step=step, workers=options.workers,
    )  # fmt: skip


def preset(name: str) -> TrainingConfig:
    """The configuration of that name.

    Raises:
        FixableError: no such preset.
    """
    if name not in PRESETS:
        raise FixableError(f"no preset {name!r}; there are {sorted(PRESETS)}")
    return PRESETS[name]()
