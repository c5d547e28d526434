"""Runs a command where every name is asked of a sink, and writes the names that were asked for, one a line.

    unshare --net --mount --map-root-user python -m tests.support.name_sink FILE COMMAND...

In the namespace there is no network but the loopback, so nothing can leave the machine.
"""

from __future__ import annotations

import fcntl
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
SECONDS = 15


def main(file: str, command: list[str]) -> None:
    """Run `command` for SECONDS at most, then stop it as a supervisor would."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP | IFF_RUNNING))
    with tempfile.NamedTemporaryFile("w") as configuration:
        configuration.write("nameserver 127.0.0.1\n")
        configuration.flush()
        subprocess.run(["mount", "--bind", configuration.name, "/etc/resolv.conf"], check=True)
        sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sink.bind(("127.0.0.1", 53))
        threading.Thread(target=_write_names, args=(sink, Path(file)), daemon=True).start()
        process = subprocess.Popen(command)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _write_names(sink: socket.socket, file: Path) -> None:
    while True:
        question, asker = sink.recvfrom(4096)
        labels, at = [], 12
        while length := question[at]:
            labels.append(question[at + 1 : at + 1 + length].decode())
            at += length + 1
        with file.open("a") as stream:
            stream.write(".".join(labels) + "\n")
        refused = question[:2] + b"\x81\x83" + struct.pack(">4H", 1, 0, 0, 0) + question[12 : at + 5]
        sink.sendto(refused, asker)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
