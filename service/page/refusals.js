/** What the server says of a photograph that it refuses, in the words of the page: with the file's name. */

import { Problem } from "./server.js";

/** Title and detail by the problem's slug. */
const WORDS = {
  "unsupported-image": (name, { about }) => [
    `${name} is not a picture that this server reads`,
    `It reads ${about.supported?.join(", ") ?? "JPEG and PNG"}.`,
  ],
  "empty-body": (name) => [`${name} is empty`, "Choose another file, or copy it anew."],
  "image-too-small": (name, { about }) => [
    `${name} is too small`,
    `It has ${about.width} × ${about.height} pixels; both sides must be at least ${about.limit}.`,
  ],
  "image-too-large": (name, { detail }) => [`${name} is too large`, `${detail} Make it smaller first.`],
  "body-too-large": (name, { detail }) => [`${name} is too large`, detail],
  "undecodable-image": (name) => [`${name} is damaged`, "It begins like a picture but cannot be read to its end."],
};

/** The problem in the page's words; null if the photograph is not its cause. */
export function refusalOf(problem, { name }) {
  const words = WORDS[problem.slug];
  if (!words) return null;
  const [title, detail] = words(name, problem);
  const { status, slug, requestId, about } = problem;
  return new Problem({ title, detail, status, slug, requestId, about });
}
