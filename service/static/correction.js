/** The editor's word for a label: a choice of the model's labels, kept here and sent if wanted. */

import { copyOf, slot } from "./dom.js";
import { correct, labelsOf, Problem } from "./service.js";
import { announce, config, text } from "./words.js";

/** Open the form in a card, or close it. */
export async function openCorrection(card) {
  const place = card.slot("correction");
  const button = card.slot("correct");
  const close = () => {
    place.replaceChildren();
    button.setAttribute("aria-expanded", "false");
    button.focus();
  };
  if (place.childElementCount > 0) return close();
  const form = copyOf("correction").firstElementChild;
  const select = slot(form, "label");
  try {
    fill(select, await labelsOf(card.answer.model.name));
  } catch (problem) {
    return announce(problem instanceof Problem ? problem.words : text("problem.unknown"));
  }
  if (card.state !== "done" || place.childElementCount > 0) return null;
  select.value = (card.correction ?? card.answer.labels[0]).id;
  if (card.correction && slot(form, "comment")) {
    slot(form, "comment").value = card.correction.comment;
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { value: id, selectedOptions } = select;
    const comment = slot(form, "comment")?.value.trim() ?? "";
    const image = slot(form, "consent")?.checked ? card.file : null;
    close();
    card.correctTo({ id, name: selectedOptions[0].label, comment }, image);
  });
  form.addEventListener("keydown", ({ key }) => key === "Escape" && close());
  slot(form, "cancel").addEventListener("click", close);
  place.replaceChildren(form);
  button.setAttribute("aria-expanded", "true");
  select.focus();
  return null;
}

function fill(select, labels) {
  for (const [id, name] of [...labels, [config.noLabel, text("correct.none")]]) {
    select.append(new Option(name, id));
  }
}

/** Send what a card was corrected to, where the service takes it; it stays in the downloads anyway. */
export async function sendCorrection(card, image) {
  const correction = card.correction;
  const status = slot(card.slot("corrected"), "status");
  const again = slot(card.slot("corrected"), "again");
  if (config.feedback === null) {
    status.textContent = text("correct.kept");
    announce(text("correct.kept"));
    return;
  }
  again.addEventListener("click", () => {
    card.slot("correct").focus();
    card.correctTo(correction, image);
  });
  status.textContent = text("correct.sending");
  const { id, model, labels } = card.answer;
  let said;
  try {
    await correct(
      {
        result_id: id,
        label: correction.id,
        offered: labels[0].id,
        model: { name: model.name, version: model.version },
        comment: correction.comment || null,
      },
      image,
    );
    said = text("correct.sent");
  } catch (problem) {
    said = text("correct.unsent");
    again.hidden = false;
    if (!(problem instanceof Problem)) reportError(problem);
  }
  if (card.correction !== correction) return;
  status.textContent = said;
  announce(said);
}
