/** Everything that was said, to take along: as CSV for a spreadsheet, JSON for a program, or text. */

import { byId } from "./dom.js";
import { announce, config, text } from "./words.js";

const PLACES = 5;
const FIRST = ["csv.file", "csv.state", "csv.label", "csv.offered", "csv.score", "csv.corrected", "csv.comment"];
const LAST = ["csv.problem", "csv.model", "csv.result", "csv.moment"];

// Spreadsheets in Chile separate cells by ; and decimals by a comma, whatever the page speaks.
const CHILE = "es-CL";
const score = new Intl.NumberFormat(CHILE, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const date = new Intl.DateTimeFormat(CHILE, { day: "2-digit", month: "2-digit", year: "numeric" });
const time = new Intl.DateTimeFormat(CHILE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const moment = (at) => `${date.format(at)} ${time.format(at)}`;

/** A value that a spreadsheet cannot take for a formula (CWE-1236). */
const tame = (value) => (/^[\s\0]*[=+\-@\t\r\n＝＋－＠]/u.test(value) ? `'${value}` : value);
const cell = (value) => `"${tame(String(value)).replaceAll('"', '""')}"`;
const state = ({ kind }) => config.texts[`decision.${kind}`] ?? text("filter.failed");

/** Comma Separated Values (RFC 4180) with a byte order mark, ; between cells, all quoted. */
export function csv(cards) {
  const named = (keys) => keys.map((key) => text(key));
  const ranked = places().flatMap((n) => [text("csv.place", { n }), text("csv.place_score", { n })]);
  const rows = [[...named(FIRST), ...ranked, ...named(LAST)], ...cards.map(row)];
  return `\ufeff${rows.map((cells) => cells.map(cell).join(";")).join("\r\n")}\r\n`;
}

const places = () => Array.from({ length: PLACES - 1 }, (_, n) => n + 2);

function row(card) {
  const { answer, correction, problem } = card;
  const labels = answer?.labels ?? [];
  const pair = (one) => [one?.name ?? "", one ? score.format(100 * one.score) : ""];
  return [
    card.file.name,
    state(card),
    card.label ?? "",
    ...pair(labels[0]),
    correction?.name ?? "",
    correction?.comment ?? "",
    ...places().flatMap((n) => pair(labels[n - 1])),
    problem ? `${problem.title}. ${problem.words}` : "",
    answer ? `${answer.model.name} ${answer.model.version}` : "",
    answer?.id ?? "",
    moment(card.finishedAt),
  ];
}

/** The same for a program: numbers with a point, moments in ISO 8601, ids beside names. */
export function json(cards) {
  const images = cards.map(({ file, answer, label, correction, problem, finishedAt }) => ({
    file: file.name,
    finished: finishedAt.toISOString(),
    label,
    result: answer && { ...answer, timing_ms: undefined },
    correction: correction && { label: correction.id, name: correction.name, comment: correction.comment },
    problem: problem && { type: problem.message, title: problem.title, detail: problem.words },
  }));
  return `${JSON.stringify({ images }, null, 2)}\n`;
}

/** File and label of each, as a spreadsheet takes them from the clipboard. */
export const lines = (cards) =>
  cards.map(({ file, label }) => `${tame(file.name)}\t${tame(label ?? "")}`).join("\n");

export function save(content, type, suffix) {
  const link = document.createElement("a");
  const day = new Date().toLocaleDateString("sv"); // which is how ISO 8601 writes a local day
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = `rotulo-${day}.${suffix}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Copy a text and say so; without a secure context, as on an intranet, by a selection. */
export async function copy(words, said) {
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    const field = byId("clipboard");
    const before = document.activeElement;
    field.hidden = false;
    field.value = words;
    field.select();
    const copied = document.execCommand("copy");
    field.hidden = true;
    before?.focus();
    if (!copied) return announce(text("announce.not_copied"));
  }
  return announce(said);
}
