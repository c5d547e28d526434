/** Photographs: from files, the clipboard and samples, as {name, blob, image, width, height, address}. */

/** Samples in the order shown: where they are, what they show, and who may use them. */
export const SAMPLES = [
  { file: "room.jpg", name: "Room", licence: "“room”, rendered for this project and no real place, CC0" },
  { file: "coffee.jpg", name: "Coffee", licence: "“coffee” by Rachel Michetti, from scikit-image, CC0" },
];

/**
 * Photograph of a file; `image` is null where this browser cannot show it: the server may still read it.
 * @param {Blob} blob the encoded image, sent as it is
 */
export async function photographOf(blob, name, address = null) {
  const image = await createImageBitmap(blob).catch(() => null);
  return { name, blob, image, width: image?.width ?? 0, height: image?.height ?? 0, address };
}

/** The sample photograph `file`. */
export async function sampleOf(server, file) {
  const address = server.address(`page/samples/${file}`);
  const response = await server.ask(address);
  return photographOf(await response.blob(), file, address);
}
