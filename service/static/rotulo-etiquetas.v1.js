/**
 * <rotulo-etiquetas>: upload an image, read its labels, choose which to keep. For any site:
 *
 *   <script type="module" src="https://…/static/rotulo-etiquetas.v1.js" integrity="sha384-…" crossorigin="anonymous"></script>
 *   <rotulo-etiquetas src="/etiquetas" name="etiquetas" lang="es"></rotulo-etiquetas>
 *
 * Attributes
 *   src        where images are posted: a site's own proxy, which holds the key; without it, the
 *              service that this module came from
 *   lang       es or en; without it, that of the nearest element that says one
 *   top-k      labels at most for each image (5)
 *   multiple   several images, max-files at most (20); without it a new one takes the old one's place
 *   max-bytes  a larger file is refused before it is sent
 *   name, required, disabled   as in any form control; the form gets the chosen labels
 *   send       what the form gets of a label: id (stable) or name (in the language shown)
 *
 * Events, which bubble and leave the shadow tree
 *   rotulo:etiquetas   an image has its labels; detail: { file, answer, chosen }
 *   rotulo:problema    it has none; detail: { file, problem: { type, title, status, detail } }
 *   change             the visitor chose otherwise; `element.chosen` has the labels
 *
 * add(files) takes files from a script, such as those of a form's own file input. Style it by the
 * custom properties below (--rotulo-…) and by its parts. Nothing here needs an exception in a
 * page's content policy: connect-src must allow `src`, script-src this module, and that is all.
 */

