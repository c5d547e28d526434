"""The report's page, Markdown with its plots beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from model_export.common.writing import write_text
from model_export.report import classes, front, plots, published
from model_export.report.markdown import heading
from model_export.report.samples import Results

INTERVALS = (
    "In brackets: 95 % intervals by bootstrap over the images. They tell how far a figure would move with "
    "other images of the kind, not how far it would with another training run."
)


def write(results: Results, folder: Path) -> Path:
    """Writes FOLDER.md and FOLDER/*.png; returns the page's path. Pictures of photographs are gallery's."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = plots.write(results, folder)
    page = folder.with_name(f"{folder.name}.md")
    parts = [*_opening(results), heading(2, "Quality against cost")]
    for axis, path in pictures.items():
        parts.append(f"![Quality against {axis}]({os.path.relpath(path, page.parent)})\n")
    parts += [*front.sections(results), *published.sections(results), *classes.sections(results)]
    photographs = folder / "photographs.jpg"
    if photographs.is_file():
        parts += list(_gallery(os.path.relpath(photographs, page.parent)))
    write_text(page, "\n".join(parts))
    return page


def _opening(results: Results) -> Iterator[str]:
    content, latency = results.content(), results.latency
    yield heading(1, "Quality of the compute knob")
    yield f"Written by `python -m model_export report`; the figures are those of `{results.folder.name}/`.\n"
    yield f"* Protocol: {content['protocol']}"
    yield f"* Split: {content['split']}, {content['images']} images. {INTERVALS}"
    yield f"* Evaluated on {content['machine']}, {content['date'][:10]}, through {content['runtime']}."
    height, width = latency["size"]
    yield (
        f"* Times: {latency['machine']}, {latency['threads']} threads, {latency['precision']}, images of "
        f"{width}x{height}, {latency['date'][:10]}, commit {latency['commit']}; medians of runs in turns "
        f"within one process. Quartiles lie {latency['noise']['median_spread']:.1%} apart in the median; "
        f"other processes took {latency['bystanders']:.1%} of the machine."
    )
    yield ""


def _gallery(picture: str) -> Iterator[str]:
    yield heading(2, "Where the computing goes")
    yield (
        "Photographs of scikit-image (CC0 and public domain), not of the data set, whose terms do not allow "
        "it; with the data at hand the command draws test images into `gallery/`, too. In the last column "
        "white is computed and black interpolated.\n"
    )
    yield f"![Maps at several budgets]({picture})\n"
