"""Every setting of the service, read once from the environment and `.env`."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.manifest import NAME_PATTERN

DEFAULT_STEPS, MOST_STEPS = 24, 240
LEAST_ITERATIONS, MOST_ITERATIONS = 250, 2_000
"""What the OpenAPI document states; settings can lower the bounds as far as the default, or the least."""

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Settings(BaseSettings):
    """The service's settings: the field `port` is the variable `HOURGLASS_PORT`, and so on."""

    model_config = SettingsConfigDict(
        env_prefix="HOURGLASS_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for every network interface.")
    port: Annotated[int, Field(ge=0, le=65_535)] = Field(8000, description="Port to listen on; 0 picks a free one.")
    workers: Count = Field(1, description="Processes that serve, all at the same port.")
    log_level: Annotated[str, Field(pattern="^(critical|error|warning|info|debug)$")] = Field(
        "info", description="Least severity that is logged: critical, error, warning, info or debug."
    )
    access_log: bool = Field(True, description="Log one line a request.")

    models_dir: Path = Field(Path("models"), description="Folder of bundles, `<name>/<version>/` each.")
    default_model: Annotated[str, Field(pattern=NAME_PATTERN)] | None = Field(
        None, description="Model that answers where a request names none; unset, the first by name."
    )
    models_poll_interval_s: Annotated[float, Field(ge=0, le=86_400)] = Field(
        5.0, description="Seconds between looks for new versions; 0 looks only on SIGHUP."
    )
    max_loaded_old_versions: Annotated[int, Field(ge=1)] = Field(
        2, description="Versions kept in memory, besides the newest of each model, because `?version=` asked for them."
    )

    torch_threads: Count | None = Field(
        None, description="Threads that model calls share; unset, the CPUs that may be used divided by the workers."
    )
    codec_threads: Count = Field(
        2, description="Threads that decode and encode small requests, and as many for large ones."
    )
    max_batch_size: Count = Field(256, description="Images of one model call; larger requests are computed in turns.")
    max_batch_delay_ms: Annotated[float, Field(ge=0, le=1_000)] = Field(
        0.0, description="Milliseconds that a request may wait for others to fill its batch; 0 is best on CPUs."
    )
    max_queue_images: Count = Field(
        20_000, description="Images that all workers admit at once, waiting or computed; beyond it requests get 429."
    )
    max_buffered_bytes: Count = Field(
        256 * 2**20, description="Bytes of bodies and answers that all workers hold; beyond it requests get 429."
    )
    request_timeout_s: Seconds = Field(30.0, description="Seconds until a request gets 504; maps have their own.")
    body_timeout_s: Seconds = Field(20.0, description="Seconds in which a body must have arrived, or 408.")
    answer_timeout_s: Seconds = Field(
        20.0, description="Seconds in which a client must take 256 KiB of its answer, or be dropped."
    )

    max_body_bytes: Count = Field(32 * 2**20, description="Bytes of one request body.")
    max_images: Count = Field(10_000, description="Images, or latents, of one request; fewer of large ones.")
    max_values: Count = Field(
        2**24, description="Numbers of all images of one request: images times height, width and channels."
    )
    max_json_values: Count = Field(3_000_000, description="Values of one JSON body; `.npy` has no such limit.")
    max_image_pixels: Annotated[int, Field(ge=1, le=80_000_000)] = Field(
        12_582_912, description="Pixels (width times height) of one encoded image, checked before it is decoded."
    )
    max_steps: Annotated[int, Field(ge=DEFAULT_STEPS, le=MOST_STEPS)] = Field(
        MOST_STEPS, description="Frames from one image of an interpolation to the next."
    )
    max_frame_pixels: Count = Field(
        1_048_576, description="Pixels (width times height) of one frame of an interpolation, after enlarging."
    )
    max_animation_values: Count = Field(
        2**24, description="Numbers of all frames of one interpolation, after enlarging."
    )

    map_processes: Annotated[int, Field(ge=0)] = Field(
        1, description="Processes of each worker that compute maps; 0 refuses every map with 503."
    )
    max_waiting_maps: Annotated[int, Field(ge=0)] = Field(
        4, description="Maps that may wait for a process of one worker; beyond it requests get 429."
    )
    map_timeout_s: Seconds = Field(120.0, description="Seconds until a map gets 504, waiting included.")
    max_map_points: Annotated[int, Field(ge=4)] = Field(5_000, description="Points of one map.")
    max_map_iterations: Annotated[int, Field(ge=LEAST_ITERATIONS, le=MOST_ITERATIONS)] = Field(
        MOST_ITERATIONS, description="Gradient steps of one map."
    )

    max_cached_map_bytes: Annotated[int, Field(ge=0)] = Field(
        64 * 2**20, description="Bytes of finished maps that each worker keeps for those who ask for the same again."
    )
    stream_heartbeat_s: Seconds = Field(
        15.0,
        description="Seconds of silence after which a stream of progress sends a comment, so that proxies wait on.",
    )

    @model_validator(mode="after")
    def _limits_fit_together(self) -> Self:
        if self.max_images > self.max_queue_images:
            raise ValueError("max_images is above max_queue_images: such a request could never be admitted")
        if self.max_body_bytes > self.max_buffered_bytes:
            raise ValueError("max_body_bytes is above max_buffered_bytes: such a body could never be held")
        return self
