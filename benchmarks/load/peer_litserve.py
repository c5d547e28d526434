"""LitServe around the same network, in an environment of its own: one worker, batches of one, its time-out.

    python -m benchmarks.load.peer_litserve MODEL_FOLDER PORT THREADS

It is handed the raw body rather than a form or JSON, the cheapest way that it offers.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import litserve  # type: ignore[import-not-found, unused-ignore]
from fastapi import Depends, Request, Response

from benchmarks.load.pipeline import Pipeline

Options = tuple[bytes, str, str]


async def read(request: Request) -> Options:
    """Body, size of the maps, media type."""
    query, accept = request.query_params, request.headers["accept"]
    return await request.body(), query.get("size", "input"), accept


class Parsing(litserve.LitAPI):  # type: ignore[misc, unused-ignore]
    """Each hook runs in the worker's process."""

    def __init__(self, folder: Path, threads: int) -> None:
        super().__init__(max_batch_size=1, api_path="/parse")
        self._folder, self._threads = folder, threads

    def setup(self, device: str) -> None:
        """Load the network."""
        self._pipeline = Pipeline(self._folder, self._threads)

    def decode_request(self, request: Annotated[Options, Depends(read)]) -> Options:
        """Nothing to do: `predict` takes the file's bytes."""
        return request

    def predict(self, options: Options) -> tuple[bytes, str]:
        """From the photograph's bytes to the answer's."""
        data, size, accept = options
        return self._pipeline.answer(data, size, accept), accept  # type: ignore[arg-type]

    def encode_response(self, output: tuple[bytes, str]) -> Any:
        """The bytes as they are."""
        return Response(output[0], media_type=output[1])


def main() -> None:
    """Serve until told to stop."""
    folder, port, threads = sys.argv[1:]
    server = litserve.LitServer(
        Parsing(Path(folder), int(threads)), accelerator="cpu", workers_per_device=1, timeout=30
    )
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main()
