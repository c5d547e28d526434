"""The card of a model folder, card.md, written from its manifest and notes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model_export.common.writing import write_text
from model_export.networks.tasks import described_figures
from service.model_folder.manifest import MetricsRow, ModelManifest

CARD_NAME = "card.md"


def render(manifest: ModelManifest, notes: str = "") -> str:
    """The card as Markdown; notes (what the manifest cannot say) go in as they are."""
    lines = [f"# {manifest.name} {manifest.version}", "", manifest.description, ""]
    lines += [f"* {line}" for line in _facts(manifest)]
    if manifest.training.commands:
        lines += ["", "## Made by", "", "```sh", *manifest.training.commands, "```"]
    lines += ["", "## Figures", "", _measured(manifest), ""]
    for split in manifest.metrics.splits:
        lines += [f"### {split}", "", *_table(manifest, split), ""]
    return "\n".join([*lines, notes.strip(), ""]).rstrip() + "\n"


def _facts(manifest: ModelManifest) -> list[str]:
    cost, training = manifest.multiply_adds, manifest.training
    height, width = cost.reference_size
    known = [
        training.commit and f"commit {training.commit}", training.date, training.machine,
        None if training.seed is None else f"seed {training.seed}",
    ]  # fmt: skip
    trained = ", ".join(part for part in known if part) or "elsewhere: no log came with the checkpoint"
    return [
        f"Maps: {', '.join(manifest.default_map_names())}",
        f"Multiply-adds at {height}x{width}: {cost.total / 1e9:.2f} G, {cost.always / 1e9:.2f} G of them "
        f"always spent; budget floor {manifest.budget.floor:.3f}",
        f"Training {trained}",
        f"Weights: {manifest.licence.weights}",
        f"Data: {manifest.licence.data_terms}",
    ]


def _measured(manifest: ModelManifest) -> str:
    if not manifest.metrics.splits:
        return "None were measured yet."
    protocol = f"{manifest.metrics.protocol} ".lstrip()
    return f"{protocol}In brackets: 95 % intervals by bootstrap over the images."


def _table(manifest: ModelManifest, split: str) -> list[str]:
    rows = manifest.metrics.splits[split]
    headings = _headings(rows)
    head = ["budget", "share", "scale", *headings.values()]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        values = [_number(row, name) for name in headings]
        scale = getattr(row, "scale", None) or 1.0
        lines.append(f"| {' | '.join([f'{row.budget:.3g}', f'{row.share:.3f}', f'{scale:g}', *values])} |")
    return lines


def _headings(rows: Sequence[MetricsRow]) -> dict[str, str]:
    """Name -> heading of the card's figures that the rows have."""
    entries = described_figures(row.model_dump() for row in rows)
    return {name: entry["heading"] for name, entry in entries.items()}


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
