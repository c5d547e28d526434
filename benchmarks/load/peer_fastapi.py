"""FastAPI and ONNX Runtime as they are usually put together: a `def` handler in the thread pool, one session.

python -m benchmarks.load.peer_fastapi MODEL_FOLDER PORT THREADS
"""

import sys
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Header, Request, Response

from benchmarks.load.pipeline import Pipeline
from service.model_folder.geometry import Size


async def body_of(request: Request) -> bytes:
    """The whole body."""
    return await request.body()


def build(pipeline: Pipeline) -> FastAPI:
    """The application."""
    app = FastAPI()

    @app.post("/parse")
    def parse(
        data: Annotated[bytes, Depends(body_of)], accept: Annotated[str, Header()], size: Size = "input"
    ) -> Response:
        return Response(pipeline.answer(data, size, accept), media_type=accept)

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app


def main() -> None:
    """Serve until told to stop."""
    folder, port, threads = sys.argv[1:]
    app = build(Pipeline(Path(folder), int(threads)))
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
