/** The camera: its pictures as JPEG, one when it is asked for. */

const QUALITY = 0.85;
const WANTED = { video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "environment" }, audio: false };

/** A camera that runs until `stop`; throws an Error that says why there is none. */
export class Camera {
  #video;
  #stream = null;
  #turn = 0;
  #canvas = document.createElement("canvas");

  /** @param {HTMLVideoElement} video plays the camera, seen or not */
  constructor(video) {
    this.#video = video;
  }

  /** Ask for the camera and start it; false if it was stopped, or started again, before it came. */
  async start() {
    this.stop();
    const turn = this.#turn;
    // Browsers give it to pages of https and of this machine alone.
    if (!navigator.mediaDevices) throw new Error(WHY.Insecure);
    try {
      await this.#play(await navigator.mediaDevices.getUserMedia(WANTED), turn);
    } catch (error) {
      if (turn === this.#turn) throw new Error(WHY[error.name] ?? `The camera did not start: ${error.message}.`);
    }
    return turn === this.#turn;
  }

  /** Resolves at the next picture that the camera shows. */
  next() {
    return new Promise((resolve) => {
      if (this.#video.requestVideoFrameCallback) this.#video.requestVideoFrameCallback(() => resolve());
      else setTimeout(resolve, 33);
    });
  }

  /** The picture shown now, a photograph as elsewhere that is `live`. */
  async photograph() {
    const [canvas, video] = [this.#canvas, this.#video];
    Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    const image = await createImageBitmap(canvas);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
    return { name: "frame.jpg", blob, image, width: canvas.width, height: canvas.height, address: null, live: true };
  }

  /** Give the camera back, now or as soon as it comes. */
  stop() {
    this.#turn += 1;
    end(this.#stream);
    this.#stream = null;
    this.#video.srcObject = null;
  }

  async #play(stream, turn) {
    if (turn !== this.#turn) return end(stream);
    this.#stream = stream;
    this.#video.srcObject = stream;
    return this.#video.play();
  }
}

function end(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

const WHY = {
  Insecure: "This browser lends its camera to pages of https or of localhost only.",
  NotAllowedError: "The camera was not allowed. Allow it for this page in the browser's settings.",
  NotFoundError: "This device has no camera.",
  NotReadableError: "The camera is in use elsewhere.",
};
