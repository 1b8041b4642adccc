/** The page's own markup: found, copied and hidden. innerHTML is never written. */

export const byId = (id) => document.getElementById(id);
export const slot = (root, name) => root.querySelector(`[data-slot="${name}"]`);
export const copyOf = (template) => byId(`${template}-template`).content.cloneNode(true);

/** Show or hide a part; whoever is in it is led to where the page goes on. */
export function show(part, shown, next = byId("results-heading")) {
  const left = !shown && part.contains(document.activeElement);
  part.hidden = !shown;
  if (left) next.focus();
}