// words:begin
const WORDS = {
  "es": {
    "lang": "es",
    "locale": "es-CL",
    "formats": "JPEG, PNG, WebP, GIF, BMP, TIFF o AVIF",
    "texts": {
      "announce.removed": "Se quitó {name}.",
      "card.holding": "El servicio está ocupado. Se reintenta en {seconds} s.",
      "card.queued": "En espera",
      "card.remove": "Quitar",
      "card.retry": "Reintentar",
      "card.sending": "Etiquetando…",
      "decision.abstain": "No sé",
      "decision.accept": "Segura",
      "decision.review": "Revisar",
      "error.deadline-exceeded": "El servicio no alcanzó a responder a tiempo. Reintente.",
      "error.empty-body": "El archivo no tiene contenido. Compruebe que se copió completo y agréguelo de nuevo.",
      "error.forbidden": "Este sitio no permite etiquetar imágenes desde aquí. Avise al responsable del sitio.",
      "error.image-too-large": "La imagen tiene demasiados píxeles. Redúzcala y agréguela de nuevo.",
      "error.inference-failed": "El modelo no pudo procesar la imagen. Reintente; si se repite, avise al responsable del sitio.",
      "error.internal-error": "El servicio falló. Reintente; si se repite, avise al responsable del sitio.",
      "error.malformed-multipart": "El envío llegó incompleto. Revise su conexión y reintente.",
      "error.network": "No hay conexión con el servicio. Revise su conexión y reintente.",
      "error.not-ready": "El servicio aún no está listo. Espere unos segundos y reintente.",
      "error.overloaded": "El servicio está ocupado. Espere un momento y reintente.",
      "error.too-many-files": "Hay demasiados archivos en un solo envío. Divídalos en varios.",
      "error.too-many-requests": "Se enviaron demasiadas imágenes en poco tiempo. Espere un momento y reintente.",
      "error.unauthorized": "Este sitio no le permite etiquetar imágenes ahora. Inicie sesión de nuevo; si se repite, avise al responsable del sitio.",
      "error.undecodable-image": "El archivo está dañado o incompleto. Ábralo en su equipo, guárdelo otra vez y agréguelo de nuevo.",
      "error.unsupported-image": "El archivo no es una imagen de un formato admitido. Guárdela como {formats} y agréguela de nuevo.",
      "error.unsupported-media-type": "El archivo no es una imagen de un formato admitido. Guárdela como {formats} y agréguela de nuevo.",
      "error.upload-timeout": "El archivo no terminó de llegar. Revise su conexión y reintente.",
      "form.choose": "Elegir imágenes",
      "meaning.abstain": "El modelo no reconoce esta imagen. No use estas etiquetas.",
      "meaning.accept": "El modelo está seguro de la primera etiqueta.",
      "meaning.review": "El modelo duda. Confirme usted la etiqueta antes de usarla.",
      "problem.deadline-exceeded": "Tiempo agotado",
      "problem.forbidden": "Sin permiso",
      "problem.internal-error": "Error interno",
      "problem.network": "Sin conexión",
      "problem.overloaded": "Servicio saturado",
      "problem.payload-too-large": "Archivo demasiado grande",
      "problem.too-many-requests": "Demasiadas peticiones",
      "problem.unauthorized": "Falta una clave",
      "problem.unknown": "No se pudo etiquetar",
      "problem.unsupported-image": "Formato de imagen no admitido",
      "problem.upload-timeout": "Envío demasiado lento",
      "results.heading": "Sus imágenes",
      "unit.above": "más de {value}",
      "unit.below": "menos de {value}",
      "unit.percent": "{value} %",
      "widget.choose": "Elegir imagen",
      "widget.formats": "{formats}.",
      "widget.heading": "Etiquetar imágenes",
      "widget.labelled": "{name}: {decision}. La primera etiqueta es {label}.",
      "widget.labels_of": "Etiquetas de {name}",
      "widget.privacy": "Rótulo no guarda la imagen: la descarta al responder.",
      "widget.required": "Elija al menos una etiqueta.",
      "widget.too_large": "Redúzcala y agréguela de nuevo.",
      "widget.too_many.one": "Se admite hasta {n} imagen a la vez. Quite una para agregar otra.",
      "widget.too_many.other": "Se admiten hasta {n} imágenes a la vez. Quite alguna para agregar otra."
    }
  },
  "en": {
    "lang": "en",
    "locale": "en",
    "formats": "JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF",
    "texts": {
      "announce.removed": "{name} was removed.",
      "card.holding": "The service is busy. Trying again in {seconds} s.",
      "card.queued": "Waiting",
      "card.remove": "Remove",
      "card.retry": "Try again",
      "card.sending": "Labelling…",
      "decision.abstain": "Don’t know",
      "decision.accept": "Sure",
      "decision.review": "Review",
      "error.deadline-exceeded": "The service could not answer in time. Try again.",
      "error.empty-body": "The file has no content. Check that it was copied in full and add it again.",
      "error.forbidden": "This site does not let images be labelled from here. Tell whoever runs this site.",
      "error.image-too-large": "The image has too many pixels. Make it smaller and add it again.",
      "error.inference-failed": "The model could not process the image. Try again; if it happens again, tell whoever runs this site.",
      "error.internal-error": "The service failed. Try again; if it happens again, tell whoever runs this site.",
      "error.malformed-multipart": "The upload arrived incomplete. Check your connection and try again.",
      "error.network": "There is no connection to the service. Check your connection and try again.",
      "error.not-ready": "The service is not ready yet. Wait a few seconds and try again.",
      "error.overloaded": "The service is busy. Wait a moment and try again.",
      "error.too-many-files": "There are too many files in one upload. Send them in several.",
      "error.too-many-requests": "Too many images were sent in a short time. Wait a moment and try again.",
      "error.unauthorized": "This site does not let you label images now. Sign in again; if it happens again, tell whoever runs this site.",
      "error.undecodable-image": "The file is damaged or incomplete. Open it on your device, save it again and add it once more.",
      "error.unsupported-image": "The file is not an image in a supported format. Save it as {formats} and add it again.",
      "error.unsupported-media-type": "The file is not an image in a supported format. Save it as {formats} and add it again.",
      "error.upload-timeout": "The file did not finish arriving. Check your connection and try again.",
      "form.choose": "Choose images",
      "meaning.abstain": "The model does not recognise this image. Do not use these labels.",
      "meaning.accept": "The model is sure of the first label.",
      "meaning.review": "The model has doubts. Confirm the label yourself before using it.",
      "problem.deadline-exceeded": "Deadline exceeded",
      "problem.forbidden": "Not permitted",
      "problem.internal-error": "Internal error",
      "problem.network": "No connection",
      "problem.overloaded": "Service overloaded",
      "problem.payload-too-large": "File too large",
      "problem.too-many-requests": "Too many requests",
      "problem.unauthorized": "Key required",
      "problem.unknown": "Could not be labelled",
      "problem.unsupported-image": "Unsupported image format",
      "problem.upload-timeout": "Upload too slow",
      "results.heading": "Your images",
      "unit.above": "more than {value}",
      "unit.below": "less than {value}",
      "unit.percent": "{value}%",
      "widget.choose": "Choose image",
      "widget.formats": "{formats}.",
      "widget.heading": "Label images",
      "widget.labelled": "{name}: {decision}. The first label is {label}.",
      "widget.labels_of": "Labels of {name}",
      "widget.privacy": "Rótulo does not keep the image: it is discarded once answered.",
      "widget.required": "Choose at least one label.",
      "widget.too_large": "Make it smaller and add it again.",
      "widget.too_many.one": "Up to {n} image at a time. Remove one to add another.",
      "widget.too_many.other": "Up to {n} images at a time. Remove some to add another."
    }
  }
};
const MEDIA_TYPES = {
  "image/jpeg": "JPEG",
  "image/png": "PNG",
  "image/webp": "WebP",
  "image/gif": "GIF",
  "image/bmp": "BMP",
  "image/tiff": "TIFF",
  "image/avif": "AVIF"
};
// words:end

