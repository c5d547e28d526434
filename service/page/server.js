/** The service over HTTP: addresses, the key, problems, and tries after Retry-After. */

import { sleep } from "./requests.js";

const TRIES = 4;
const LONGEST_WAIT_S = 30;

/** `slug` of what ended the camera or its stream, and of a server that said nothing: the page's own. */
export const CAMERA = "camera";
export const NO_ANSWER = "no-answer";

/** What the server said was wrong (RFC 9457), or that it said nothing; `about` has what its kind adds. */
export class Problem extends Error {
  constructor({ title, detail = "", status = 0, slug = "", requestId = "", about = {} }) {
    super(title);
    Object.assign(this, { title, detail, status, slug, requestId, about });
  }
}

/** Problem of its JSON form. */
export function problemOf(document) {
  const { title = "The request failed", detail, status, type = "", request_id: requestId, ...about } = document;
  return new Problem({ title, detail, status, slug: type.split(":").pop(), requestId, about });
}

/** This server, with a key once one is given. */
export class Server {
  key = "";

  /** Address of `path` with those of `query` that are set. */
  address(path, query = {}) {
    const set = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
    const pairs = set.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%2C", ",")}`);
    return new URL(path + (pairs.length ? `?${pairs.join("&")}` : ""), document.baseURI).href;
  }

  /**
   * Response to a request that succeeded; a Problem for any other. `onTry()` before each try, and
   * `onWait(seconds, try, tries)` before the pause that the server wishes.
   */
  async request(address, { signal, onWait = () => {}, onTry = () => {}, headers = {}, ...options } = {}) {
    const key = this.key ? { Authorization: `Bearer ${this.key}` } : {};
    for (let attempt = 1; ; attempt += 1) {
      onTry();
      const response = await reach(address, { ...options, signal, headers: { ...headers, ...key } });
      if (response.ok) return response;
      const wait = Number(response.headers.get("Retry-After") ?? NaN);
      const problem = await read(response);
      if (!(wait <= LONGEST_WAIT_S) || ![429, 503].includes(response.status) || attempt === TRIES) throw problem;
      onWait(wait, attempt + 1, TRIES);
      await sleep(1000 * wait, signal);
    }
  }

  /** @returns {Promise<object[]>} the entries of GET /models */
  async models() {
    return (await (await this.request(this.address("models"))).json()).models;
  }

  /** WebSocket for frames, with the options of `query`. */
  stream(query) {
    const address = this.address("stream", query).replace(/^http/, "ws");
    // A page cannot set headers of a WebSocket: the key goes as a subprotocol.
    return new WebSocket(address, this.key ? ["pag", `key.${base64url(this.key)}`] : ["pag"]);
  }
}

async function reach(address, request) {
  try {
    return await fetch(address, { ...request, cache: "no-store" });
  } catch (error) {
    if (request.signal?.aborted) throw error;
    const { host } = new URL(address);
    const detail = `Nothing answers at ${host}. Is the server running, and this machine connected to it?`;
    throw new Problem({ title: "The server does not answer", detail, slug: NO_ANSWER });
  }
}

async function read(response) {
  const requestId = response.headers.get("X-Request-ID") ?? "";
  const document = await response.json().catch(() => ({}));
  const title = `The server answered ${response.status} ${response.statusText}`;
  return problemOf({ title, status: response.status, request_id: requestId, ...document });
}

function base64url(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
