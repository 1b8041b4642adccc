/** What a label rests on: the image with what weighs little darkened, and a sentence. */

import { failureOf } from "./answer.js";
import { copyOf, slot } from "./dom.js";
import { explain } from "./service.js";
import { fill } from "./thumbnails.js";
import { announce, config, text } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const DARKEST = 0.65;
const OUTLINED_FROM = 0.75;
const LONGEST_WAIT = 15_000;

/** Show why, or hide it again. */
export async function toggleExplanation(card) {
  const place = card.slot("explanation");
  const button = card.slot("why");
  if (button.getAttribute("aria-busy") === "true") return;
  if (place.childElementCount > 0) {
    place.replaceChildren();
    button.setAttribute("aria-expanded", "false");
    return;
  }
  const { answer } = card;
  button.setAttribute("aria-busy", "true");
  button.setAttribute("aria-expanded", "true");
  place.replaceChildren(copyOf("explaining"));
  const [shown, said] = await patiently(() => explain(card.file)).then(
    (explanation) => [figure(card.file, explanation), explanation.sentence],
    (problem) => [failureOf(problem), problem.words ?? text("problem.unknown")],
  );
  button.removeAttribute("aria-busy");
  if (card.answer !== answer) return;
  place.replaceChildren(shown);
  announce(said);
}

/** Ask again while the service says when, as few explanations are made at a time. */
async function patiently(ask) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (problem) {
      const wait = problem.retryAfter ?? Infinity;
      if (tries >= config.maxTries || wait > LONGEST_WAIT) throw problem;
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}

function figure(file, { grid, sentence }) {
  const drawn = copyOf("explanation");
  slot(drawn, "sentence").textContent = sentence;
  const cells = slot(drawn, "cells");
  cells.setAttribute("viewBox", [0, 0, grid.columns, grid.rows].join(" "));
  grid.values.forEach((row, y) =>
    row.forEach((value, x) => {
      const cell = document.createElementNS(SVG, "rect");
      const darkness = (DARKEST * (1 - value)).toFixed(3);
      const facts = { x, y, width: 1, height: 1, "fill-opacity": darkness };
      if (value >= OUTLINED_FROM) facts["vector-effect"] = "non-scaling-stroke";
      for (const [name, fact] of Object.entries(facts)) cell.setAttribute(name, fact);
      if (value >= OUTLINED_FROM) cell.classList.add("heavy");
      cells.append(cell);
    }),
  );
  const picture = slot(drawn, "picture");
  fill(picture, file).then((seen) => picture.parentElement.toggleAttribute("data-unseen", !seen));
  return drawn;
}
