/** Asks the service. Of a file, nothing but its content is sent: no name, no date. */

import { config, text } from "./words.js";

/** Why something was not answered, in words, and whether another try may help. */
export class Problem extends Error {
  constructor(slug, { title, detail, status = 0, retryAfter = null } = {}) {
    super(slug);
    const known = { size: config.size, formats: config.formats };
    const words = config.texts[`error.${slug}`];
    this.title = title ?? text(`problem.${slug}`);
    this.words = words ? text(`error.${slug}`, known) : (detail ?? this.title);
    this.lost = slug === "network";
    this.retriable = status === 0 || status === 408 || status === 429 || status >= 500;
    this.retryAfter = retryAfter;
  }
}

/** Retry-After in milliseconds (RFC 9110, 10.2.3: seconds or a date), or null. */
function retryAfter(headers) {
  const value = headers.get("Retry-After");
  if (value === null) return null;
  const wait = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isNaN(wait) ? null : Math.max(wait, 0);
}

async function problemOf(response) {
  const told = await response.json().catch(() => ({}));
  const slug = String(told.type ?? "").split(/[/:#]/).pop();
  return new Problem(slug, {
    title: told.title ?? text("problem.unknown"),
    detail: told.detail,
    status: response.status,
    retryAfter: [429, 503].includes(response.status) ? retryAfter(response.headers) : null,
  });
}

/** Return the JSON of an answer within the time allowed; rejects with a Problem. */
async function ask(address, options, signal) {
  const abort = new AbortController();
  const limit = setTimeout(() => abort.abort(), 1000 * config.timeoutSeconds);
  signal?.addEventListener("abort", () => abort.abort());
  let response;
  try {
    response = await fetch(address, { ...options, signal: abort.signal });
    if (response.ok) return await response.json();
    throw await problemOf(response);
  } catch (error) {
    throw error instanceof Problem ? error : new Problem("network");
  } finally {
    clearTimeout(limit);
  }
}

function send(image, address, signal) {
  if (image.size > config.maxUploadBytes) throw new Problem("payload-too-large", { status: 413 });
  const type = image.type.startsWith("image/") ? image.type : "application/octet-stream";
  const headers = { "Content-Type": type, Accept: "application/json" };
  return ask(address, { method: "POST", body: image, headers }, signal);
}

/** What the service says about one image. */
export const label = async (image, signal) => send(image, config.labels, signal);

/** On which parts of an image its best label rests. */
export const explain = async (image) => send(image, config.explanations);

/** Tell the service which label was right; the image goes along only where its owner agreed. */
export async function correct(correction, image = null) {
  const told = JSON.stringify(correction);
  if (image === null) {
    const headers = { "Content-Type": "application/json" };
    return ask(config.feedback, { method: "POST", body: told, headers });
  }
  const form = new FormData();
  form.append("feedback", told);
  form.append("consent", "true");
  form.append("file", image, "image");
  return ask(config.feedback, { method: "POST", body: form });
}

const known = new Map();

/** Every label of a model as [id, name], by name; asked for once. */
export function labelsOf(model) {
  if (!known.has(model)) {
    const asked = ask(`${config.models}/${encodeURIComponent(model)}`, {}).then(({ labels }) =>
      labels
        .map((one) => [one.id, one[config.lang]])
        .sort(([, a], [, b]) => a.localeCompare(b, config.locale)),
    );
    asked.catch(() => known.delete(model));
    known.set(model, asked);
  }
  return known.get(model);
}
