/** How images come to the page: chosen, photographed, pasted, dropped, or one of the examples. */

import { add, labelReady } from "./deck.js";
import { byId } from "./dom.js";
import { config, announce, text } from "./words.js";

const input = byId("files");
const shot = byId("shot");
const drop = byId("drop");

function showEmptyError(shown) {
  const error = byId("file-error");
  const others = input.getAttribute("aria-describedby").replace(`${error.id} `, "");
  error.hidden = !shown;
  input.setAttribute("aria-describedby", shown ? `${error.id} ${others}` : others);
  if (shown) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function take(files, options) {
  if (files.length > 0) showEmptyError(false);
  add(files, options);
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (labelReady()) return;
  showEmptyError(true);
  input.focus();
});

for (const field of [input, shot]) {
  field.addEventListener("change", () => {
    take([...field.files]);
    field.value = "";
  });
}

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length > 0) event.preventDefault();
  take(files);
});

// A file that misses the area must not make the browser leave the page for it.
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

document.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  drop.toggleAttribute("data-over", drop.contains(event.target));
});

document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) drop.removeAttribute("data-over");
});

document.addEventListener("drop", async (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  drop.removeAttribute("data-over");
  take(await filesOf(event.dataTransfer));
});

/** Files that were dropped, with the images in dropped folders and in theirs. */
async function filesOf(transfer) {
  const plain = [...transfer.files];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return plain;
  const files = [];
  for (const entry of entries) await collect(entry, files, !entry.isDirectory);
  return files;
}

async function collect(entry, files, chosen) {
  if (files.length > config.maxFiles) return;
  if (entry.isFile) {
    const file = await new Promise((done) => entry.file(done, () => done(null)));
    if (file && (chosen || file.type.startsWith("image/"))) files.push(file);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (some.length === 0) return;
    for (const one of some) await collect(one, files, false);
  }
}

for (const button of byId("examples").querySelectorAll("button")) {
  button.addEventListener("click", async () => {
    try {
      const answer = await fetch(button.querySelector("img").src);
      if (!answer.ok) throw new TypeError(answer.statusText);
      const image = await answer.blob();
      const name = `${button.textContent.trim()}.webp`;
      take([new File([image], name, { type: image.type })], { now: true });
    } catch {
      announce(text("error.network"));
    }
  });
}

take([...input.files]);
input.value = "";
