/** What the service said, in the page's own markup. */

import { copyOf, slot } from "./dom.js";
import { percent, text } from "./words.js";

/** A decision with the labels that it is about. */
export function answerOf(decision, labels) {
  const said = copyOf(decision);
  for (const { name, score } of labels) {
    const row = copyOf("score");
    slot(row, "name").textContent = name;
    slot(row, "percent").textContent = percent(score);
    slot(row, "bar").setAttribute("width", (100 * score).toFixed(1));
    slot(said, "scores").append(row);
  }
  return said;
}

/** What went wrong; whatever is no Problem of the service is one of the page, and is reported. */
export function failureOf(problem) {
  if (problem.words === undefined) reportError(problem);
  const said = copyOf("failure");
  slot(said, "title").textContent = problem.title ?? text("problem.unknown");
  slot(said, "words").textContent = problem.words ?? text("error.internal-error");
  return said;
}
