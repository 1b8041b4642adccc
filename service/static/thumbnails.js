/**
 * Small pictures of large files, made one at a time and only of what is near the window: hundreds
 * of photos from a camera would not fit in the memory of a cheap phone.
 */

const near = new Map();
let chain = Promise.resolve();

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) begin(target.querySelector("img"));
    }
  },
  { rootMargin: "400px" },
);

function begin(image) {
  const { file, settle } = near.get(image) ?? {};
  forget(image);
  if (file) chain = chain.then(() => fill(image, file).then(settle));
}

/** Put a small picture of a file into an image once its place is near; then `settle(seen)`. */
export function showSoon(image, file, settle) {
  near.set(image, { file, settle });
  watcher.observe(image.parentElement);
}

export function forget(image) {
  watcher.unobserve(image.parentElement);
  near.delete(image);
}

/** Put a picture of a file, reduced to a width, into an image; tell whether it can be seen. */
export async function fill(image, file, width = 640) {
  try {
    const bitmap = await createImageBitmap(file, { resizeWidth: width, resizeQuality: "high" });
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    const small = await new Promise((done) => canvas.toBlob(done, "image/webp", 0.85));
    const address = URL.createObjectURL(small);
    image.src = address;
    await image.decode().finally(() => URL.revokeObjectURL(address));
    return true;
  } catch {
    return false;
  }
}
