// Files that visitors bring, made into what the model takes.

import { button, element } from "./dom.js";
import { centre, readInk, resize } from "./ink.js";
import { fromImageData } from "./pixels.js";
import { Problem } from "./problem.js";

const MOST = 1024; // pixels of a side that are looked at; larger pictures are shrunk first

export function fileButton(take) {
  const input = element("input.unseen", { type: "file", accept: "image/*", tabindex: "-1", "aria-hidden": "true", onchange: () => {
    if (input.files.length) take(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  } });
  return [button("Choose a file", () => input.click()), input];
}

export function takeFiles(target, take) {
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    target.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      target.classList.toggle("dropping", name === "dragleave" ? target.contains(event.relatedTarget) : name !== "drop");
      if (name === "drop" && event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
    });
  }
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (file) take(file);
  });
}

/** A file -> { bitmap, image }, at its own size or smaller, laid over white. Throws a Problem where it is no picture. */
export async function readFile(file, channels) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Problem({ title: `${file.name || "The file"} cannot be read as a picture`, detail: "PNG, JPEG, WebP, GIF and BMP files can." });
  });
  const scale = Math.min(1, MOST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return { bitmap, image: fromImageData(context.getImageData(0, 0, width, height), channels) };
}

export function prepare(image, size, style) {
  if (style !== null) return centre(readInk(image), style, size);
  return image.width === size.width && image.height === size.height ? image : resize(image, size);
}