const MAX_IN_FLIGHT = 2;
const MAX_TRIES = 5;
const MAX_FILES = 20;
const LONGEST_WAIT_MS = 60_000;
const TIMEOUT_MS = 60_000;
const SLUGS = { 401: "unauthorized", 403: "forbidden", 408: "upload-timeout", 413: "payload-too-large", 415: "unsupported-image", 429: "too-many-requests", 503: "overloaded", 504: "deadline-exceeded" };
const SERVICE = new URL("../v1/labels", import.meta.url).href;

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :host {
    --ground: var(--rotulo-ground, light-dark(#fff, #121d3c));
    --ink: var(--rotulo-ink, light-dark(#0a132d, #eef3fb));
    --ink-soft: var(--rotulo-ink-soft, light-dark(#45516d, #b6c3da));
    --line: var(--rotulo-line, light-dark(#d3dcea, #2c3b61));
    --edge: var(--rotulo-edge, light-dark(#74839f, #8796b5));
    --brand: var(--rotulo-brand, light-dark(#006fb3, #7dbdf0));
    --on-brand: var(--rotulo-on-brand, light-dark(#fff, #0a132d));
    --error: var(--rotulo-error, light-dark(#b01e1e, #ffb4b0));
    --radius: var(--rotulo-radius, 0.5rem);
    --wash: var(--rotulo-wash, color-mix(in srgb, var(--brand) 8%, var(--ground)));
    display: block;
    container-type: inline-size;
    color: var(--ink);
    font-family: var(--rotulo-font, inherit);
    line-height: 1.5;
  }
  :host([hidden]), [hidden] { display: none !important; }
  *, ::before, ::after { box-sizing: border-box; }
  p, ul { margin: 0; padding: 0; }
  .drop { position: relative; display: grid; gap: 0.5rem; justify-items: center; padding: 1.25rem 1rem; border: 2px dashed var(--edge); border-radius: var(--radius); background: var(--wash); text-align: center; }
  .drop:hover { border-color: var(--brand); }
  .drop:focus-within { outline: 3px solid var(--brand); outline-offset: 2px; }
  /* The native control covers the area: it is what is clicked, focused and dropped on. */
  .drop input { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; opacity: 0; cursor: pointer; }
  .drop input:disabled { cursor: not-allowed; }
  .button, button { display: inline-flex; align-items: center; min-block-size: 2.75rem; padding: 0.5rem 1rem; border: 2px solid var(--brand); border-radius: var(--radius); background: var(--ground); color: var(--brand); font: inherit; font-weight: 600; cursor: pointer; }
  button { min-block-size: 2.25rem; padding: 0.25rem 0.75rem; border-width: 1px; }
  button:focus-visible, label:focus-within { outline: 3px solid var(--brand); outline-offset: 2px; }
  .hint, .status, .meaning { color: var(--ink-soft); font-size: 0.9375em; }
  .list { display: grid; gap: 0.75rem; list-style: none; }
  .list:not(:empty) { margin-block-start: 0.75rem; }
  .item, .about { display: grid; gap: 0.5rem 1rem; align-content: start; }
  .item { padding: 1rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--ground); }
  .file { font-weight: 600; overflow-wrap: anywhere; }
  canvas { max-inline-size: 100%; border-radius: var(--radius); }
  fieldset { min-inline-size: 0; margin: 0; padding: 0; border: 0; }
  .decision { inline-size: fit-content; margin-block: 0.25rem; padding: 0.125rem 0.625rem; border: 1px solid currentcolor; border-radius: 999px; font-weight: 700; }
  .choice { display: flex; gap: 0.625rem; align-items: center; min-block-size: 2rem; }
  .choice input { flex: none; inline-size: 1.25rem; block-size: 1.25rem; margin: 0; accent-color: var(--brand); }
  .score { margin-inline-start: auto; color: var(--ink-soft); font-variant-numeric: tabular-nums; }
  .problem { color: var(--error); }
  .problem strong { display: block; }
  .actions { display: flex; flex-wrap: wrap; gap: 0.5rem; }
  .unseen { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  @container (width >= 30rem) {
    .item { grid-template-columns: 9rem minmax(0, 1fr); }
    .about { grid-column: 2; }
  }
  @media (forced-colors: active) { .drop { border-color: ButtonText; } .drop:focus-within { outline-color: Highlight; } }
`);

/** An element with its class and part, its properties and children; text goes in as text. */
function make(tag, name = "", properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (name) {
    element.className = name;
    element.setAttribute("part", name);
  }
  element.append(...children);
  return element;
}

/** Why an image has no labels, and whether another try may help. */
class Problem extends Error {
  constructor(slug, { type = `urn:rotulo:problem:${slug}`, title, status = 0, detail = "" } = {}, wait = null) {
    super(slug);
    Object.assign(this, { slug, type, title, status, detail, wait });
    this.passing = status === 0 || status === 408 || status === 429 || status >= 500;
  }
}

/** Retry-After in milliseconds (RFC 9110, 10.2.3: seconds or a date), or null. */
function retryAfter(response) {
  const value = [429, 503].includes(response.status) ? response.headers.get("Retry-After") : null;
  if (value === null) return null;
  const wait = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isNaN(wait) ? null : Math.max(wait, 0);
}

/** A refusal; of a proxy that says none of our words, only its status is known. */
async function problemOf(response) {
  const told = await response.json().catch(() => ({}));
  const ours = String(told?.type ?? "").match(/^urn:rotulo:problem:([\w-]+)$/);
  const slug = ours?.[1] ?? SLUGS[response.status] ?? "internal-error";
  const known = ours ? told : {};
  return new Problem(slug, { ...known, status: response.status }, retryAfter(response));
}

async function ask(address, file, signal) {
  const type = file.type.startsWith("image/") ? file.type : "application/octet-stream";
  const headers = { "Content-Type": type, Accept: "application/json" };
  let response;
  try {
    response = await fetch(address, { method: "POST", body: file, headers, signal });
    if (response.ok) {
      const answer = await response.json();
      if (Array.isArray(answer?.labels)) return answer;
    }
  } catch {
    throw new Problem("network");
  }
  throw response.ok ? new Problem("internal-error", { status: 502 }) : await problemOf(response);
}

export class RotuloEtiquetas extends HTMLElement {
  static formAssociated = true;
  static observedAttributes = ["lang", "multiple", "required", "top-k"];

  #internals = this.attachInternals();
  #input = make("input", "", { id: "files", type: "file" });
  #button = make("label", "button", { htmlFor: "files" });
  #hint = make("p", "hint", { id: "hint" });
  #message = make("p", "problem", { hidden: true });
  #list = make("ul", "list");
  #announcement = make("p", "unseen");
  #cards = [];
  #queue = [];
  #inFlight = 0;
  #holdUntil = 0;
  #holding = 0;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [sheet];
    this.#input.setAttribute("aria-describedby", "hint");
    this.#announcement.setAttribute("role", "status");
    this.#message.setAttribute("role", "alert");
    this.#list.setAttribute("role", "list");
    this.#internals.role = "group";
    const drop = make("div", "drop", {}, this.#button, this.#input, this.#hint);
    root.append(drop, this.#message, this.#list, this.#announcement);
    this.#input.addEventListener("change", () => {
      this.add(this.#input.files);
      this.#input.value = "";
    });
  }

  connectedCallback() {
    this.#showShell();
    this.#pump();
  }

  disconnectedCallback() {
    clearTimeout(this.#holding);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.#showShell();
  }

  formResetCallback() {
    this.#forget([...this.#cards]);
  }

  formDisabledCallback(disabled) {
    this.#input.disabled = disabled;
    for (const box of this.#list.querySelectorAll("input, button")) box.disabled = disabled;
  }

  /** The labels that are chosen now, of all images: { id, name } each, none twice. */
  get chosen() {
    const found = new Map(this.#cards.flatMap((card) => card.chosen.map((label) => [label.id, label])));
    return [...found.values()].map(({ id, name }) => ({ id, name }));
  }

  get form() {
    return this.#internals.form;
  }

  get name() {
    return this.getAttribute("name") ?? "";
  }

  get validity() {
    return this.#internals.validity;
  }

  get validationMessage() {
    return this.#internals.validationMessage;
  }

  checkValidity() {
    return this.#internals.checkValidity();
  }

  reportValidity() {
    return this.#internals.reportValidity();
  }

  /** Label these files too; without `multiple`, the first in place of what is there. */
  add(files) {
    const several = this.hasAttribute("multiple");
    const most = several ? Number(this.getAttribute("max-files")) || MAX_FILES : 1;
    const given = [...files].slice(0, several ? undefined : 1);
    if (given.length === 0) return;
    if (!several) this.#forget([...this.#cards]);
    const taken = given.slice(0, Math.max(0, most - this.#cards.length));
    this.#message.hidden = taken.length === given.length;
    this.#message.textContent = this.#message.hidden ? "" : this.#count("widget.too_many", most);
    for (const file of taken) this.#enqueue(this.#card(file));
  }

  get #words() {
    const said = this.getAttribute("lang") || this.closest("[lang]")?.lang || document.documentElement.lang;
    return WORDS[/^en\b/i.test(said) ? "en" : "es"];
  }

  #text(key, values = {}) {
    const known = { formats: this.#words.formats, ...values };
    return this.#words.texts[key].replace(/\{(\w+)\}/g, (_, name) => known[name]);
  }

  #count(key, n) {
    const form = new Intl.PluralRules(this.#words.locale).select(n) === "one" ? "one" : "other";
    return this.#text(`${key}.${form}`, { n });
  }

  /** A score in 0–1 as a percentage, never as a flat 0 or 100: as the service writes it. */
  #percent(score) {
    const [least, most] = [0.001, 0.999];
    const places = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
    const kept = 100 * Math.min(Math.max(score, least), most);
    const value = this.#text("unit.percent", { value: kept.toLocaleString(this.#words.locale, places) });
    if (score < least) return this.#text("unit.below", { value });
    return score > most ? this.#text("unit.above", { value }) : value;
  }

  get #address() {
    const address = new URL(this.getAttribute("src") || SERVICE, document.baseURI);
    address.searchParams.set("lang", this.#words.lang);
    if (this.hasAttribute("top-k")) address.searchParams.set("top_k", this.getAttribute("top-k"));
    return address;
  }

  #showShell() {
    const several = this.hasAttribute("multiple");
    this.#input.multiple = several;
    this.#input.accept = Object.keys(MEDIA_TYPES).join();
    this.#internals.ariaLabel = this.#text("widget.heading");
    this.#button.textContent = several ? this.#text("form.choose") : this.#text("widget.choose");
    this.#hint.textContent = `${this.#text("widget.formats")} ${this.#text("widget.privacy")}`;
    this.#list.setAttribute("aria-label", this.#text("results.heading"));
    this.shadowRoot.querySelector(".drop").lang = this.#words.lang;
    this.#list.lang = this.#words.lang;
    this.#settle();
  }

  #card(file) {
    const card = {
      file, answer: null, tries: 0, removed: false, boxes: [], abort: new AbortController(),
      status: make("p", "status"), body: make("div", "answer"),
      retry: make("button", "retry", { type: "button", hidden: true }, this.#text("card.retry"), this.#unseen(file)),
      remove: make("button", "remove", { type: "button" }, this.#text("card.remove"), this.#unseen(file)),
      get chosen() {
        return this.boxes.filter((box) => box.checked).map((box) => this.answer.labels[Number(box.value)]);
      },
    };
    const actions = make("div", "actions", {}, card.retry, card.remove);
    const about = make("div", "about", {}, make("p", "file", {}, file.name), card.status, card.body, actions);
    card.element = make("li", "item", {}, about);
    card.retry.addEventListener("click", () => {
      card.remove.focus();
      card.tries = 0;
      this.#enqueue(card);
    });
    card.remove.addEventListener("click", () => this.#remove(card));
    this.#cards.push(card);
    this.#list.append(card.element);
    this.#showThumbnail(card);
    return card;
  }

  #unseen(file) {
    return make("span", "unseen", {}, ` ${file.name}`);
  }

  /** Drawn, not loaded by an address: the page's policy need not allow blob: images. */
  async #showThumbnail(card) {
    const size = { resizeWidth: 288, resizeQuality: "medium" };
    const bitmap = await createImageBitmap(card.file, size).catch(() => null);
    if (bitmap === null || card.removed) return;
    const canvas = make("canvas", "thumbnail", { width: bitmap.width, height: bitmap.height });
    canvas.setAttribute("aria-hidden", "true");
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    card.element.prepend(canvas);
  }

  #show(card, state, words, ...body) {
    card.element.dataset.state = state;
    card.status.textContent = words;
    card.status.hidden = words === "";
    card.body.replaceChildren(...body);
    card.retry.hidden = true;
  }

  #enqueue(card) {
    this.#show(card, "queued", this.#text("card.queued"));
    this.#queue.push(card);
    this.#pump();
  }

  /** Start what may start now. While the service asked for patience, nothing does. */
  #pump() {
    clearTimeout(this.#holding);
    const patience = this.#holdUntil - Date.now();
    if (patience > 0 && this.#queue.length > 0) {
      this.#holding = setTimeout(() => this.#pump(), patience);
      return;
    }
    while (this.#inFlight < MAX_IN_FLIGHT && this.#queue.length > 0) this.#send(this.#queue.shift());
  }

  async #send(card) {
    this.#inFlight += 1;
    card.tries += 1;
    card.abort = new AbortController();
    this.#show(card, "sending", this.#text("card.sending"));
    const limit = setTimeout(() => card.abort.abort(), TIMEOUT_MS);
    try {
      const most = Number(this.getAttribute("max-bytes")) || Infinity;
      if (card.file.size > most) throw new Problem("payload-too-large", { status: 413 });
      const answer = await ask(this.#address, card.file, card.abort.signal);
      if (!card.removed) this.#showLabels(card, answer);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!card.removed) this.#holdOrFail(card, problem);
    } finally {
      clearTimeout(limit);
      this.#inFlight -= 1;
      this.#pump();
    }
  }

  #holdOrFail(card, problem) {
    if (problem.wait === null || problem.wait > LONGEST_WAIT_MS || card.tries >= MAX_TRIES) {
      this.#showProblem(card, problem);
      return;
    }
    this.#holdUntil = Math.max(this.#holdUntil, Date.now() + problem.wait);
    const words = this.#text("card.holding", { seconds: Math.max(1, Math.ceil(problem.wait / 1000)) });
    this.#show(card, "queued", words);
    this.#announce(words);
    this.#queue.unshift(card);
  }

  #showLabels(card, answer) {
    const { decision, labels } = answer;
    card.answer = answer;
    card.boxes = labels.map((_, place) => make("input", "", {
      type: "checkbox", value: String(place), checked: decision === "accept" && place === 0, disabled: this.#input.disabled,
    }));
    const choices = labels.map(({ name, score }, place) => make("label", "choice", {},
      card.boxes[place], make("span", "label", {}, name), make("span", "score", {}, this.#percent(score))));
    const verdict = this.#text(`decision.${decision}`);
    this.#show(card, "done", "", make("fieldset", "labels", {},
      make("legend", "unseen", {}, this.#text("widget.labels_of", { name: card.file.name })),
      make("p", "decision", {}, verdict), make("p", "meaning", {}, this.#text(`meaning.${decision}`)), ...choices));
    card.body.querySelector(".decision").dataset.decision = decision;
    card.body.addEventListener("change", (event) => {
      event.stopPropagation();
      this.#settle();
      this.dispatchEvent(new Event("change", { bubbles: true, composed: true }));
    });
    this.#settle();
    this.#announce(this.#text("widget.labelled", { name: card.file.name, decision: verdict, label: labels[0]?.name ?? "" }));
    const chosen = card.chosen.map(({ id, name }) => ({ id, name }));
    this.#tell("rotulo:etiquetas", { file: card.file, answer, chosen });
  }

  #showProblem(card, problem) {
    const title = problem.title ?? this.#words.texts[`problem.${problem.slug}`] ?? this.#text("problem.unknown");
    const words = this.#whatToDo(problem);
    this.#show(card, "failed", "", make("div", "problem", {}, make("strong", "", {}, title), words));
    card.retry.hidden = !problem.passing;
    this.#announce(`${card.file.name}: ${title}. ${words}`);
    const { type, status } = problem;
    this.#tell("rotulo:problema", { file: card.file, problem: { type, title, status, detail: words } });
  }

  #whatToDo({ slug, detail }) {
    if (slug === "payload-too-large") return this.#text("widget.too_large");
    return `error.${slug}` in this.#words.texts ? this.#text(`error.${slug}`) : detail;
  }

  #remove(card) {
    const at = this.#cards.indexOf(card);
    this.#forget([card]);
    (this.#cards[at] ?? this.#cards[at - 1])?.remove.focus();
    if (this.#cards.length === 0) this.#input.focus();
    this.#announce(this.#text("announce.removed", { name: card.file.name }));
    this.dispatchEvent(new Event("change", { bubbles: true, composed: true }));
  }

  #forget(gone) {
    const stays = (card) => !gone.includes(card);
    [this.#cards, this.#queue] = [this.#cards.filter(stays), this.#queue.filter(stays)];
    for (const card of gone) {
      card.removed = true;
      card.abort.abort();
      card.element.remove();
    }
    this.#message.hidden = true;
    this.#settle();
  }

  /** Give the form what is chosen now, and say whether that is enough. */
  #settle() {
    const values = this.chosen.map((label) => (this.getAttribute("send") === "name" ? label.name : label.id));
    const data = new FormData();
    if (this.name) for (const value of values) data.append(this.name, value);
    this.#internals.setFormValue(data);
    const missing = this.hasAttribute("required") && values.length === 0;
    if (missing) this.#internals.setValidity({ valueMissing: true }, this.#text("widget.required"), this.#input);
    else this.#internals.setValidity({});
  }

  #announce(words) {
    this.#announcement.textContent = words;
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

if (!customElements.get("rotulo-etiquetas")) customElements.define("rotulo-etiquetas", RotuloEtiquetas);
