// A before/after slider: two pictures one upon the other, and how much of each is seen.

const STEP = 1;

/** Fills `container`; `label` names the slider to a screen reader. */
export class Compare {
  #stack = element("div", "compare-stack");
  #left = element("canvas", "compare-left-picture");
  #right = element("canvas", "compare-right-picture");
  #leftText = element("span", "compare-text");
  #rightText = element("span", "compare-text");
  #handle = element("div", "compare-handle");
  #range = element("input", "compare-range");

  constructor(container, { label }) {
    Object.assign(this.#range, { type: "range", min: 0, max: 100, step: STEP, value: 50 });
    this.#range.setAttribute("aria-label", label);
    this.#stack.append(this.#left, this.#right, this.#handle, this.#leftText, this.#rightText);
    container.replaceChildren(this.#stack, this.#range);
    this.#layOut();
    this.#range.addEventListener("input", () => this.#divide());
    this.#stack.addEventListener("pointerdown", (event) => this.#grab(event));
    this.#stack.addEventListener("pointermove", (event) => this.#follow(event));
    this.#divide();
  }

  /** Shows copies of two canvases, of which the left one decides the shape, under their texts. */
  show(leftCanvas, rightCanvas, leftText, rightText) {
    copy(leftCanvas, this.#left);
    copy(rightCanvas, this.#right);
    this.#stack.style.aspectRatio = `${leftCanvas.width} / ${leftCanvas.height}`;
    this.#leftText.textContent = leftText;
    this.#rightText.textContent = rightText;
    name(this.#left, leftText);
    name(this.#right, rightText);
    this.#divide();
  }

  // Set here, not in a style sheet, because nothing of it is a matter of taste: without it there is no slider.
  #layOut() {
    Object.assign(this.#stack.style, {
      position: "relative", overflow: "hidden", touchAction: "pan-y", cursor: "ew-resize", userSelect: "none",
    });
    const filling = { position: "absolute", inset: "0", width: "100%", height: "100%" };
    Object.assign(this.#left.style, filling);
    Object.assign(this.#right.style, filling);
    const line = { position: "absolute", top: "0", bottom: "0", width: "3px", marginLeft: "-1.5px" };
    Object.assign(this.#handle.style, line, { background: "#fff", boxShadow: "0 0 0 1px #000" });
    const corner = { position: "absolute", top: "0", padding: ".15em .5em", maxWidth: "48%", pointerEvents: "none" };
    for (const text of [this.#leftText, this.#rightText]) {
      Object.assign(text.style, corner, { background: "rgb(0 0 0 / .75)", color: "#fff", fontSize: ".85em" });
    }
    this.#leftText.style.left = "0";
    this.#rightText.style.right = "0";
    Object.assign(this.#range.style, { display: "block", width: "100%", margin: ".5em 0 0" });
  }

  #divide() {
    const part = Number(this.#range.value);
    this.#right.style.clipPath = `inset(0 0 0 ${part}%)`;
    this.#handle.style.left = `${part}%`;
    const [left, right] = [this.#leftText.textContent, this.#rightText.textContent];
    this.#range.setAttribute("aria-valuetext", `${part} % ${left}, ${100 - part} % ${right}`);
  }

  #grab(event) {
    if (event.button !== 0) return;
    this.#stack.setPointerCapture(event.pointerId);
    this.#range.focus({ preventScroll: true });
    // Else the press would take the focus away again.
    event.preventDefault();
    this.#follow(event);
  }

  #follow(event) {
    if (!this.#stack.hasPointerCapture(event.pointerId)) return;
    const box = this.#stack.getBoundingClientRect();
    this.#range.value = (100 * (event.clientX - box.left)) / box.width;
    this.#divide();
  }
}

function copy(source, target) {
  target.width = source.width;
  target.height = source.height;
  target.getContext("2d").drawImage(source, 0, 0);
}

function name(canvas, text) {
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", text);
}

function element(kind, className) {
  return Object.assign(document.createElement(kind), { className });
}
