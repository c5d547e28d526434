"""The exported graph keeps its budget exactly, image by image, at any size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
import onnxruntime
import perforated_conv
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from perforated_conv import DOMAIN

from model_export.export.graph import GraphBuilder
from model_export.export.lowering import Lowering
from model_export.export.onnx_model import to_onnx
from model_export.export.predictors import OnnxPredictor
from model_export.networks.pixels import normalise
from model_export.networks.tasks import DEFAULT_TASKS, TASKS
from tests.support.exported_networks import NETWORKS, UNGATED, Exported, random_image

pytestmark = pytest.mark.slow

OUTPUTS = (*(TASKS[task].output for task in DEFAULT_TASKS), "computed")
Run = Callable[[NDArray[np.uint8], NDArray[np.float32]], dict[str, NDArray[Any]]]


@pytest.fixture(scope="module")
def run_of(exported: Callable[[str], Exported]) -> Callable[[str], Run]:
    """Name -> the exported graph as a function of images and budgets; it shows masks and dense maps too."""

    @cache
    def session_of(name: str) -> onnxruntime.InferenceSession:
        model = onnx.load(exported(name).model)
        masks = {node.output[0] for node in model.graph.node if node.op_type in ("GateMask", "Expand")}
        masks |= {conv.mask for conv in convolutions(model) if conv.mask}
        dense = {conv.output for conv in convolutions(model) if not conv.mask} | {"image_normalised"}
        kinds = {3: onnx.TensorProto.BOOL, 4: onnx.TensorProto.FLOAT}
        model.graph.output.extend(
            onnx.helper.make_tensor_value_info(name, kinds[rank], [None] * rank)
            for rank, names in ((3, masks), (4, dense))
            for name in sorted(names)
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        if library := perforated_conv.library_path():
            options.register_custom_ops_library(str(library))
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def run_name(name: str) -> Run:
        session = session_of(name)
        names = [output.name for output in session.get_outputs()]

        def run(images: NDArray[np.uint8], budget: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
            return dict(zip(names, session.run(names, {"image": images, "budget": budget}), strict=True))

        return run

    return run_name


def budgets(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


@dataclass(frozen=True)
class Convolution:
    """One convolution of the file: its cost, where it is computed, and a map that tells its size.

    Attributes:
        per_pixel: multiply-adds.
        mask: name of the mask, "" for none.
        output: name of a map in the file.
        area: pixels of the convolution's own map to one of `output`.
    """

    per_pixel: int
    mask: str
    output: str
    area: int = 1


def convolutions(model: onnx.ModelProto) -> list[Convolution]:
    """Every convolution of the network's layers, those within a Bottleneck one by one."""
    sizes = {value.name: math.prod(value.dims) for value in model.graph.initializer}
    found = []
    for node in model.graph.node:
        inputs, output = [*node.input, *[""] * 9], node.output[0]
        if node.op_type == "PerforatedConv":
            found.append(Convolution(sizes[inputs[1]], inputs[3], output))
        elif node.op_type == "Bottleneck":
            first, middle, last = (sizes.get(inputs[index], 0) for index in (1, 3, 5))
            values = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            first_mask = inputs[7] if values["fill"] == b"interpolate" else ""
            area = 1 if first_mask else math.prod(values["strides"])
            found += [Convolution(first, first_mask, output, area)] if first else []
            found += [Convolution(middle + last, inputs[7], output)]
    return found


def done(network: Exported, outputs: dict[str, NDArray[Any]], image: int) -> int:
    """Multiply-adds of an image at its own size, from the pixels that each node of the file computes."""
    total = 0
    for conv in convolutions(onnx.load(network.model)):
        pixels = outputs[conv.mask][image].sum() if conv.mask else math.prod(outputs[conv.output].shape[1:3])
        total += conv.per_pixel * conv.area * int(pixels)
    return total


def spent(network: Exported, outputs: dict[str, NDArray[Any]], image: int) -> Fraction:
    """Multiply-adds at the reference size that the gates' masks of an image ask for."""
    gated = network.exportable.cost.gated()
    total = Fraction(network.exportable.cost.always)
    for name, macs in gated.items():
        mask = outputs[f"{name}.gate"][image]
        total += macs * Fraction(int(mask.sum()), mask.size)
    return total


