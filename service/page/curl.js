/** The request that was just made, as a command line of curl. */

/** `text` as one word of a POSIX shell. */
export function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Command that asks for the same: {address, photo} of an answer; the key stands as $PAG_KEY, never itself.
 * A sample is fetched first; a camera's frame is taken to be saved as frame.jpg.
 */
export function curlOf(address, photo, hasKey) {
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
