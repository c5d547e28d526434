/** Downloads of each map, fetched from the server at the photograph's size, and the command line. */

import { curlOf } from "./curl.js";
import { byId, save } from "./elements.js";

const COPIED_MS = 1500;

/** How the links that ask for more than one map's PNG do it. */
const KINDS = {
  overlay: { query: { output: "overlay" }, accept: "image/png", name: "overlay", ending: "png" },
  npz: { accept: "application/x-npz", name: "maps", ending: "npz" },
  zip: { accept: "application/zip", name: "maps", ending: "zip" },
};

/** Let links fetch what was answered; `guarded(work)` shows a problem of it. */
export function mountDownloads(state, server, guarded) {
  for (const link of byId("downloads").querySelectorAll("[data-map]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      guarded(() => download(state, server, link));
    });
    link.addEventListener("keydown", (event) => event.key === " " && (event.preventDefault(), link.click()));
  }
  byId("copy-curl").addEventListener("click", () => guarded(copy));
  state.on(["answer", "view"], ({ answer }) => answer && show(server, answer));
}

/** Query for the file of `map` at exactly the budget that `answer` used: no load may lower it meanwhile. */
export function downloadQuery(answer, map) {
  const { used } = answer.meta.budget;
  const tasks = map in answer.maps ? map : map === "overlay" ? null : answer.query.tasks;
  return { budget: used, min_budget: used, tasks, size: "input", model: answer.query.model, ...KINDS[map]?.query };
}

async function download(state, server, link) {
  const { answer } = state.values;
  if (!answer || link.ariaBusy === "true") return;
  const { map } = link.dataset;
  const { accept, ending, name } = KINDS[map] ?? { accept: "image/png", ending: "png", name: map };
  link.ariaBusy = "true";
  state.set({ status: `Fetching ${link.textContent} …` });
  try {
    const address = server.address("parse", downloadQuery(answer, map));
    const request = { method: "POST", body: answer.photo.blob, headers: { Accept: accept } };
    const response = await server.ask(address, request);
    save(await response.blob(), `${stem(answer.photo.name)}-${name}.${ending}`);
    state.set({ status: `Saved ${link.textContent}` });
  } finally {
    link.ariaBusy = "false";
  }
}

function stem(name) {
  return name.replace(/\.[^.]*$/, "") || "photograph";
}

function show(server, answer) {
  for (const link of byId("downloads").querySelectorAll("[data-map]")) {
    const { map } = link.dataset;
    link.hidden = !(map in KINDS ? map !== "overlay" || answer.maps.semantics : map in answer.maps);
  }
  byId("curl").textContent = curlOf(server.address("parse", answer.query), answer.photo, Boolean(server.key));
}

async function copy() {
  const text = byId("curl").textContent;
  // Without a secure context there is no clipboard to write to: mark the text, so that Ctrl+C takes it.
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else getSelection().selectAllChildren(byId("curl"));
  byId("copy-curl").textContent = navigator.clipboard ? "Copied" : "Press Ctrl+C";
  setTimeout(() => (byId("copy-curl").textContent = "Copy"), COPIED_MS);
}
