// Images that visitors bring: chosen, dropped or pasted files, made into what the model takes.

import { element } from "./dom.js";
import { centre, readInk, resize } from "./ink.js";
import { fromImageData } from "./pixels.js";
import { Problem } from "./problem.js";

const KINDS = "image/png,image/jpeg,image/webp,image/gif,image/bmp";
const MOST = 1024; // pixels of a side that are looked at; larger pictures are shrunk first

/** A button that lets a file be chosen. */
export function fileButton(take) {
  const input = element("input", { type: "file", accept: KINDS, class: "unseen", tabindex: "-1", "aria-hidden": "true", onchange: () => {
    if (input.files.length) take(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  } });
  const button = element("button", { type: "button", class: "button", onclick: () => input.click() }, "Choose a file");
  return [button, input];
}

/** Take files that are dropped on `target`, and images that are pasted anywhere. */
export function takeFiles(target, take) {
  const hasFile = (event) => event.dataTransfer?.types.includes("Files");
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    target.addEventListener(name, (event) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      const isInside = name === "dragleave" && target.contains(event.relatedTarget);
      target.classList.toggle("dropping", name === "dragenter" || name === "dragover" || isInside);
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
    throw Problem.named("unreadable-file", `${file.name || "The file"} cannot be read as a picture`, "PNG, JPEG, WebP, GIF and BMP files can.");
  });
  const scale = Math.min(1, MOST / Math.max(bitmap.width, bitmap.height));
  const canvas = element("canvas", { width: Math.max(1, Math.round(bitmap.width * scale)), height: Math.max(1, Math.round(bitmap.height * scale)) });
  const { width, height } = canvas;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return { bitmap, image: fromImageData(context.getImageData(0, 0, width, height), channels) };
}

/** A picture as the model takes it: as it is, or with its ink cropped and centred. */
export function prepare(image, size, style) {
  if (style !== null) return centre(readInk(image), style, size);
  return image.width === size.width && image.height === size.height ? image : resize(image, size);
}
