"""Latency of a whole model at several budgets, with the native library and by function bodies.

    python -m benchmarks.network_latency weights/efficientnet_lite0-nyuv2 [--repeats 30] [--image photo.jpg]

All contenders live in one process and take turns; compare ratios within a run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from perforated_conv import library_path

from benchmarks.common import conditions, measure, save
from service.manifest import MODEL_NAME, ModelManifest, load_manifest


def open_session(folder: Path, native: bool, threads: int) -> onnxruntime.InferenceSession:
    """The model with the native library registered, or without it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    if native:
        options.register_custom_ops_library(str(library_path()))
    return onnxruntime.InferenceSession(folder / MODEL_NAME, options, providers=["CPUExecutionProvider"])


def photograph(path: Path | None, height: int, width: int) -> NDArray[np.uint8]:
    """The file, or scikit-image's coffee cup, as uint8 [1, height, width, 3]."""
    if path is None:
        from skimage import data  # noqa: PLC0415 - only when no photograph is given

        pixels = data.coffee()
    else:
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if pixels is None:
            raise SystemExit(f"{path} is not an image that OpenCV reads")
    return np.ascontiguousarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))[None]


def contenders(
    folder: Path, image: NDArray[np.uint8], budgets: Sequence[float], threads: int
) -> dict[str, Callable[[], object]]:
    """Name -> one inference, warmed up."""
    runs: dict[str, Callable[[], object]] = {}
    for form, native in (("native", True), ("bodies", False)):
        session = open_session(folder, native, threads)
        for budget in budgets:
            feeds = {"image": image, "budget": np.array([budget], np.float32)}
            runs[f"{form} {budget:g}"] = lambda session=session, feeds=feeds: session.run(None, feeds)  # type: ignore[misc]
            runs[f"{form} {budget:g}"]()
    return runs


def report(
    manifest: ModelManifest,
    times: dict[str, dict[str, float]],
    budgets: Sequence[float],
    size: tuple[int, int],
) -> None:
    """One line a contender: share, median, ratio to its own form at budget 1."""
    print(f"{'contender':16}{'share':>8}{'ms':>9}{'iqr':>7}{'ratio':>8}")
    for name, row in times.items():
        form, budget = name.split()
        share = manifest.share(manifest.used_budget(float(budget)), *size)
        spread = row["upper_quartile"] / row["lower_quartile"] - 1
        ratio = row["median"] / times[f"{form} {max(budgets):g}"]["median"]
        print(f"{name:16}{share:8.3f}{row['median']:9.2f}{spread:7.0%}{ratio:8.3f}")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--image", type=Path)
    parser.add_argument("--size", type=int, nargs=2, default=(480, 640), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--budgets", type=float, nargs="+", default=(1.0, 0.85, 0.7, 0.5, 0.36))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=30)
    arguments = parser.parse_args()
    if library_path() is None:
        raise SystemExit("installed without the native library: nothing to compare")
    manifest, size = load_manifest(arguments.folder), tuple(arguments.size)
    result = conditions(threads=arguments.threads, repeats=arguments.repeats, size=size, model=manifest.name)
    image = photograph(arguments.image, *size)
    times = measure(
        contenders(arguments.folder, image, arguments.budgets, arguments.threads), arguments.repeats
    )
    report(manifest, times, arguments.budgets, size)
    print(save("network_latency", result | {"milliseconds": times}))


if __name__ == "__main__":
    main()
