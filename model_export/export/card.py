"""The card of a model folder, card.md, written from its manifest and notes."""

from __future__ import annotations

from pathlib import Path

from model_export.writing import write_text
from service.manifest import MetricsRow, ModelManifest

CARD_NAME = "card.md"
FIGURES = {
    "miou40": "mIoU 40",
    "miou13": "mIoU 13",
    "pixel_accuracy": "pixel acc.",
    "delta1": "delta1 (est. scale)",
    "delta1_aligned": "delta1 (aligned)",
    "normal_mean_degrees": "normals mean °",
    "normal_within_11_25": "< 11.25°",
}


def render(manifest: ModelManifest, notes: str = "") -> str:
    """The card as Markdown; notes (what the manifest cannot say) go in as they are."""
    cost = manifest.multiply_adds
    height, width = cost.reference_size
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        manifest.description,
        "",
        f"* Tasks: {', '.join(manifest.tasks.names())}",
        f"* Multiply-adds at {height}x{width}: {cost.total / 1e9:.2f} G, {cost.always / 1e9:.2f} G of them "
        f"always spent; budget floor {manifest.budget.floor:.3f}",
        f"* Training commit {manifest.training.commit}, {manifest.training.date}, "
        f"{manifest.training.machine}, seed {manifest.training.seed}",
        f"* Weights: {manifest.licence.weights}",
        f"* Data: {manifest.licence.data_terms}",
        "",
        "## Made by",
        "",
        "```sh",
        *manifest.training.commands,
        "```",
        "",
        "## Figures",
        "",
        f"{manifest.metrics.protocol} In brackets: 95 % intervals by bootstrap over the images.",
        "",
    ]
    for split in manifest.metrics.splits:
        lines += [f"### {split}", "", *_table(manifest, split), ""]
    return "\n".join([*lines, notes.strip(), ""]).rstrip() + "\n"


def _table(manifest: ModelManifest, split: str) -> list[str]:
    head = ["budget", "share", "scale", *FIGURES.values()]
    rows = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in manifest.metrics.splits[split]:
        values = [_number(row, name) for name in FIGURES]
        scale = getattr(row, "scale", 1.0)
        rows.append(f"| {row.budget:.3g} | {row.share:.3f} | {scale:g} | {' | '.join(values)} |")
    return rows


def _number(row: MetricsRow, name: str) -> str:
    value, *ends = (getattr(row, name + part, None) for part in ("", "_low", "_high"))
    if value is None:
        return "-"
    return f"{value:.3f}" + ("" if None in ends else f" [{ends[0]:.3f}, {ends[1]:.3f}]")


def write(folder: Path, manifest: ModelManifest) -> None:
    """Writes folder/card.md; takes folder/notes.md in if it is there."""
    notes = folder / "notes.md"
    text = render(manifest, notes.read_text(encoding="utf-8") if notes.is_file() else "")
    write_text(folder / CARD_NAME, text)
