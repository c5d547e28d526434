/** Downloads: files of the maps, fetched from the server at the photograph's size, and the request for curl. */

import { byId, make, save } from "./elements.js";
import { withClasses } from "./kinds.js";

const COPIED_MS = 1500;
const ARCHIVES = [
  { file: "maps.npz", text: "all as npz", accept: "application/x-npz", query: {} },
  { file: "maps.zip", text: "all as zip", accept: "application/zip", query: {} },
];

/** Offer each file of what was answered; `guarded(work)` shows a problem of it. */
export function mountDownloads(state, server, guarded) {
  byId("copy-curl").addEventListener("click", () => guarded(copy));
  state.on(["answer", "view"], ({ answer }) => {
    if (!answer) return;
    showLinks(answer.maps, (file, link) => guarded(() => download(state, server, file, link)));
    byId("curl").textContent = curlOf(server.address("parse", answer.query), answer.photo, Boolean(server.key));
  });
}

/** The files {file, text, accept, query} that the maps make: one each, the first classes upon the photograph, all. */
function filesOf(maps) {
  const png = (name, query) => ({ file: `${name}.png`, text: `${name}.png`, accept: "image/png", query });
  const overlay = withClasses(maps).length ? [png("overlay", { output: "overlay", maps: null })] : [];
  return [...maps.map(({ name }) => png(name, { maps: name })), ...overlay, ...ARCHIVES];
}

/** Links are kept while the files are those of before: what has the focus keeps it. */
function showLinks(maps, fetchFile) {
  const files = filesOf(maps);
  const place = byId("downloads");
  if ([...place.children].map(({ dataset }) => dataset.file).join() === files.map(({ file }) => file).join()) return;
  place.replaceChildren(...files.map((file) => linkTo(file, fetchFile)));
}

function linkTo(file, fetchFile) {
  const link = make("a", { href: "#downloads", textContent: file.text, data: { file: file.file } });
  link.setAttribute("role", "button");
  link.addEventListener("click", (event) => {
    event.preventDefault();
    fetchFile(file, link);
  });
  link.addEventListener("keydown", (event) => event.key === " " && (event.preventDefault(), link.click()));
  return link;
}

/** Query of a file at exactly the budget that `answer` used: no load may lower it meanwhile. */
function queryOf({ meta, query }, file) {
  const { used } = meta.budget;
  return { budget: used, min_budget: used, maps: query.maps, size: "input", model: query.model, ...file.query };
}

async function download(state, server, file, link) {
  const { answer } = state.values;
  if (link.ariaBusy === "true") return;
  link.ariaBusy = "true";
  state.set({ status: `Fetching ${file.text} …` });
  try {
    const address = server.address("parse", queryOf(answer, file));
    const request = { method: "POST", body: answer.photo.blob, headers: { Accept: file.accept } };
    const response = await server.request(address, request);
    save(await response.blob(), `${stem(answer.photo.name)}-${file.file}`);
    state.set({ status: `Saved ${file.text}` });
  } finally {
    link.ariaBusy = "false";
  }
}

function stem(name) {
  return name.replace(/\.[^.]*$/, "") || "photograph";
}

async function copy() {
  const text = byId("curl").textContent;
  // Without a secure context there is no clipboard to write to: mark the text, so that Ctrl+C takes it.
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else getSelection().selectAllChildren(byId("curl"));
  byId("copy-curl").textContent = navigator.clipboard ? "Copied" : "Press Ctrl+C";
  setTimeout(() => (byId("copy-curl").textContent = "Copy"), COPIED_MS);
}

/** `text` as one word of a POSIX shell. */
function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Command of curl for the same request: {address, photo} of an answer; the key stands as $PAG_KEY, never itself.
 * A sample is fetched first; a camera's frame is taken to be saved as frame.jpg.
 */
function curlOf(address, photo, hasKey) {
  const parts = [
    "curl -fsS",
    ...(hasKey ? ['-H "Authorization: Bearer $PAG_KEY"'] : []),
    "-H 'Accept: application/x-npz'",
    `--data-binary ${quoted(`@${fileOf(photo)}`)}`,
    quoted(address),
    "-o maps.npz",
  ];
  const command = parts.join(" \\\n  ");
  return photo.address ? `curl -fsS ${quoted(photo.address)} -o ${quoted(fileOf(photo))} &&\n${command}` : command;
}

/** To curl, a dash alone is its input and no file. */
function fileOf({ name }) {
  return name === "-" ? "./-" : name;
}
