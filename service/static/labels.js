/** Asks the service for the labels of one image. Nothing but the image itself is sent. */

import { config, text } from "./words.js";

/** Why an image has no labels, in words, and whether another try may help. */
export class Problem extends Error {
  constructor(slug, { title, detail, status = 0, retryAfter = null } = {}) {
    super(slug);
    const known = { size: config.size, formats: config.formats };
    const words = config.texts[`error.${slug}`];
    this.title = title ?? text(`problem.${slug}`);
    this.words = words ? text(`error.${slug}`, known) : (detail ?? this.title);
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

/** Return what the service says about one image; rejects with a Problem. */
export async function label(file, signal) {
  if (file.size > config.maxUploadBytes) throw new Problem("payload-too-large", { status: 413 });
  const type = file.type.startsWith("image/") ? file.type : "application/octet-stream";
  let response;
  try {
    response = await fetch(config.endpoint, {
      method: "POST",
      body: file,
      headers: { "Content-Type": type, Accept: "application/json" },
      signal,
    });
    if (response.ok) return await response.json();
  } catch {
    throw new Problem("network");
  }
  throw await problemOf(response);
}
