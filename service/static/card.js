/** One image on the page: its card, its state, what was said of it and what the editor says. */

import { answerOf, failureOf } from "./answer.js";
import { openCorrection, sendCorrection } from "./correction.js";
import { copyOf, show, slot } from "./dom.js";
import { copy } from "./downloads.js";
import { toggleExplanation } from "./explanation.js";
import { forget, showSoon } from "./thumbnails.js";
import { config, text } from "./words.js";

const BUTTONS = ["cancel", "retry", "confirm", "correct", "why", "copy"];

export class Card {
  tries = 0;
  answer = null;
  problem = null;
  correction = null;
  finishedAt = null;

  /** `deck` is told by retry(card), cancel(card), remove(card) and changed(). */
  constructor(file, deck) {
    this.file = file;
    this.deck = deck;
    this.element = copyOf("card").firstElementChild;
    this.slot("file").textContent = file.name;
    for (const place of this.element.querySelectorAll("[data-name]")) {
      place.textContent = ` ${file.name}`;
    }
    const acts = {
      remove: () => deck.remove(this),
      cancel: () => deck.cancel(this),
      retry: () => deck.retry(this),
      confirm: () => this.correctTo({ ...this.answer.labels[0], comment: "" }),
      correct: () => openCorrection(this),
      why: () => toggleExplanation(this),
      copy: () => copy(this.label ?? "", text("announce.copied_one", { label: this.label })),
    };
    for (const [name, act] of Object.entries(acts)) {
      this.slot(name).addEventListener("click", act);
    }
    showSoon(this.slot("thumbnail"), file, (seen) => {
      this.slot("thumbnail").hidden = !seen;
      this.slot("no-thumbnail").hidden = seen;
    });
    this.lies();
  }

  slot(name) {
    return slot(this.element, name);
  }

  get finished() {
    return this.state === "done" || this.state === "failed";
  }

  /** What its chip in the filter is called: the decision, failed, or pending. */
  get kind() {
    if (this.state === "failed") return "failed";
    return this.answer?.decision ?? "pending";
  }

  /** The label to use: the editor's, else the model's unless it does not know; null for none. */
  get label() {
    if (this.correction) return this.correction.id === config.noLabel ? null : this.correction.name;
    return this.answer && this.answer.decision !== "abstain" ? this.answer.labels[0].name : null;
  }

  lies = () => this.#become("ready", text("card.ready"));
  waits = () => this.#become("queued", text("card.queued"));
  sends = () => this.#become("sending", text("card.sending"));

  holds(seconds, lost) {
    const busy = lost ? text("card.lost", { seconds }) : text("card.holding", { seconds });
    this.#become("queued", seconds === null ? text("card.offline") : busy);
  }

  succeeds(answer) {
    this.answer = answer;
    this.#become("done", "", [answerOf(answer.decision, answer.labels)]);
  }

  fails(problem) {
    this.problem = problem;
    this.#become("failed", "", [failureOf(problem)]);
  }

  /** Take the editor's word for the label: {id, name, comment}; an image only where agreed. */
  correctTo({ id, name, comment }, image = null) {
    const agrees = id === this.answer.labels[0].id;
    this.correction = { id, name, comment, agrees };
    const words = copyOf("corrected");
    const label = agrees ? text("correct.agrees", { name }) : text("correct.is", { name });
    slot(words, "label").textContent = label;
    this.slot("corrected").replaceChildren(words);
    show(this.slot("confirm"), false, this.slot("correct"));
    this.element.dataset.corrected = agrees ? "same" : "other";
    this.slot("copy").hidden = this.label === null;
    this.deck.changed();
    sendCorrection(this, image);
  }

  discard() {
    forget(this.slot("thumbnail"));
    this.element.remove();
  }

  #become(state, words, said = []) {
    this.state = state;
    if (state !== "done") this.answer = this.correction = null;
    if (state !== "failed") this.problem = null;
    this.finishedAt = this.finished ? new Date() : null;
    this.element.dataset.state = state;
    delete this.element.dataset.corrected;
    this.slot("status").textContent = words;
    this.slot("answer").replaceChildren(...said);
    for (const name of ["corrected", "explanation", "correction"]) this.slot(name).replaceChildren();
    const offered = {
      cancel: state === "queued" || state === "sending",
      retry: state === "failed" && this.problem.retriable,
      confirm: state === "done" && this.answer.decision === "review",
      correct: state === "done",
      why: state === "done" && config.explanations !== null,
      copy: this.label !== null,
    };
    for (const name of BUTTONS) show(this.slot(name), offered[name], this.slot("remove"));
    this.slot("why").setAttribute("aria-expanded", "false");
    this.slot("correct").setAttribute("aria-expanded", "false");
  }
}
