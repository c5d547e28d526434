#!/usr/bin/env bash
# Builds the Dockerfile and runs its image where no container engine runs, on Debian, as root:
#
#   docker/build_without_engine.sh [FOLDER OF MODELS]        default: weights/
#
#   KEEP=1        leave the image store in $WORK and print where it is
#   WORK=folder   where to work (5 GB at most); default: a new folder that is deleted at the end
#   PORT=18000    where the service listens during the trial
#   RUNTIME=cpu   or gpu (which is started on the CPU here)
#
# The base image is stood in for by a Debian 13 root of the same Python version (mmdebstrap), under the
# base image's own tag (a root made here cannot have its digest), so the Dockerfile is the one that a container engine reads. Debian's mirror
# and pip's configuration are this machine's. Needs mmdebstrap, buildah, curl.
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/machine.sh
. "$repository/scripts/machine.sh"
models=$(realpath "${1:-$repository/weights}")
if [ -z "${WORK:-}" ]; then work=$(mktemp -d); else mkdir -p "$WORK"; work=$(realpath "$WORK"); fi
port=${PORT:-18000}
runtime=${RUNTIME:-cpu}
suite=trixie
base=$(awk -F'[=@]' '/^ARG BASE=/ {print $2}' "$repository/Dockerfile")
image=localhost/pag-parse:$runtime
url=http://127.0.0.1:$port
container=
server=

say() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }
store() { buildah --storage-driver vfs --root "$work/store" --runroot "$work/run" "$@"; }

# The service's own process: buildah and its helpers, between it and this script, pass no signal on.
innermost() {
  local child=$1 next
  while next=$(pgrep -P "$child" | sed -n 1p) && [ -n "$next" ]; do child=$next; done
  echo "$child"
}

stop() {
  if [ -z "$server" ]; then return; fi
  kill -TERM "$(innermost "$server")" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}

finish() {
  stop
  if [ -n "$container" ]; then store rm "$container" >/dev/null 2>&1 || true; fi
  if [ -n "${KEEP:-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap finish EXIT

make_base() {
  local root=$work/root.tar new
  if store images --quiet "$base" >/dev/null 2>&1; then return; fi
  mmdebstrap --quiet --variant=apt \
    --include=ca-certificates,python3,python3-venv,python3-pip,python-is-python3 \
    "$suite" "$root" "$(debian_archive)"
  new=$(store from scratch)
  store add --quiet "$new" "$root" / >/dev/null
  store commit --quiet "$new" "docker.io/library/$base" >/dev/null
  store rm "$new" >/dev/null
  rm "$root"
}

pip_volumes() {
  echo "--volume $work/pip.conf:/etc/pip.conf:ro"
  pip_paths "$work/pip.conf" | sed 's/.*/--volume &:&:ro/'
}

build() {
  pip_configuration >"$work/pip.conf"
  # shellcheck disable=SC2046  # each volume is two words
  store bud --isolation chroot --network host --pull-never --format docker $(pip_volumes) \
    --build-arg BASE="$base" --build-arg RUNTIME="$runtime" --tag "$image" "$repository" >"$work/build.log" 2>&1 ||
    { tail -n 40 "$work/build.log" >&2; return 1; }
  grep -E '(^|\] )(STEP|Successfully installed)' "$work/build.log"
}

# "buildah run" has no entrypoint: the image's own, and its command, are read from its configuration.
words_of() { store inspect --format "{{range .OCIv1.Config.$1}}{{.}} {{end}}" "$container"; }

start() {
  local words
  container=$(store from --pull-never "$image")
  words="$(words_of Entrypoint) $(words_of Cmd)"
  touch "$work/started"
  # shellcheck disable=SC2086  # each is several words
  store run --isolation chroot --network host --env PAG_HOST=127.0.0.1 --env PAG_PORT="$port" \
    --volume "$models:/app/weights:ro" "$container" -- $words >"$work/service.log" 2>&1 &
  server=$!
}

inside() { store run --isolation chroot --network host --env PAG_PORT="$port" "$container" -- "$@"; }

wait_ready() {
  local _
  for _ in $(seq 300); do
    if curl -fsS "$url/readyz" 2>/dev/null; then echo; return; fi
    kill -0 "$server" || break
    sleep 1
  done
  cat "$work/service.log" >&2
  return 1
}

# The image's HEALTHCHECK, word by word as an engine runs it.
check_health() {
  local -a words
  mapfile -d '' words < <(store inspect --type image "$image" | python3 -c '
import json, sys
print(*json.load(sys.stdin)["Docker"]["config"]["Healthcheck"]["Test"][1:], sep="\0", end="\0")')
  inside "${words[@]}" && echo healthy
}

# A picture made by the image's own libraries: 640x480, JPEG.
picture='import cv2, numpy as np, sys
ramp = np.linspace(0, 255, 640, dtype=np.uint8)[None, :, None].repeat(480, 0).repeat(3, 2)
sys.stdout.buffer.write(cv2.imencode(".jpg", ramp)[1].tobytes())'

try_requests() {
  inside python -c "$picture" >"$work/image.jpg"
  say "POST /parse?budget=0.5, 640x480"
  curl -sS -D "$work/headers" -o "$work/answer" \
    -w '%{http_code} %{content_type} %{size_download} bytes %{time_total} s\n' \
    -H 'Content-Type: image/jpeg' --data-binary "@$work/image.jpg" "$url/parse?budget=0.5"
  grep -q '^HTTP/[0-9.]* 200' "$work/headers" || { cat "$work/answer" >&2; return 1; }
  head -c 300 "$work/answer" | tr -cd '[:print:]'; echo
  say "the page, and the command inside the image"
  curl -fsS -o /dev/null -w 'GET / %{http_code}, %{size_download} bytes\n' "$url/"
  inside pag parse - -o - --maps depth <"$work/image.jpg" | wc --bytes | sed 's/$/ bytes of depth/'
}

report() {
  local root
  root=$(store mount "$container")
  say "what the image holds"
  store images --format '{{.Name}}:{{.Tag}} {{.Size}}'
  du -sm "$root/usr" "$root/opt/venv" "$root/app" | sed "s,$root,MB ,"
  du -sm "$root"/opt/venv/lib/python3*/site-packages/* | sort -rn | sed -n "1,8s,$root/opt/venv/lib/,MB ... ,p"
  say "who runs it; what must not be in it; what the run wrote outside /tmp (no line: nothing)"
  inside id
  find "$root" -xdev \( -name torch -o -name onnx -o -name model_export -o -name 'g++*' -o -name cc1plus \) |
    sed "s,$root,holds: ,"
  find "$root" -xdev -type f -newer "$work/started" -not -path "$root/tmp/*" |
    sed "s,$root,wrote: ,"
}

say "a root in place of $base"; make_base
say "build $image"; build
say "start it with $models"; start
wait_ready
say "its health check"; check_health
try_requests
report
say "stop it"; stop
tail -n 3 "$work/service.log"
