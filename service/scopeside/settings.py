"""Every setting, its default and its meaning; frozen, strict, unknown keys refused.

A field marked live may change while the service runs (control command `set`). Where values
come from (file, environment, command line) is `configuration.py`'s business.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from scopeside.descriptor_settings import DescriptorSettings
from scopeside.http_settings import HttpSettings
from scopeside.rule_settings import Rules
from scopeside.save_settings import SaveSettings
from scopeside.section import LIVE, Endpoint, Percent, Section, Sha256
from scopeside.state_settings import StateSettings


class IngestSettings(Section):
    endpoint: Endpoint = "tcp://127.0.0.1:5555"
    """Where frames come from."""
    socket: Literal["sub", "pull"] = "sub"
    """SUB for a publisher that must never wait, PULL for one that must never lose a frame."""
    attach: Literal["connect", "bind"] = "connect"
    """Whether the service connects to the endpoint or binds it."""
    policy: Literal["latest", "lossless", "deadline"] | None = None
    """What happens when frames come faster than they are computed; by default `latest` with
    `sub` and `lossless` with `pull`."""
    deadline_s: Annotated[float, Field(gt=0)] = 1.0
    """Age at which a frame is no longer worth computing (policy `deadline`)."""
    queue_frames: Annotated[int, Field(ge=1, le=4096)] = 4
    """Decoded frames that may wait for compute (policies `lossless` and `deadline`)."""
    hwm_messages: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    """ZeroMQ receive high-water mark, in messages: size it from the bytes of a frame."""

    @property
    def effective_policy(self) -> Literal["latest", "lossless", "deadline"]:
        return self.policy or ("latest" if self.socket == "sub" else "lossless")


class LimitSettings(Section):
    message_bytes: Annotated[int, Field(ge=1024)] = 256 * 2**20
    """Largest whole message; also the largest decoded payload."""
    parts: Annotated[int, Field(ge=3, le=1024)] = 18
    """Most parts of one message."""
    header_bytes: Annotated[int, Field(ge=256)] = 128 * 2**10
    """Largest header."""
    user_bytes: Annotated[int, Field(ge=0)] = 64 * 2**10
    """Largest `user` value, as msgpack."""
    frame_pixels: Annotated[int, Field(ge=1)] = 8192 * 8192
    """Most pixels of one channel."""
    channels: Annotated[int, Field(ge=1, le=16)] = 16
    """Most channels of one frame."""
    open_series: Annotated[int, Field(ge=1)] = 64
    """Series whose books are remembered; the oldest closed one is forgotten first."""


class PreprocessSettings(Section):
    contrast: Literal["frame", "series"] = "frame"
    """Percentiles of every frame, or of the first frame of the series and held."""
    low_percentile: Percent = 0.5
    """Percentile that becomes black."""
    high_percentile: Percent = 99.5
    """Percentile that becomes white."""
    clahe: bool = False
    """Local histogram equalisation after the percentile contrast."""
    clahe_clip: Annotated[float, Field(gt=0)] = 1.0
    """Clip limit of CLAHE (1.0 after PNNL's public code)."""
    clahe_tiles: Annotated[int, Field(ge=1, le=64)] = 8
    """Tiles along each axis for CLAHE (8 after PNNL's public code)."""
    dark: Path | None = None
    """Dark reference file, subtracted."""
    flat: Path | None = None
    """Flat-field reference file, divided by (after the dark)."""
    hot_pixel_sigma: Annotated[float, Field(gt=0)] | None = None
    """Replace pixels this many robust standard deviations from their 3x3 median."""

    @model_validator(mode="after")
    def _window_is_open(self) -> PreprocessSettings:
        if self.low_percentile >= self.high_percentile:
            raise ValueError("low_percentile must be below high_percentile")
        return self


class ChipSettings(Section):
    size_px: Annotated[int, Field(ge=4, le=1024)] = 64
    """Side of a chip in frame pixels; a few structure periods wide."""
    stride_px: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Step between chips; half a chip when absent."""
    input_px: Annotated[int, Field(ge=32, le=1024)] | None = None
    """Side to which a chip is resized for the encoder; its own size when absent (but at
    least 32, the encoder's stride)."""

    @property
    def effective_stride_px(self) -> int:
        return self.stride_px or max(1, self.size_px // 2)

    @property
    def effective_input_px(self) -> int:
        return self.input_px or max(32, self.size_px)

    @model_validator(mode="after")
    def _no_gaps(self) -> ChipSettings:
        if self.stride_px is not None and self.stride_px > self.size_px:
            raise ValueError(
                "stride_px must not exceed size_px: pixels between chips would be lost"
            )
        return self


class EmbedSettings(Section):
    mode: Literal["chips", "shared"] = "chips"
    """`chips` embeds every chip by itself; `shared` runs once over the frame and pools each
    chip's window: faster, and not the same function."""
    backend: Literal["auto", "openvino", "torch", "tensorrt", "null"] = "auto"
    """`auto` takes OpenVINO on a CPU, and on a GPU TensorRT where it is installed and serves the
    card, else torch; `null` (for measurements of the service itself) embeds without an encoder."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """`auto` takes the fastest precision that the device computes natively."""
    weights: str = "builtin"
    """`builtin`; `seeded`, the same before training; a checkpoint file (.safetensors, .pth,
    .pth.tar, .pt); or `micronet`, `micronet-v1.0`, `imagenet-micronet`, `imagenet` or a URL, after
    `scopeside weights fetch NAME`."""
    weights_sha256: Sha256 | None = None
    """SHA-256 that the weights must have; others are refused."""
    batch: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Most chips in one encoder call: those of a frame are cut into equal tiles. When absent, at
    most 25 on a CPU, so many that the tiles which run at a time are done soonest, and 1024 on a
    GPU, where a tile that does not fit its memory is halved while warming up."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """CPU threads of the encoder; 0 takes every core."""


class GraphSettings(Section):
    edges: Literal["knn", "threshold"] = "knn"
    """Weighted k-nearest neighbours, or an unweighted edge wherever similarity reaches
    `threshold` (after PNNL's public code)."""
    neighbours: Annotated[int, Field(ge=1, le=256)] = 15
    """k of the k-nearest-neighbour graph."""
    threshold: Annotated[float, Field(ge=-1.0, le=1.0)] = Field(default=0.8, json_schema_extra=LIVE)
    """Similarity cutoff of the threshold graph."""
    centred: bool = True
    """Subtract the mean embedding of the frame before cosine similarity."""
    resolution: Annotated[float, Field(gt=0, le=100.0)] | Literal["auto"] = Field(
        default="auto", json_schema_extra=LIVE
    )
    """Louvain's resolution; `auto` picks it by the stability of the partition."""
    block_rows: Annotated[int, Field(ge=16, le=65536)] = 1024
    """Rows of the similarity matrix held at once; no N x N matrix exists beyond this."""


class CommunitySettings(Section):
    engine: Literal["auto", "cugraph", "kernel", "cpu"] = "auto"
    """What finds communities: `kernel` is our own parallel Louvain (on a CPU its definition, slow),
    `cugraph` NVIDIA's (answers may differ from run to run), `cpu` scikit-network. `auto` takes
    `cpu` with the stages on a CPU, and on a GPU what a committed table says for so many chips."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 42
    """Seed of Louvain and of the resampling behind `auto` (42 after PNNL's public code)."""
    min_chips: Annotated[int, Field(ge=1)] = Field(default=3, json_schema_extra=LIVE)
    """Smaller communities join their most similar neighbour."""
    borders: Literal["give", "keep"] = Field(default="give", json_schema_extra=LIVE)
    """`give` gives the chips of a community that is only the border of two others to those; `keep`
    leaves it, for layers as thin as a chip and shells of small particles (as
    `identity.merge_distance` 0 does)."""


class IdentitySettings(Section):
    scope: Literal["series", "session"] = "series"
    """Whether ids begin anew with each series or live as long as the service."""
    merge_distance: Annotated[float, Field(ge=0.0, le=10.0)] = 0.65
    """A community whose mean embedding lies closer to an identity's than this shares its id, and
    communities of one frame that lie within 0.8 of it are joined; 0 publishes every community as
    Louvain found it."""
    unit: Annotated[float, Field(gt=0.0, le=10.0)] | None = None
    """Length between mean unit embeddings in which distances are counted. When absent, 0.7 with the
    built-in encoder and the communities' own spread with any other; encoders of `pretrain` are
    best served by 0.7 too."""


class PublishSettings(Section):
    results: Endpoint = "tcp://127.0.0.1:5556"
    """Where label maps go out."""
    events: Endpoint = "tcp://127.0.0.1:5557"
    """Where events go out."""
    codec: Literal["none", "zstd"] = "none"
    """Compression of the arrays in results."""
    hwm_messages: Annotated[int, Field(ge=1)] = 64
    """Messages held for a slow subscriber before ZeroMQ drops for it; of events at least 1000."""


class ControlSettings(Section):
    endpoint: Endpoint = "tcp://127.0.0.1:5558"
    """Where control requests are answered."""


class SecuritySettings(Section):
    curve: bool = False
    """CURVE encryption and authentication on every socket."""
    server_key: Path | None = None
    """The service's own secret certificate (`.key_secret`)."""
    clients: Path | None = None
    """Folder of public certificates of the clients that may connect."""
    publisher_key: Path | None = None
    """Public certificate of the publisher that the service connects to."""


class ServiceSettings(Section):
    drain_s: Annotated[float, Field(ge=0)] = 5.0
    """Longest time that stopping waits for frames already received."""
    frame_shape: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = (512, 512)
    """Frame shape `(ny, nx)` to warm up for; another shape re-plans once when it arrives."""
    frame_dtype: Literal["u1", "u2", "u4", "i2", "i4", "f2", "f4", "f8"] = "u2"
    """Pixels to warm up for; on a GPU, others re-plan once when they arrive."""
    cache: Path | None = None
    """Folder for compiled models and fetched weights; the user's cache folder when absent."""


class RecordSettings(Section):
    file: Path | None = None
    """Recording of every message that the service receives, an HDF5 file; none when absent. A file
    that exists is never replaced."""
    compression: Literal["none", "zstd"] = "none"
    """Of what is stored; the messages are the same either way."""
    split_bytes: Annotated[int, Field(ge=0)] = 0
    """Begin a new file where one would grow larger; 0 never does."""
    queue_bytes: Annotated[int, Field(ge=2**20)] = 256 * 2**20
    """Memory for messages that wait for the disk; what does not fit is counted, not recorded."""


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is written."""
    format: Literal["text", "json"] = "text"
    """`text` is key=value."""


class BenchSettings(Section):
    stream: str | None = None
    """Stream of the test data (a name below `streams` in `$SCOPESIDE_DATA`), cut or mirrored to
    `service.frame_shape`, that `scopeside bench` offers where no recording is given; frames of that
    shape are simulated where it is absent."""
    frames: Annotated[int, Field(ge=1, le=4096)] = 16
    """Different frames that are offered in turn, forwards and backwards."""
    warmup_frames: Annotated[int, Field(ge=0)] = 10
    """Frames sent one at a time before anything is measured."""
    seconds: Annotated[float, Field(gt=0)] = 10.0
    """Length of a step at one offered rate."""
    least_frames: Annotated[int, Field(ge=1)] = 100
    """Fewest frames of a step, however long they take; p99 of fewer than 100 is their maximum."""
    repeats: Annotated[int, Field(ge=1, le=100)] = 3
    """Times that the service is started and measured anew; comparing takes 2 or more."""
    target_s: Annotated[float, Field(gt=0)] = 1.0
    """Response, from the scheduled sending to the result in hand, that 99 % of the frames of a
    rate that holds must not exceed."""
    load: Annotated[float, Field(gt=0, le=1.0)] = 0.7
    """Share of the highest rate that holds, at which latency is measured."""


DISTANCE_UNITS = {"builtin": 0.7}
"""Distance of mean unit embeddings that counts as one, for weights of which it is known."""


class Settings(Section):
    """The whole configuration of one service."""

    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    """Where frames are computed; `auto` takes the first NVIDIA GPU that torch finds."""
    device_memory: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Largest share of a GPU's memory that torch may take, for programs beside this one."""
    on_device: Literal["all", "encoder"] = "all"
    """What a GPU does: all but identities and descriptors, or the encoder alone. CLAHE, hot pixels,
    the threshold graph and `shared` have no kernels: with one of them it is the encoder."""
    rules: Rules = ()
    """What raises alarms: tables `[[rules]]` of a file, each with the keys in docs/steering.md. The
    control command `rules` changes them while the service runs."""
    ingest: IngestSettings = IngestSettings()
    limits: LimitSettings = LimitSettings()
    preprocess: PreprocessSettings = PreprocessSettings()
    chips: ChipSettings = ChipSettings()
    embed: EmbedSettings = EmbedSettings()
    graph: GraphSettings = GraphSettings()
    communities: CommunitySettings = CommunitySettings()
    identity: IdentitySettings = IdentitySettings()
    descriptors: DescriptorSettings = DescriptorSettings()
    publish: PublishSettings = PublishSettings()
    control: ControlSettings = ControlSettings()
    http: HttpSettings = HttpSettings()
    security: SecuritySettings = SecuritySettings()
    service: ServiceSettings = ServiceSettings()
    record: RecordSettings = RecordSettings()
    state: StateSettings = StateSettings()
    save: SaveSettings = SaveSettings()
    log: LogSettings = LogSettings()
    bench: BenchSettings = BenchSettings()

    @property
    def distance_unit(self) -> float | None:
        """What distances between communities are counted in; None is their own spread."""
        return self.identity.unit or DISTANCE_UNITS.get(self.embed.weights)
