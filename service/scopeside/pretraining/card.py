"""The model card: what an encoder was trained on, how, and what was measured."""

from __future__ import annotations

import datetime
import json
import platform
from typing import TYPE_CHECKING

from scopeside import __version__
from scopeside.pretraining.probe import SPECIMENS, Probe
from scopeside.pretraining.recipe import Recipe
from scopeside.pretraining.revision import revision

if TYPE_CHECKING:
    from scopeside.stages.embed.compact import CompactLoss
    from scopeside.stages.embed.weights import Weights


def provenance(
    recipe: Recipe,
    start: Weights,
    *,
    steps: int,
    spent_s: float,
    probes: tuple[Probe, Probe],
) -> dict[str, str]:
    """Return the facts of a training, as a safetensors file carries them: all text."""
    import torch

    before, after = probes
    return {
        "made by": f"scopeside {__version__} pretrain",
        "commit": revision(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "torch": torch.__version__,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {recipe.device}",
        "start": f"{start.name} ({start.sha256[:12]})",
        "recipe": json.dumps(recipe.to_json()),
        "steps": str(steps),
        "minutes": f"{spent_s / 60.0:.1f}",
        "probe, chips": f"{before.chips:.4f} -> {after.chips:.4f}",
        "probe, shared": f"{before.shared:.4f} -> {after.shared:.4f}",
    }


def card_text(facts: dict[str, str], loss: CompactLoss) -> str:
    """Return the card in Markdown."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items() if name != "recipe")
    archive = json.loads(facts["recipe"])["archive"]
    data = "Simulated specimens of several materials, two exposures each"
    data += f", and the micrographs in {', '.join(archive)}." if archive else ", and nothing else."
    return f"""# Encoder trained by Scopeside

A ResNet50 that embeds chips of grey micrographs, normalised by frame, so that chips of one
material are alike and chips of another material of the same frame are not.

## Data

{data}

## How

The cosine of two chips of a specimen, about the mean, is trained to be the cosine of their
shares of its materials. Batches are chips one by one and whole frames by turns, so the encoder
serves `embed.mode = chips` and `shared`. The weights are a running mean over the last steps,
with batch-norm statistics averaged anew.

| | |
|---|---|
{rows}

The probe is how often a chip is more like one of its own material than like one of another, before
and after, on {SPECIMENS} simulated frames that were not trained on; some of them show their
materials hardly apart.

The compact file rounds kernels to int8 by output channel: {loss.mean:.2%} of a kernel's norm is
lost in the mean, {loss.worst:.2%} at worst.

## Recipe

```json
{json.dumps(json.loads(facts["recipe"]), indent=2)}
```
"""
