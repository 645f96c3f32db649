"""Settings of the descriptors of order; see docs/descriptors.md."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scopeside.section import LIVE, Section


class DescriptorSettings(Section):
    enabled: bool = Field(default=True, json_schema_extra=LIVE)
    """Measure order in every community, and the fronts between them."""
    chips_per_community: Annotated[int, Field(ge=1, le=256)] = Field(
        default=8, json_schema_extra=LIVE
    )
    """Most chips whose pixels are looked at in one community, and an eighth of those in a frame;
    more are surer and take longer."""
