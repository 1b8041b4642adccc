/** Label a photo from Node 18 or newer: node labels.mjs https://rotulo.example.cl foto.jpg */

import { readFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";

const [url, path] = process.argv.slice(2);
const photo = await readFile(path);

async function label(tries = 4) {
  const answer = await fetch(`${url}/v1/labels?lang=es&top_k=3`, {
    method: "POST",
    body: photo,
    headers: { "Content-Type": "application/octet-stream" },
    signal: AbortSignal.timeout(60_000),
  });
  if ([429, 503].includes(answer.status) && tries > 1) {
    const seconds = Number(answer.headers.get("Retry-After")) || 1;
    await wait(1000 * Math.min(seconds, 30));
    return label(tries - 1);
  }
  const told = await answer.json();
  if (!answer.ok) throw new Error(`${told.status}: ${told.detail}`);
  return told;
}

const { decision, labels } = await label();
console.log(decision, labels[0].name);
