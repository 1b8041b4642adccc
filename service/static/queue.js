/**
 * Many images, a few at a time. A busy service is asked again when it said; a lost connection holds
 * the queue, and only that, until it is back or was tried in vain.
 *
 * An item has `tries` and is told what becomes of it: waits(), sends(), holds(seconds or null, whether
 * the connection was lost), succeeds(answer), fails(problem). Once taken out, it is told nothing more.
 */

import { Problem } from "./service.js";
import { config } from "./words.js";

const MINUTE = 60_000;
const mayWait = ({ retryAfter }) => retryAfter !== null && retryAfter <= MINUTE;

export class Queue {
  #work;
  #changed;
  #waiting = [];
  #sent = new Map();
  #holdUntil = 0;
  #timer = 0;

  /** `work(item, signal)` gives an answer or rejects; `changed()` is called after every step. */
  constructor(work, changed) {
    this.#work = work;
    this.#changed = changed;
    addEventListener("online", () => {
      this.#holdUntil = 0;
      this.#pump();
    });
  }

  get working() {
    return this.#waiting.length + this.#sent.size > 0;
  }

  add(items) {
    for (const item of items) {
      item.tries = 0;
      item.waits();
    }
    this.#waiting.push(...items);
    this.#pump();
  }

  /** Take items out, whether they wait or are under way. */
  take(items) {
    const gone = new Set(items);
    this.#waiting = this.#waiting.filter((item) => !gone.has(item));
    for (const item of gone) {
      this.#sent.get(item)?.abort();
      this.#sent.delete(item);
    }
    this.#pump();
  }

  #pump() {
    clearTimeout(this.#timer);
    const patience = this.#holdUntil - Date.now();
    if (this.#waiting.length > 0 && patience > 0) {
      if (patience < Infinity) this.#timer = setTimeout(() => this.#pump(), patience);
    } else {
      while (this.#sent.size < config.maxInFlight && this.#waiting.length > 0) {
        this.#send(this.#waiting.shift());
      }
    }
    this.#changed();
  }

  async #send(item) {
    const abort = new AbortController();
    this.#sent.set(item, abort);
    item.tries += 1;
    item.sends();
    const end = await this.#work(item, abort.signal).then(
      (answer) => () => item.succeeds(answer),
      (problem) => () => this.#failed(item, problem),
    );
    if (this.#sent.get(item) !== abort) return;
    this.#sent.delete(item);
    end();
    this.#pump();
  }

  #failed(item, problem) {
    if (!(problem instanceof Problem)) {
      reportError(problem);
      item.fails(new Problem("unknown"));
    } else if (problem.lost && !navigator.onLine) {
      item.tries -= 1;
      this.#hold(item, Infinity, true);
    } else if (problem.lost && item.tries < config.maxTries) {
      this.#hold(item, 1000 * 2 ** item.tries, true);
    } else if (problem.lost) {
      // The connection is gone for all of them: nobody should see each one tried in vain.
      for (const other of [item, ...this.#waiting.splice(0)]) other.fails(problem);
    } else if (mayWait(problem) && item.tries < config.maxTries) {
      this.#hold(item, problem.retryAfter, false);
    } else {
      item.fails(problem);
    }
  }

  #hold(item, milliseconds, lost) {
    this.#holdUntil = Math.max(this.#holdUntil, Date.now() + milliseconds);
    const seconds = Math.max(1, Math.ceil(milliseconds / 1000));
    item.holds(seconds < Infinity ? seconds : null, lost);
    this.#waiting.unshift(item);
  }
}
