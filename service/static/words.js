/**
 * The words and numbers of the page. They come with it (#page-data), in the visitor's language, so
 * that no script holds a sentence, a limit or an address of its own.
 */

export const config = JSON.parse(document.getElementById("page-data").textContent);
const plural = new Intl.PluralRules(config.locale);
const decimal = new Intl.NumberFormat(config.locale, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

export const text = (key, values = {}) =>
  config.texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

export const count = (key, n) => text(`${key}.${plural.select(n) === "one" ? "one" : "other"}`, { n });

/** A score in 0–1 as a percentage, never as a flat 0 or 100: as Catalogue.percent writes it. */
export function percent(score) {
  const [least, most] = [0.001, 0.999];
  const kept = Math.min(Math.max(score, least), most);
  const value = text("unit.percent", { value: decimal.format(100 * kept) });
  if (score < least) return text("unit.below", { value });
  return score > most ? text("unit.above", { value }) : value;
}

const voice = document.getElementById("announcement");

/** Say something to who listens to the page; the same again is said again. */
export function announce(...sentences) {
  const said = sentences.join(" ");
  voice.textContent = said === voice.textContent ? `${said}\u00a0` : said;
}