@pytest.mark.parametrize("name", ["resnet26", "skip", "weighted", "average"])
@settings(max_examples=10, deadline=None)
@given(
    budget=st.floats(0.0625, 1, width=32) | st.sampled_from([0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 100),
)
def test_the_masks_never_spend_more_than_the_budget(
    exported, run_of, *, name: str, budget: float, size: tuple[int, int], seed: int
) -> None:
    network = exported(name)
    height, width = (32 * side for side in size)
    outputs = run_of(name)(random_image(height, width, seed)[None], budgets(budget))
    cost = network.exportable.cost
    used = spent(network, outputs, 0)
    assert used <= max(
        Fraction(budget) * cost.total, Fraction(cost.floor) * cost.total * (1 + Fraction(1, 10**9))
    )
    # The nodes compute no more than that: MultiPool less, where it copies.
    assert done(network, outputs, 0) <= used * height * width / (480 * 640)
    # The gates ask for less than the budget by at most one pixel each.
    pixel = sum(macs / outputs[f"{gate}.gate"][0].size for gate, macs in cost.gated().items())
    assert float(used) >= budget * cost.total - 1.01 * pixel
    # What the manifest promises a client is what the graph does.
    promised = network.manifest.share(budget, height, width)
    assert promised == pytest.approx(float(used) / cost.total, abs=pixel / cost.total)
    assert promised >= float(used) / cost.total - 1e-9
    share = (
        cost.always + (cost.total - cost.always) * outputs["computed"].mean(dtype=np.float64)
    ) / cost.total
    assert share == pytest.approx(float(used) / cost.total, abs=1e-6)


@pytest.mark.parametrize("budget", [0.6, 0.7, 0.8, 0.9, 1.0])
def test_at_the_table_s_rows_the_manifest_s_share_is_exact(exported, run_of, budget: float) -> None:
    network = exported("resnet26")
    outputs = run_of("resnet26")(random_image(64, 96)[None], budgets(budget))
    used = float(spent(network, outputs, 0) / network.exportable.cost.total)
    assert network.manifest.share(budget, 64, 96) == pytest.approx(used, abs=1e-12)


@pytest.mark.parametrize("name", ["resnet26", "efficientnet_lite0", "layer", "weighted"])
def test_each_image_of_a_batch_has_its_own_budget_and_is_as_if_alone(exported, run_of, name: str) -> None:
    images = np.stack([random_image(64, 96, seed) for seed in range(3)])
    wanted = budgets(0.65, 1.0, 0.8)
    run = run_of(name)
    together = run(images, wanted)
    for image in range(3):
        alone = run(images[image : image + 1], wanted[image : image + 1])
        for output, values in alone.items():
            # The same kernels on the same numbers: rounding alone, and that not in masks.
            tolerance = 1e-4 if values.dtype == np.float32 else 0
            np.testing.assert_allclose(together[output][image], values[0], atol=tolerance, err_msg=output)


def test_the_size_is_free_in_multiples_of_32(exported, run_of) -> None:
    for height, width in ((32, 32), (32, 160), (128, 64)):
        outputs = run_of("resnet26")(random_image(height, width)[None], budgets(0.8))
        h, w = height // 8, width // 8
        shapes = {"semantic_logits": (1, h, w, 40), "depth": (1, h, w), "normals": (1, h, w, 3)}
        for name, shape in (shapes | {"computed": (1, h, w)}).items():
            assert outputs[name].shape == shape and outputs[name].dtype == np.float32


@pytest.mark.parametrize("name", NETWORKS)
def test_budget_1_and_above_is_the_network_without_gates(exported, run_of, images, name: str) -> None:
    network = exported(name).exportable.network
    pixels = torch.from_numpy(np.stack(images)).float()
    with torch.no_grad():
        dense = network(((pixels - 127) / 128).permute(0, 3, 1, 2))
    outputs = run_of(name)(np.stack(images), budgets(1.0, 3.0))
    np.testing.assert_allclose(outputs["computed"], 1, atol=1e-6)
    np.testing.assert_allclose(outputs["depth"], dense["depth"][:, 0].exp(), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(outputs["normals"], dense["normals"].permute(0, 2, 3, 1), atol=2e-3)
    logits = dense["semantics"].permute(0, 2, 3, 1)
    np.testing.assert_allclose(outputs["semantic_logits"], logits, atol=2e-3)
    assert logits.std() > 0.1, "maps that are nearly flat would show nothing"


@pytest.mark.parametrize("below", [-1.0, 0.0, 0.05, 0.3])
def test_below_the_floor_the_floor_is_served(exported, run_of, images, below: float) -> None:
    network, run = exported("resnet26"), run_of("resnet26")
    floor = network.manifest.budget.floor
    assert below < floor
    low, at_floor = run(images[0][None], budgets(below)), run(images[0][None], budgets(floor))
    for name in OUTPUTS:
        np.testing.assert_array_equal(low[name], at_floor[name])
    cost = network.exportable.cost
    assert float(spent(network, low, 0)) == pytest.approx(cost.floor * cost.total)


def test_a_higher_budget_keeps_the_first_gate_s_pixels(run_of, images) -> None:
    """Deeper gates see features that the budget has changed; the first sees the stem's alone."""
    run, first = run_of("resnet26"), "encoder.stages.0.0.gate"
    masks = [run(images[0][None], budgets(budget))[first] for budget in (0.6, 0.7, 0.9, 1.0)]
    assert all((smaller <= larger).all() for smaller, larger in pairwise(masks))


@pytest.mark.parametrize("name", ["resnet26", "efficientnet_lite0", "skip"])
def test_computed_is_the_sum_of_the_shares_of_the_gates_that_compute(exported, run_of, name: str) -> None:
    """A gate's share of the gated multiply-adds counts where its mask is true, or by the area that is."""
    network = exported(name)
    outputs = run_of(name)(random_image(64, 96)[None], budgets(0.7))
    want = np.zeros((1, 8, 12))
    for gate, stride in network.exportable.strides.items():
        weighted = network.exportable.weights[gate] * outputs[f"{gate}.gate"]
        if stride < 8:
            side = 8 // stride
            want += weighted.reshape(1, 8, side, 12, side).mean((2, 4))
        else:
            want += weighted.repeat(stride // 8, axis=1).repeat(stride // 8, axis=2)
    assert sum(network.exportable.weights.values()) == pytest.approx(1)
    assert 0 < want.mean() < 1
    np.testing.assert_allclose(outputs["computed"], want, atol=1e-6)


@pytest.mark.parametrize("native", [False, True])
def test_pixels_are_normalised_exactly(exported, native: bool) -> None:
    """(pixel - 127) / 128 for every value of a pixel; bfloat16 holds each, so no kernel rounds the image."""
    model = onnx.load(exported("resnet26").model)
    del model.graph.output[:]
    described = onnx.helper.make_tensor_value_info("image_normalised", onnx.TensorProto.FLOAT, [None] * 4)
    model.graph.output.append(described)
    options = onnxruntime.SessionOptions()
    if native and (library := perforated_conv.library_path()):
        options.register_custom_ops_library(str(library))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    image = np.resize(np.arange(256, dtype=np.uint8), (1, 32, 32, 3))
    (got,) = session.run(None, {"image": image, "budget": budgets(1.0)})
    want = (image.astype(np.float32) - 127) / 128
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(normalise(torch.from_numpy(image)).permute(0, 2, 3, 1), want)
    assert torch.equal(torch.from_numpy(want).to(torch.bfloat16).float(), torch.from_numpy(want))


def test_the_file_runs_without_the_library(exported, images) -> None:
    network = exported("resnet26")
    maps = OnnxPredictor(network.model, native=False, threads=1)(images[1], 0.8)
    assert set(maps) == set(OUTPUTS) and all(np.isfinite(value).all() for value in maps.values())
    assert 0 < maps["computed"].mean() < 1


def test_the_operators_are_in_the_file_as_nodes_with_their_bodies(exported) -> None:
    model = onnx.load(exported("resnet26").model)
    ours = {node.op_type for node in model.graph.node if node.domain == DOMAIN}
    assert ours == {"PerforatedConv", "Bottleneck", "GateMask"}
    assert ours == {function.name for function in model.functions}
    used = {entry.domain for function in model.functions for entry in function.node}
    assert used == {""}, "bodies are flat"
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    assert (opsets[""], opsets[DOMAIN], model.ir_version) == (22, 1, 10)


def test_what_cannot_be_exported_is_refused(exported) -> None:
    exportable = exported("resnet26").exportable
    gate = exportable.network.gates()["decoder.0"]
    try:
        gate.mode = "threshold"
        with pytest.raises(NotImplementedError, match=r"decoder\.0\.gate.*threshold"):
            to_onnx(exportable, "wrong")
    finally:
        gate.mode = "top_k"


def test_every_gate_has_a_mask_in_the_graph(exported) -> None:
    network = exported("resnet26").exportable.network
    lowering = Lowering(network, GraphBuilder())
    lowering.run("image", "ratios")
    assert list(lowering.writer.masks) == list(network.gates())


@pytest.mark.parametrize("name", UNGATED)
def test_without_gates_every_budget_gives_the_same_maps_all_computed(exported, run_of, images, name) -> None:
    run = run_of(name)
    full = run(np.stack(images), budgets(1.0, 1.0))
    assert (full["computed"] == 1).all() and full["computed"].shape == (2, 8, 12)
    below = run(np.stack(images), budgets(0.0, 0.5))
    for output in OUTPUTS:
        np.testing.assert_array_equal(below[output], full[output])
    with torch.no_grad():
        pixels = normalise(torch.from_numpy(np.stack(images)))
        dense = exported(name).exportable.network(pixels)
    np.testing.assert_allclose(full["depth"], dense["depth"][:, 0].exp(), rtol=1e-3, atol=1e-3)


def test_a_layer_is_computed_whole_or_not_at_all_image_by_image(exported, run_of, images) -> None:
    run, gates = run_of("layer"), exported("layer").exportable.network.gates()
    outputs = run(np.stack([*images, images[0]]), budgets(0.6, 0.6, 1.0))
    runs = np.stack([outputs[f"{name}.gate"].mean((1, 2)) for name in gates], 1)
    assert set(np.unique(runs)) == {0, 1}
    assert (runs[2] == 1).all()
    want = runs @ [exported("layer").exportable.weights[name] for name in gates]
    np.testing.assert_allclose(outputs["computed"].mean((1, 2)), want, atol=1e-6)
