"""The network of a checkpoint, written by a run of `train` or by the user's own loop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from model_export.common.errors import FixableError
from model_export.networks.build import NETWORKS, build
from model_export.networks.parser import DenseParser
from model_export.networks.pooling import MultiPool
from model_export.training import checkpoint

_LISTED = 4


@dataclass(frozen=True)
class StoredNetwork:
    """Name, options and weights of the network in a checkpoint.

    Attributes:
        path: of the checkpoint.
        name, options: in NETWORKS, and its builder's options.
        weights: state dict; of a run the moving average.
        on_nyuv2: it was trained by `train`, which knows one data set, NYUv2.
    """

    path: Path
    name: str
    options: Mapping[str, Any]
    weights: Mapping[str, Tensor]
    on_nyuv2: bool

    @classmethod
    def read(cls, path: Path) -> StoredNetwork:
        """From either form of checkpoint.

        Raises:
            FileNotFoundError, FixableError: it is absent, or of no form that is known.
        """
        content = checkpoint.read(path)
        if checkpoint.is_plain(content):
            return cls(path, content["network"], content["options"], content["weights"], on_nyuv2=False)
        if not {"config", "average"} <= content.keys():
            raise FixableError(_unknown_form(path, content))
        config, options = content["config"], dict(content["config"]["options"])
        if options.get("multipool", "") is not None:
            options["multipool"] = config["multipool"]
        weights = checkpoint.averaged_weights(content)
        return cls(path, config["network"], options, weights, on_nyuv2=config.get("supervised", True))

    def network(self) -> DenseParser:
        """The network with the stored weights, in evaluation mode.

        Raises:
            FixableError: no such network or option, or weights of another one; it names them.
        """
        network = built(self.name, self.options)
        if problems := misfits(network, self.weights):
            raise FixableError(
                f"{self.path}: its weights are not those of {called(self.name, self.options)}\n{problems}\n"
                "Save it again with the name and the options that the network was built with: "
                "save_network(path, name, options, network) in model_export.training.saved checks them."
            )
        network.load_state_dict(dict(self.weights))
        return network.eval()


def load_network(path: Path) -> DenseParser:
    """The network of a checkpoint, of either form, in evaluation mode; raises as StoredNetwork does."""
    return StoredNetwork.read(path).network()


def save_network(path: Path, name: str, options: Mapping[str, Any], network: torch.nn.Module) -> None:
    """Writes a network that was trained in a loop of your own, for learn-gates, allocate, export and verify.

    Args:
        path: of the checkpoint, such as runs/mine/dense.pt.
        name: in NETWORKS, such as "resnet50".
        options: what the network was built with: build(name, **options).
        network: as trained; compiled or wrapped for several devices is fine.

    Raises:
        FixableError: the network is not the one that name and options build.
    """
    weights = {_unwrapped(key): value.detach().cpu() for key, value in network.state_dict().items()}
    for pool in network.modules():
        if isinstance(pool, MultiPool):
            options = {**options, "multipool": pool.mode}  # it may have been changed since
    with torch.device("meta"):
        expected = built(name, options)
    if problems := misfits(expected, weights):
        raise FixableError(f"this network is not {called(name, options)}\n{problems}")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Plain values: what is read back without running any code.
    checkpoint.save_plain(path, name, json.loads(json.dumps(options)), weights)


def built(name: str, options: Mapping[str, Any]) -> DenseParser:
    """The network of that name, with random weights in place of pretrained ones."""
    if name == "efficientnet_lite0":
        options = {**options, "pretrained": False}
    try:
        return build(name, **options)
    except TypeError as error:
        raise FixableError(f"{name} does not take these options: {error}") from error
    except ValueError as error:
        raise FixableError(str(error)) from error


def called(name: str, options: Mapping[str, Any]) -> str:
    """As one would write it: resnet50(classes=12)."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in options.items())})"


def misfits(network: torch.nn.Module, weights: Mapping[str, Tensor]) -> str:
    """What keeps the weights from being the network's, line by line; empty if nothing does."""
    own = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in weights.items()}
    lines = [
        f"{name} is {list(given[name])}, expected {list(shape)}"
        for name, shape in own.items()
        if name in given and given[name] != shape
    ]
    lines += [
        f"{name} is missing, expected {list(shape)}" for name, shape in own.items() if name not in given
    ]
    lines += [
        f"{name} {list(shape)} is not in the network" for name, shape in given.items() if name not in own
    ]
    rest = [f"… and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    return "\n".join(f"  {line}" for line in lines[:_LISTED] + rest)


def _unwrapped(name: str) -> str:
    """The entry's name without what torch.compile and DistributedDataParallel put before it."""
    for prefix in ("_orig_mod.", "module."):
        name = name.removeprefix(prefix)
    return name


def _unknown_form(path: Path, content: Mapping[str, Any]) -> str:
    keys = ", ".join(str(key) for key in list(content)[:_LISTED])
    return (
        f"{path} holds {keys} …, which is no checkpoint of ours. Build the network, load your weights into "
        f"it and save it:\n"
        f"  from model_export.networks.build import build  # {', '.join(sorted(NETWORKS))}\n"
        f"  from model_export.training.saved import save_network\n"
        f'  options = {{"classes": 12}}\n  network = build("resnet50", **options)\n'
        f'  save_network("dense.pt", "resnet50", options, network)'
    )
