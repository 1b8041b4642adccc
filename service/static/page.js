/**
 * What the editor's page does beyond its plain form: drop and paste, a few images at a time, an
 * answer or a reason for each. Markup comes from the page's templates; innerHTML is never written.
 */

import { label, Problem } from "./labels.js";
import { config, count, percent, text } from "./words.js";

const byId = (id) => document.getElementById(id);
const form = byId("form");
const input = byId("files");
const drop = byId("drop");
const submit = byId("send");
const results = byId("results");
const list = byId("cards");

const copyOf = (template) => byId(`${template}-template`).content.cloneNode(true);
const slot = (root, name) => root.querySelector(`[data-slot="${name}"]`);

/** One image on the page: its card, its state, and what is under way for it. */
class Card {
  constructor(file) {
    this.file = file;
    this.element = copyOf("card").firstElementChild;
    this.tries = 0;
    this.removed = false;
    this.abort = new AbortController();
    for (const name of ["file", "retry-name", "remove-name"]) {
      slot(this.element, name).textContent = name === "file" ? file.name : ` ${file.name}`;
    }
    slot(this.element, "retry").addEventListener("click", () => retry(this));
    slot(this.element, "remove").addEventListener("click", () => remove(this));
    this.#showThumbnail();
    this.show("ready", text("card.ready"));
    list.append(this.element);
  }

  get finished() {
    return this.state === "done" || this.state === "failed";
  }

  show(state, words = "", answer = []) {
    this.state = state;
    this.element.dataset.state = state;
    slot(this.element, "status").textContent = words;
    slot(this.element, "answer").replaceChildren(...answer);
    slot(this.element, "retry").hidden = true;
  }

  showLabels({ decision, labels }) {
    const answer = copyOf(decision);
    slot(answer, "scores").append(
      ...labels.map(({ name, score }) => {
        const row = copyOf("score");
        slot(row, "name").textContent = name;
        slot(row, "percent").textContent = percent(score);
        slot(row, "bar").setAttribute("width", (100 * score).toFixed(1));
        return row;
      }),
    );
    this.show("done", "", [answer]);
  }

  showProblem(problem) {
    const answer = copyOf("failure");
    slot(answer, "title").textContent = problem.title;
    slot(answer, "words").textContent = problem.words;
    this.show("failed", "", [answer]);
    slot(this.element, "retry").hidden = !problem.retriable;
  }

  #showThumbnail() {
    const image = slot(this.element, "thumbnail");
    const address = URL.createObjectURL(this.file);
    const settle = (seen) => {
      URL.revokeObjectURL(address);
      image.hidden = !seen;
      slot(this.element, "no-thumbnail").hidden = seen;
    };
    image.addEventListener("load", () => settle(true), { once: true });
    image.addEventListener("error", () => settle(false), { once: true });
    image.src = address;
  }
}

let cards = [];
let queue = [];
let batch = [];
let inFlight = 0;
let holdUntil = 0;
let holding = 0;

/** Start what may start now. While the service asked for patience, nothing does. */
function pump() {
  clearTimeout(holding);
  const patience = holdUntil - Date.now();
  if (patience > 0 && queue.length > 0) {
    holding = setTimeout(pump, patience);
  } else {
    while (inFlight < config.maxInFlight && queue.length > 0) send(queue.shift());
  }
  showProgress();
}

async function send(card) {
  inFlight += 1;
  card.tries += 1;
  card.abort = new AbortController();
  card.show("sending", text("card.sending"));
  const limit = setTimeout(() => card.abort.abort(), 1000 * config.timeoutSeconds);
  try {
    card.showLabels(await label(card.file, card.abort.signal));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (!card.removed) giveUpOrHold(card, problem);
  } finally {
    clearTimeout(limit);
    inFlight -= 1;
    pump();
  }
}

function giveUpOrHold(card, problem) {
  if (problem.retryAfter === null || card.tries >= config.maxTries) {
    card.showProblem(problem);
    return;
  }
  holdUntil = Math.max(holdUntil, Date.now() + problem.retryAfter);
  const seconds = Math.max(1, Math.ceil(problem.retryAfter / 1000));
  card.show("queued", text("card.holding", { seconds }));
  queue.unshift(card);
}

function enqueue(chosen) {
  for (const card of chosen) {
    card.tries = 0;
    card.show("queued", text("card.queued"));
  }
  batch = [...new Set([...batch, ...chosen])];
  queue.push(...chosen);
  pump();
}

const announce = (...sentences) => {
  byId("announcement").textContent = sentences.join(" ");
};

function showProgress() {
  const ready = cards.filter((card) => card.state === "ready").length;
  const done = batch.filter((card) => card.finished).length;
  const working = inFlight + queue.length > 0;
  submit.textContent = ready > 0 ? count("form.submit_count", ready) : text("form.submit");
  results.hidden = list.childElementCount === 0;
  byId("clear").hidden = cards.length < 2;
  byId("progress").hidden = !working;
  byId("progress").max = Math.max(batch.length, 1);
  byId("progress").value = done;
  if (batch.length === 0) return;
  byId("summary").textContent = text("results.done", { done, total: batch.length });
  if (!working) finish();
}

/** Say once, for the whole batch, how it ended. */
function finish() {
  const failed = batch.filter((card) => card.state === "failed").length;
  const labelled = batch.length - failed;
  const sentences = [count("announce.labelled", labelled)];
  if (failed > 0) sentences.push(count("announce.failed", failed));
  byId("summary").textContent = sentences.join(" ");
  announce(...sentences);
  batch = [];
}

function add(files) {
  if (files.length === 0) return;
  showEmptyError(false);
  cards.push(...[...files].map((file) => new Card(file)));
  showProgress();
  announce(count("announce.added", cards.filter((card) => card.state === "ready").length));
}

function retry(card) {
  slot(card.element, "remove").focus();
  enqueue([card]);
}

function remove(card) {
  const at = cards.indexOf(card);
  forget([card]);
  const neighbour = cards[at] ?? cards[at - 1];
  (neighbour ? slot(neighbour.element, "remove") : input).focus();
  announce(text("announce.removed", { name: card.file.name }));
}

function forget(gone) {
  const stays = (card) => !gone.includes(card);
  [cards, queue, batch] = [cards.filter(stays), queue.filter(stays), batch.filter(stays)];
  for (const card of gone) {
    card.removed = true;
    card.abort.abort();
    card.element.remove();
  }
  showProgress();
}

function showEmptyError(shown) {
  const error = byId("file-error");
  const others = input.getAttribute("aria-describedby").replace(`${error.id} `, "");
  error.hidden = !shown;
  input.setAttribute("aria-describedby", shown ? `${error.id} ${others}` : others);
  if (shown) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const ready = cards.filter((card) => card.state === "ready");
  if (ready.length > 0) {
    enqueue(ready);
    byId("results-heading").focus();
  } else if (inFlight + queue.length === 0) {
    showEmptyError(true);
    input.focus();
  }
});

input.addEventListener("change", () => {
  add(input.files);
  input.value = "";
});

byId("clear").addEventListener("click", () => {
  forget(cards);
  input.focus();
  announce(text("announce.cleared"));
});

document.addEventListener("paste", (event) => {
  const files = event.clipboardData?.files ?? [];
  if (files.length > 0) event.preventDefault();
  add(files);
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

document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  drop.removeAttribute("data-over");
  add(event.dataTransfer.files);
});

document.documentElement.toggleAttribute("data-scripted", true);
add(input.files);
input.value = "";
