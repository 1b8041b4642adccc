/** All images of the page: added, labelled a few at a time, filtered, counted, taken along. */

import { Card } from "./card.js";
import { byId, show, slot } from "./dom.js";
import { copy, csv, json, lines, save } from "./downloads.js";
import { Queue } from "./queue.js";
import { label } from "./service.js";
import { announce, config, count, text } from "./words.js";

const input = byId("files");
const filter = byId("filter");

let cards = [];
let batch = new Set();
let unsaved = false;

const queue = new Queue((card, signal) => label(card.file, signal), refresh);

const deck = {
  retry: (card) => enqueue([card]),
  cancel: (card) => stop([card]),
  remove(card) {
    const seen = cards.filter(({ element }) => !element.hidden);
    const at = seen.indexOf(card);
    const next = seen[at + 1] ?? seen[at - 1];
    discard([card]);
    (next ? next.slot("remove") : input).focus();
    announce(text("announce.removed", { name: card.file.name }));
  },
  changed() {
    unsaved = true;
    refresh();
  },
};

const ofState = (...states) => cards.filter(({ state }) => states.includes(state));
const finished = () => cards.filter((card) => card.finished);

/** Add files, as many as the page may hold; label them, and no others, at once if told to. */
export function add(files, { now = false } = {}) {
  if (files.length === 0) return;
  const room = Math.max(0, config.maxFiles - cards.length);
  const added = [...files].slice(0, room).map((file) => new Card(file, deck));
  byId("cards").append(...added.map(({ element }) => element));
  cards.push(...added);
  const left = files.length - added.length;
  byId("file-limit").hidden = left === 0;
  slot(byId("file-limit"), "words").textContent = count("form.too_many", left);
  refresh();
  if (now) {
    enqueue(added);
    byId("results-heading").focus();
  } else {
    const over = left > 0 ? [count("form.too_many", left)] : [];
    announce(count("announce.added", ofState("ready").length), ...over);
  }
}

/** Label what waits to be; tell whether there was anything. */
export function labelReady() {
  const ready = ofState("ready");
  if (ready.length === 0) return queue.working;
  enqueue(ready);
  byId("results-heading").focus();
  return true;
}

function enqueue(some) {
  for (const card of some) batch.add(card);
  queue.add(some);
}

function stop(pending) {
  for (const card of pending) {
    batch.delete(card);
    card.lies();
  }
  queue.take(pending);
  byId("summary").textContent = count("announce.stopped", pending.length);
  announce(byId("summary").textContent);
}

function discard(gone) {
  const left = new Set(gone);
  cards = cards.filter((card) => !left.has(card));
  for (const card of gone) {
    batch.delete(card);
    card.discard();
  }
  queue.take(gone);
}

/** Bring everything that counts images up to date. */
function refresh() {
  const ready = ofState("ready").length;
  const ended = finished().length;
  const failed = ofState("failed").filter(({ problem }) => problem.retriable);
  byId("send").textContent = ready > 0 ? count("form.submit_count", ready) : text("form.submit");
  byId("results").hidden = cards.length === 0;
  show(byId("stop"), queue.working);
  show(byId("retry-failed"), !queue.working && failed.length > 1);
  byId("retry-failed").textContent = count("results.retry", failed.length);
  show(byId("take"), ended > 0);
  show(byId("clear"), cards.length > 1, input);
  showFilter(ended);
  showProgress();
}

function showProgress() {
  const done = [...batch].filter((card) => card.finished).length;
  const progress = byId("progress");
  progress.hidden = !queue.working;
  progress.max = Math.max(batch.size, 1);
  progress.value = done;
  if (queue.working) {
    byId("summary").textContent = text("results.done", { done, total: batch.size });
  } else if (batch.size > 0) {
    finish();
  }
}

/** Say once, for the whole batch, how it ended. */
function finish() {
  const failed = [...batch].filter(({ state }) => state === "failed").length;
  const sentences = [count("announce.labelled", batch.size - failed)];
  if (failed > 0) sentences.push(count("announce.failed", failed));
  byId("summary").textContent = sentences.join(" ");
  announce(...sentences);
  batch = new Set();
}

/** One choice for each kind of answer that there is; a choice of nothing falls back to all. */
function showFilter(ended) {
  const kinds = cards.map(({ kind }) => kind);
  for (const choice of filter.querySelectorAll("input")) {
    const n = choice.value === "all" ? cards.length : kinds.filter((kind) => kind === choice.value).length;
    slot(choice.parentElement, "count").textContent = n;
    choice.parentElement.hidden = n === 0;
    if (n === 0 && choice.checked) filter.querySelector("input").checked = true;
  }
  show(filter, ended > 1);
  const shown = filter.hidden ? "all" : filter.querySelector("input:checked").value;
  for (const { element, kind } of cards) element.hidden = shown !== "all" && kind !== shown;
}

filter.addEventListener("change", refresh);
byId("stop").addEventListener("click", () => stop(ofState("queued", "sending")));
byId("retry-failed").addEventListener("click", () =>
  enqueue(ofState("failed").filter(({ problem }) => problem.retriable)),
);
byId("clear").addEventListener("click", () => {
  discard(cards);
  input.focus();
  announce(text("announce.cleared"));
});

byId("copy-all").addEventListener("click", () => {
  const all = finished();
  copy(lines(all), count("announce.copied", all.length));
});
byId("csv").addEventListener("click", () => {
  save(csv(finished()), "text/csv;charset=utf-8", "csv");
  unsaved = false;
});
byId("json").addEventListener("click", () => {
  save(json(finished()), "application/json", "json");
  unsaved = false;
});

// Sixty photos and their corrections are not to be lost to a slip of the hand.
addEventListener("beforeunload", (event) => {
  if (queue.working || unsaved) event.preventDefault();
});
